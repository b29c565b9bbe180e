// Activation functions and their gradients.
//
// An array is one long row of numbers here, in whatever order they lie in memory: the launcher sees to it that two arrays have the same.
// A thread of `map_one` and `map_two` (elementwise.cuh) takes 16 bytes of it at a time. What is computed of a number is written once for
// each function, as a struct; a kernel is told which of them by its number, and chooses once, before its loop.
#include "elementwise.cuh"
#include "reduce.cuh"

KERNEL relu(const Real* x, Real* y, Index N)
{
    map_one(x, y, N, [](Wide v) { return v <= 0 ? Wide(0) : v; });  // a NaN is not <= 0, and stays
}

KERNEL relu_backward(const Real* gy, const Real* y, Real* gx, Index N)
{
    map_two(gy, y, gx, N, [](Wide g, Wide v) { return v <= 0 ? Wide(0) : g; });
}

// constant + slope * v of the piece in which x lies: left where x <= low, right where x >= high. A slope of 0 makes 0 of infinity too.
KERNEL piecewise(const Real* v, const Real* x, Real* result, Index N, double low, double high, double left, double left_slope, double middle,
                 double middle_slope, double right, double right_slope)
{
    Wide lowest = Wide(low), highest = Wide(high), c1 = Wide(left), c2 = Wide(middle), c3 = Wide(right);
    Wide s1 = Wide(left_slope), s2 = Wide(middle_slope), s3 = Wide(right_slope);
    map_two(v, x, result, N, [=](Wide value, Wide at) {
        Wide constant = at <= lowest ? c1 : at >= highest ? c3 : c2;
        Wide slope = at <= lowest ? s1 : at >= highest ? s3 : s2;
        return at != at ? value : slope == 0 ? constant : constant + slope * value;
    });
}

// --- the smooth functions: value(x), and slope(x), for Tanh and Sigmoid of the result y. a, b, c: parameters, where there are.

__device__ inline Wide sigmoid(Wide x)
{
    Wide w = exp(-fabs(x));  // at most 1: never overflows
    return (x > 0 ? Wide(1) : w) / (1 + w);
}

// s (1 - s) for s = sigmoid(x): 1 - s would lose the digits of what is small.
__device__ inline Wide sigmoid_slope(Wide x)
{
    Wide w = exp(-fabs(x)), part = 1 / (1 + w);
    return w * part * part;
}

struct Tanh {
    __device__ static Wide value(Wide x, Wide, Wide, Wide) { return tanh(x); }
    __device__ static Wide slope(Wide y, Wide, Wide, Wide) { return 1 - y * y; }
};

struct Sigmoid {
    __device__ static Wide value(Wide x, Wide, Wide, Wide) { return sigmoid(x); }
    __device__ static Wide slope(Wide y, Wide, Wide, Wide) { return y * (1 - y); }
};

struct Erf {
    __device__ static Wide value(Wide x, Wide, Wide, Wide) { return erf(x); }
    __device__ static Wide slope(Wide x, Wide, Wide, Wide) { return Wide(1.1283791670955126) * exp(-x * x); }  // 2 / sqrt(pi)
};

struct Silu {
    __device__ static Wide value(Wide x, Wide, Wide, Wide) { return x * sigmoid(x); }
    __device__ static Wide slope(Wide x, Wide, Wide, Wide) { return sigmoid(x) + x * sigmoid_slope(x); }
};

// t = tanh(log(1 + e^x)). With n = e^x (e^x + 2) it is n / (n + 2), and with w = exp(-|x|) nothing overflows:
//   x <= 0: w (w + 2) / (w (w + 2) + 2)        x > 0, after division by e^2x: (1 + 2 w) / (1 + 2 w + 2 w^2)
struct Mish {
    __device__ static Wide numerator(Wide x, Wide w) { return x > 0 ? 1 + 2 * w : w * (w + 2); }
    __device__ static Wide rest(Wide x, Wide w) { return x > 0 ? 2 * w * w : Wide(2); }
    __device__ static Wide value(Wide x, Wide, Wide, Wide)
    {
        Wide w = exp(-fabs(x)), n = numerator(x, w);
        return x * (n / (n + rest(x, w)));
    }
    __device__ static Wide slope(Wide x, Wide, Wide, Wide)
    {
        Wide w = exp(-fabs(x)), n = numerator(x, w), r = rest(x, w), t = n / (n + r);
        return t + x * sigmoid(x) * (r / (n + r) * (1 + t));  // the last factor is 1 - t^2
    }
};

struct Gelu {
    __device__ static Wide share(Wide x) { return Wide(0.5) * (1 + erf(x * Wide(0.7071067811865476))); }  // of the normal distribution below x
    __device__ static Wide value(Wide x, Wide, Wide, Wide) { return x * share(x); }
    __device__ static Wide slope(Wide x, Wide, Wide, Wide) { return share(x) + x * Wide(0.3989422804014327) * exp(Wide(-0.5) * x * x); }
};

// (1 + tanh(u)) / 2 = sigmoid(2 u): hence sqrt(8 / pi), and not sqrt(2 / pi).
struct GeluTanh {
    __device__ static Wide inner(Wide x) { return Wide(1.5957691216057308) * (x + Wide(0.044715) * x * x * x); }
    __device__ static Wide value(Wide x, Wide, Wide, Wide) { return x * sigmoid(inner(x)); }
    __device__ static Wide slope(Wide x, Wide, Wide, Wide)
    {
        x = x > 30 ? Wide(30) : x < -30 ? Wide(-30) : x;  // beyond, the slope is 0 or 1 to the last digit, and further out the cube would overflow
        Wide z = inner(x);
        return sigmoid(z) + x * sigmoid_slope(z) * Wide(1.5957691216057308) * (1 + 3 * Wide(0.044715) * x * x);
    }
};

struct Hardswish {
    __device__ static Wide value(Wide x, Wide, Wide, Wide)
    {
        Wide z = x + 3;
        return x * (z < 0 ? Wide(0) : z > 6 ? Wide(6) : z) / 6;
    }
    __device__ static Wide slope(Wide x, Wide, Wide, Wide) { return x <= -3 ? Wide(0) : x >= 3 ? Wide(1) : x / 3 + Wide(0.5); }
};

struct Softsign {
    __device__ static Wide value(Wide x, Wide, Wide, Wide) { return x / (1 + fabs(x)); }
    __device__ static Wide slope(Wide x, Wide, Wide, Wide) { return 1 / ((1 + fabs(x)) * (1 + fabs(x))); }
};

struct Softplus {
    __device__ static Wide value(Wide x, Wide beta, Wide threshold, Wide)
    {
        Wide z = beta * x;
        return z > threshold ? x : ((z < 0 ? Wide(0) : z) + log1p(exp(-fabs(z)))) / beta;
    }
    __device__ static Wide slope(Wide x, Wide beta, Wide threshold, Wide) { return beta * x > threshold ? Wide(1) : sigmoid(beta * x); }
};

struct Elu {
    __device__ static Wide value(Wide x, Wide left, Wide right, Wide rate) { return x > 0 ? right * x : left * expm1(rate * x); }
    __device__ static Wide slope(Wide x, Wide left, Wide right, Wide rate) { return x > 0 ? right : left * rate * exp(rate * x); }
};

// The number of a function is its place in SMOOTH (kernels/activation).
#define FOR_FUNCTION(number, RUN) \
    switch (number) { \
        case 0: RUN(Tanh); break; \
        case 1: RUN(Sigmoid); break; \
        case 2: RUN(Erf); break; \
        case 3: RUN(Silu); break; \
        case 4: RUN(Mish); break; \
        case 5: RUN(Gelu); break; \
        case 6: RUN(GeluTanh); break; \
        case 7: RUN(Hardswish); break; \
        case 8: RUN(Softsign); break; \
        case 9: RUN(Softplus); break; \
        case 10: RUN(Elu); break; \
    }

KERNEL smooth(const Real* x, Real* y, Index N, Index function, double first, double second, double third)
{
    Wide a = Wide(first), b = Wide(second), c = Wide(third);
#define VALUES(Function) map_one(x, y, N, [=](Wide v) { return Function::value(v, a, b, c); })
    FOR_FUNCTION((int)function, VALUES)
}

// gx = gy * f'; kept is x, or y for Tanh and Sigmoid.
KERNEL smooth_backward(const Real* gy, const Real* kept, Real* gx, Index N, Index function, double first, double second, double third)
{
    Wide a = Wide(first), b = Wide(second), c = Wide(third);
#define GRADIENT(Function) map_two(gy, kept, gx, N, [=](Wide g, Wide v) { return g * Function::slope(v, a, b, c); })
    FOR_FUNCTION((int)function, GRADIENT)
}

// --- PReLU: a weight for each of C channels, which are contiguous; C is 1 where one weight serves all.

// v where x > 0, else weight * v: forwards v is x, backwards the gradient.
KERNEL prelu(const Real* v, const Real* x, const Wide* weight, Real* result, Index N, Index C)
{
    Index packs = on_16_bytes(v) && on_16_bytes(x) && on_16_bytes(result) ? N / PACK : 0;
    FOR_EACH(i, packs) {
        Index first = i * PACK;
        Pack<PACK> values = load_pack(v + first), at = load_pack(x + first);
        // 64-bit remainders are slow: 32 bits where they suffice.
        Index c = first < 0x80000000LL ? (Index)((unsigned)first % (unsigned)C) : first % C;
        for (int j = 0; j < PACK; ++j) {
            Wide value = values.at[j];
            if (!((Wide)at.at[j] > 0)) values.at[j] = Real(weight[c] * value);
            c = c + 1 == C ? 0 : c + 1;
        }
        store_pack(result + first, values);
    }
    FOR_EACH(i, N - packs * PACK) {
        Index k = packs * PACK + i;
        result[k] = (Wide)x[k] > 0 ? v[k] : Real(weight[k % C] * (Wide)v[k]);
    }
}

// The sums of gy * x where x <= 0, in two steps without atomics. N numbers in rows of C: block (bx, by) of 32 x 8 threads adds up rows
// by*8 + ty, + gridDim.y*8, ... of column bx*32 + tx. partial (gridDim.y, C).
KERNEL prelu_weight_partial_sums(const Real* gy, const Real* x, double* partial, Index N, Index C)
{
    __shared__ double sums[8][33];
    Index c = (Index)blockIdx.x * 32 + threadIdx.x;
    double sum = 0;
    if (c < C)
        for (Index i = ((Index)blockIdx.y * 8 + threadIdx.y) * C + c; i < N; i += (Index)gridDim.y * 8 * C) {
            Wide at = x[i], g = gy[i];  // both are on their way at once
            sum += at > 0 ? 0 : (double)g * (double)at;
        }
    sums[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y == 0 && c < C) {
        for (int y = 1; y < 8; ++y) sum += sums[y][threadIdx.x];
        partial[blockIdx.y * C + c] = sum;
    }
}

// partial (parts, C) -> gweight (C): one block for each channel.
KERNEL prelu_weight_sums(const double* partial, Wide* gweight, Index parts, Index C)
{
    __shared__ double scratch[32];
    for (Index c = blockIdx.x; c < C; c += gridDim.x) {
        double sum = 0;
        for (Index part = threadIdx.x; part < parts; part += blockDim.x) sum += partial[part * C + c];
        sum = block_sum(sum, scratch);
        if (threadIdx.x == 0) gweight[c] = Wide(sum);
    }
}

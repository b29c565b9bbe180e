// Local response normalisation of x (M, C), channels last: threads side by side have neighbouring channels of one pixel, so that the
// windows of a warp overlap, and what one thread reads the next finds in the cache. Everything is gathered: a thread writes one number.
#include "types.cuh"

struct Windows {
    Index size;
    Wide share, beta, k;  // share = alpha / size
};

// d[c] = k + alpha / size * the sum of squares over the window of channel c; `row` is one pixel.
__device__ Wide divisor(const Real* row, Index c, Index C, const Windows& windows)
{
    Index first = c - windows.size / 2, end = first + windows.size;
    Wide sum = 0;
    for (Index j = first > 0 ? first : 0; j < (end < C ? end : C); ++j) sum += Wide(row[j]) * row[j];
    return windows.k + windows.share * sum;
}

// The loop over the channels of all pixels: blocks side by side on channels, one below the other on pixels.
#define FOR_PIXELS(m) for (Index m = (Index)blockIdx.y * blockDim.y + threadIdx.y; m < M; m += (Index)gridDim.y * blockDim.y)

// y = x / d^beta
KERNEL local_response_norm_forward(const Real* x, Real* y, double alpha, double beta, double k, Index size, Index M, Index C)
{
    Windows windows = {size, Wide(alpha / size), Wide(beta), Wide(k)};
    Index c = (Index)blockIdx.x * blockDim.x + threadIdx.x;
    if (c < C)
        FOR_PIXELS(m) y[m * C + c] = Real(x[m * C + c] * pow(divisor(x + m * C, c, C, windows), -windows.beta));
}

// terms = g * x / d^(beta + 1): what the windows of the gradient add up. This costs a second pass over memory; without it, every
// thread would compute the divisors of its whole window.
KERNEL local_response_norm_terms(
    const Real* gy, const Real* x, Wide* terms, double alpha, double beta, double k, Index size, Index M, Index C)
{
    Windows windows = {size, Wide(alpha / size), Wide(beta), Wide(k)};
    Index c = (Index)blockIdx.x * blockDim.x + threadIdx.x;
    if (c < C)
        FOR_PIXELS(m) {
            Wide d = divisor(x + m * C, c, C, windows);
            terms[m * C + c] = Wide(gy[m * C + c]) * x[m * C + c] * pow(d, -windows.beta) / d;
        }
}

// gx = g / d^beta - 2 * alpha * beta / size * x * sum of terms, over the channels in whose windows c is.
KERNEL local_response_norm_gradient(
    const Real* gy, const Real* x, const Wide* terms, Real* gx, double alpha, double beta, double k, Index size, Index M, Index C)
{
    Windows windows = {size, Wide(alpha / size), Wide(beta), Wide(k)};
    Index c = (Index)blockIdx.x * blockDim.x + threadIdx.x;
    Index first = c - (size - 1) / 2, end = first + size;
    if (first < 0) first = 0;
    if (end > C) end = C;
    if (c < C)
        FOR_PIXELS(m) {
            Wide sum = 0, d = divisor(x + m * C, c, C, windows);
            for (Index j = first; j < end; ++j) sum += terms[m * C + j];
            gx[m * C + c] = Real(gy[m * C + c] * pow(d, -windows.beta) - 2 * windows.share * windows.beta * x[m * C + c] * sum);
        }
}

// Global response normalisation of channels-last samples (N, P, C), P pixels each: a large pass for the length of every channel's map, a
// small kernel that compares the channels of a sample, and a large pass that applies the result. The same three for the gradient. The
// large passes divide every sample into strips of pixels (see channel_reduce.cuh); a block of a small kernel has one sample.
#include "channel_map.cuh"
#include "reduce.cuh"

template <int V> __device__ void sum_squares(const Real* x, double* partial, const Share& share, Index C, Wide* scratch)
{
    Wide sums[1][V] = {};
#pragma unroll 4
    FOR_ROWS(m, share) {
        Pack<V> pack = load_pack<V>(x, m * C + share.c);
        for (int v = 0; v < V; ++v) sums[0][v] += Wide(pack.at[v]) * pack.at[v];
    }
    write_partial_sums(sums, partial, share, C, scratch);
}

// -> partial (N * parts, C): the sum of the squares in each strip.
KERNEL global_response_norm_partial_squares(
    const Real* x, double* partial, Index rows, Index C, Index parts, Index strip, Index width)
{
    __shared__ Wide scratch[PACK * CHANNEL_THREADS];
    if (width == 1)
        sum_squares<1>(x, partial, share_of_thread<1>(rows, C, parts, strip), C, scratch);
    else
        sum_squares<PACK>(x, partial, share_of_thread<PACK>(rows, C, parts, strip), C, scratch);
}

// The sum of the parts of channel c of sample n.
__device__ double sum_of_parts(const double* partial, Index n, Index c, Index C, Index parts)
{
    double sum = 0;
    for (Index part = 0; part < parts; ++part) sum += partial[(n * parts + part) * C + c];
    return sum;
}

#define FOR_CHANNELS(c) for (Index c = threadIdx.x; c < C; c += blockDim.x)

// partial (N * parts, C) -> norm (N, C), and scale (N, C) = 1 + weight * norm / (mean of norm + eps).
KERNEL global_response_norm_scales(
    const double* partial, const Wide* weight, Wide* norm, Wide* scale, double eps, Index C, Index parts)
{
    __shared__ double scratch[32];
    Index n = blockIdx.x;
    double total = 0;
    FOR_CHANNELS(c) {
        double length = sqrt(sum_of_parts(partial, n, c, C, parts));
        norm[n * C + c] = (Wide)length;
        total += length;
    }
    double size = block_sum(total, scratch) / C + eps;
    FOR_CHANNELS(c) scale[n * C + c] = (Wide)(1 + weight[c] * norm[n * C + c] / size);
}

template <int V> __device__ void apply(const Real* x, const Wide* scale, const Wide* bias, Real* y, const Share& share, Index C)
{
    if (share.begin >= share.end) return;
    ChannelMap<V> map = {};
    for (int v = 0; v < V; ++v) {
        map.scale[v] = scale[share.sheet * C + share.c + v];
        map.shift[v] = bias[share.c + v];
    }
    map_channels(x, (const Real*)0, y, map, share, C, false);
}

// y = x * scale + bias
KERNEL global_response_norm_apply(
    const Real* x, const Wide* scale, const Wide* bias, Real* y, Index rows, Index C, Index parts, Index strip, Index width)
{
    if (width == 1)
        apply<1>(x, scale, bias, y, share_of_thread<1>(rows, C, parts, strip), C);
    else
        apply<PACK>(x, scale, bias, y, share_of_thread<PACK>(rows, C, parts, strip), C);
}

template <int V>
__device__ void sum_gradients(const Real* gy, const Real* x, double* partial, const Share& share, Index C, Wide* scratch)
{
    Wide sums[2][V] = {};
#pragma unroll 4
    FOR_ROWS(m, share) {
        Pack<V> g = load_pack<V>(gy, m * C + share.c), pack = load_pack<V>(x, m * C + share.c);
        for (int v = 0; v < V; ++v) {
            sums[0][v] += g.at[v];
            sums[1][v] += Wide(g.at[v]) * pack.at[v];
        }
    }
    write_partial_sums(sums, partial, share, C, scratch);
}

// -> partial (2, N * parts, C): sum g and sum g * x of each strip.
KERNEL global_response_norm_partial_gradients(
    const Real* gy, const Real* x, double* partial, Index rows, Index C, Index parts, Index strip, Index width)
{
    __shared__ Wide scratch[PACK * CHANNEL_THREADS];
    if (width == 1)
        sum_gradients<1>(gy, x, partial, share_of_thread<1>(rows, C, parts, strip), C, scratch);
    else
        sum_gradients<PACK>(gy, x, partial, share_of_thread<PACK>(rows, C, parts, strip), C, scratch);
}

// S = sum g * x of each channel, as products (N * parts, C) -> scale (N, C) as above; slope (N, C) = gnorm / norm, what x is multiplied
// by in its gradient; and terms (N, C), whose sum over the samples is gweight.
KERNEL global_response_norm_slopes(
    const double* products, const Wide* norm, const Wide* weight, Wide* scale, Wide* slope, double* terms, double eps, Index C, Index parts)
{
    __shared__ double scratch[32];
    Index n = blockIdx.x;
    double total = 0, moment = 0;
    FOR_CHANNELS(c) {
        double S = sum_of_parts(products, n, c, C, parts);
        terms[n * C + c] = S;
        total += norm[n * C + c];
        moment += weight[c] * S * norm[n * C + c];
    }
    double size = block_sum(total, scratch) / C + eps;
    moment = block_sum(moment, scratch) / C;
    FOR_CHANNELS(c) {
        double length = norm[n * C + c], S = terms[n * C + c];
        scale[n * C + c] = (Wide)(1 + weight[c] * length / size);
        slope[n * C + c] = length == 0 ? Wide(0) : (Wide)((weight[c] * S / size - moment / (size * size)) / length);
        terms[n * C + c] = S * length / size;
    }
}

// sums (all, C), all = N * parts, and terms (N, C) -> gbias (blockIdx.y = 0), gweight (1), both (C).
KERNEL global_response_norm_weight_gradients(
    const double* sums, const double* terms, Wide* gbias, Wide* gweight, Index all, Index N, Index C)
{
    bool of_bias = blockIdx.y == 0;
    write_channel_sum(of_bias ? sums : terms, of_bias ? all : N, of_bias ? gbias : gweight, C);
}

template <int V>
__device__ void input_gradient(
    const Real* gy, const Real* x, const Wide* scale, const Wide* slope, Real* gx, const Share& share, Index C)
{
    if (share.begin >= share.end) return;
    ChannelMap<V> map = {};
    Wide of_g[V];
    for (int v = 0; v < V; ++v) {
        of_g[v] = scale[share.sheet * C + share.c + v];
        map.scale[v] = slope[share.sheet * C + share.c + v];
    }
    map_gradient(gy, x, (const Real*)0, gx, (Real*)0, of_g, map, share, C);
}

// gx = g * scale + x * slope
KERNEL global_response_norm_input_gradient(
    const Real* gy, const Real* x, const Wide* scale, const Wide* slope, Real* gx, Index rows, Index C, Index parts, Index strip,
    Index width)
{
    if (width == 1)
        input_gradient<1>(gy, x, scale, slope, gx, share_of_thread<1>(rows, C, parts, strip), C);
    else
        input_gradient<PACK>(gy, x, scale, slope, gx, share_of_thread<PACK>(rows, C, parts, strip), C);
}

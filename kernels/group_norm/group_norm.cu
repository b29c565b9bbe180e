// Group normalisation of channels-last samples (N, P, C), P pixels each, whose channels fall into G groups of C/G neighbours.
//
// The large passes divide every sample into strips of pixels, as batch normalisation divides the batch (see channel_reduce.cuh), and find
// sums for each channel. Only the small kernels between them know of groups: a group's sums are those of its channels, brought together.
#include "channel_map.cuh"
#include "reduce.cuh"

KERNEL group_norm_partial_statistics(const Real* x, double* partial, Index rows, Index C, Index parts, Index strip, Index width)
{
    __shared__ Wide scratch[PACK * CHANNEL_THREADS];
    if (width == 1)
        write_partial_statistics<1>(x, partial, share_of_thread<1>(rows, C, parts, strip), C, scratch);
    else
        write_partial_statistics<PACK>(x, partial, share_of_thread<PACK>(rows, C, parts, strip), C, scratch);
}

// A block has one group of one sample: `members` channels of `parts` strips. Entry i of it is channel i % members of strip i / members.
struct Group {
    Index sample, first, members, C, parts;
    __device__ Group(Index G, Index C, Index parts)
        : sample(blockIdx.x / (unsigned)G), first(blockIdx.x % (unsigned)G * (C / G)), members(C / G), C(C), parts(parts)
    {
    }
    __device__ Index channel(unsigned i) const { return first + i % (unsigned)members; }
    __device__ Index part(unsigned i) const { return i / (unsigned)members; }
    __device__ Index at(unsigned i) const { return (sample * parts + part(i)) * C + channel(i); }
};

// partial (2, N * parts, C), the mean and M2 of each channel of each strip -> mean, var (N, G).
KERNEL group_norm_statistics(
    const double* partial, Wide* mean, Wide* var, Index N, Index G, Index rows, Index C, Index parts, Index strip)
{
    __shared__ double scratch[32];
    Group group(G, C, parts);
    const double* M2 = partial + N * parts * C;
    double total = 0, squares = 0, count = (double)rows * group.members;
    for (unsigned i = threadIdx.x; i < group.members * parts; i += blockDim.x)
        total += rows_of_part(group.part(i), rows, strip) * partial[group.at(i)];
    double centre = block_sum(total, scratch) / count;
    for (unsigned i = threadIdx.x; i < group.members * parts; i += blockDim.x) {
        double step = partial[group.at(i)] - centre;
        squares += M2[group.at(i)] + rows_of_part(group.part(i), rows, strip) * step * step;
    }
    squares = block_sum(squares, scratch);
    if (threadIdx.x == 0) {
        mean[blockIdx.x] = (Wide)centre;
        var[blockIdx.x] = (Wide)(squares / count);
    }
}

template <int V>
__device__ void normalise(
    const Real* x, const Wide* mean, const Wide* var, const Wide* weight, const Wide* bias, Real* y, Wide eps, int G, const Share& share,
    Index C)
{
    if (share.begin >= share.end) return;
    ChannelMap<V> map;
    for (int v = 0; v < V; ++v) {
        Index c = share.c + v, group = share.sheet * G + (unsigned)c / (unsigned)(C / G);
        map.centre[v] = mean[group];
        map.scale[v] = (weight ? weight[c] : 1) / sqrt(var[group] + eps);
        map.shift[v] = bias ? bias[c] : 0;
    }
    map_channels(x, (const Real*)0, y, map, share, C, false);
}

// y = (x - mean) / sqrt(var + eps) * weight + bias; weight and bias may be null.
KERNEL group_norm_normalise(
    const Real* x, const Wide* mean, const Wide* var, const Wide* weight, const Wide* bias, Real* y, double eps, Index G, Index rows,
    Index C, Index parts, Index strip, Index width)
{
    if (width == 1)
        normalise<1>(x, mean, var, weight, bias, y, eps, G, share_of_thread<1>(rows, C, parts, strip), C);
    else
        normalise<PACK>(x, mean, var, weight, bias, y, eps, G, share_of_thread<PACK>(rows, C, parts, strip), C);
}

template <int V>
__device__ void sum_gradients(
    const Real* gy, const Real* x, const Wide* mean, const Wide* var, double* partial, Wide eps, int G, const Share& share, Index C,
    Wide* scratch)
{
    Wide centre[V], sums[2][V] = {};
    Index group[V];
    for (int v = 0; v < V; ++v) {
        group[v] = share.sheet * G + (share.c < C ? (unsigned)(share.c + v) / (unsigned)(C / G) : 0);
        centre[v] = mean[group[v]];
    }
#pragma unroll 4
    FOR_ROWS(m, share) {
        Pack<V> g = load_pack<V>(gy, m * C + share.c), pack = load_pack<V>(x, m * C + share.c);
        for (int v = 0; v < V; ++v) {
            sums[0][v] += g.at[v];
            sums[1][v] += g.at[v] * (pack.at[v] - centre[v]);
        }
    }
    for (int v = 0; v < V; ++v) sums[1][v] /= sqrt(var[group[v]] + eps);
    write_partial_sums(sums, partial, share, C, scratch);
}

// -> partial (2, N * parts, C): sum g and sum g * xhat of strips of pixels.
KERNEL group_norm_partial_gradients(
    const Real* gy, const Real* x, const Wide* mean, const Wide* var, double* partial, double eps, Index G, Index rows, Index C,
    Index parts, Index strip, Index width)
{
    __shared__ Wide scratch[PACK * CHANNEL_THREADS];
    if (width == 1)
        sum_gradients<1>(gy, x, mean, var, partial, eps, G, share_of_thread<1>(rows, C, parts, strip), C, scratch);
    else
        sum_gradients<PACK>(gy, x, mean, var, partial, eps, G, share_of_thread<PACK>(rows, C, parts, strip), C, scratch);
}

// partial (2, all, C), all = N * parts -> gbias (blockIdx.y = 0), gweight (1), both (C).
KERNEL group_norm_weight_gradients(const double* partial, Wide* gbias, Wide* gweight, Index all, Index C)
{
    write_channel_sum(partial + blockIdx.y * all * C, all, blockIdx.y == 0 ? gbias : gweight, C);
}

// partial (2, N * parts, C) -> moments (2, N, G): the means over a group of g * weight and of g * weight * xhat.
KERNEL group_norm_moments(const double* partial, const Wide* weight, Wide* moments, Index N, Index G, Index rows, Index C, Index parts)
{
    __shared__ double scratch[32];
    Group group(G, C, parts);
    const double* products = partial + N * parts * C;
    double total = 0, moment = 0, count = (double)rows * group.members;
    for (unsigned i = threadIdx.x; i < group.members * parts; i += blockDim.x) {
        double w = weight ? weight[group.channel(i)] : 1;
        total += w * partial[group.at(i)];
        moment += w * products[group.at(i)];
    }
    total = block_sum(total, scratch);
    moment = block_sum(moment, scratch);
    if (threadIdx.x == 0) {
        moments[blockIdx.x] = (Wide)(total / count);
        moments[N * G + blockIdx.x] = (Wide)(moment / count);
    }
}

template <int V>
__device__ void input_gradient(
    const Real* gy, const Real* x, const Wide* mean, const Wide* var, const Wide* weight, const Wide* moments, Real* gx, Wide eps, Index N,
    int G, const Share& share, Index C)
{
    if (share.begin >= share.end) return;
    ChannelMap<V> map;
    Wide slope[V];
    for (int v = 0; v < V; ++v) {
        Index c = share.c + v, group = share.sheet * G + (unsigned)c / (unsigned)(C / G);
        Wide rstd = 1 / sqrt(var[group] + eps);
        slope[v] = weight ? weight[c] * rstd : rstd;
        map.centre[v] = mean[group];
        map.scale[v] = -rstd * rstd * moments[N * G + group];
        map.shift[v] = -rstd * moments[group];
    }
    map_gradient(gy, x, (const Real*)0, gx, (Real*)0, slope, map, share, C);
}

// gx = (g * weight - mean(g * weight) - xhat * mean(g * weight * xhat)) / sqrt(var + eps)
KERNEL group_norm_input_gradient(
    const Real* gy, const Real* x, const Wide* mean, const Wide* var, const Wide* weight, const Wide* moments, Real* gx, double eps,
    Index N, Index G, Index rows, Index C, Index parts, Index strip, Index width)
{
    if (width == 1)
        input_gradient<1>(gy, x, mean, var, weight, moments, gx, eps, N, G, share_of_thread<1>(rows, C, parts, strip), C);
    else
        input_gradient<PACK>(gy, x, mean, var, weight, moments, gx, eps, N, G, share_of_thread<PACK>(rows, C, parts, strip), C);
}

// Layer and RMS normalisation of the rows of x (M, D): a row is a group, and its members have a weight and a bias each.
//
// Forward and gx go row by row: a team of threads keeps a row in registers (see rows.cuh), so that mean, variance and result take one
// look at memory. gweight and gbias are sums over the rows, which is another way to divide the same matrix: columns for threads side by
// side, strips of rows for blocks (see channel_reduce.cuh).
#include "rows.cuh"

// Statistics of a row in two passes, as they are defined. x[0] is subtracted before the mean is taken: it is near it, so that little is
// rounded away where the mean is large.
template <int V>
__device__ void normalise_row(
    const Real* x, const Wide* weight, const Wide* bias, Real* y, Wide* means, Wide* variances, Wide eps, bool centred, Index M, Index D,
    Wide* scratch)
{
    Index m = row_of_thread(), packs = m < M ? D / V : 0;
    Row<V> row(x, m, D, packs);
    Wide mean = 0, squares = 0;
    if (centred) {
        Wide shift = packs ? finite_or_zero(x[m * D]) : 0, sum = 0;
        each_pack<V>(packs, [&](int i, Index j) {
            Pack<V> pack = row.pack(i, j);
            for (int v = 0; v < V; ++v) sum += pack.at[v] - shift;
        });
        mean = shift + row_sum(sum, scratch) / D;
    }
    each_pack<V>(packs, [&](int i, Index j) {
        Pack<V> pack = row.pack(i, j);
        for (int v = 0; v < V; ++v) squares += (pack.at[v] - mean) * (pack.at[v] - mean);
    });
    Wide var = row_sum(squares, scratch) / D, rstd = 1 / sqrt(var + eps);
    each_pack<V>(packs, [&](int i, Index j) {
        Pack<V> pack = row.pack(i, j);
        for (int v = 0; v < V; ++v)
            pack.at[v] = Real((pack.at[v] - mean) * rstd * (weight ? weight[j + v] : 1) + (bias ? bias[j + v] : 0));
        store_pack<V>(y, m * D + j, pack);
    });
    if (m < M && threadIdx.x == 0) {
        means[m] = mean;
        variances[m] = var;
    }
}

// x (M, D) -> y (M, D), means and variances (M); weight and bias (D) may be null. centred = 0: the mean is 0.
KERNEL __launch_bounds__(ROW_THREADS, 1) layer_norm_forward(
    const Real* x, const Wide* weight, const Wide* bias, Real* y, Wide* means, Wide* variances, double eps, Index centred, Index M,
    Index D, Index width)
{
    __shared__ Wide scratch[32];
    if (width == 1)
        normalise_row<1>(x, weight, bias, y, means, variances, eps, centred, M, D, scratch);
    else
        normalise_row<PACK>(x, weight, bias, y, means, variances, eps, centred, M, D, scratch);
}

template <int V>
__device__ void row_gradient(
    const Real* gy, const Real* x, const Wide* means, const Wide* variances, const Wide* weight, Real* gx, Wide eps, bool centred, Index M,
    Index D, Wide* scratch)
{
    Index m = row_of_thread(), packs = m < M ? D / V : 0;
    Row<V> gs(gy, m, D, packs), row(x, m, D, packs);
    Wide mean = packs ? means[m] : 0, rstd = 1 / sqrt((packs ? variances[m] : 1) + eps), total = 0, moment = 0;
    each_pack<V>(packs, [&](int i, Index j) {
        Pack<V> g = gs.pack(i, j), pack = row.pack(i, j);
        for (int v = 0; v < V; ++v) {
            Wide weighted = weight ? g.at[v] * weight[j + v] : Wide(g.at[v]);
            total += weighted;
            moment += weighted * (pack.at[v] - mean);
        }
    });
    Wide shift = centred ? row_sum(total, scratch) / D : 0, slope = row_sum(moment, scratch) / D * rstd * rstd;
    each_pack<V>(packs, [&](int i, Index j) {
        Pack<V> g = gs.pack(i, j), pack = row.pack(i, j);
        for (int v = 0; v < V; ++v) {
            Wide weighted = weight ? g.at[v] * weight[j + v] : Wide(g.at[v]);
            pack.at[v] = Real(rstd * (weighted - shift - (pack.at[v] - mean) * slope));
        }
        store_pack<V>(gx, m * D + j, pack);
    });
}

// gx = (g * weight - mean(g * weight) - xhat * mean(g * weight * xhat)) / sqrt(var + eps)
KERNEL __launch_bounds__(ROW_THREADS, 1) layer_norm_input_gradient(
    const Real* gy, const Real* x, const Wide* means, const Wide* variances, const Wide* weight, Real* gx, double eps, Index centred,
    Index M, Index D, Index width)
{
    __shared__ Wide scratch[32];
    if (width == 1)
        row_gradient<1>(gy, x, means, variances, weight, gx, eps, centred, M, D, scratch);
    else
        row_gradient<PACK>(gy, x, means, variances, weight, gx, eps, centred, M, D, scratch);
}

template <int V>
__device__ void sum_member_gradients(
    const Real* gy, const Real* x, const Wide* means, const Wide* variances, double* partial, Wide eps, const Share& share, Index D,
    Wide* scratch)
{
    Wide sums[2][V] = {};
#pragma unroll 2
    FOR_ROWS(m, share) {
        Pack<V> g = load_pack<V>(gy, m * D + share.c), pack = load_pack<V>(x, m * D + share.c);
        Wide mean = means[m], rstd = 1 / sqrt(variances[m] + eps);
        for (int v = 0; v < V; ++v) {
            sums[0][v] += g.at[v];
            sums[1][v] += g.at[v] * ((pack.at[v] - mean) * rstd);
        }
    }
    write_partial_sums(sums, partial, share, D, scratch);
}

// -> partial (2, parts, D): sum g and sum g * xhat of strips of rows.
KERNEL layer_norm_partial_gradients(
    const Real* gy, const Real* x, const Wide* means, const Wide* variances, double* partial, double eps, Index rows, Index D, Index parts,
    Index strip, Index width)
{
    __shared__ Wide scratch[PACK * CHANNEL_THREADS];
    if (width == 1)
        sum_member_gradients<1>(gy, x, means, variances, partial, eps, share_of_thread<1>(rows, D, parts, strip), D, scratch);
    else
        sum_member_gradients<PACK>(gy, x, means, variances, partial, eps, share_of_thread<PACK>(rows, D, parts, strip), D, scratch);
}

// partial (2, parts, D) -> gbias (blockIdx.y = 0), gweight (1), both (D).
KERNEL layer_norm_member_gradients(const double* partial, Wide* gbias, Wide* gweight, Index parts, Index D)
{
    write_channel_sum(partial + blockIdx.y * parts * D, parts, blockIdx.y == 0 ? gbias : gweight, D);
}

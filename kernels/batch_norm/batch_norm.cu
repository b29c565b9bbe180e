// Batch normalisation of x (rows, C), channels last, in training:
//
//   batch_norm_partial_statistics   reads x            mean and M2 of strips of rows
//   batch_norm_statistics           (small)            mean and variance of every channel
//   batch_norm_normalise            reads x, residual  writes y, with the addition and the ReLU in the same pass; all of evaluation
//
// and the gradient:
//
//   batch_norm_partial_gradients    reads gy, x, y     sum g and sum g * xhat of strips of rows; g is gy where y > 0
//   batch_norm_weight_gradients     (small)            gbias and gweight
//   batch_norm_input_gradient       reads gy, x, y     writes gx and gresidual
//
// No pass computes much for the numbers it moves: the time of each is that of its memory traffic. A block works on a strip of rows, a
// thread on a few neighbouring channels of some of its rows (see channel_reduce.cuh), whose statistics it keeps in registers.
#include "channel_map.cuh"

KERNEL batch_norm_partial_statistics(const Real* x, double* partial, Index rows, Index C, Index parts, Index strip, Index width)
{
    __shared__ Wide scratch[PACK * CHANNEL_THREADS];
    if (width == 1)
        write_partial_statistics<1>(x, partial, share_of_thread<1>(rows, C, parts, strip), C, scratch);
    else
        write_partial_statistics<PACK>(x, partial, share_of_thread<PACK>(rows, C, parts, strip), C, scratch);
}

// partial (2, parts, C) -> mean, var (C): a block brings together the parts of 8 channels.
KERNEL batch_norm_statistics(const double* partial, Wide* mean, Wide* var, Index rows, Index C, Index parts, Index strip)
{
    __shared__ double scratch[FINAL_COLUMNS * FINAL_ROWS];
    Index c = (Index)blockIdx.x * FINAL_COLUMNS + threadIdx.x;
    const double *means = partial + c, *M2 = means + parts * C;
    double total = 0, squares = 0;
    if (c < C)
        for (Index part = threadIdx.y; part < parts; part += FINAL_ROWS) total += rows_of_part(part, rows, strip) * means[part * C];
    double centre = column_sum(total, scratch) / rows;
    if (c < C)
        for (Index part = threadIdx.y; part < parts; part += FINAL_ROWS) {
            double step = means[part * C] - centre;
            squares += M2[part * C] + rows_of_part(part, rows, strip) * step * step;
        }
    squares = column_sum(squares, scratch);
    if (threadIdx.y == 0 && c < C) {
        mean[c] = (Wide)centre;
        var[c] = (Wide)(squares / rows);
    }
}

template <int V>
__device__ void normalise(
    const Real* x, const Wide* mean, const Wide* var, const Wide* weight, const Wide* bias, const Real* residual, Real* y, Wide eps,
    bool relu, const Share& share, Index C)
{
    if (share.begin >= share.end) return;
    ChannelMap<V> map;
    for (int v = 0; v < V; ++v) {
        Index c = share.c + v;
        map.centre[v] = mean[c];
        map.scale[v] = (weight ? weight[c] : 1) / sqrt(var[c] + eps);
        map.shift[v] = bias ? bias[c] : 0;
    }
    map_channels(x, residual, y, map, share, C, relu);
}

// y = relu((x - mean) / sqrt(var + eps) * weight + bias + residual); weight, bias and residual may be null.
KERNEL batch_norm_normalise(
    const Real* x, const Wide* mean, const Wide* var, const Wide* weight, const Wide* bias, const Real* residual, Real* y, double eps,
    Index relu, Index rows, Index C, Index parts, Index strip, Index width)
{
    if (width == 1)
        normalise<1>(x, mean, var, weight, bias, residual, y, eps, relu, share_of_thread<1>(rows, C, parts, strip), C);
    else
        normalise<PACK>(x, mean, var, weight, bias, residual, y, eps, relu, share_of_thread<PACK>(rows, C, parts, strip), C);
}

template <int V>
__device__ void sum_gradients(
    const Real* gy, const Real* x, const Real* y, const Wide* mean, const Wide* var, double* partial, Wide eps, const Share& share, Index C,
    Wide* scratch)
{
    Wide centre[V], sums[2][V] = {};
    for (int v = 0; v < V; ++v) centre[v] = share.c < C ? mean[share.c + v] : 0;
#pragma unroll 4
    FOR_ROWS(m, share) {
        Index at = m * C + share.c;
        Pack<V> g = load_pack<V>(gy, at), pack = load_pack<V>(x, at), gate;
        if (y) gate = load_pack<V>(y, at);
        for (int v = 0; v < V; ++v) {
            Wide passed = y && Wide(gate.at[v]) <= 0 ? Wide(0) : Wide(g.at[v]);  // `not y <= 0` is true of NaN, too
            sums[0][v] += passed;
            sums[1][v] += passed * (pack.at[v] - centre[v]);
        }
    }
    if (share.begin < share.end)  // the variance of no rows is NaN, but their sums are 0
        for (int v = 0; v < V; ++v) sums[1][v] /= sqrt(var[share.c + v] + eps);
    write_partial_sums(sums, partial, share, C, scratch);
}

// -> partial (2, parts, C): sum g and sum g * xhat of strips of rows. y is null where there was no ReLU.
KERNEL batch_norm_partial_gradients(
    const Real* gy, const Real* x, const Real* y, const Wide* mean, const Wide* var, double* partial, double eps, Index rows, Index C,
    Index parts, Index strip, Index width)
{
    __shared__ Wide scratch[PACK * CHANNEL_THREADS];
    if (width == 1)
        sum_gradients<1>(gy, x, y, mean, var, partial, eps, share_of_thread<1>(rows, C, parts, strip), C, scratch);
    else
        sum_gradients<PACK>(gy, x, y, mean, var, partial, eps, share_of_thread<PACK>(rows, C, parts, strip), C, scratch);
}

// partial (2, parts, C) -> gbias (blockIdx.y = 0), gweight (1), both (C).
KERNEL batch_norm_weight_gradients(const double* partial, Wide* gbias, Wide* gweight, Index parts, Index C)
{
    write_channel_sum(partial + blockIdx.y * parts * C, parts, blockIdx.y == 0 ? gbias : gweight, C);
}

template <int V>
__device__ void input_gradient(
    const Real* gy, const Real* x, const Real* y, const Wide* mean, const Wide* var, const Wide* weight, const Wide* gbias,
    const Wide* gweight, Real* gx, Real* gresidual, Wide eps, Index rows, const Share& share, Index C)
{
    if (share.begin >= share.end) return;
    ChannelMap<V> map;
    Wide slope[V];
    for (int v = 0; v < V; ++v) {
        Index c = share.c + v;
        Wide rstd = 1 / sqrt(var[c] + eps);
        slope[v] = weight ? weight[c] * rstd : rstd;
        map.centre[v] = mean[c];
        map.scale[v] = -slope[v] * rstd * (gweight[c] / rows);
        map.shift[v] = -slope[v] * (gbias[c] / rows);
    }
    map_gradient(gy, x, y, gx, gresidual, slope, map, share, C);
}

// gx = weight / sqrt(var + eps) * (g - gbias / rows - xhat * gweight / rows); gresidual = g, where it is not null.
KERNEL batch_norm_input_gradient(
    const Real* gy, const Real* x, const Real* y, const Wide* mean, const Wide* var, const Wide* weight, const Wide* gbias,
    const Wide* gweight, Real* gx, Real* gresidual, double eps, Index rows, Index C, Index parts, Index strip, Index width)
{
    if (width == 1)
        input_gradient<1>(
            gy, x, y, mean, var, weight, gbias, gweight, gx, gresidual, eps, rows, share_of_thread<1>(rows, C, parts, strip), C);
    else
        input_gradient<PACK>(
            gy, x, y, mean, var, weight, gbias, gweight, gx, gresidual, eps, rows, share_of_thread<PACK>(rows, C, parts, strip), C);
}

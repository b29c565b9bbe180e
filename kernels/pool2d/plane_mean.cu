// The mean of every plane, with which most classifiers end, and its gradient. Planes of channels-last images are columns of a matrix
// (H*W, C), a sheet for each image: channel_reduce.cuh tells how columns are added up by many threads.
#include "channel_reduce.cuh"

template <int V> __device__ void sum_planes(const Real* x, double* partial, Real* y, Index rows, Index C, Index parts, Index strip)
{
    __shared__ Wide scratch[V * CHANNEL_THREADS];
    Share share = share_of_thread<V>(rows, C, parts, strip);
    Wide sums[1][V] = {};
    FOR_ROWS(m, share) {
        Pack<V> pack = load_pack<V>(x, m * C + share.c);
        for (int v = 0; v < V; ++v) sums[0][v] += (Wide)pack.at[v];
    }
    if (parts > 1) {
        write_partial_sums(sums, partial, share, C, scratch);
        return;
    }
    add_up_rows(sums, scratch);
    if (threadIdx.y == 0 && share.c < C)
        for (int v = 0; v < V; ++v) y[share.sheet * C + share.c + v] = Real((Wide)(sums[0][v] / (double)rows));
}

// x (N, rows, C) -> y (N, C), the means, where a plane is one strip, else partial (N * parts, C), the sums of the strips. Blocks as in
// channel_reduce.cuh.
KERNEL plane_partial_sums(const Real* x, double* partial, Real* y, Index rows, Index C, Index parts, Index strip, Index width)
{
    if (width == 1) sum_planes<1>(x, partial, y, rows, C, parts, strip);
    else sum_planes<PACK>(x, partial, y, rows, C, parts, strip);
}

// partial (N, parts, C) -> y (N, C), for planes of `rows` pixels. A thread adds up the strips of one plane.
KERNEL plane_means(const double* partial, Real* y, Index N, Index rows, Index C, Index parts)
{
    FOR_EACH(i, N * C) {
        const double* strip = partial + i / C * parts * C + i % C;
        double sum = 0;
        for (Index part = 0; part < parts; ++part) sum += strip[part * C];
        y[i] = Real((Wide)(sum / rows));
    }
}

template <int V> __device__ void spread(const Real* gy, Real* gx, Index rows, Index C, Index parts, Index strip)
{
    Share share = share_of_thread<V>(rows, C, parts, strip);
    if (share.begin >= share.end) return;
    Pack<V> pack = load_pack<V>(gy, share.sheet * C + share.c);
    for (int v = 0; v < V; ++v) pack.at[v] = Real((Wide)pack.at[v] / (Wide)rows);
    FOR_ROWS(m, share) store_pack<V>(gx, m * C + share.c, pack);
}

// gy (N, C) -> gx (N, rows, C): every number divided by the size of the plane, at all of its pixels.
KERNEL plane_means_backward(const Real* gy, Real* gx, Index rows, Index C, Index parts, Index strip, Index width)
{
    if (width == 1) spread<1>(gy, gx, rows, C, parts, strip);
    else spread<PACK>(gy, gx, rows, C, parts, strip);
}

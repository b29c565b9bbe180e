// The sum of every channel of x (rows, C), in two launches: each block adds up a strip of rows, then one more kernel adds up what the
// blocks found. How the work is shared out, and why in this way, is told in channel_reduce.cuh; this is the smallest example of it.
#include "channel_reduce.cuh"

template <int V>
__device__ void sum_strip(const Real* x, double* partial, Wide* scratch, Index rows, Index C, Index parts, Index strip)
{
    Share share = share_of_thread<V>(rows, C, parts, strip);
    Wide sums[1][V] = {};
#pragma unroll 4
    FOR_ROWS(m, share) {
        Pack<V> pack = load_pack<V>(x, m * C + share.c);
        for (int v = 0; v < V; ++v) sums[0][v] += pack.at[v];
    }
    write_partial_sums(sums, partial, share, C, scratch);
}

// x (rows, C) -> partial (parts, C): a block adds up a strip of rows. A thread adds up at most 32 of them.
KERNEL channel_partial_sums(const Real* x, double* partial, Index rows, Index C, Index parts, Index strip, Index width)
{
    __shared__ Wide scratch[PACK * CHANNEL_THREADS];
    if (width == 1)
        sum_strip<1>(x, partial, scratch, rows, C, parts, strip);
    else
        sum_strip<PACK>(x, partial, scratch, rows, C, parts, strip);
}

// partial (parts, C) -> result (C): a block adds up the parts of 8 channels.
KERNEL channel_final_sums(const double* partial, Real* result, Index parts, Index C)
{
    write_channel_sum(partial, parts, result, C);
}

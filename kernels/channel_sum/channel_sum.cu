// The sum of every channel, in two steps that need no atomics, so that every run gives the same bits: each block adds up a stretch of
// rows, then one more launch adds up what the blocks found.
#include "reduce.cuh"

// x (M, C) -> partial (gridDim.y, C): block (bx, by) of 32 x 8 threads adds up rows by*8 + ty, + gridDim.y*8, ... of channel bx*32 + tx.
KERNEL channel_partial_sums(const Real* x, double* partial, Index M, Index C)
{
    __shared__ double sums[8][33];
    Index c = (Index)blockIdx.x * 32 + threadIdx.x;
    double sum = 0;
    if (c < C)
        for (Index m = (Index)blockIdx.y * 8 + threadIdx.y; m < M; m += (Index)gridDim.y * 8) sum += (double)(Wide)x[m * C + c];
    sums[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y == 0 && c < C) {
        for (int y = 1; y < 8; ++y) sum += sums[y][threadIdx.x];
        partial[blockIdx.y * C + c] = sum;
    }
}

// partial (parts, C) -> result (C).
KERNEL channel_final_sums(const double* partial, Real* result, Index parts, Index C)
{
    FOR_EACH(c, C) {
        double sum = 0;
        for (Index part = 0; part < parts; ++part) sum += partial[part * C + c];
        result[c] = Real((Wide)sum);
    }
}

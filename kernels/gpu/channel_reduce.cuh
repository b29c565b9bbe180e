// Channels-last images are a matrix (rows, C): a row for each pixel, channels side by side. What the kernels on such matrices share: how
// the matrix is divided, and sums down its columns, which are sums of channels.
//
// The images may be one matrix or a stack of sheets, one for each sample. A sheet is cut into `parts` strips of `strip` rows; a block
// works on one strip, in the columns that its threads reach: block (bx, by) on part bx % parts of sheet bx / parts. Threads side by side
// (threadIdx.x) take neighbouring channels, V of them in one load, and threads with other threadIdx.y other rows; so a warp reads whole
// rows where C is small, and long pieces of rows where it is large. `channel_grid` in grids.py chooses all these numbers.
//
// Sums take two launches and no atomics, so that every run gives the same bits: each block adds up its strip, and then one more kernel
// adds up what the blocks found, in double. Without atomics no block must wait for others either.
#pragma once
#include "types.cuh"

const int CHANNEL_THREADS = 256;  // in a block
const int FINAL_COLUMNS = 8;      // a block of the second launch: 8 channels, whose 64 bytes are the least that memory gives
const int FINAL_ROWS = 64;

// What one thread works on: channels c to c + V - 1 of the rows begin + threadIdx.y, + blockDim.y, ... before end. None where c >= C.
struct Share {
    Index c, sheet, begin, end;
};

template <int V> __device__ Share share_of_thread(Index rows, Index C, Index parts, Index strip)
{
    unsigned sheet = blockIdx.x / (unsigned)parts, part = blockIdx.x % (unsigned)parts;
    Index c = ((Index)blockIdx.y * blockDim.x + threadIdx.x) * V;
    Index begin = part * strip, end = begin + strip < rows ? begin + strip : rows;
    return {c, sheet, sheet * rows + begin, c < C ? sheet * rows + end : 0};
}

#define FOR_ROWS(m, share) for (Index m = (share).begin + threadIdx.y; m < (share).end; m += blockDim.y)

template <int V> __device__ Pack<V> load_pack(const Real* x, Index at) { return *(const Pack<V>*)(x + at); }
template <int V> __device__ void store_pack(Real* y, Index at, Pack<V> pack) { *(Pack<V>*)(y + at) = pack; }

__device__ inline Wide infinity() { return __int_as_float(0x7f800000); }
__device__ inline Wide not_a_number() { return __int_as_float(0x7fc00000); }

// `value` if it is finite, else 0.
__device__ inline Wide finite_or_zero(Wide value) { return value - value == 0 ? value : 0; }

// The sums over threadIdx.y of K numbers for each of V channels, in the threads whose threadIdx.y is 0. blockDim.y is a power of two,
// and all threads of the block must come here. `scratch`: V * CHANNEL_THREADS numbers of shared memory, which may be used again at once.
template <int K, int V> __device__ void add_up_rows(Wide (&sums)[K][V], Wide* scratch)
{
    int thread = threadIdx.y * blockDim.x + threadIdx.x;
    for (int k = 0; k < K; ++k) {
        for (int v = 0; v < V; ++v) scratch[v * CHANNEL_THREADS + thread] = sums[k][v];
        for (int half = blockDim.y / 2; half > 0; half /= 2) {
            __syncthreads();
            if (threadIdx.y < half)
                for (int v = 0; v < V; ++v) scratch[v * CHANNEL_THREADS + thread] += scratch[v * CHANNEL_THREADS + thread + half * blockDim.x];
        }
        for (int v = 0; v < V; ++v) sums[k][v] = scratch[v * CHANNEL_THREADS + thread];
        __syncthreads();
    }
}

// Adds up the block's K sums for each channel, and writes them to partial (K, gridDim.x, C).
template <int K, int V> __device__ void write_partial_sums(Wide (&sums)[K][V], double* partial, const Share& share, Index C, Wide* scratch)
{
    add_up_rows(sums, scratch);
    if (threadIdx.y == 0 && share.c < C)
        for (int k = 0; k < K; ++k)
            for (int v = 0; v < V; ++v) partial[((Index)k * gridDim.x + blockIdx.x) * C + share.c + v] = sums[k][v];
}

// The sum over threadIdx.y, in every thread of a block of FINAL_COLUMNS x FINAL_ROWS. `scratch`: a number for each thread.
__device__ inline double column_sum(double value, double* scratch)
{
    int thread = threadIdx.y * FINAL_COLUMNS + threadIdx.x;
    scratch[thread] = value;
    for (int half = FINAL_ROWS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.y < half) scratch[thread] += scratch[thread + half * FINAL_COLUMNS];
    }
    __syncthreads();
    double sum = scratch[threadIdx.x];
    __syncthreads();
    return sum;
}

// The sum of column c of partial (parts, C), c = blockIdx.x * FINAL_COLUMNS + threadIdx.x, in every thread; 0 where c >= C.
__device__ inline double final_channel_sum(const double* partial, Index parts, Index C, double* scratch)
{
    Index c = (Index)blockIdx.x * FINAL_COLUMNS + threadIdx.x;
    double sum = 0;
    if (c < C) {
#pragma unroll 4
        for (Index part = threadIdx.y; part < parts; part += FINAL_ROWS) sum += partial[part * C + c];
    }
    return column_sum(sum, scratch);
}

// partial (parts, C) -> result (C), of Real or Wide: the second launch. All threads of the block must come here.
template <class T> __device__ void write_channel_sum(const double* partial, Index parts, T* result, Index C)
{
    __shared__ double scratch[FINAL_COLUMNS * FINAL_ROWS];
    double sum = final_channel_sum(partial, parts, C, scratch);
    Index c = (Index)blockIdx.x * FINAL_COLUMNS + threadIdx.x;
    if (threadIdx.y == 0 && c < C) result[c] = T((Wide)sum);
}

// --- Mean and variance
//
// E[x^2] - E[x]^2 loses every digit where the mean is large. Therefore each block subtracts first what its channels have in its first
// row, which is near its mean, and gives its mean and M2, the sum of the squared distances from that. Of the whole,
//     mean = sum n_b mean_b / n        M2 = sum M2_b + n_b (mean_b - mean)^2
// (Chan, Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances").

// partial (2, gridDim.x, C): the mean and M2 of every strip and channel.
template <int V> __device__ void write_partial_statistics(const Real* x, double* partial, const Share& share, Index C, Wide* scratch)
{
    Wide shift[V] = {}, sums[2][V] = {};
    if (share.begin < share.end) {
        Pack<V> first = load_pack<V>(x, share.begin * C + share.c);
        for (int v = 0; v < V; ++v) shift[v] = finite_or_zero(first.at[v]);
    }
#pragma unroll 4
    FOR_ROWS(m, share) {
        Pack<V> pack = load_pack<V>(x, m * C + share.c);
        for (int v = 0; v < V; ++v) {
            Wide distance = pack.at[v] - shift[v];
            sums[0][v] += distance;
            sums[1][v] += distance * distance;
        }
    }
    add_up_rows(sums, scratch);
    if (threadIdx.y > 0 || share.c >= C) return;
    double* means = partial + (Index)blockIdx.x * C + share.c;
    double* M2 = means + (Index)gridDim.x * C;
    for (int v = 0; v < V; ++v) {
        double mean = sums[0][v] / (double)(share.end - share.begin);
        means[v] = shift[v] + mean;
        M2[v] = sums[1][v] - mean * sums[0][v];
    }
}

// How many rows strip number `part` of a sheet has.
__device__ inline double rows_of_part(Index part, Index rows, Index strip)
{
    Index left = rows - part * strip;
    return left < strip ? left : strip;
}

// Sums over all numbers of a list of arrays, and their multiplication by one factor, each in one launch over all of them.
//
// As in optimizer.cu, a table has the addresses of the arrays, and every block takes one chunk of one array. What is summed is summed by
// chunk first, and a second launch adds up the chunks: no atomics, so every run gives the same bits.
#include "elementwise.cuh"
#include "reduce.cuh"

// f(a pack of elements) for all elements of the chunk of this block: packs of 16 bytes, then single ones. f is called with (Real* at, int n).
template <class F> __device__ void for_chunk(const Index* addresses, const Index* chunks, F f)
{
    Real* begin = (Real*)addresses[chunks[3 * blockIdx.x]] + chunks[3 * blockIdx.x + 1];
    Index size = chunks[3 * blockIdx.x + 2], packs = on_16_bytes(begin) ? size / PACK : 0;
    for (Index i = threadIdx.x; i < packs; i += blockDim.x) {
        Pack<PACK> values = load_pack(begin + i * PACK);
        if (f(values.at, PACK)) store_pack(begin + i * PACK, values);
    }
    for (Index i = packs * PACK + threadIdx.x; i < size; i += blockDim.x) f(begin + i, 1);
}

// partial[chunk] = the sum of squares, in double.
KERNEL square_sums(const Index* addresses, const Index* chunks, double* partial)
{
    __shared__ double scratch[32];
    double sum = 0;
    for_chunk(addresses, chunks, [&](Real* at, int n) {
        for (int j = 0; j < n; ++j) sum += (double)(Wide)at[j] * (double)(Wide)at[j];
        return false;
    });
    sum = block_sum(sum, scratch);
    if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

__device__ inline bool not_finite(Wide v) { return v - v != 0; }  // infinity - infinity is NaN

// partial[chunk] = how many numbers are infinite or NaN.
KERNEL non_finite_counts(const Index* addresses, const Index* chunks, Index* partial)
{
    __shared__ Index scratch[32];
    Index count = 0;
    for_chunk(addresses, chunks, [&](Real* at, int n) {
        for (int j = 0; j < n; ++j) count += not_finite(at[j]);
        return false;
    });
    count = block_sum(count, scratch);
    if (threadIdx.x == 0) partial[blockIdx.x] = count;
}

// All numbers times factor, or times *factor_here, a number on the GPU, where there is one. partial[chunk] = how many were infinite or
// NaN before, unless it is null.
KERNEL scale_arrays(const Index* addresses, const Index* chunks, double factor, const double* factor_here, Index* partial)
{
    __shared__ Index scratch[32];
    Wide by = Wide(factor_here ? *factor_here : factor);
    if (by == 1 && !partial) return;
    Index count = 0;
    for_chunk(addresses, chunks, [&](Real* at, int n) {
        for (int j = 0; j < n; ++j) {
            count += not_finite(at[j]);
            at[j] = Real(by * (Wide)at[j]);
        }
        return true;
    });
    if (!partial) return;
    count = block_sum(count, scratch);
    if (threadIdx.x == 0) partial[blockIdx.x] = count;
}

// result[r] = the sum of partial[first[r]], ..., partial[first[r + 1] - 1], its square root if asked for: one block for each r.
KERNEL sum_chunks(const double* partial, const Index* first, double* result, Index root)
{
    __shared__ double scratch[32];
    double sum = 0;
    for (Index i = first[blockIdx.x] + threadIdx.x; i < first[blockIdx.x + 1]; i += blockDim.x) sum += partial[i];
    sum = block_sum(sum, scratch);
    if (threadIdx.x == 0) result[blockIdx.x] = root ? sqrt(sum) : sum;
}

// *result = the sum of all N counts, by one block.
KERNEL sum_counts(const Index* partial, Index* result, Index N)
{
    __shared__ Index scratch[32];
    Index count = 0;
    for (Index i = threadIdx.x; i < N; i += blockDim.x) count += partial[i];
    count = block_sum(count, scratch);
    if (threadIdx.x == 0) *result = count;
}

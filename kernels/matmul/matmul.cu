// The matrix product where cuBLAS cannot be had: gemm.cuh applied to two matrices that exist.
// compile with: TENSOR=1 TILE_M=128 TILE_N=128 ALIGNED=1 A_ALONG_K=1 B_ALONG_K=0
// compile with: TENSOR=1 TILE_M=64 TILE_N=64 ALIGNED=1 A_ALONG_K=1 B_ALONG_K=0
// compile with: TENSOR=1 TILE_M=128 TILE_N=32 ALIGNED=1 A_ALONG_K=1 B_ALONG_K=0
// compile with: TENSOR=1 TILE_M=64 TILE_N=64 ALIGNED=0 A_ALONG_K=1 B_ALONG_K=0
// compile with: TENSOR=0 TILE_M=128 TILE_N=128 ALIGNED=1 A_ALONG_K=1 B_ALONG_K=0
// compile with: TENSOR=0 TILE_M=64 TILE_N=64 ALIGNED=1 A_ALONG_K=1 B_ALONG_K=0
// compile with: TENSOR=0 TILE_M=64 TILE_N=64 ALIGNED=0 A_ALONG_K=1 B_ALONG_K=0
// compile with: TENSOR=1 TILE_M=128 TILE_N=128 ALIGNED=1 A_ALONG_K=1 B_ALONG_K=1
// compile with: TENSOR=1 TILE_M=128 TILE_N=128 ALIGNED=1 A_ALONG_K=0 B_ALONG_K=0
#include "gemm.cuh"

#ifndef A_ALONG_K  // whether A is contiguous along its rows, B along its columns; else across
#define A_ALONG_K 1
#define B_ALONG_K 0
#endif

// A (M, K) and B (K, N), from the first row and column of a tile on.
struct Matrices {
    static const Layout LAYOUT_A = A_ALONG_K ? ALONG_K : ACROSS_K, LAYOUT_B = B_ALONG_K ? ALONG_K : ACROSS_K;

    const Real *a, *b;       // what this thread copies first of the next slices
    int rows, columns;       // of the tile
    Index pitch_a, pitch_b;  // from one contiguous line to the next
    Index left;              // along K

    // This thread's part of the slice of one matrix, whose `size` rows (columns, for B) go along K or across it; then on to the next slice.
    template <int SIZE, Layout LAYOUT> __device__ void load_slice(Real* slice, const Real*& matrix, int size, Index pitch)
    {
        typedef Share<SIZE, LAYOUT> Mine;
        int depth = (int)min(left, (Index)DEPTH), lines = LAYOUT == ALONG_K ? size : depth, length = LAYOUT == ALONG_K ? depth : size;
        const Real* from = matrix;
#pragma unroll
        for (int i = 0; i < Mine::COUNT; ++i, from += Mine::STEP * pitch)
            if (Mine::has(i))
#pragma unroll
                for (int e = 0; e < PACK; e += COPIED)
                    copy_numbers(Mine::in(slice, i) + e, from + e, Mine::line(i) < lines && Mine::place() + e < length);
        matrix += LAYOUT == ALONG_K ? DEPTH : DEPTH * pitch;
    }

    __device__ void load(Real* slice_a, Real* slice_b)
    {
        load_slice<TILE_M, LAYOUT_A>(slice_a, a, rows, pitch_a);
        load_slice<TILE_N, LAYOUT_B>(slice_b, b, columns, pitch_b);
        left -= DEPTH;
    }

    // The tile's first row begins at `from_a`, its first column at `from_b`; the sums begin at `k`.
    __device__ void begin_at(const Real* from_a, const Real* from_b, Index k)
    {
        typedef Share<TILE_M, LAYOUT_A> ShareA;
        typedef Share<TILE_N, LAYOUT_B> ShareB;
        a = from_a + ShareA::line(0) * pitch_a + ShareA::place() + (A_ALONG_K ? k : k * pitch_a);
        b = from_b + ShareB::line(0) * pitch_b + ShareB::place() + (B_ALONG_K ? k : k * pitch_b);
    }
};

template <class T> struct Rows : Line<T> {
    int rows;
    Index pitch;
    __device__ Index row(int line) const { return line < rows ? line * pitch : -1; }
};

// One tile of one part of one product: `number` counts tiles of columns, tiles of rows, parts and products.
template <class T>
__device__ void multiply(const Real* a, const Real* b, const Real* bias, T* result, Index number, Index parts, Index stretch,
                         Index M, Index N, Index K, Index from_a, Index from_b)
{
    Index column = take_digit(number, (N + TILE_N - 1) / TILE_N) * TILE_N, row = take_digit(number, (M + TILE_M - 1) / TILE_M) * TILE_M;
    Index part = take_digit(number, parts), product = number;
    Matrices source;
    source.pitch_a = A_ALONG_K ? K : M, source.pitch_b = B_ALONG_K ? K : N;
    source.rows = (int)min(M - row, (Index)TILE_M), source.columns = (int)min(N - column, (Index)TILE_N);
    Index k = part * stretch, depth = min(stretch, K - k);
    source.left = depth;
    source.begin_at(a + product * from_a + (A_ALONG_K ? row * K : row), b + product * from_b + (B_ALONG_K ? column * K : column), k);

    Rows<T> target;
    target.values = result + ((part + product * parts) * M + row) * N + column;
    target.bias = bias ? bias + column : nullptr;
    target.columns = source.columns, target.rows = source.rows, target.pitch = N;
    target.paired = N % 2 == 0;

    multiply_tiles(source, (depth + DEPTH - 1) / DEPTH, target);
}

// a (products, M, K), b (products, K, N), bias (N) or null -> y (products, M, N)
// Product number p begins at p * from_a and p * from_b; a matrix that serves all products has 0 there.
KERNEL __launch_bounds__(GEMM_THREADS, GEMM_BLOCKS) matmul_tiles(
    const Real* a, const Real* b, const Real* bias, Real* y, Index M, Index N, Index K, Index from_a, Index from_b)
{
    multiply(a, b, bias, y, blockIdx.x, 1, K, M, N, K, from_a, from_b);
}

// The same for few tiles of long sums: -> partial (products, parts, M, N), each the sum of a stretch of K.
KERNEL __launch_bounds__(GEMM_THREADS, GEMM_BLOCKS) matmul_parts(
    const Real* a, const Real* b, Wide* partial, Index parts, Index stretch, Index M, Index N, Index K, Index from_a, Index from_b)
{
    multiply(a, b, (const Real*)nullptr, partial, blockIdx.x, parts, stretch, M, N, K, from_a, from_b);
}

// partial (products, parts, M*N), bias (N) or null -> y (products, M*N), the parts always added in the same order.
KERNEL matmul_sum(const Wide* partial, const Real* bias, Real* y, Index products, Index parts, Index size, Index N)
{
    FOR_EACH(at, products * size) {
        Index product = at / size, in_product = at - product * size;
        Wide sum = bias ? (Wide)bias[in_product % N] : 0;
        for (Index part = 0; part < parts; ++part) sum += partial[(product * parts + part) * size + in_product];
        y[at] = Real(sum);
    }
}

// y (M, N) += bias (N), in place: after cuBLAS.
KERNEL matmul_add_bias(Real* y, const Real* bias, Index M, Index N)
{
    Index n = (Index)blockIdx.x * blockDim.x + threadIdx.x;
    if (n >= N) return;
    Wide add = bias[n];
    for (Index m = (Index)blockIdx.y * blockDim.y + threadIdx.y; m < M; m += (Index)gridDim.y * blockDim.y)
        y[m * N + n] = Real((Wide)y[m * N + n] + add);
}

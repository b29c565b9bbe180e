// A matrix product by tiles: result (M, N) = A (M, K) B (K, N), where "A" and "B" need not exist in memory.
//
// One block computes a tile of TILE_M x TILE_N results. It walks along K in steps of DEPTH; in every step a slice of A and a slice of B
// are copied to shared memory, where each number serves a whole row or column of results:
//
//                          K                          B slice: DEPTH x TILE_N
//                 +--------+---+------+               +------+
//        TILE_M   |        | A |  ->  |       x       |  B   |  |   ->   TILE_M x TILE_N sums, in the registers of the threads
//                 +--------+---+------+               +------+  v
//
// Copies take long to arrive, so STAGES slices are on their way or in use at a time: while one is multiplied, the next are copied.
//
// What is copied is the business of a *source*, a class with a method `load(a, b)` that begins the copies of the next slices, and with the
// constants LAYOUT_A and LAYOUT_B: which of a matrix's two directions is contiguous in memory, along K or across. Slices lie
// in shared memory the same way, so that 16 bytes, a pack, are copied at once.
// Where the sums go is the business of a *target*: see `Sums::write`.
//
// Macros, all with a default:
//   TENSOR     1: tensor cores (see tensor_core.cuh), for float16, bfloat16, and float32 rounded to TF32. 0: plain arithmetic.
//   TILE_M, TILE_N   128 x 128 for large products, 64 x 64 for smaller ones, 128 x 32 for few columns
//   ALIGNED    1: packs may be copied as a whole. 0: number by number.
#pragma once
#include "tensor_core.cuh"

#if defined REAL_FLOAT64 || (defined __CUDA_ARCH__ && __CUDA_ARCH__ < 800)  // there are none for these
#undef TENSOR
#define TENSOR 0
#elif !defined TENSOR
#if defined REAL_FLOAT16 || defined REAL_BFLOAT16
#define TENSOR 1
#else
#define TENSOR 0
#endif
#endif
#ifndef TILE_M
#define TILE_M 64
#define TILE_N 64
#endif
#ifndef ALIGNED
#define ALIGNED 1
#endif

const int GEMM_THREADS = TENSOR ? 128 : 256;  // of a block
const int GEMM_BLOCKS = TENSOR ? 2 : 1;        // on a multiprocessor at least: what limits the registers of a thread
const int STAGES = TENSOR ? 3 : 2;
const int DEPTH = 64 / sizeof(Real);          // of a slice: 4 packs
const int COPIED = ALIGNED ? PACK : 1;        // numbers copied at once

enum Layout { ALONG_K, ACROSS_K };  // the direction in which a matrix is contiguous

// --- slices in shared memory

// A slice of SIZE rows of A (or columns of B) by DEPTH. Lines are contiguous; what follows each keeps those who read
// a column of the slice from meeting in one of the 32 banks of shared memory.
template <int SIZE, Layout LAYOUT> struct Slice {
    static const int LENGTH = LAYOUT == ALONG_K ? DEPTH : SIZE;                 // of a line, in numbers
    static const int LINES = LAYOUT == ALONG_K ? SIZE : DEPTH;
    static const int PITCH = LENGTH + (LAYOUT == ALONG_K ? PACK : 8);           // from line to line
    static __device__ int place(int row, int k) { return LAYOUT == ALONG_K ? row * PITCH + k : k * PITCH + row; }
};
const int SLICE_A = TILE_M * 80 / sizeof(Real);  // room for either layout
const int SLICE_B = TILE_N * 80 / sizeof(Real);

// The packs of a slice that one thread copies: always at the same place of a line, in every STEP-th line. Neighbours take neighbours.
template <int SIZE, Layout LAYOUT> struct Share {
    typedef Slice<SIZE, LAYOUT> In;
    static const int PACKS = In::LENGTH / PACK;  // in a line
    static const int STEP = GEMM_THREADS / PACKS;
    static const int COUNT = (In::LINES + STEP - 1) / STEP;
    static __device__ int place() { return threadIdx.x % PACKS * PACK; }
    static __device__ int line(int i) { return threadIdx.x / PACKS + i * STEP; }
    static __device__ bool has(int i) { return In::LINES % STEP == 0 || line(i) < In::LINES; }
    static __device__ Real* in(Real* slice, int i) { return slice + line(i) * In::PITCH + place(); }
};

// Begins to copy COPIED numbers; where they are not `there`, `from` may be any address, and zeros are put.
__device__ inline void copy_numbers(Real* to, const Real* from, bool there) { copy_async<COPIED * sizeof(Real)>(to, from, there); }

// --- the sums of one thread

#if TENSOR

const int WARP_M = TILE_M == 128 && TILE_N == 32 ? 32 : TILE_M / 2;  // of a warp's part of the tile; there are 4 warps
const int WARP_N = TILE_N == 32 ? 32 : TILE_N / 2;

enum Factor { A, B };

// 16 rows of a slice of A (columns, for B) by 32 bytes of K, as `multiply_matrices` takes them: four words of row g = lane / 4, or g + 8,
// and of K's first half or second. Words that an instruction takes together are neighbours: K's first half comes first for A, row g for B.
template <Factor FACTOR, int SIZE, Layout LAYOUT>
__device__ inline void load_fragment(unsigned (&words)[4], const Real* slice, int row, int k)
{
    typedef Slice<SIZE, LAYOUT> In;
    int lane = threadIdx.x % 32, number = lane / 8;  // of the matrix whose row this lane points at
    if constexpr (LAYOUT == ALONG_K || sizeof(Real) == 2) {
        int row_half = FACTOR == A ? number % 2 : number / 2, k_half = FACTOR == A ? number / 2 : number % 2;
        if constexpr (LAYOUT == ALONG_K) load_matrices(words, slice + In::place(row + row_half * 8 + lane % 8, k + k_half * PACK));
        else load_matrices_transposed(words, slice + In::place(row + row_half * 8, k + k_half * 8 + lane % 8));
    } else {
        for (int i = 0; i < 4; ++i) {
            int row_half = FACTOR == A ? i % 2 : i / 2, k_half = FACTOR == A ? i / 2 : i % 2;
            words[i] = __float_as_uint((float)slice[In::place(row + row_half * 8 + lane / 4, k + k_half * 4 + lane % 4)]);
        }
    }
    if constexpr (sizeof(Real) == 4)
        for (int i = 0; i < 4; ++i) words[i] = round_to_tf32(words[i]);
}

// A warp's WARP_M x WARP_N sums, 16 x 8 at a time.
struct Sums {
    float at[WARP_M / 16][WARP_N / 8][4] = {};

    static __device__ int first_row() { return threadIdx.x / 32 / (TILE_N / WARP_N) * WARP_M; }
    static __device__ int first_column() { return threadIdx.x / 32 % (TILE_N / WARP_N) * WARP_N; }

    template <Layout LAYOUT_A, Layout LAYOUT_B> __device__ void add(const Real* slice_a, const Real* slice_b)
    {
#pragma unroll
        for (int k = 0; k < DEPTH; k += DEPTH / 2) {
            unsigned a[WARP_M / 16][4], b[WARP_N / 16][4];
#pragma unroll
            for (int i = 0; i < WARP_M / 16; ++i) load_fragment<A, TILE_M, LAYOUT_A>(a[i], slice_a, first_row() + i * 16, k);
#pragma unroll
            for (int j = 0; j < WARP_N / 16; ++j) load_fragment<B, TILE_N, LAYOUT_B>(b[j], slice_b, first_column() + j * 16, k);
#pragma unroll
            for (int i = 0; i < WARP_M / 16; ++i)
#pragma unroll
                for (int j = 0; j < WARP_N / 8; ++j) multiply_matrices(at[i][j], a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
        }
    }

    // `target.row(row)` says where the row of that number in the tile begins, -1: nowhere; `target.put` takes two neighbours.
    template <class Target> __device__ void write(const Target& target) const
    {
        int lane = threadIdx.x % 32;
#pragma unroll
        for (int i = 0; i < WARP_M / 16; ++i)
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                Index row = target.row(first_row() + i * 16 + half * 8 + lane / 4);
                if (row < 0) continue;
#pragma unroll
                for (int j = 0; j < WARP_N / 8; ++j)
                    target.put(row, first_column() + j * 8 + lane % 4 * 2, at[i][j][half * 2], at[i][j][half * 2 + 1]);
            }
    }
};

#else

// The threads are a square of 16 x 16; each has SUMS_M x SUMS_N sums. Along K a thread reads several numbers of a line at once, and its
// rows are 16 apart; across K it reads several rows at once, which are neighbours.
const int SUMS_M = TILE_M / 16, SUMS_N = TILE_N / 16;
const int AT_ONCE = PACK < 4 ? PACK : 4;
const int ROWS_AT_ONCE = SUMS_M < AT_ONCE ? SUMS_M : AT_ONCE;

template <int COUNT, Layout LAYOUT> __device__ inline int row_of(int thread, int i)
{
    const int SIDE = COUNT < AT_ONCE ? COUNT : AT_ONCE;
    return LAYOUT == ALONG_K ? thread + i * 16 : (i / SIDE * 16 + thread) * SIDE + i % SIDE;
}

// COUNT of this thread's rows, from number `first` on, by AT_ONCE numbers along K.
template <int SIZE, Layout LAYOUT, int COUNT>
__device__ inline void load_numbers(Wide (&numbers)[COUNT][AT_ONCE], const Real* slice, int thread, int first, int k)
{
    typedef Slice<SIZE, LAYOUT> In;
    const int ROWS = SIZE / 16, SIDE = ROWS < AT_ONCE ? ROWS : AT_ONCE;
    if constexpr (LAYOUT == ALONG_K) {
#pragma unroll
        for (int i = 0; i < COUNT; ++i) {
            Pack<AT_ONCE> pack = *(const Pack<AT_ONCE>*)(slice + In::place(row_of<ROWS, LAYOUT>(thread, first + i), k));
#pragma unroll
            for (int d = 0; d < AT_ONCE; ++d) numbers[i][d] = pack.at[d];
        }
    } else {
#pragma unroll
        for (int d = 0; d < AT_ONCE; ++d)
#pragma unroll
            for (int i = 0; i < COUNT; i += SIDE) {
                Pack<SIDE> pack = *(const Pack<SIDE>*)(slice + In::place(row_of<ROWS, LAYOUT>(thread, first + i), k + d));
#pragma unroll
                for (int s = 0; s < SIDE; ++s) numbers[i + s][d] = pack.at[s];
            }
    }
}

struct Sums {
    Wide at[SUMS_M][SUMS_N] = {};

    // A warp is 4 x 8 threads: it reads few different numbers of either slice.
    static __device__ int thread_row() { return threadIdx.x / 64 * 4 + threadIdx.x % 32 / 8; }
    static __device__ int thread_column() { return threadIdx.x / 32 % 2 * 8 + threadIdx.x % 8; }

    template <Layout LAYOUT_A, Layout LAYOUT_B> __device__ void add(const Real* slice_a, const Real* slice_b)
    {
#pragma unroll 1
        for (int k = 0; k < DEPTH; k += AT_ONCE) {
            Wide b[SUMS_N][AT_ONCE];
            load_numbers<TILE_N, LAYOUT_B>(b, slice_b, thread_column(), 0, k);
#pragma unroll
            for (int first = 0; first < SUMS_M; first += ROWS_AT_ONCE) {
                Wide a[ROWS_AT_ONCE][AT_ONCE];
                load_numbers<TILE_M, LAYOUT_A>(a, slice_a, thread_row(), first, k);
#pragma unroll
                for (int d = 0; d < AT_ONCE; ++d)
#pragma unroll
                    for (int i = 0; i < ROWS_AT_ONCE; ++i)
#pragma unroll
                        for (int j = 0; j < SUMS_N; ++j) at[first + i][j] += a[i][d] * b[j][d];
            }
        }
    }

    template <Layout LAYOUT_A, Layout LAYOUT_B, class Target> __device__ void write_as(const Target& target) const
    {
#pragma unroll
        for (int i = 0; i < SUMS_M; ++i) {
            Index row = target.row(row_of<SUMS_M, LAYOUT_A>(thread_row(), i));
            if (row < 0) continue;
#pragma unroll
            for (int j = 0; j < SUMS_N; ++j) target.put(row, row_of<SUMS_N, LAYOUT_B>(thread_column(), j), at[i][j]);
        }
    }
};

#endif

// --- the walk along K

// Adds up `slices` slices of the source and gives the sums to the target. All threads of the block come here.
template <class Source, class Target> __device__ void multiply_tiles(Source& source, Index slices, const Target& target)
{
    extern __shared__ __align__(16) char gemm_memory[];
    Real* memory = (Real*)gemm_memory;  // STAGES times a slice of A and one of B
    Sums sums;
    for (int stage = 0; stage < STAGES - 1; ++stage) {
        Real* slice = memory + stage * (SLICE_A + SLICE_B);
        if (stage < slices) source.load(slice, slice + SLICE_A);
        commit_copies();
    }
    int stage = 0, free_stage = STAGES - 1;
    for (Index slice = 0; slice < slices; ++slice) {
        wait_copies<STAGES - 2>();  // this thread's part of the slice has arrived;
        __syncthreads();            // now everybody's, and nobody reads the free stage any more
        Real* next = memory + free_stage * (SLICE_A + SLICE_B);
        if (slice + STAGES - 1 < slices) source.load(next, next + SLICE_A);
        commit_copies();
        const Real* now = memory + stage * (SLICE_A + SLICE_B);
        sums.template add<Source::LAYOUT_A, Source::LAYOUT_B>(now, now + SLICE_A);
        stage = stage + 1 == STAGES ? 0 : stage + 1;
        free_stage = free_stage + 1 == STAGES ? 0 : free_stage + 1;
    }
#if TENSOR
    sums.write(target);
#else
    sums.template write_as<Source::LAYOUT_A, Source::LAYOUT_B>(target);
#endif
}

// --- where sums go

// Rows of a matrix whose columns are contiguous, `columns` of them from here on. T: Real, or Wide for sums that are not finished.
template <class T> struct Line {
    T* values;
    const Real* bias;  // of column 0 here, or null
    int columns;
    bool paired;       // whether two neighbours may be written at once: even columns begin at even places

    __device__ void put(Index row, int column, Wide value) const
    {
        if (column < columns) values[row + column] = T(bias ? value + (Wide)bias[column] : value);
    }
    __device__ void put(Index row, int column, Wide value, Wide next) const
    {
        struct alignas(2 * sizeof(T)) Two { T first, second; };
        if (paired && column < columns) {  // their number is even then
            if (bias) value += (Wide)bias[column], next += (Wide)bias[column + 1];
            *(Two*)(values + row + column) = {T(value), T(next)};
        } else {
            put(row, column, value);
            put(row, column + 1, next);
        }
    }
};

// The last digit of a number in a mixed system, which it loses: how one block number counts tiles, groups and more.
__device__ inline Index take_digit(Index& number, Index base)
{
    Index digit = number % base;
    number /= base;
    return digit;
}

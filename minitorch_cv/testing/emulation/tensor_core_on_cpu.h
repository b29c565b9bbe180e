// The instructions of kernels/gpu/tensor_core.cuh, for CUDA kernels that run on the CPU: where every number of a matrix lies is written
// here as the PTX ISA's pages on matrix fragments say it, number by number, so that a kernel which takes a wrong register gets a wrong result.
#pragma once

namespace cuda_on_cpu {

const unsigned ALL_LANES = 0xffffffffu;

// What the lanes of a warp show one another.
struct Board {
    const char* rows[32];
    float a[16][16], b[16][8];
};
static Board boards[32];  // of the warps of a block: 1024 threads at most

static inline Board& board() { return boards[thread_number / 32]; }

// ldmatrix.m8n8.x4.b16: row l % 8 of matrix l / 8 begins where lane l says. Lane l gets numbers 2 (l % 4) and the next of row l / 4.
static inline void load_matrices(unsigned (&words)[4], const void* row, bool transposed)
{
    Board& shown = board();
    int lane = cuda_lane(), fixed = lane / 4, pair = lane % 4 * 2;
    check_aligned(row, 16);
    shown.rows[lane] = (const char*)row;
    warp_barrier(ALL_LANES);
    for (int matrix = 0; matrix < 4; ++matrix) {
        unsigned short halves[2];
        for (int i = 0; i < 2; ++i) {
            int r = transposed ? pair + i : fixed, c = transposed ? fixed : pair + i;
            memcpy(&halves[i], shown.rows[matrix * 8 + r] + 2 * c, 2);
        }
        words[matrix] = halves[0] | (unsigned)halves[1] << 16;
    }
    warp_barrier(ALL_LANES);
}

// cvt.rna.tf32.f32: to the nearest number with 10 fraction bits, ties away from zero.
static inline unsigned round_to_tf32(unsigned word)
{
    bool is_nan = (word & 0x7fffffff) > 0x7f800000;
    return is_nan ? 0x7fffffff : (word + 0x1000) & 0xffffe000;
}

// Number i of a register that holds numbers of SIZE bytes. Of a float32, the tensor core sees the upper 19 bits.
template <class Real, int SIZE> static inline float number_of(unsigned word, int i)
{
    if (SIZE == 4) return __uint_as_float(word & 0xffffe000);
    Real number;
    unsigned short half = (unsigned short)(word >> 16 * i);
    memcpy(&number, &half, 2);
    return (float)number;
}

// mma.m16n8k16 for numbers of 2 bytes, mma.m16n8k8 for TF32.
template <class Real, int SIZE> static inline void multiply_matrices(float (&sums)[4], const unsigned (&a)[4], unsigned b0, unsigned b1)
{
    Board& shown = board();
    const int IN_WORD = 4 / SIZE, K = 8 * IN_WORD;
    int group = cuda_lane() >> 2, in_group = cuda_lane() % 4;
    unsigned b[2] = {b0, b1};
    for (int i = 0; i < IN_WORD; ++i) {
        for (int r = 0; r < 4; ++r) {
            int row = r == 0 || r == 2 ? group : group + 8;
            int k = in_group * IN_WORD + i + (r >= 2 ? K / 2 : 0);
            shown.a[row][k] = number_of<Real, SIZE>(a[r], i);
        }
        for (int r = 0; r < 2; ++r) shown.b[in_group * IN_WORD + i + r * K / 2][group] = number_of<Real, SIZE>(b[r], i);
    }
    warp_barrier(ALL_LANES);
    for (int i = 0; i < 4; ++i) {
        int row = i < 2 ? group : group + 8, column = in_group * 2 + (i & 1);
        double sum = sums[i];
        for (int k = 0; k < K; ++k) sum += (double)shown.a[row][k] * shown.b[k][column];
        sums[i] = (float)sum;
    }
    warp_barrier(ALL_LANES);
}

}  // namespace cuda_on_cpu

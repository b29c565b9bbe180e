// What fast matrix products need beyond plain C: copies that arrive later, and tensor cores.
//
// A tensor core multiplies small matrices for a whole warp at once: D (16, 8) += A (16, K) B (K, 8), where a row of A and a column of B
// have 32 bytes: K = 16 numbers of 16 bits, or 8 of 32. The matrices lie in the registers of the 32 lanes. Thought of in words of
// 32 bits, 8 to a row of A, all types lie alike. Lane l, with g = l / 4 and t = l % 4, holds
//
//     A:  word t of rows g and g + 8, word t + 4 of rows g and g + 8         4 registers
//     B:  words t and t + 4 of column g                                      2 registers
//     D:  columns 2t and 2t + 1 of row g, then of row g + 8                  4 registers
//
// Sums are float32 whatever the factors are. (PTX ISA, "Matrix fragments for mma.m16n8k16" and "mma.m16n8k8".)
//
// Where these kernels are executed on a CPU, tensor_core_on_cpu.h takes the place of the instructions, register by register.
#pragma once
#include "types.cuh"

// --- copies from global to shared memory that go on while the thread does: from sm_80 on. Before, they are done at once.

// BYTES (2, 4, 8 or 16; at both ends a multiple of that) from `from`, or zeros where `there` is false: `from` is not touched then.
template <int BYTES> __device__ inline void copy_async(void* to, const void* from, bool there)
{
#if defined CUDA_ON_CPU
    cuda_on_cpu::copy_later(to, from, BYTES, there ? BYTES : 0);
#else
#if __CUDA_ARCH__ >= 800
    if constexpr (BYTES >= 4) {
        unsigned address = (unsigned)__cvta_generic_to_shared(to);
        int bytes = there ? BYTES : 0;  // the rest is filled with zeros
        if constexpr (BYTES == 16)
            asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from), "r"(bytes) : "memory");
        else
            asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(address), "l"(from), "n"(BYTES), "r"(bytes) : "memory");
        return;
    }
#endif
    struct alignas(BYTES) Bytes { unsigned short at[BYTES / 2]; };
    *(Bytes*)to = there ? *(const Bytes*)from : Bytes();
#endif
}

// What this thread began to copy since the last call is one group.
__device__ inline void commit_copies()
{
#if defined CUDA_ON_CPU
    cuda_on_cpu::commit_copies();
#elif __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// Wait until all groups of this thread but the last `ON_THE_WAY` have arrived.
template <int ON_THE_WAY> __device__ inline void wait_copies()
{
#if defined CUDA_ON_CPU
    cuda_on_cpu::wait_copies(ON_THE_WAY);
#elif __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;" ::"n"(ON_THE_WAY) : "memory");
#endif
}

// --- from shared memory into the registers of a warp

// Four matrices of 8 rows of 16 bytes; lane l says where row l % 8 of matrix l / 8 begins. Lane l gets word l % 4 of row l / 4 of each.
__device__ inline void load_matrices(unsigned (&words)[4], const void* row)
{
#if defined CUDA_ON_CPU
    cuda_on_cpu::load_matrices(words, row, false);
#else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "r"((unsigned)__cvta_generic_to_shared(row)) : "memory");
#endif
}

// The same of the matrices' transposes, matrices of 8 by 8 numbers of 16 bits: lane l gets rows 2 (l % 4) and the next of column l / 4.
__device__ inline void load_matrices_transposed(unsigned (&words)[4], const void* row)
{
#if defined CUDA_ON_CPU
    cuda_on_cpu::load_matrices(words, row, true);
#else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "r"((unsigned)__cvta_generic_to_shared(row)) : "memory");
#endif
}

// A float32's word as a TF32: 8 exponent bits, 10 fraction bits instead of 23, rounded to the nearest.
__device__ inline unsigned round_to_tf32(unsigned word)
{
#if defined CUDA_ON_CPU
    return cuda_on_cpu::round_to_tf32(word);
#elif __CUDA_ARCH__ >= 800
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(word) : "r"(word));
    return word;
#else
    return word;
#endif
}

// --- the product: sums (16, 8) += A (16, 32 bytes) B (32 bytes, 8), see above

__device__ inline void multiply_matrices(float (&sums)[4], const unsigned (&a)[4], unsigned b0, unsigned b1)
{
#if defined CUDA_ON_CPU
    cuda_on_cpu::multiply_matrices<Real, sizeof(Real)>(sums, a, b0, b1);
#elif __CUDA_ARCH__ >= 800
#if defined REAL_FLOAT16
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
#elif defined REAL_BFLOAT16
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
#else
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
#endif
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#endif
}

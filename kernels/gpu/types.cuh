// What every kernel begins with: the types of numbers, and how a thread finds its work.
//
//   Real    a number as it lies in memory: float, double, Float16 or BFloat16, chosen when the file is compiled
//   Wide    a number as it is computed with: double for double, float for all others
//   Index   64 bits: offsets into arrays may pass 2^31
//
// Reading is a conversion, `Wide v = x[i]`; so is writing, `y[i] = Real(v)`, which rounds to the nearest.
#pragma once

typedef long long Index;

// 1 sign, 5 exponent, 10 fraction bits (IEEE 754 binary16): fine steps, but nothing above 65504.
struct Float16 {
    unsigned short bits;
    Float16() = default;
    __device__ explicit Float16(float value)
    {
#ifdef CUDA_ON_CPU
        bits = cuda_on_cpu::float16_bits(value);
#else
        asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
#endif
    }
    __device__ operator float() const
    {
#ifdef CUDA_ON_CPU
        return cuda_on_cpu::float16_value(bits);
#else
        float value;
        asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
        return value;
#endif
    }
};

// The upper half of a float: its range, 8 exponent bits, with 7 fraction bits.
struct BFloat16 {
    unsigned short bits;
    BFloat16() = default;
    __device__ explicit BFloat16(float value)
    {
        unsigned whole = (unsigned)__float_as_int(value);
        // Half of the last bit that stays is added, less a hair where that bit is even: to nearest, ties to even. A NaN stays one.
        bits = value != value ? 0x7fc0 : (unsigned short)((whole + 0x7fff + (whole >> 16 & 1)) >> 16);
    }
    __device__ operator float() const { return __int_as_float((int)((unsigned)bits << 16)); }
};

#if defined REAL_FLOAT64
typedef double Real;
typedef double Wide;
#elif defined REAL_FLOAT16
typedef Float16 Real;
typedef float Wide;
#elif defined REAL_BFLOAT16
typedef BFloat16 Real;
typedef float Wide;
#else
typedef float Real;
typedef float Wide;
#endif

// N neighbours in memory, moved by one instruction; the address must be a multiple of the size.
template <int N> struct alignas(N * sizeof(Real)) Pack {
    Real at[N];
};
const int PACK = 16 / sizeof(Real);  // how many fill the widest load

// The loop of one thread over its share of `count` things: neighbours in a warp take neighbours in memory.
#define FOR_EACH(i, count) \
    for (Index i = (Index)blockIdx.x * blockDim.x + threadIdx.x; i < (count); i += (Index)gridDim.x * blockDim.x)

#define KERNEL extern "C" __global__ void

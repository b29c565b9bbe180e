// CUDA C for a C++ compiler: what a .cu file may use, so that the very same file runs on the CPU.
//
//   g++ -std=c++17 -include cuda_on_cpu.h -x c++ -shared -fPIC kernels.cu
//
// Every CUDA thread is a fiber with a stack of its own; `runtime.cpp` runs the fibers of one block in turn, each until it waits for
// others: at a barrier, in a shuffle, in a vote. This header is kept light, since it is compiled with every kernel.
#pragma once
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CUDA_ON_CPU 1
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __constant__ static
#define __shared__ static __attribute__((section("cuda_shared")))  // one section, so that the runtime finds all of it
#define __align__(n) alignas(n)

struct uint3 { unsigned x, y, z; };
struct dim3 { unsigned x, y, z; };
template <class T, int N> struct alignas(sizeof(T) * N) vector_of;
template <class T> struct alignas(sizeof(T) * 2) vector_of<T, 2> { T x, y; };
template <class T> struct alignas(sizeof(T) * 4) vector_of<T, 4> { T x, y, z, w; };
typedef vector_of<float, 2> float2;
typedef vector_of<float, 4> float4;
typedef vector_of<double, 2> double2;
typedef vector_of<int, 2> int2;
typedef vector_of<int, 4> int4;
typedef vector_of<unsigned, 2> uint2;
typedef vector_of<unsigned, 4> uint4;
static inline float2 make_float2(float x, float y) { return {x, y}; }
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline int2 make_int2(int x, int y) { return {x, y}; }
static inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

// --- what runtime.cpp offers

namespace cuda_on_cpu {
extern uint3 thread_index, block_index;
extern dim3 block_size, grid_size;
extern int thread_number;     // linear, in the block
extern char* dynamic_shared;  // `extern __shared__` arrays begin here
void barrier(const char* file, int line);
void warp_barrier(unsigned mask);
unsigned long long exchange(unsigned mask, unsigned long long bits, int source);  // what lane `source` brought; a missing lane: one's own
unsigned vote(unsigned mask, bool yes);                                           // the lanes of the mask that said yes
unsigned short float16_bits(float value);
float float16_value(unsigned short bits);
void copy_later(void* shared, const void* global, int bytes, int valid_bytes);  // cp.async: the bytes arrive when somebody waits for them
void commit_copies();
void check_aligned(const void* at, int bytes);  // a fault where it is not
void wait_copies(int groups_still_on_the_way);
typedef void (*Body)(void*);
int launch(Body body, void* closure, const unsigned* grid, const unsigned* block, unsigned dynamic_bytes, char* shared_begin, char* shared_end);
}  // namespace cuda_on_cpu

#define threadIdx cuda_on_cpu::thread_index
#define blockIdx cuda_on_cpu::block_index
#define blockDim cuda_on_cpu::block_size
#define gridDim cuda_on_cpu::grid_size
static const int warpSize = 32;

#define __syncthreads() cuda_on_cpu::barrier(__FILE__, __LINE__)
static inline void __syncwarp(unsigned mask = 0xffffffffu) { cuda_on_cpu::warp_barrier(mask); }
static inline void __threadfence() {}
static inline void __threadfence_block() {}

// --- shuffles and votes

template <class T> static inline T cuda_exchange(unsigned mask, T value, int source)
{
    static_assert(sizeof(T) <= 8, "a shuffle moves at most 8 bytes");
    unsigned long long bits = 0;
    memcpy(&bits, &value, sizeof(T));
    bits = cuda_on_cpu::exchange(mask, bits, source);
    memcpy(&value, &bits, sizeof(T));
    return value;
}
static inline int cuda_lane() { return cuda_on_cpu::thread_number & 31; }
template <class T> static inline T __shfl_sync(unsigned mask, T value, int source, int width = 32)
{
    return cuda_exchange(mask, value, (cuda_lane() & ~(width - 1)) + (source & (width - 1)));
}
template <class T> static inline T __shfl_down_sync(unsigned mask, T value, unsigned distance, int width = 32)
{
    int lane = cuda_lane();
    return cuda_exchange(mask, value, (lane & (width - 1)) + (int)distance < width ? lane + (int)distance : lane);
}
template <class T> static inline T __shfl_up_sync(unsigned mask, T value, unsigned distance, int width = 32)
{
    int lane = cuda_lane();
    return cuda_exchange(mask, value, (lane & (width - 1)) >= (int)distance ? lane - (int)distance : lane);
}
template <class T> static inline T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32)
{
    int lane = cuda_lane(), source = lane ^ bits;
    return cuda_exchange(mask, value, source / width <= lane / width ? source : lane);
}
static inline unsigned __ballot_sync(unsigned mask, int yes) { return cuda_on_cpu::vote(mask, yes != 0); }
static inline int __any_sync(unsigned mask, int yes) { return cuda_on_cpu::vote(mask, yes != 0) != 0; }
static inline int __all_sync(unsigned mask, int yes) { return cuda_on_cpu::vote(mask, yes == 0) == 0; }
static inline unsigned __activemask() { return cuda_on_cpu::vote(0xffffffffu, true); }

// --- atomics: fibers do not interrupt one another

template <class T> static inline T atomicAdd(T* at, T value) { T old = *at; *at = old + value; return old; }
template <class T> static inline T atomicSub(T* at, T value) { T old = *at; *at = old - value; return old; }
template <class T> static inline T atomicMax(T* at, T value) { T old = *at; *at = old < value ? value : old; return old; }
template <class T> static inline T atomicMin(T* at, T value) { T old = *at; *at = value < old ? value : old; return old; }
template <class T> static inline T atomicExch(T* at, T value) { T old = *at; *at = value; return old; }
template <class T> static inline T atomicOr(T* at, T value) { T old = *at; *at = old | value; return old; }
template <class T> static inline T atomicAnd(T* at, T value) { T old = *at; *at = old & value; return old; }
template <class T> static inline T atomicCAS(T* at, T expected, T value) { T old = *at; if (old == expected) *at = value; return old; }

// --- arithmetic that CUDA has and C++ has not

template <class A, class B> static inline auto min(A a, B b) -> decltype(a + b) { return a < b ? a : b; }
template <class A, class B> static inline auto max(A a, B b) -> decltype(a + b) { return a < b ? b : a; }
static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline double rsqrt(double x) { return 1.0 / ::sqrt(x); }
#define __expf(x) expf(x)
#define __logf(x) logf(x)
static inline float __fdividef(float a, float b) { return a / b; }
static inline float __frcp_rn(float a) { return 1.0f / a; }
static inline int __float2int_rn(float x) { return (int)nearbyintf(x); }
static inline float __int_as_float(int x) { float f; memcpy(&f, &x, 4); return f; }
static inline int __float_as_int(float x) { int i; memcpy(&i, &x, 4); return i; }
static inline unsigned __float_as_uint(float x) { unsigned i; memcpy(&i, &x, 4); return i; }
static inline float __uint_as_float(unsigned x) { float f; memcpy(&f, &x, 4); return f; }
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((unsigned long long)a * b >> 32); }
static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) { return (unsigned long long)((unsigned __int128)a * b >> 64); }
template <class T> static inline T __ldg(const T* at) { return *at; }

#include "tensor_core_on_cpu.h"

// --- one exported entry for each kernel; the types of its arguments come from the function itself

namespace cuda_on_cpu {
template <int... I> struct Numbers {};
template <int N, int... I> struct CountTo : CountTo<N - 1, N - 1, I...> {};
template <int... I> struct CountTo<0, I...> { typedef Numbers<I...> type; };

template <class... A> struct Call {
    void (*kernel)(A...);
    void** arguments;
    template <int... I> void run(Numbers<I...>) { kernel(*(A*)arguments[I]...); }
    static void body(void* self) { ((Call*)self)->run(typename CountTo<sizeof...(A)>::type()); }
};
template <class... A> int count_and_sizes(void (*)(A...), int* sizes)
{
    int all[] = {(int)sizeof(A)..., 0};
    if (sizes) memcpy(sizes, all, sizeof(int) * sizeof...(A));
    return sizeof...(A);
}
}  // namespace cuda_on_cpu

extern "C" {
extern char __start_cuda_shared[] __attribute__((weak, visibility("hidden")));
extern char __stop_cuda_shared[] __attribute__((weak, visibility("hidden")));
}

namespace cuda_on_cpu {
template <class... A> int launch_with(void (*kernel)(A...), void** arguments, const unsigned* grid, const unsigned* block, unsigned bytes)
{
    Call<A...> call = {kernel, arguments};
    return launch(Call<A...>::body, &call, grid, block, bytes, __start_cuda_shared, __stop_cuda_shared);
}
}  // namespace cuda_on_cpu

#define CUDA_ON_CPU_EXPORT(kernel) \
    extern "C" int kernel##__sizes(int* sizes) { return cuda_on_cpu::count_and_sizes(kernel, sizes); } \
    extern "C" int kernel##__launch(void** arguments, const unsigned* grid, const unsigned* block, unsigned bytes) \
    { return cuda_on_cpu::launch_with(kernel, arguments, grid, block, bytes); }

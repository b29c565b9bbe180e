// The windows of a convolution: what its kernels are told of them, and where outputs and inputs meet.
//
// Along each axis, output position `out` and tap `tap` of its window meet at input position out * stride + tap * dilation - padding.
#pragma once
#include "types.cuh"

// The arguments of a kernel, and the same as ints: coordinates fit into 32 bits, in which a GPU computes faster; offsets (Index) need not.
#define WINDOWS                                                                                                         \
    Index H, Index W, Index OH, Index OW, Index KH, Index KW, Index sh, Index sw, Index ph, Index pw, Index dh, Index dw
#define WINDOWS_AS_INTS                                                                                                 \
    {                                                                                                                   \
        (int)H, (int)W, (int)OH, (int)OW, (int)KH, (int)KW, (int)sh, (int)sw, (int)ph, (int)pw, (int)dh, (int)dw        \
    }
struct Windows {
    int H, W, OH, OW;  // sizes of input and output
    int KH, KW;        // of the window
    int sh, sw, ph, pw, dh, dw;  // stride, padding, dilation: down and across
};

// The output whose window has its tap 0 at the padded input position `place`; -1 where none has.
__device__ inline int window_at(int place, int stride, int count)
{
    if (place < 0) return -1;
    int out = stride == 1 ? place : stride == 2 ? place >> 1 : place / stride;  // a division takes some 20 instructions
    return out < count && out * stride == place ? out : -1;
}

__device__ inline bool inside(int at, int size) { return (unsigned)at < (unsigned)size; }

// V neighbouring channels as they are computed with.
template <int V> struct Channels {
    Wide at[V];
};

// V channels from memory, by one instruction; zeros where not `there`.
template <int V> __device__ inline Channels<V> load_channels(const Real* from, bool there = true)
{
    Channels<V> result;
    if (there) {
        Pack<V> pack = *(const Pack<V>*)from;
        for (int k = 0; k < V; ++k) result.at[k] = pack.at[k];
    } else {
        for (int k = 0; k < V; ++k) result.at[k] = 0;
    }
    return result;
}

template <int V> __device__ inline void store_channels(Real* to, const Wide* values)
{
    Pack<V> pack;
    for (int k = 0; k < V; ++k) pack.at[k] = Real(values[k]);
    *(Pack<V>*)to = pack;
}

// The gradient of weights from the sums that blocks found. partial (parts, KH*KW, CG, OC) -> gw (OC, CG, KH*KW), where CG is the number of
// input channels that an output channel sees. A block of 32 x 8 threads adds up 32 columns of partial, in double; each of its 8 rows
// takes every eighth part.
// `sums`: shared memory [8][33].
__device__ inline void sum_weight_parts(const Wide* partial, Real* gw, Index parts, Index taps, Index CG, Index OC,
                                        double (*sums)[33])
{
    Index size = taps * CG * OC;
    Index column = (Index)blockIdx.x * 32 + threadIdx.x;
    double sum = 0;
    if (column < size)
        for (Index part = threadIdx.y; part < parts; part += 8) sum += (double)partial[part * size + column];
    sums[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y == 0 && column < size) {
        for (int y = 1; y < 8; ++y) sum += sums[y][threadIdx.x];
        Index oc = column % OC, tap_c = column / OC;
        gw[(oc * CG + tap_c % CG) * taps + tap_c / CG] = Real((Wide)sum);
    }
}

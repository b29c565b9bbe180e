// The second half of every normalisation by channels: what is left to do with each pixel once the numbers of its channel are known. A
// thread keeps the numbers of its channels in registers, and goes down its rows; see channel_reduce.cuh for who does what.
#pragma once
#include "channel_reduce.cuh"

// y = (x - centre) * scale + shift, for V channels.
template <int V> struct ChannelMap {
    Wide centre[V], scale[V], shift[V];
};

// The loop of a thread over its rows, AHEAD of them at a time: all are on their way from memory before the first is worked on.
const int AHEAD = 2;
#define FOR_ROWS_AHEAD(m, share) for (Index m = (share).begin + threadIdx.y; m < (share).end; m += AHEAD * blockDim.y)

// y = relu(map(x) + residual), where residual may be null, and relu is left out if it is false. NaN passes through relu.
template <int V>
__device__ void map_channels(
    const Real* __restrict__ x, const Real* __restrict__ residual, Real* __restrict__ y, const ChannelMap<V>& map, const Share& share,
    Index C, bool relu)
{
    Wide floor = relu ? Wide(0) : -infinity();
    FOR_ROWS_AHEAD(m, share) {
        Pack<V> packs[AHEAD], added[AHEAD] = {};
#pragma unroll
        for (int i = 0; i < AHEAD; ++i) {
            Index row = m + i * blockDim.y;
            if (row < share.end) packs[i] = load_pack<V>(x, row * C + share.c);
            if (row < share.end && residual) added[i] = load_pack<V>(residual, row * C + share.c);
        }
#pragma unroll
        for (int i = 0; i < AHEAD; ++i) {
            Index row = m + i * blockDim.y;
            if (row >= share.end) break;
            for (int v = 0; v < V; ++v) {
                Wide value = (packs[i].at[v] - map.centre[v]) * map.scale[v] + map.shift[v] + added[i].at[v];
                packs[i].at[v] = Real(value < floor ? floor : value);
            }
            store_pack<V>(y, row * C + share.c, packs[i]);
        }
    }
}

// gx = g * slope + (x - centre) * scale + shift, for V channels: `map` says what is done with x.
// Where y is not null, g is gy where not y <= 0, and else 0; it is written to gresidual if that is not null.
template <int V>
__device__ void map_gradient(
    const Real* __restrict__ gy, const Real* __restrict__ x, const Real* __restrict__ y, Real* __restrict__ gx, Real* __restrict__ gresidual,
    const Wide (&slope)[V], const ChannelMap<V>& map, const Share& share, Index C)
{
    FOR_ROWS_AHEAD(m, share) {
        Pack<V> gs[AHEAD], packs[AHEAD], gates[AHEAD];
#pragma unroll
        for (int i = 0; i < AHEAD; ++i) {
            Index row = m + i * blockDim.y;
            if (row >= share.end) break;
            gs[i] = load_pack<V>(gy, row * C + share.c);
            packs[i] = load_pack<V>(x, row * C + share.c);
            if (y) gates[i] = load_pack<V>(y, row * C + share.c);
        }
#pragma unroll
        for (int i = 0; i < AHEAD; ++i) {
            Index row = m + i * blockDim.y;
            if (row >= share.end) break;
            for (int v = 0; v < V; ++v) {
                if (y && Wide(gates[i].at[v]) <= 0) gs[i].at[v] = Real(Wide(0));
                packs[i].at[v] = Real(gs[i].at[v] * slope[v] + (packs[i].at[v] - map.centre[v]) * map.scale[v] + map.shift[v]);
            }
            store_pack<V>(gx, row * C + share.c, packs[i]);
            if (gresidual) store_pack<V>(gresidual, row * C + share.c, gs[i]);
        }
    }
}

// The second half of every normalisation by channels: what is left to do with each pixel once the numbers of its channel are known. A
// thread keeps the numbers of its channels in registers, and goes down its rows; see channel_reduce.cuh for who does what.
#pragma once
#include "channel_reduce.cuh"

// y = (x - centre) * scale + shift, for V channels.
template <int V> struct ChannelMap {
    Wide centre[V], scale[V], shift[V];
};

// y = relu(map(x) + residual), where residual may be null, and relu is left out where it is 0. NaN passes through relu.
template <int V>
__device__ void map_channels(
    const Real* __restrict__ x, const Real* __restrict__ residual, Real* __restrict__ y, const ChannelMap<V>& map, const Share& share,
    Index C, bool relu)
{
#pragma unroll 4
    FOR_ROWS(m, share) {
        Index at = m * C + share.c;
        Pack<V> pack = load_pack<V>(x, at), added;
        if (residual) added = load_pack<V>(residual, at);
        for (int v = 0; v < V; ++v) {
            Wide value = (pack.at[v] - map.centre[v]) * map.scale[v] + map.shift[v];
            if (residual) value += added.at[v];
            pack.at[v] = Real(relu && value <= 0 ? Wide(0) : value);
        }
        store_pack<V>(y, at, pack);
    }
}

// gx = g * slope + (x - centre) * scale + shift, for V channels: `map` says what is done with x.
// Where y is not null, g counts only where not y <= 0, and is written to gresidual if that is not null.
template <int V>
__device__ void map_gradient(
    const Real* __restrict__ gy, const Real* __restrict__ x, const Real* __restrict__ y, Real* __restrict__ gx, Real* __restrict__ gresidual,
    const Wide (&slope)[V], const ChannelMap<V>& map, const Share& share, Index C)
{
#pragma unroll 2
    FOR_ROWS(m, share) {
        Index at = m * C + share.c;
        Pack<V> g = load_pack<V>(gy, at), pack = load_pack<V>(x, at), gate;
        if (y) gate = load_pack<V>(y, at);
        for (int v = 0; v < V; ++v) {
            if (y && Wide(gate.at[v]) <= 0) g.at[v] = Real(Wide(0));
            pack.at[v] = Real(g.at[v] * slope[v] + (pack.at[v] - map.centre[v]) * map.scale[v] + map.shift[v]);
        }
        store_pack<V>(gx, at, pack);
        if (gresidual) store_pack<V>(gresidual, at, g);
    }
}

// Loops over arrays without gaps: every thread takes 16 bytes of each array at a time, the most that one instruction moves, where all
// arrays begin at a multiple of 16 bytes; what is left over at the end, or all where they do not, goes one by one.
#pragma once
#include "types.cuh"

__device__ inline bool on_16_bytes(const void* address) { return ((unsigned long long)address & 15) == 0; }

__device__ inline Pack<PACK> load_pack(const Real* x) { return *(const Pack<PACK>*)x; }
__device__ inline void store_pack(Real* x, Pack<PACK> values) { *(Pack<PACK>*)x = values; }

// y[i] = f(a[i]) for i < N.
template <class F> __device__ void map_one(const Real* a, Real* y, Index N, F f)
{
    Index packs = on_16_bytes(a) && on_16_bytes(y) ? N / PACK : 0;
    FOR_EACH(i, packs) {
        Pack<PACK> v = load_pack(a + i * PACK);
        for (int j = 0; j < PACK; ++j) v.at[j] = Real((Wide)f((Wide)v.at[j]));
        store_pack(y + i * PACK, v);
    }
    FOR_EACH(i, N - packs * PACK) y[packs * PACK + i] = Real((Wide)f((Wide)a[packs * PACK + i]));
}

// y[i] = f(a[i], b[i]) for i < N.
template <class F> __device__ void map_two(const Real* a, const Real* b, Real* y, Index N, F f)
{
    Index packs = on_16_bytes(a) && on_16_bytes(b) && on_16_bytes(y) ? N / PACK : 0;
    FOR_EACH(i, packs) {
        Pack<PACK> v = load_pack(a + i * PACK), w = load_pack(b + i * PACK);
        for (int j = 0; j < PACK; ++j) v.at[j] = Real((Wide)f((Wide)v.at[j], (Wide)w.at[j]));
        store_pack(y + i * PACK, v);
    }
    FOR_EACH(i, N - packs * PACK) {
        Index k = packs * PACK + i;
        y[k] = Real((Wide)f((Wide)a[k], (Wide)b[k]));
    }
}

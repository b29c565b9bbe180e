// Windows as the rows of a matrix, and back: what turns a convolution into one matrix product.
//
// A row for each output position (n, oh, ow), a column for each tap and channel of its window. Two orders of columns: taps first, (KH, KW,
// C), where the C numbers of a pixel stay side by side as they are in memory; and channels first, (C, KH, KW), the order of weights.
// In both, neighbouring threads write neighbours. A thread stays with its columns, whose tap it finds once, and goes through rows.
#include "windows.cuh"

// Which tap and channel column k of a row is, and back.
struct Column {
    int c, i, j;
    __device__ Column(int k, int C, bool taps_first, const Windows& s)
    {
        int taps = s.KH * s.KW, tap = taps_first ? k / C : k % taps;
        c = taps_first ? k % C : k / taps;
        i = tap / s.KW, j = tap % s.KW;
    }
};

// Threads: x for columns (V of them each), y for positions in a line of output. Blocks: x for columns, y for lines, z for images.
template <int V> __device__ void copy_windows(const Real* x, Real* columns, Index N, int C, bool taps_first, const Windows& s)
{
    Index length = (Index)s.KH * s.KW * C;
    int k = (blockIdx.x * blockDim.x + threadIdx.x) * V;
    if (k >= length) return;
    Column column(k, C, taps_first, s);
    for (Index n = blockIdx.z; n < N; n += gridDim.z)
        for (int h = blockIdx.y; h < s.OH; h += gridDim.y) {
            int u = h * s.sh + column.i * s.dh - s.ph;
            const Real* row = x + (n * s.H + u) * s.W * C + column.c;
            Real* out = columns + (n * s.OH + h) * s.OW * length + k;
#pragma unroll 4
            for (int w = threadIdx.y; w < s.OW; w += blockDim.y) {
                int v = w * s.sw + column.j * s.dw - s.pw;
                Pack<V> pack;
                for (int q = 0; q < V; ++q) pack.at[q] = Real(Wide(0));
                if (inside(u, s.H) && inside(v, s.W)) pack = *(const Pack<V>*)(row + (Index)v * C);
                *(Pack<V>*)(out + w * length) = pack;
            }
        }
}

// x (N, H, W, C) -> columns (N, OH, OW, KH, KW, C), or (N, OH, OW, C, KH, KW) unless `taps_first`. `vector`: numbers that a thread moves
// at once, PACK or 1; with PACK, C is a multiple of it, and taps come first.
KERNEL im2col(const Real* x, Real* columns, Index N, Index C, Index taps_first, Index vector, WINDOWS)
{
    Windows s = WINDOWS_AS_INTS;
    if (vector == PACK)
        copy_windows<PACK>(x, columns, N, (int)C, true, s);
    else
        copy_windows<1>(x, columns, N, (int)C, taps_first, s);
}

// The adjoint: columns -> x (N, H, W, C), each pixel the sum of all windows' numbers for it. It collects: windows that all gave to a pixel
// would need atomics. Threads: x for channels (V of them each), y for pixels in a row. Blocks: x for channels and pixels, y for rows,
// z for images.
template <int V> __device__ void collect(const Real* columns, Real* x, Index N, int C, bool taps_first, const Windows& s)
{
    int across = (C + blockDim.x * V - 1) / (blockDim.x * V), taps = s.KH * s.KW;
    int c = (blockIdx.x % across * blockDim.x + threadIdx.x) * V;
    int v = blockIdx.x / across * blockDim.y + threadIdx.y;
    if (c >= C || v >= s.W) return;
    Index length = (Index)taps * C, tap_step = taps_first ? C : 1;
    for (Index n = blockIdx.z; n < N; n += gridDim.z)
        for (int u = blockIdx.y * blockDim.z + threadIdx.z; u < s.H; u += gridDim.y * blockDim.z) {
            Channels<V> sum = {};
            for (int i = 0; i < s.KH; ++i) {
                int h = window_at(u + s.ph - i * s.dh, s.sh, s.OH);
                if (h < 0) continue;
                const Real* line = columns + (n * s.OH + h) * s.OW * length + (taps_first ? (Index)c : (Index)c * taps);
                for (int j = 0; j < s.KW; ++j) {
                    int w = window_at(v + s.pw - j * s.dw, s.sw, s.OW);
                    if (w < 0) continue;
                    Channels<V> value = load_channels<V>(line + w * length + (i * s.KW + j) * tap_step);
                    for (int q = 0; q < V; ++q) sum.at[q] += value.at[q];
                }
            }
            store_channels<V>(x + ((n * s.H + u) * s.W + v) * C + c, sum.at);
        }
}

KERNEL col2im(const Real* columns, Real* x, Index N, Index C, Index taps_first, Index vector, WINDOWS)
{
    Windows s = WINDOWS_AS_INTS;
    if (vector == PACK)
        collect<PACK>(columns, x, N, (int)C, true, s);
    else
        collect<1>(columns, x, N, (int)C, taps_first, s);
}

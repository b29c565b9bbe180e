// Pooling of channels-last images: maximum and mean of windows, and the gradient of the maximum.
//
// A thread computes V neighbouring channels of one output pixel, or of one input pixel in the gradient: one load fetches the channels of a
// tap, and the running maximum or sum stays in registers. Neighbouring threads take neighbouring channels, so that a warp reads long
// pieces of memory. A block is a few rows and columns of pixels, whose windows overlap: memory is read once, the rest comes from the cache.
//
// A load takes hundreds of cycles, so a thread asks for several pixels of a row before it looks at the first: TOGETHER of them, of which some
// may lie behind the window's end, and are not loaded.
//
// Which pixels a window sees is told by `bounds` (2, windows + 1) for each axis, as kernels/pool2d/windows.py describes them: they lie
// inside the image, so that nobody asks for the padding.
#include "image_grid.cuh"

const int TOGETHER = 3;

// The pixels or windows first, first + 1, ... before end.
struct Span {
    int first, end;
    __device__ Span(const Index* bounds, int number, Index count) : first((int)bounds[number]), end((int)bounds[count + number]) {}
};

// Places of V winners; stored 16 bytes at a time.
template <int V> struct alignas(V > 1 ? 16 : 8) Places {
    Index at[V];
};

// The first tap wins over nothing, later ones over what is smaller; NaN wins over everything.
template <int V>
__device__ void max_of_windows(const Real* __restrict__ x, Real* __restrict__ y, Index* __restrict__ places, const Index* rows,
                               const Index* columns, Index N, Index C, Index H, Index W, Index OH, Index OW, int dh, int dw)
{
    Spot spot = spot_of_thread<V>(C);
    if (spot.c >= C || spot.column >= OW) return;
    Span across(columns, spot.column, OW + 1);
    FOR_IMAGES(n, N) FOR_ROWS_OF_IMAGE(oh, OH) {
        Span down(rows, oh, OH + 1);
        const Real* image = x + n * H * W * C + spot.c;
        Wide best[V];
        Places<V> found;
        for (int k = 0; k < V; ++k) best[k] = -(Wide)__int_as_float(0x7f800000), found.at[k] = -1;
        for (int h = down.first; h < down.end; h += dh)
            for (int first = across.first; first < across.end; first += TOGETHER * dw) {
                Channels<V> tap[TOGETHER];
                Index place = h * W + first;
#pragma unroll
                for (int j = 0; j < TOGETHER; ++j)
                    tap[j] = load_channels<V>(image + (place + j * dw) * C, first + j * dw < across.end);
#pragma unroll
                for (int j = 0; j < TOGETHER; ++j)
                    for (int k = 0; k < V; ++k) {
                        Wide value = tap[j].at[k];
                        bool wins = value > best[k] || value != value || found.at[k] < 0;
                        if (wins && first + j * dw < across.end) best[k] = value, found.at[k] = place + j * dw;
                    }
            }
        Index o = ((n * OH + oh) * OW + spot.column) * C + spot.c;
        store_channels<V>(y + o, best);
        *(Places<V>*)(places + o) = found;
    }
}

// x (N, H, W, C) -> y and places (N, OH, OW, C).
KERNEL max_pool2d(const Real* x, Real* y, Index* places, const Index* rows, const Index* columns, Index N, Index C, Index H, Index W,
                  Index OH, Index OW, Index dh, Index dw, Index width)
{
    if (width == 1) max_of_windows<1>(x, y, places, rows, columns, N, C, H, W, OH, OW, dh, dw);
    else max_of_windows<VECTOR>(x, y, places, rows, columns, N, C, H, W, OH, OW, dh, dw);
}

// The gradient of the maximum, without atomics: every pixel looks at the windows that see it, and adds up the gradients of those that it
// has won. rows (2, H) and columns (2, W): the windows that see each row and each column, which may be told too many.
template <int V>
__device__ void gradients_of_winners(const Real* __restrict__ gy, const Index* __restrict__ places, Real* __restrict__ gx, const Index* rows,
                                     const Index* columns, Index N, Index C, Index H, Index W, Index OH, Index OW)
{
    Spot spot = spot_of_thread<V>(C);
    if (spot.c >= C || spot.column >= W) return;
    Span across(columns, spot.column, W);
    FOR_IMAGES(n, N) FOR_ROWS_OF_IMAGE(h, H) {
        Span down(rows, h, H);
        Index here = h * W + spot.column;
        Wide sum[V] = {};
        for (int oh = down.first; oh < down.end; ++oh)
            for (int ow = across.first; ow < across.end; ++ow) {
                Index o = ((n * OH + oh) * OW + ow) * C + spot.c;
                Places<V> place = *(const Places<V>*)(places + o);
                Channels<V> gradient = load_channels<V>(gy + o);
                for (int k = 0; k < V; ++k)
                    if (place.at[k] == here) sum[k] += gradient.at[k];
            }
        store_channels<V>(gx + ((n * H + h) * W + spot.column) * C + spot.c, sum);
    }
}

// gy and places (N, OH, OW, C) -> gx (N, H, W, C).
KERNEL max_pool2d_backward(const Real* gy, const Index* places, Real* gx, const Index* rows, const Index* columns, Index N, Index C, Index H,
                           Index W, Index OH, Index OW, Index width)
{
    if (width == 1) gradients_of_winners<1>(gy, places, gx, rows, columns, N, C, H, W, OH, OW);
    else gradients_of_winners<VECTOR>(gy, places, gx, rows, columns, N, C, H, W, OH, OW);
}

// The same where nothing is known of the windows: gx[places[o]] += gy[o] for gx (N, H*W, C) of zeros and gy (N, OHW, C). A thread has a
// whole plane to itself, and goes through its windows in turn. wrong[0] becomes 1 where a place is none.
KERNEL max_pool2d_scatter(const Real* gy, const Index* places, Wide* gx, Index* wrong, Index N, Index C, Index HW, Index OHW)
{
    FOR_EACH(plane, N * C) {
        Index n = plane / C, c = plane % C;
        for (Index o = n * OHW; o < (n + 1) * OHW; ++o) {
            Index place = places[o * C + c];
            if (place >= 0 && place < HW) gx[(n * HW + place) * C + c] += (Wide)gy[o * C + c];
            else if (place != -1) wrong[0] = 1;
        }
    }
}

// y[o] = x[places[o]] for x (N, H*W, C) and y (N, OHW, C); 0 where the place is -1. wrong[0] becomes 1 where a place is none.
KERNEL max_pool2d_gather(const Real* x, const Index* places, Real* y, Index* wrong, Index N, Index C, Index HW, Index OHW)
{
    FOR_EACH(i, N * OHW * C) {
        Index o = i / C, place = places[i];
        bool there = place >= 0 && place < HW;
        if (there) y[i] = x[(o / OHW * HW + place) * C + i % C];
        else y[i] = Real((Wide)0);
        if (!there && place != -1) wrong[0] = 1;
    }
}

// The rows of a window are summed by themselves first, so that large windows stay accurate.
template <int V>
__device__ void mean_of_windows(const Real* __restrict__ x, Real* __restrict__ y, const Wide* scale, const Index* rows, const Index* columns,
                                Index N, Index C, Index H, Index W, Index OH, Index OW)
{
    Spot spot = spot_of_thread<V>(C);
    if (spot.c >= C || spot.column >= OW) return;
    Span across(columns, spot.column, OW + 1);
    FOR_IMAGES(n, N) FOR_ROWS_OF_IMAGE(oh, OH) {
        Span down(rows, oh, OH + 1);
        Wide total[V] = {};
        for (int h = down.first; h < down.end; ++h) {
            const Real* row = x + (n * H + h) * W * C + spot.c;
            Wide part[V] = {};
            for (int first = across.first; first < across.end; first += TOGETHER) {
                Channels<V> tap[TOGETHER];  // zeros behind the end
#pragma unroll
                for (int j = 0; j < TOGETHER; ++j) tap[j] = load_channels<V>(row + (first + j) * C, first + j < across.end);
#pragma unroll
                for (int j = 0; j < TOGETHER; ++j)
                    for (int k = 0; k < V; ++k) part[k] += tap[j].at[k];
            }
            for (int k = 0; k < V; ++k) total[k] += part[k];
        }
        for (int k = 0; k < V; ++k) total[k] *= scale[oh * OW + spot.column];
        store_channels<V>(y + ((n * OH + oh) * OW + spot.column) * C + spot.c, total);
    }
}

// x (N, H, W, C) -> y (N, OH, OW, C): the sum of every window times scale (OH, OW).
KERNEL avg_pool2d(const Real* x, Real* y, const Wide* scale, const Index* rows, const Index* columns, Index N, Index C, Index H, Index W,
                  Index OH, Index OW, Index width)
{
    if (width == 1) mean_of_windows<1>(x, y, scale, rows, columns, N, C, H, W, OH, OW);
    else mean_of_windows<VECTOR>(x, y, scale, rows, columns, N, C, H, W, OH, OW);
}

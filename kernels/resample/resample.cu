// Resampling: every pixel of the result is a weighted sum of a few pixels of x, those of a few rows and of a few columns.
//
// Both axes at once: a thread computes V neighbouring channels of one pixel of the result, row by row of its taps. One axis after the
// other would need fewer products where there are many taps, but write an image in between and read it again; and where there are many
// taps (an image made much smaller, or the gradient of one made much larger), there are few pixels: each pixel of x is still
// looked at as often as neighbouring windows overlap, which is 2 x 2 times for linear interpolation and 4 x 4 times for cubic.
//
// The taps of output o along an axis: start[o] <= t < start[o + 1], on input index[t] with weight[t]; see kernels/resample/taps.py.
#include "image_grid.cuh"

struct Taps {
    const Index* start;
    const Index* index;
    const Wide* weight;
};

template <int V>
__device__ void weighted_sums(const Real* __restrict__ x, Real* __restrict__ y, Taps rows, Taps columns, Index N, Index C, Index H, Index W,
                              Index OH, Index OW)
{
    Spot spot = spot_of_thread<V>(C);
    if (spot.c >= C || spot.column >= OW) return;
    Index first = columns.start[spot.column], end = columns.start[spot.column + 1];
    FOR_IMAGES(n, N) FOR_ROWS_OF_IMAGE(oh, OH) {
        Wide total[V] = {};
        for (Index i = rows.start[oh]; i < rows.start[oh + 1]; ++i) {
            const Real* row = x + (n * H + rows.index[i]) * W * C + spot.c;
            Wide part[V] = {};
            for (Index j = first; j < end; j += 2) {
                bool second = j + 1 < end;  // two loads at once, so that the second does not wait for the first
                Channels<V> a = load_channels<V>(row + columns.index[j] * C);
                Channels<V> b = load_channels<V>(row + columns.index[second ? j + 1 : j] * C, second);
                Wide weight = columns.weight[j], other = columns.weight[second ? j + 1 : j];
                for (int k = 0; k < V; ++k) part[k] += weight * a.at[k] + other * b.at[k];
            }
            for (int k = 0; k < V; ++k) total[k] += rows.weight[i] * part[k];
        }
        store_channels<V>(y + ((n * OH + oh) * OW + spot.column) * C + spot.c, total);
    }
}

// x (N, H, W, C) -> y (N, OH, OW, C).
KERNEL resample2d(const Real* x, Real* y, const Index* row_start, const Index* row_index, const Wide* row_weight, const Index* column_start,
                  const Index* column_index, const Wide* column_weight, Index N, Index C, Index H, Index W, Index OH, Index OW, Index width)
{
    Taps rows = {row_start, row_index, row_weight}, columns = {column_start, column_index, column_weight};
    if (width == 1) weighted_sums<1>(x, y, rows, columns, N, C, H, W, OH, OW);
    else weighted_sums<VECTOR>(x, y, rows, columns, N, C, H, W, OH, OW);
}

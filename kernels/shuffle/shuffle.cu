// Rearranging pixels and channels of channels-last images. A row of the result is put together piece by piece, each from numbers that lie
// near each other in x; how far they lie behind the beginning of the piece is the same for all pieces of a row, and written in a table.
//
// A copy with strides would do it too, but must take the place of every number apart into five coordinates, which is four divisions;
// here it is one, of 32 bits. Numbers are only moved: `Real` is any type of their size.
#include "types.cuh"

// x -> y (rows, length). offsets (kinds, size): row r is of kind r % kinds; its pieces, of `size` numbers, begin in x at
// r / kinds * row_step, and piece_step further on each. Threads: x along a row, y for rows.
KERNEL gather_pieces(const Real* x, Real* y, const Index* offsets, Index rows, Index length, Index kinds, Index size, Index row_step,
                     Index piece_step)
{
    Index e = (Index)blockIdx.x * blockDim.x + threadIdx.x;
    if (e >= length) return;
    Index piece = length >> 32 ? e / size : (Index)((unsigned)e / (unsigned)size);
    Index place = piece * piece_step;
    for (Index r = (Index)blockIdx.y * blockDim.y + threadIdx.y; r < rows; r += (Index)gridDim.y * blockDim.y) {
        Index part = r / kinds;
        y[r * length + e] = x[part * row_step + place + offsets[(r - part * kinds) * size + e - piece * size]];
    }
}

// Pieces of images of bytes, mirrored or not, as numbers: what is done with a batch before a network sees it, in one pass.
//
// A row of the result is OW * C numbers side by side, of which a thread makes PACK neighbours, so that it stores 16 bytes at once; it finds
// out once where its first number comes from, and goes on from there. The table of values is read once for every number, at random:
// each block copies it into shared memory, whose 32 banks serve 32 threads at once; a cache would serve them line by line.
#include "types.cuh"

typedef unsigned char Byte;

// images (N, H, W, C), picks (B, 4), values (C, 256) -> y (B, OH, OW, C). in_shared: whether shared memory holds the values.
// Threads: x along a row of the result, y for the rows of all results.
KERNEL augment(const Byte* images, const Index* picks, const Real* values, Real* y, Index N, Index C, Index H, Index W, Index B, Index OH,
               Index OW, Index fill, Index in_shared)
{
    extern __shared__ __align__(16) Byte memory[];
    Real* kept = (Real*)memory;
    const Real* table = values;
    if (in_shared) {
        for (int i = threadIdx.y * blockDim.x + threadIdx.x; i < C * 256; i += blockDim.x * blockDim.y) kept[i] = values[i];
        __syncthreads();
        table = kept;
    }
    Index length = OW * C, begin = ((Index)blockIdx.x * blockDim.x + threadIdx.x) * PACK;
    if (begin >= length) return;
    int first = (int)(begin / C), channel = (int)(begin % C);

    for (Index r = (Index)blockIdx.y * blockDim.y + threadIdx.y; r < B * OH; r += (Index)gridDim.y * blockDim.y) {
        const Index* pick = picks + r / OH * 4;
        Index n = pick[0], h = pick[1] + r % OH;
        int left = (int)pick[2], last = left + (int)OW - 1;
        bool mirrored = pick[3] != 0;
        bool there = n >= 0 && n < N, row_inside = there && h >= 0 && h < H;
        const Byte* row = images + (n * H + h) * W * C;
        Pack<PACK> pack;
        int ow = first, c = channel;
        for (int i = 0; i < PACK; ++i) {
            int w = mirrored ? last - ow : left + ow;
            bool inside = row_inside && w >= 0 && w < (int)W && ow < (int)OW;
            int byte = inside ? row[w * C + c] : (int)fill;
            if (there) pack.at[i] = table[c * 256 + byte];
            else pack.at[i] = Real((Wide)__int_as_float(0x7fc00000));  // NaN
            if (++c == (int)C) c = 0, ++ow;
        }
        Real* to = y + r * length + begin;
        if (length % PACK == 0) *(Pack<PACK>*)to = pack;
        else
            for (int i = 0; i < PACK; ++i)
                if (begin + i < length) to[i] = pack.at[i];
    }
}

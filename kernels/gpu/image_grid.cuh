// Where a thread works in a grid of `image_grid` (images.py), on channels-last images (N, H, W, C): on V neighbouring channels, from c on,
// of one column, in the rows and images of the two loops.
//
// Threads: x for channels, y for columns, z for rows. Blocks: x for both of channels and columns, y for rows, z for images.
#pragma once
#include "windows.cuh"

struct Spot {
    Index c;
    int column;
};

template <int V> __device__ Spot spot_of_thread(Index C)
{
    unsigned across = ((unsigned)(C / V) + blockDim.x - 1) / blockDim.x;
    return {(Index)(blockIdx.x % across * blockDim.x + threadIdx.x) * V, (int)(blockIdx.x / across * blockDim.y + threadIdx.y)};
}

#define FOR_IMAGES(n, N) for (Index n = blockIdx.z; n < (N); n += gridDim.z)
#define FOR_ROWS_OF_IMAGE(h, H) for (int h = blockIdx.y * blockDim.z + threadIdx.z; h < (H); h += gridDim.y * blockDim.z)

const int VECTOR = sizeof(Real) == 8 ? 2 : 4;  // channels of a thread, where `channel_vector` allows it; else 1

// The sum of two arrays, seen as one long row of numbers each: nothing but memory traffic, so 16 bytes at a time (elementwise.cuh).
#include "elementwise.cuh"

KERNEL add(const Real* x, const Real* y, Real* z, Index N)
{
    map_two(x, y, z, N, [](Wide a, Wide b) { return a + b; });
}

// Blur pooling of channels-last images, and its gradient: see own_cuda_kernel.py.
//
// One thread computes one number of the result. Neighbours in a block take neighbouring channels, which are neighbours in memory: a warp
// reads and writes 32 of them at once. No two threads write to the same place, so nobody waits for anybody.
#include "types.cuh"

// k[i] for i = -1, 0, 1.
__device__ inline Wide blur_weight(int i) { return i == 0 ? Wide(0.5) : Wide(0.25); }

// x (N, H, W, C) -> y (N, OH, OW, C): the 3x3 pixels around pixel (2 oh, 2 ow).
KERNEL blur_pool(const Real* x, Real* y, Index N, Index H, Index W, Index C, Index OH, Index OW)
{
    FOR_EACH(at, N * OH * OW * C) {
        Index c = at % C, ow = at / C % OW, oh = at / C / OW % OH, n = at / C / OW / OH;
        Wide sum = 0;
        for (int i = -1; i <= 1; ++i)
            for (int j = -1; j <= 1; ++j) {
                Index h = 2 * oh + i, w = 2 * ow + j;
                if (h < 0 || h >= H || w < 0 || w >= W) continue;
                sum += blur_weight(i) * blur_weight(j) * (Wide)x[((n * H + h) * W + w) * C + c];
            }
        y[at] = Real(sum);
    }
}

// gy (N, OH, OW, C) -> gx (N, H, W, C): a pixel looks for the windows that saw it, of which there are one or two along each axis.
KERNEL blur_pool_adjoint(const Real* gy, Real* gx, Index N, Index H, Index W, Index C, Index OH, Index OW)
{
    FOR_EACH(at, N * H * W * C) {
        Index c = at % C, w = at / C % W, h = at / C / W % H, n = at / C / W / H;
        Wide sum = 0;
        for (int i = -1; i <= 1; ++i)
            for (int j = -1; j <= 1; ++j) {
                Index down = h - i, right = w - j;  // twice the window's row and column, where there is such a window
                if (down < 0 || down % 2 || down / 2 >= OH || right < 0 || right % 2 || right / 2 >= OW) continue;
                sum += blur_weight(i) * blur_weight(j) * (Wide)gy[((n * OH + down / 2) * OW + right / 2) * C + c];
            }
        gx[at] = Real(sum);
    }
}

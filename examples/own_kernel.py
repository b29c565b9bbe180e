"""A kernel of your own, and the differentiable function on it, with the tests that come for free. Run it: python examples/own_kernel.py

Blur pooling (Zhang 2019, "Making convolutional networks shift-invariant again"): each pixel of the result is the mean of 3x3 pixels with
the weights [1 2 1]' [1 2 1] / 16, and every second one is kept. Unlike a maximum it does not jump when the image moves by a pixel.

    y[n, c, h, w] = sum_{i, j} k[i] k[j] x[n, c, 2h + i - 1, 2w + j - 1],   k = (1/4, 1/2, 1/4),   zeros outside of the image
"""

from typing import Any

import numba
import numpy as np

import kernels
import minitorch_cv as mt
from kernels.jit import jit
from kernels.layout import to_nchw, to_nhwc
from kernels.memory import empty
from minitorch_cv import testing
from minitorch_cv.autograd import Function

# --- the definition, in plain NumPy: one dimension after the other


def blur_pool_numpy(x: np.ndarray) -> np.ndarray:
    """x (N, C, H, W) -> y (N, C, OH, OW), OH = (H + 1) // 2."""
    for axis in (2, 3):
        x = np.moveaxis(x, axis, -1)
        padded = np.zeros_like(x, shape=(*x.shape[:-1], x.shape[-1] + 2))  # like x: also where x has a shape and nothing else
        padded[..., 1:-1] = x
        x = padded[..., 0:-2:2] / 4 + padded[..., 1:-1:2] / 2 + padded[..., 2::2] / 4
        x = np.moveaxis(x, -1, axis)
    return x


def blur_pool_adjoint_numpy(gy: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """gy (N, C, OH, OW) -> gx (N, C, H, W): where y takes a share of x, gx takes the same share of gy."""
    for axis, length in ((2, size[0]), (3, size[1])):
        gy = np.moveaxis(gy, axis, -1)
        padded = np.zeros_like(gy, shape=(*gy.shape[:-1], 2 * gy.shape[-1] + 1))
        padded[..., 0:-2:2] += gy / 4
        padded[..., 1:-1:2] += gy / 2
        padded[..., 2::2] += gy / 4
        gy = np.moveaxis(padded[..., 1 : length + 1], -1, axis)
    return gy


# --- the fast version: rows of the result in parallel, channels side by side in memory


def blur_pool_numba(x: np.ndarray) -> np.ndarray:
    """The same, compiled."""
    x = to_nhwc(x)
    N, H, W, C = x.shape
    y = empty((N, (H + 1) // 2, (W + 1) // 2, C), x.dtype)
    _rows(x, y)
    return to_nchw(y)


@jit(parallel=True)
def _rows(x, y):  # (N, H, W, C), (N, OH, OW, C)
    for row in numba.prange(y.shape[0] * y.shape[1]):
        _row(np.intp(row), x, y)


@jit
def _row(row, x, y):
    n, oh = row // y.shape[1], row % y.shape[1]
    for ow in range(y.shape[2]):
        for c in range(y.shape[3]):
            y[n, oh, ow, c] = 0
        for h in range(max(2 * oh - 1, 0), min(2 * oh + 2, x.shape[1])):
            for w in range(max(2 * ow - 1, 0), min(2 * ow + 2, x.shape[2])):
                weight = x.dtype.type((2 if h == 2 * oh else 1) * (2 if w == 2 * ow else 1)) / x.dtype.type(16)
                for c in range(y.shape[3]):
                    y[n, oh, ow, c] += weight * x[n, h, w, c]


# --- the differentiable function: a linear map, whose gradient is its adjoint, whose gradient is the map


class BlurPool(Function):
    """x -> y."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        ctx.size = x.shape[2:]
        return kernels.choose(x, numpy=blur_pool_numpy, numba=blur_pool_numba)(x)

    @staticmethod
    def backward(ctx: Any, gy: mt.Tensor) -> mt.Tensor:
        return BlurPoolAdjoint.apply(gy, size=ctx.size)


class BlurPoolAdjoint(Function):
    """gy -> gx."""

    @staticmethod
    def forward(ctx: Any, gy: np.ndarray, *, size: tuple[int, int]) -> np.ndarray:
        return kernels.choose(gy, numpy=blur_pool_adjoint_numpy)(gy, size)

    @staticmethod
    def backward(ctx: Any, ggx: mt.Tensor) -> mt.Tensor:
        return BlurPool.apply(ggx)


def blur_pool(x: mt.Tensor) -> mt.Tensor:
    """Images (N, C, H, W), blurred and at half the size: (N, C, (H + 1) // 2, (W + 1) // 2)."""
    return BlurPool.apply(x)


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    for shape in ((2, 3, 8, 7), (1, 5, 1, 4), (0, 2, 3, 3)):  # odd and even lengths, a single row, no image at all
        x = testing.Domain().draw(rng, *shape)
        testing.check_kernel(blur_pool_numba, blur_pool_numpy, [x])
        testing.check_function(blur_pool, [x])
    print("blur_pool: the fast kernel is the definition, and gradients, their gradients, backends, memory orders and shapes are right")

    # A fault that one picture would not show: the last column is left out where the width is odd.
    try:
        testing.check_kernel(lambda x: blur_pool_numba(x[..., : x.shape[3] // 2 * 2]), blur_pool_numpy, [rng.standard_normal((1, 2, 4, 5))])
    except testing.CheckError as error:
        print(f"without the last column: {error}")

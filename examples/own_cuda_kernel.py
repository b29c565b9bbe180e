"""A CUDA kernel of your own, in your own project, tested without a GPU. Run it: python examples/own_cuda_kernel.py

Blur pooling once more (own_kernel.py has its definition, a version for the CPU and its tests), now for tensors on a GPU: its kernels in
CUDA C stand in own_cuda_kernel.cu, and the forward one in Numba CUDA is below. Where there is a GPU they run on it. Where there is none,
the same kernels are executed on the CPU, which needs a C++ compiler: threads and blocks in three orders, arrays guarded against whoever
writes beyond their end.
"""

from contextlib import nullcontext
from typing import Any

import numpy as np
from numba import cuda
from own_kernel import blur_pool_adjoint_numpy, blur_pool_numba, blur_pool_numpy

import kernels
import minitorch_cv as mt
from kernels import gpu
from kernels.gpu.numba_kernels import cuda_kernel
from kernels.layout import to_nchw, to_nhwc
from minitorch_cv import testing
from minitorch_cv.autograd import Function
from minitorch_cv.testing import emulation

SOURCE = gpu.CudaSource("own_cuda_kernel.cu")  # compiled at the first launch, once for each type of numbers

# --- CUDA C: arrays made channels-last, memory for the result, a launch


def blur_pool_cuda(x: Any) -> Any:
    """x (N, C, H, W) -> y (N, C, OH, OW), OH = (H + 1) // 2, for arrays on a GPU."""
    x = to_nhwc(x)
    N, H, W, C = x.shape
    y = gpu.empty((N, (H + 1) // 2, (W + 1) // 2, C), x.dtype)
    SOURCE.launch("blur_pool", x.dtype, gpu.blocks_for(y.size), gpu.THREADS, x, y, N, H, W, C, *y.shape[1:3])
    return to_nchw(y)


def blur_pool_adjoint_cuda(gy: Any, size: tuple[int, int]) -> Any:
    """gy (N, C, OH, OW) -> gx (N, C, H, W) for `size` (H, W)."""
    gy = to_nhwc(gy)
    N, OH, OW, C = gy.shape
    gx = gpu.empty((N, *size, C), gy.dtype)
    SOURCE.launch("blur_pool_adjoint", gy.dtype, gpu.blocks_for(gx.size), gpu.THREADS, gy, gx, N, *size, C, OH, OW)
    return to_nchw(gx)


# --- the same in Numba CUDA. It computes in the type that it is given: images of 16 bits are converted before and after


def blur_pool_numba_cuda(x: Any) -> Any:
    """The same as `blur_pool_cuda`."""
    image = to_nhwc(x.astype(gpu.wide_dtype(x.dtype), copy=False))
    N, H, W, C = image.shape
    y = gpu.empty((N, (H + 1) // 2, (W + 1) // 2, C), image.dtype)
    blur_pool_threads.launch(gpu.blocks_for(y.size), gpu.THREADS, image, y)
    return to_nchw(y.astype(x.dtype, copy=False))


@cuda_kernel
def blur_pool_threads(x, y):
    """x (N, H, W, C) -> y (N, OH, OW, C): see blur_pool in own_cuda_kernel.cu."""
    _, H, W, C = x.shape
    _, OH, OW, _ = y.shape
    for at in range(cuda.grid(1), y.size, cuda.gridsize(1)):
        c, ow, oh, n = at % C, at // C % OW, at // C // OW % OH, at // C // OW // OH
        total = x.dtype.type(0)
        for h in range(max(2 * oh - 1, 0), min(2 * oh + 2, H)):
            for w in range(max(2 * ow - 1, 0), min(2 * ow + 2, W)):
                weight = (2 if h == 2 * oh else 1) * (2 if w == 2 * ow else 1)
                total += x[n, h, w, c] * x.dtype.type(weight)
        y[n, oh, ow, c] = total / x.dtype.type(16)


# --- the differentiable function: `choose` looks where the array is, and takes the version for it


class BlurPool(Function):
    """x -> y."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.size = x.shape[2:]
        blur = kernels.choose(x, numpy=blur_pool_numpy, numba=blur_pool_numba, cuda=blur_pool_cuda, numba_cuda=blur_pool_numba_cuda)
        return blur(x)

    @staticmethod
    def backward(ctx: Any, gy: mt.Tensor) -> mt.Tensor:
        return BlurPoolAdjoint.apply(gy, size=ctx.size)


class BlurPoolAdjoint(Function):
    """gy -> gx."""

    @staticmethod
    def forward(ctx: Any, gy: Any, *, size: tuple[int, int]) -> Any:
        return kernels.choose(gy, numpy=blur_pool_adjoint_numpy, cuda=blur_pool_adjoint_cuda)(gy, size)

    @staticmethod
    def backward(ctx: Any, ggx: mt.Tensor) -> mt.Tensor:
        return BlurPool.apply(ggx)


def blur_pool(x: mt.Tensor) -> mt.Tensor:
    """Images (N, C, H, W), blurred and at half the size: (N, C, (H + 1) // 2, (W + 1) // 2)."""
    return BlurPool.apply(x)


# --- the tests


def check_everything() -> None:
    """Values, gradients and theirs, against the definition on the CPU in float64: both versions, types, orders of threads, odd sizes."""
    rng = np.random.default_rng(0)
    shapes = ((2, 3, 8, 7), (1, 33, 1, 4), (1, 1, 1, 1), (0, 2, 3, 3))  # odd and even lengths, single pixels, no image at all
    tolerances = {"float64": 1e-12, "float32": 1e-6, "float16": 2e-3}
    for threads in (0, 1, 7):  # forward, backward, shuffled: a kernel that needs some order fails in another one
        with emulation.order(threads=threads, blocks=threads) if gpu.problem() is not None else nullcontext():
            for backend in kernels.GPU_BACKENDS:
                for dtype, tolerance in tolerances.items():
                    for shape in shapes:
                        x = testing.Domain().draw(rng, *shape)
                        with kernels.backend(backend):
                            testing.check_device(blur_pool, [x], dtype=dtype, tolerance=tolerance)


def plant_a_fault() -> None:
    """One row of windows too many: on a GPU it would write into somebody else's memory, now and then, and unseen."""
    x = mt.randn(1, 2, 4, 4, device="cuda").data
    y = gpu.empty((1, 2, 2, 2), x.dtype)
    try:
        SOURCE.launch("blur_pool", x.dtype, 1, gpu.THREADS, to_nhwc(x), y, 1, 4, 4, 2, 3, 2)
    except emulation.CudaFault as fault:
        print(f"with a row too many: {fault}")


def main() -> None:
    """On a GPU where there is one, else on the emulated one."""
    real = gpu.problem() is None
    if not real and emulation.missing() is not None:
        print(f"nothing was run: {gpu.problem()}; {emulation.missing()}")
        return
    with nullcontext() if real else emulation.emulated_gpu():
        with emulation.launched_kernels() as launched:
            check_everything()
        print(f"blur_pool on {'a GPU' if real else 'an emulated GPU'}: both versions are the definition, gradients and their gradients too")
        if not real:
            print(f"executed on the CPU: {', '.join(sorted(launched))}")
            plant_a_fault()


if __name__ == "__main__":
    main()

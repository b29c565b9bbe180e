"""Softmax and cross-entropy on a GPU: see softmax.cu."""

from typing import Any

import numpy as np

from kernels import gpu
from kernels.gpu.grids import row_grid
from kernels.layout import contiguous

SOURCE = gpu.CudaSource("softmax.cu")


def softmax(x: Any) -> Any:
    """See `kernels.softmax`."""
    return _by_rows("softmax_forward", x)


def softmax_backward(gy: Any, y: Any) -> Any:
    """See `kernels.softmax`."""
    return _by_rows("softmax_gradient", gy, y)


def log_softmax(x: Any) -> Any:
    """See `kernels.softmax`."""
    return _by_rows("log_softmax_forward", x)


def log_softmax_backward(gy: Any, y: Any) -> Any:
    """See `kernels.softmax`."""
    return _by_rows("log_softmax_gradient", gy, y)


def _by_rows(kernel: str, *matrices: Any) -> Any:
    given = [contiguous(matrix) for matrix in matrices]
    result = gpu.empty(given[0].shape, given[0].dtype)
    grid = row_grid(*result.shape, *given, result)
    SOURCE.launch(kernel, result.dtype, grid.blocks, grid.threads, *given, result, *grid.sizes)
    return result


def softmax_cross_entropy(logits: Any, target: Any, weight: Any, ignore_index: int, label_smoothing: float) -> tuple[Any, Any]:
    """See `kernels.softmax`."""
    wide, rows = gpu.wide_dtype(logits.dtype), contiguous(logits)
    losses, p = gpu.empty(target.shape, wide), gpu.empty(rows.shape, wide)
    grid = row_grid(*rows.shape, rows)
    SOURCE.launch(
        "cross_entropy_forward", logits.dtype, grid.blocks, grid.threads,
        rows, _classes(target), _given(weight), losses, p, int(ignore_index), label_smoothing, *grid.sizes,
    )  # fmt: skip
    return losses, p


def softmax_cross_entropy_backward(
    gloss: Any, probabilities: Any, target: Any, weight: Any, ignore_index: int, label_smoothing: float, dtype: np.dtype
) -> Any:
    """See `kernels.softmax`."""
    p = contiguous(probabilities)
    gx = gpu.empty(p.shape, dtype)
    grid = row_grid(*p.shape, p)
    SOURCE.launch(
        "cross_entropy_gradient", dtype, grid.blocks, grid.threads,
        contiguous(gloss), p, _classes(target), _given(weight), gx, int(ignore_index), label_smoothing, *p.shape,
    )  # fmt: skip
    return gx


def _classes(target: Any) -> Any:
    return contiguous(target.astype(np.int64, copy=False))


def _given(array: Any) -> Any:
    return None if array is None else contiguous(array)

"""Debug mode: every node knows the line that called it, and the first value that is not finite stops the program with its name."""

import os
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from kernels.dtypes import is_floating
from kernels.meta import is_meta
from minitorch_cv.autograd.modes import switched
from minitorch_cv.tensor import Tensor

if TYPE_CHECKING:
    from minitorch_cv.autograd.function import Function

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class NonFiniteError(FloatingPointError):
    """A NaN or an infinity appeared in debug mode."""


def debug_mode() -> Any:
    """Inside the block, find where NaN and infinity come from, and which line a failing gradient belongs to.

    Results of forward and gradients of backward are checked: `NonFiniteError` names the function, the line that called it, and
    whether it happened forward or backward. An exception in a backward gets a note with that line. Slow: for hunting a fault.
    """
    return switched(debug=True)


def check_forward(node: "Function", outputs: Any) -> None:
    """Let `node` remember its caller; raise if an output is not finite."""
    node.line = _calling_line()
    for i, y in enumerate(outputs if isinstance(outputs, tuple) else (outputs,)):
        if not _all_finite(y.data):
            raise NonFiniteError(f"forward of {node}: output {i}, of shape {y.shape}, has {_describe(y.data)}")


def check_backward(node: "Function", gradients: tuple) -> None:
    """Raise if a gradient that `node` computed is not finite."""
    for i, gradient in enumerate(gradients):
        if isinstance(gradient, Tensor) and not _all_finite(gradient.data):
            raise NonFiniteError(
                f"backward of {node}: the gradient with respect to input {i}, of shape {gradient.shape}, has {_describe(gradient.data)}"
            )


def _all_finite(array: np.ndarray) -> bool:
    return not is_floating(array.dtype) or is_meta(array) or bool(np.isfinite(array).all())


def _describe(array: np.ndarray) -> str:
    nans, infinities = int(np.isnan(array).sum()), int(np.isinf(array).sum())
    return f"{nans} NaN and {infinities} infinite values among {array.size}"


def _calling_line() -> str:
    """The innermost line of the program that is outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"

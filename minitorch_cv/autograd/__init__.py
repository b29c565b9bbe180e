"""Automatic differentiation: functions that remember their inputs, and the walk back.

`function` is the graph, `walk` the way back through it: those two files are the heart. `modes` are the switches, `checkpoint`
trades time for memory, `gradcheck` and `debug` find mistakes.
"""

from minitorch_cv.autograd.autocast import autocast
from minitorch_cv.autograd.checkpoint import checkpoint
from minitorch_cv.autograd.debug import NonFiniteError, debug_mode
from minitorch_cv.autograd.function import Function
from minitorch_cv.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck
from minitorch_cv.autograd.modes import enable_grad, is_grad_enabled, is_recomputing, no_grad
from minitorch_cv.autograd.walk import backward, grad, vjp

__all__ = [
    "Function",
    "GradcheckError",
    "NonFiniteError",
    "autocast",
    "backward",
    "checkpoint",
    "debug_mode",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "is_grad_enabled",
    "is_recomputing",
    "no_grad",
    "vjp",
]

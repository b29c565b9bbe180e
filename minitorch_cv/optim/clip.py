"""Keeping gradients from exploding."""

import math
from collections.abc import Iterable

import numpy as np

import kernels
from minitorch_cv.tensor import Tensor


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> float:
    """Scale the gradients of `parameters`, in place, so that their common norm is at most `max_norm`; return the norm before.

    The norm is that of all gradients as one long vector: (sum of |g|^norm_type)^(1/norm_type), the largest |g| for
    infinity. The factor is min(1, max_norm / (norm + 1e-6)), as in torch.nn.utils.clip_grad_norm_. A norm that is not
    finite makes gradients that are not (or zeros); with error_if_nonfinite it raises RuntimeError instead, and nothing
    is changed.

    Pascanu, Mikolov, Bengio: On the difficulty of training recurrent neural networks (ICML 2013).
    """
    if not max_norm >= 0:
        raise ValueError(f"max_norm: got {max_norm}, expected 0 or more")
    if not norm_type > 0:
        raise ValueError(f"norm_type: got {norm_type}, expected a positive number or infinity")
    params = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    tensors = [param.grad for param in params if param.grad is not None]
    grads = [tensor.data for tensor in tensors]
    norm = _norm(grads, norm_type)
    if error_if_nonfinite and not math.isfinite(norm):
        raise RuntimeError(f"parameters: the norm of their gradients is {norm}, which cannot be clipped")
    factor = max_norm / (norm + 1e-6)
    if not factor >= 1:  # NaN is not, and spreads as in PyTorch
        kernels.scale(grads, factor)
        for tensor in tensors:
            tensor.mark_changed()
    return norm


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Cut the elements of all gradients of `parameters`, in place, to the range from -clip_value to clip_value; NaN stays NaN.

    As torch.nn.utils.clip_grad_value_.
    """
    if not clip_value >= 0:
        raise ValueError(f"clip_value: got {clip_value}, expected 0 or more")
    for param in [parameters] if isinstance(parameters, Tensor) else parameters:
        if param.grad is not None:
            np.clip(param.grad.data, -clip_value, clip_value, out=param.grad.data)
            param.grad.mark_changed()


def _norm(grads: list[np.ndarray], norm_type: float) -> float:
    if norm_type == 2:
        return math.sqrt(kernels.squared_norm(grads))
    if math.isinf(norm_type):
        return float(max((np.abs(grad).max() for grad in grads if grad.size), default=0.0))
    return float(sum((np.abs(grad, dtype=np.float64) ** norm_type).sum() for grad in grads) ** (1 / norm_type))

"""Keeping gradients from exploding."""

import math
from collections.abc import Iterable

import numpy as np

import kernels
from kernels.gpu import is_gpu
from minitorch_cv.device import at_work
from minitorch_cv.tensor import Tensor


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> float | Tensor:
    """Scale the gradients of `parameters`, in place, so that their common norm is at most `max_norm`; return the norm before.

    The norm is that of all gradients as one long vector: (sum of |g|^norm_type)^(1/norm_type), the largest |g| for
    infinity. The factor is min(1, max_norm / (norm + 1e-6)), as in torch.nn.utils.clip_grad_norm_. A norm that is not
    finite makes gradients that are not (or zeros); with error_if_nonfinite it raises RuntimeError instead, and nothing
    is changed. Of gradients on a GPU the norm is a tensor () there: nothing waits for its value, unless error_if_nonfinite has to know it.

    Pascanu, Mikolov, Bengio: On the difficulty of training recurrent neural networks (ICML 2013).
    """
    if not max_norm >= 0:
        raise ValueError(f"max_norm: got {max_norm}, expected 0 or more")
    if not norm_type > 0:
        raise ValueError(f"norm_type: got {norm_type}, expected a positive number or infinity")
    params = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    tensors = [param.grad for param in params if param.grad is not None]
    if not tensors:
        return 0.0
    grads = [tensor.data for tensor in tensors]
    with at_work(tensors[0].device):
        norm = _norm(grads, norm_type)
        if error_if_nonfinite and not math.isfinite(float(norm)):
            raise RuntimeError(f"parameters: the norm of their gradients is {float(norm)}, which cannot be clipped")
        factor = max_norm / (norm + 1e-6)
        if is_gpu(norm):
            kernels.scale(grads, np.minimum(factor, 1.0))
        elif factor >= 1:
            return float(norm)
        else:  # NaN, too, spreads as in PyTorch
            kernels.scale(grads, float(factor))
    for tensor in tensors:
        tensor.mark_changed()
    return Tensor(norm) if is_gpu(norm) else float(norm)


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Cut the elements of all gradients of `parameters`, in place, to the range from -clip_value to clip_value; NaN stays NaN.

    As torch.nn.utils.clip_grad_value_.
    """
    if not clip_value >= 0:
        raise ValueError(f"clip_value: got {clip_value}, expected 0 or more")
    for param in [parameters] if isinstance(parameters, Tensor) else parameters:
        if param.grad is not None:
            with at_work(param.device):
                np.clip(param.grad.data, -clip_value, clip_value, out=param.grad.data)
            param.grad.mark_changed()


def _norm(grads: list[np.ndarray], norm_type: float) -> np.ndarray:
    """() float64, on the device of the gradients."""
    if norm_type == 2:
        return np.sqrt(kernels.sum_of_squares(grads))
    if math.isinf(norm_type):
        found = [np.abs(grad).max() for grad in grads if grad.size]
        return np.stack(found).max().astype(np.float64) if found else np.zeros(())
    return sum((np.abs(grad, dtype=np.float64) ** norm_type).sum() for grad in grads) ** (1 / norm_type)

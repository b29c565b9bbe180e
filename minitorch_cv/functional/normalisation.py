"""What the normalisations share: (x, weight, bias) -> y by one kernel, its gradient by another, and the gradient of that by vjp.

A family names its two kernels, and says in `plain` what it computes in a few Tensor functions. The gradient of the gradient, which few
need, has no kernel: it is what comes out when `plain` is differentiated twice.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from kernels.gpu import wide_dtype
from minitorch_cv.autograd import Function, vjp
from minitorch_cv.device import full_array
from minitorch_cv.tensor import Tensor


class Normalisation(Function):
    """(x, weight, bias) -> (y, statistics ...), where the statistics are results without a gradient.

    kernel(x, weight, bias, **options) -> (y, *statistics) and
    gradient_kernel(gy, x, weight, *statistics, **options) -> (gx, gweight, gbias), on arrays; plain(x, weight, bias, **options) -> y on
    Tensors. weight and bias may be None, except in `plain`.
    """

    kernel: Callable
    gradient_kernel: Callable
    plain: Callable

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None, **options: Any) -> tuple[np.ndarray, ...]:
        ctx.save_inputs(0, 1)
        results = ctx.kernel(x, weight, bias, **options)
        ctx.statistics = results[1:]
        ctx.mark_non_differentiable(*range(1, len(results)))
        return results

    @staticmethod
    def backward(ctx: Any, gy: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        return NormalisationGradient.apply(gy, *ctx.saved_inputs, family=type(ctx), statistics=ctx.statistics, options=ctx.options)


class NormalisationGradient(Function):
    """(gy, x, weight) -> (gx, gweight, gbias) of a normalisation of the class `family`."""

    @staticmethod
    def forward(
        ctx: Any, gy: np.ndarray, x: np.ndarray, weight: np.ndarray | None, *, family: type[Normalisation], statistics: tuple, options: dict
    ) -> tuple[np.ndarray, ...]:
        ctx.save_inputs(0, 1, 2)
        gradients = family.gradient_kernel(gy, x, weight, *statistics, **options)
        ctx.affine_shape = gradients[1].shape
        return gradients

    @staticmethod
    def backward(ctx: Any, *output_grads: Tensor) -> tuple[Tensor | None, ...]:
        gy, x, weight = ctx.saved_inputs
        family, options, wide = ctx.options["family"], ctx.options["options"], wide_dtype(x.dtype)
        if weight is None:
            weight = Tensor(full_array(ctx.affine_shape, 1, wide, x.device))
        bias = Tensor(full_array(ctx.affine_shape, 0, wide, x.device))

        def plain(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
            return family.plain(x.to(wide), weight, bias, **options).to(x.dtype)

        return gradient_of_gradient(plain, gy, (x, weight, bias), output_grads)[:3]


def beside_input(input: Tensor, *numbers: Tensor | None) -> tuple[Tensor | None, ...]:
    """Parameters and statistics as the kernels take them: of the dtype of input, or float32 if that is float16 or bfloat16."""
    wide = wide_dtype(input.dtype)
    if wide == input.dtype:
        return numbers
    return tuple([x.to(wide) if x is not None and x.dtype == input.dtype else x for x in numbers])


def gradient_of_gradient(
    plain: Callable[..., Tensor], gy: Tensor, inputs: tuple[Tensor, ...], output_grads: tuple[Tensor, ...]
) -> tuple[Tensor | None, ...]:
    """The backward of (gy, *inputs) -> the gradients of plain(*inputs) * gy: those of gy and of every input."""

    def gradients(gy: Tensor, *inputs: Tensor) -> tuple[Tensor | None, ...]:
        # Whether or not anybody needs it, the kernel computes the gradient of every input.
        return vjp(plain, [x if x.requires_grad else Tensor(x.data, requires_grad=True) for x in inputs], (gy,))

    return vjp(gradients, (gy, *inputs), output_grads)

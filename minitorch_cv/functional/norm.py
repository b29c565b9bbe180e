r"""Batch normalisation (Ioffe and Szegedy 2015), with the addition and the ReLU that may follow it in one pass over memory.

    y = relu( (x - mean) / sqrt(var + eps) * weight + bias + residual )

`BatchNormTrain` takes mean and variance from the batch; its gradient is one fused kernel, `BatchNormTrainGradient`. The
gradient of that gradient, which few need, has no kernel: it is obtained by differentiating `_train_gradient`, the same
formula as a plain composition of Tensor functions. `BatchNormEval` is given mean and variance: it is an affine map.
"""

import math
from typing import Any

import numpy as np

import kernels
from kernels.gpu import wide_dtype
from minitorch_cv.autograd import Function, is_recomputing, no_grad, vjp
from minitorch_cv.functional.activation import relu_mask
from minitorch_cv.functional.arguments import checked
from minitorch_cv.functional.channel_sum import channel_sum
from minitorch_cv.functional.checks import check_floating
from minitorch_cv.functional.normalisation import beside_input
from minitorch_cv.tensor import Tensor


class BatchNormTrain(Function):
    """(x, weight, bias, residual) -> (y, mean, var): also the batch's mean and biased variance, which have no gradient."""

    @staticmethod
    def forward(
        ctx: Any, x: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None, residual: np.ndarray | None, *, eps: float, relu: bool
    ) -> tuple[np.ndarray, ...]:
        ctx.save_inputs(0, 1)
        if relu:
            ctx.save_outputs(0)
        y, ctx.mean, ctx.var = kernels.batch_norm_train(x, weight, bias, eps, residual, relu)
        ctx.mark_non_differentiable(1, 2)
        return y, ctx.mean, ctx.var

    @staticmethod
    def backward(ctx: Any, gy: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_inputs
        relu = ctx.options["relu"]
        y = ctx.saved_outputs[0].data if relu else None
        grads = BatchNormTrainGradient.apply(
            gy, x, weight, mean=ctx.mean, var=ctx.var, y=y, eps=ctx.options["eps"], need_residual=relu and ctx.needs[3]
        )
        return (*grads[:3], grads[3] if relu and ctx.needs[3] else gy)


class BatchNormTrainGradient(Function):
    """(gy, x, weight) -> (gx, gweight, gbias), and gresidual if that is needed; mean and var are those of x."""

    @staticmethod
    def forward(
        ctx: Any, gy: np.ndarray, x: np.ndarray, weight: np.ndarray | None, *,
        mean: np.ndarray, var: np.ndarray, y: np.ndarray | None, eps: float, need_residual: bool,
    ) -> tuple[np.ndarray, ...]:  # fmt: skip
        ctx.save_inputs(0, 1, 2)
        gx, gweight, gbias, gresidual = kernels.batch_norm_backward(gy, x, mean, var, weight, eps, y, need_residual)
        return (gx, gweight, gbias) if gresidual is None else (gx, gweight, gbias, gresidual)

    @staticmethod
    def backward(ctx: Any, *output_grads: Tensor) -> tuple[Tensor | None, ...]:
        gy, x, weight = ctx.saved_inputs
        y = None if ctx.options["y"] is None else Tensor(ctx.options["y"])
        eps, count = ctx.options["eps"], len(output_grads)
        return vjp(lambda gy, x, weight: _train_gradient(gy, x, weight, y, eps)[:count], (gy, x, weight), output_grads)


def _train_gradient(gy: Tensor, x: Tensor, weight: Tensor | None, y: Tensor | None, eps: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(gx, gweight, gbias, gresidual) of `BatchNormTrain` in Tensor functions; see `kernels.batch_norm` for the derivation."""
    axes, channel = _axes(x)
    M = math.prod(x.shape) // x.shape[1]
    dtype, wide = x.dtype, wide_dtype(x.dtype)
    g = (gy if y is None else relu_mask(gy, y)).to(wide)
    x = x.to(wide)
    centred = x - x.mean(axes, keepdim=True)
    inverse_std = ((centred * centred).mean(axes, keepdim=True) + eps) ** -0.5
    xhat = centred * inverse_std
    gbias, gweight = channel_sum(g), channel_sum(g * xhat)
    gx = inverse_std * (g - gbias.reshape(channel) / M - xhat * (gweight.reshape(channel) / M))
    gx = gx if weight is None else gx * weight.reshape(channel)
    return gx.to(dtype), gweight, gbias, g.to(dtype)


class BatchNormEval(Function):
    """(x, weight, bias, residual, mean, var) -> y; mean and var are constants."""

    @staticmethod
    def forward(
        ctx: Any, x: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None, residual: np.ndarray | None,
        mean: np.ndarray, var: np.ndarray, *, eps: float, relu: bool,
    ) -> np.ndarray:  # fmt: skip
        ctx.save_inputs(0, 1, 4, 5)
        if relu:
            ctx.save_outputs(0)
        return kernels.batch_norm_eval(x, mean, var, weight, bias, eps, residual, relu)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, var = ctx.saved_inputs
        _, channel = _axes(x)
        g = relu_mask(gy, ctx.saved_outputs[0]) if ctx.options["relu"] else gy
        inverse_std = (var + ctx.options["eps"]) ** -0.5
        scale = inverse_std if weight is None else weight * inverse_std
        residual_gradient, g, x, dtype = g, g.to(var.dtype), x.to(var.dtype), x.dtype  # 16-bit images: float32 from here on
        gx = (g * scale.reshape(channel)).to(dtype) if ctx.needs[0] else None
        gweight = channel_sum(g * (x - mean.reshape(channel))) * inverse_std if ctx.needs[1] else None
        gbias = channel_sum(g) if ctx.needs[2] else None
        return gx, gweight, gbias, residual_gradient, None, None


def _axes(x: Tensor) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes of x (N, C, *) that statistics are taken over, and the shape of one number per channel against x."""
    return (0, *range(2, x.ndim)), (1, -1, *[1] * (x.ndim - 2))


@checked
def batch_norm(
    input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None, bias: Tensor | None = None,
    training: bool = False, momentum: float = 0.1, eps: float = 1e-5, *, relu: bool = False, residual: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Normalise every channel of input (N, C) or (N, C, *), scale it by weight (C,) and shift it by bias (C,).

    training: by the mean and the biased variance of the batch. running_mean and running_var (C,), where given, move in place towards
    the batch's mean and *unbiased* variance, by the fraction `momentum`. (The average of all batches is up to the layer: it has
    momentum=None.)
    Not training: by running_mean and running_var, which are constants.
    weight, bias and the running statistics are of the dtype of input, or float32 beside float16 and bfloat16, which is what is computed in.
    residual, relu: then add `residual`, of the shape of input, and apply ReLU: `relu(batch_norm(...) + residual)` in one pass.
    Errors: ValueError for shapes that do not fit and, in training, for one value per channel, which has no variance; TypeError for
    mixed dtypes.
    """
    check_floating("input", input)
    if input.ndim < 2:
        raise ValueError(f"input: got shape {input.shape}, expected (N, C) or (N, C, *)")
    check_running_statistics(input, running_mean, running_var)
    weight, bias = beside_input(input, weight, bias)
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError("running_mean and running_var: got None, expected Tensors when training is False")
        statistics = beside_input(input, running_mean, running_var)
        return BatchNormEval.apply(input, weight, bias, residual, *statistics, eps=eps, relu=relu)
    count = math.prod(input.shape) // max(1, input.shape[1])  # values per channel
    if count == 1:
        raise ValueError(f"input: got shape {input.shape}, expected more than one value per channel when training")
    y, mean, var = BatchNormTrain.apply(input, weight, bias, residual, eps=eps, relu=relu)
    if count and not is_recomputing():  # a checkpoint runs its forward twice, but the batch counts once; an empty batch does not count
        unbiased = var.data * (count / (count - 1))
        move_running_statistics(running_mean, running_var, mean.data, unbiased, momentum)
    return y


def check_running_statistics(input: Tensor, running_mean: Tensor | None, running_var: Tensor | None) -> None:
    """Errors unless running statistics, where there are any, are a number for each channel of input."""
    for name, running in (("running_mean", running_mean), ("running_var", running_var)):
        if running is not None and running.shape != (input.shape[1],):
            raise ValueError(f"{name}: got shape {running.shape}, expected {(input.shape[1],)}, a number for each channel")
        if running is not None and running.dtype not in (input.dtype, wide_dtype(input.dtype)):
            raise TypeError(f"{name}: got {running.dtype}, expected {wide_dtype(input.dtype)} beside an input of {input.dtype}")


def move_running_statistics(
    running_mean: Tensor | None, running_var: Tensor | None, mean: np.ndarray, var: np.ndarray, momentum: float
) -> None:
    """running = (1 - momentum) * running + momentum * value, in place, for those that there are."""
    for running, value in ((running_mean, mean), (running_var, var)):
        if running is not None:
            with no_grad():
                running.mul_(1 - momentum).add_(Tensor(value * value.dtype.type(momentum)).to(running.dtype))

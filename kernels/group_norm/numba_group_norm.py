"""Group normalisation at the speed of memory: the passes of `kernels.channel_blocks`, and between them a few numbers for each channel.

No pass needs to know of groups. The statistics of a group follow from those of its channels; and with them, scale and shift are numbers
of a channel again. The same holds for the gradients.
"""

import numpy as np

from kernels.channel_blocks import from_sheets, gradient_sums, input_gradient, scale_and_shift, sheets, statistics


def group_norm(
    x: np.ndarray, groups: int, weight: np.ndarray | None, bias: np.ndarray | None, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """See `kernels.group_norm`."""
    N, C = x.shape[:2]
    if x.size == 0:
        nothing = np.zeros((N, groups), x.dtype)
        return np.empty_like(x), nothing, nothing.copy()
    sheet = sheets(x)
    means, variances = (values.reshape(N, groups, C // groups) for values in statistics(sheet))
    # The squares around the mean of the group: those around the channel's own, and those of the steps from one to the other.
    mean = means.mean(axis=2)
    var = (variances + np.square(means - mean[..., None])).mean(axis=2)
    mean, var = mean.astype(x.dtype), var.astype(x.dtype)
    scale = _of_channels(_rstd(var, eps), C) * (1 if weight is None else weight)
    shift = np.broadcast_to(np.zeros(C) if bias is None else bias, (N, C))
    return from_sheets(scale_and_shift(sheet, _of_channels(mean, C), scale, shift), x.shape), mean, var


def group_norm_backward(
    gy: np.ndarray, x: np.ndarray, mean: np.ndarray, var: np.ndarray, groups: int, weight: np.ndarray | None, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """See `kernels.group_norm`."""
    N, C = x.shape[:2]
    if x.size == 0:
        return np.empty_like(x), np.zeros(C, x.dtype), np.zeros(C, x.dtype)
    g, sheet, centre = sheets(gy), sheets(x), _of_channels(mean, C)
    total, moment = gradient_sums(g, sheet, centre)  # sum g, and sum g * (x - mean), of every channel
    rstd = _rstd(var, eps)
    M = sheet[0].size // groups
    weights = np.ones(C) if weight is None else weight.astype(np.float64)
    # gx = weight * rstd * g - rstd * mean(weight * g) - (x - mean) * rstd^3 * mean(weight * g * (x - mean))
    shift, slope = (
        _of_channels(power * (weights * sums).reshape(N, groups, -1).sum(axis=2) / M, C)
        for power, sums in ((rstd, total), (rstd**3, moment))
    )
    rstd = _of_channels(rstd, C)
    gx = input_gradient(g, sheet, centre, rstd * weights, shift, slope)
    return from_sheets(gx, x.shape), (moment * rstd).sum(axis=0).astype(x.dtype), total.sum(axis=0).astype(x.dtype)


def _rstd(var: np.ndarray, eps: float) -> np.ndarray:
    return 1 / np.sqrt(var.astype(np.float64) + eps)


def _of_channels(values: np.ndarray, C: int) -> np.ndarray:
    """What belongs to groups, (N, G), for each of their channels, (N, C)."""
    return np.repeat(values, C // values.shape[1], axis=1)

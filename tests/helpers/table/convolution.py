"""Convolutions and the linear layer's function."""

import numpy as np
from numpy.random import Generator

from table.row import BOTH, Call, Row, Values, bad, call, either, some_pair, some_shape


def _groups(rng: Generator) -> tuple[int, int, int]:
    """(groups, input channels, output channels): dense, grouped, or depthwise with a multiplier."""
    groups = int(either(rng, 1, 1, 2, 3))
    if groups > 1 and rng.random() < 0.5:
        return groups, groups, groups * int(rng.integers(1, 3))
    return groups, groups * int(rng.integers(1, 4)), groups * int(rng.integers(1, 4))


def _conv2d(rng: Generator, values: Values) -> Call:
    groups, C, OC = _groups(rng)
    kernel, stride, dilation, padding = some_pair(rng, 1, 4), some_pair(rng, 1, 3), some_pair(rng, 1, 3), some_pair(rng, 0, 3)
    size = [max(1, d * (k - 1) + 1 - 2 * p) + int(rng.integers(0, 6)) for k, d, p in zip(kernel, dilation, padding, strict=True)]
    batch = either(rng, (1,), (2,), (3,), ())  # () is a single image
    x, weight = values(*batch, C, *size), values(OC, C // groups, *kernel)
    bias = values(OC) if rng.random() < 0.5 else None
    if rng.random() < 0.15:
        stride, padding = 1, "same"
    return call(x, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)


def _conv_transpose2d(rng: Generator, values: Values) -> Call:
    groups, OC, C = _groups(rng)
    kernel, stride, dilation, size = some_pair(rng, 1, 4), some_pair(rng, 1, 3), some_pair(rng, 1, 3), some_pair(rng, 2, 5)
    # The result must keep at least one pixel.
    room = [((n - 1) * s + d * (k - 1)) // 2 for n, s, d, k in zip(size, stride, dilation, kernel, strict=True)]
    padding = tuple(int(rng.integers(0, min(3, r) + 1)) for r in room)
    output_padding = tuple(int(rng.integers(0, max(s, d))) for s, d in zip(stride, dilation, strict=True))
    x, weight = values(*either(rng, (1,), (2,), ()), C, *size), values(C, OC // groups, *kernel)
    bias = values(OC) if rng.random() < 0.5 else None
    return call(x, weight, bias, stride=stride, padding=padding, output_padding=output_padding, groups=groups, dilation=dilation)


def _linear(rng: Generator, values: Values) -> Call:
    inputs, outputs = int(rng.integers(1, 9)), int(rng.integers(1, 9))
    return call(values(*some_shape(rng, 0, 3), inputs), values(outputs, inputs), values(outputs) if rng.random() < 0.7 else None)


def _channel_sum(rng: Generator, values: Values) -> Call:
    return call(values(*some_shape(rng, 2, 4)))


X, W = np.ones((2, 4, 5, 5)), np.ones((6, 2, 3, 3))

ROWS = [
    Row("conv2d", _conv2d, backends=BOTH, bad=(
        bad(ValueError, "input: got shape", np.ones((4, 5)), W, groups=2),
        bad(ValueError, "weight: got shape", X, np.ones((6, 3, 3, 3)), groups=2),
        bad(ValueError, "bias: got shape", X, W, np.ones(5), groups=2),
        bad(ValueError, "stride: got", X, W, stride=0, groups=2),
        bad(ValueError, "padding: got", X, W, padding=-1, groups=2),
        bad(ValueError, "padding: got", X, W, padding="most", groups=2),
        bad(ValueError, "dilation: got", X, W, dilation=(1, 0), groups=2),
        bad(ValueError, "groups: got", X, W, groups=3),
        bad(TypeError, "weight: got", X, W.astype(np.float32), groups=2),
    )),
    Row("conv_transpose2d", _conv_transpose2d, backends=BOTH, bad=(
        bad(ValueError, "input: got shape", X, np.ones((3, 2, 3, 3))),
        bad(ValueError, "output_padding: got", X, np.ones((4, 2, 3, 3)), output_padding=1),
        bad(ValueError, "stride: got", X, np.ones((4, 2, 3, 3)), stride=0),
    )),
    Row("linear", _linear, backends=BOTH, bad=(
        bad(ValueError, "input: got shape", np.ones((2, 3)), np.ones((4, 2))),
        bad(ValueError, "weight: got shape", np.ones((2, 3)), np.ones(3)),
        bad(ValueError, "bias: got shape", np.ones((2, 3)), np.ones((4, 3)), np.ones(3)),
    )),
]  # fmt: skip

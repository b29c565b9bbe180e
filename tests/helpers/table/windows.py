"""Pooling, resampling, padding, shuffling, and windows as columns."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator

from minitorch_cv.testing import Domain
from table.row import BOTH, Call, Row, Values, bad, call, constant, either, some_pair, some_shape

DISTINCT = Domain(distinct=True)


def _images(rng: Generator, values: Values, *size: int, channels: int | None = None) -> np.ndarray:
    """Images (N, C, H, W), or one image (C, H, W)."""
    return values(*either(rng, (1,), (2,), (3,), ()), int(rng.integers(1, 5)) if channels is None else channels, *size)


# --- pooling


def _pooling(rng: Generator, dilated: bool) -> tuple[tuple[int, ...], dict[str, Any]]:
    """The size of an image, and the options of a pooling of which at least one window fits, and none lies in the padding entirely."""
    kernel, dilation = some_pair(rng, 1, 3), some_pair(rng, 1, 2) if dilated else (1, 1)
    padding = tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel)
    least = [(d * (k - 1) + 1 - 2 * p, d * (k - 1) + 1 - p) for k, d, p in zip(kernel, dilation, padding, strict=True)]
    size = tuple(max(1, *sizes) + int(rng.integers(0, 5)) for sizes in least)
    options = {"stride": either(rng, None, some_pair(rng, 1, 3)), "padding": padding, "ceil_mode": bool(rng.random() < 0.5)}
    return size, {"kernel_size": kernel} | options | ({"dilation": dilation} if dilated else {})


def _max_pool2d(rng: Generator, values: Values) -> Call:
    size, options = _pooling(rng, dilated=True)
    return call(_images(rng, values, *size), **options, return_indices=bool(rng.random() < 0.5))


def _avg_pool2d(rng: Generator, values: Values) -> Call:
    size, options = _pooling(rng, dilated=False)
    count_include_pad, divisor = bool(rng.random() < 0.5), either(rng, None, None, 3, -2)
    return call(_images(rng, values, *size), **options, count_include_pad=count_include_pad, divisor_override=divisor)


def _lp_pool2d(rng: Generator, values: Values) -> Call:
    kernel = some_pair(rng, 1, 3)
    size = [k + int(rng.integers(0, 4)) for k in kernel]
    stride = either(rng, None, some_pair(rng, 1, 3))
    return call(_images(rng, values, *size), either(rng, 1, 2, 3, 1.5), kernel, stride, bool(rng.random() < 0.5))


def _adaptive(rng: Generator, values: Values) -> tuple[np.ndarray, Any]:
    size = some_pair(rng, 1, 7)
    output_size = either(rng, 1, (1, 1), int(rng.integers(1, 8)), some_pair(rng, 1, 9), (None, int(rng.integers(1, 5))))
    return _images(rng, values, *size), output_size


def _adaptive_avg_pool2d(rng: Generator, values: Values) -> Call:
    return call(*_adaptive(rng, values))


def _adaptive_max_pool2d(rng: Generator, values: Values) -> Call:
    return call(*_adaptive(rng, values), return_indices=bool(rng.random() < 0.5))


def _max_unpool2d(rng: Generator, values: Values) -> Call:
    """Some places of each plane, no two of them equal, in any order."""
    kernel, stride = some_pair(rng, 2, 3), some_pair(rng, 2, 3)
    size = some_pair(rng, 1, 4)
    padding = some_pair(rng, 0, 1) if min(size) > 1 else (0, 0)
    extra = [int(rng.integers(1 - s, s)) for s in stride]
    least = [(n - 1) * s + k - 2 * p for n, s, k, p in zip(size, stride, kernel, padding, strict=True)]
    H, W = (n + e for n, e in zip(least, extra, strict=True))
    if H * W < size[0] * size[1]:
        H, W = least
    x = _images(rng, values, *size)
    places = np.stack([rng.choice(H * W, size[0] * size[1], replace=False) for _ in range(x.size // (size[0] * size[1]))])
    return call(x, constant(places.reshape(x.shape)), kernel, stride, padding, output_size=(H, W))


# --- resampling


def _interpolate(*modes: str) -> Callable[[Generator, Values], Call]:
    def draw(rng: Generator, values: Values) -> Call:
        mode, size = either(rng, *modes), some_pair(rng, 1, 7)
        options: dict[str, Any] = {"mode": mode}
        if rng.random() < 0.5:
            options["size"] = either(rng, int(rng.integers(1, 9)), some_pair(rng, 1, 9))
        else:
            factors = either(rng, 2, 1.5, (0.7, 2.3), 0.6, (3, 1))
            least = factors if isinstance(factors, tuple) else (factors, factors)
            size = tuple(max(n, int(np.ceil(1 / f))) for n, f in zip(size, least, strict=True))
            options |= {"scale_factor": factors, "recompute_scale_factor": either(rng, None, True)}
        if mode in ("bilinear", "bicubic"):
            options |= either(rng, {}, {"align_corners": False}, {"align_corners": True}, {"antialias": True})
        return call(values(int(rng.integers(1, 3)), int(rng.integers(1, 5)), *size), **options)

    return draw


# --- borders


def _pad(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 1, 5)
    widths = [int(rng.integers(-1 if n > 2 else 0, 4)) for n in shape[::-1][: rng.integers(1, len(shape) + 1)] for _ in range(2)]
    return call(values(*shape), widths, "constant", either(rng, None, 0.0, -1.5))


def _pad_with_own(rng: Generator, values: Values) -> Call:
    mode, padded = either(rng, "reflect", "replicate", "circular"), int(rng.integers(1, 4))
    shape = [int(n) for n in rng.integers(1, 4, padded + int(rng.integers(1, 3)))]
    widths = []
    for i in range(1, padded + 1):
        shape[-i] = n = int(rng.integers(2, 6))
        cut = min(n - 2, 1)
        most = {"reflect": n - 1, "replicate": 4, "circular": n - cut}[mode]
        # At most one side is cut off, so that something remains to go around.
        pair = [int(rng.integers(-cut, most + 1)), int(rng.integers(0, most + 1))]
        widths += pair if rng.random() < 0.5 else pair[::-1]
    return call(values(*shape), widths, mode)


# --- the same numbers, rearranged


def _pixel_shuffle(rng: Generator, values: Values) -> Call:
    r = int(rng.integers(1, 4))
    return call(values(*some_shape(rng, 0, 2, 3), r * r * int(rng.integers(1, 4)), *some_pair(rng, 1, 4)), r)


def _pixel_unshuffle(rng: Generator, values: Values) -> Call:
    r = int(rng.integers(1, 4))
    return call(values(*some_shape(rng, 0, 2, 3), int(rng.integers(1, 4)), *[r * n for n in some_pair(rng, 1, 4)]), r)


def _channel_shuffle(rng: Generator, values: Values) -> Call:
    groups = int(rng.integers(1, 4))
    return call(values(int(rng.integers(1, 3)), groups * int(rng.integers(1, 4)), *some_shape(rng, 1, 3)), groups)


def _windows(rng: Generator) -> tuple[tuple[int, int], tuple[int, int], dict[str, Any], int]:
    """(size of an image, kernel size, other options, how many windows fit)."""
    kernel, dilation, stride, padding = some_pair(rng, 1, 3), some_pair(rng, 1, 2), some_pair(rng, 1, 3), some_pair(rng, 0, 2)
    rooms = [int(rng.integers(0, 5)) for _ in range(2)]
    extents = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    H, W = (max(1, e + room - 2 * p) for e, room, p in zip(extents, rooms, padding, strict=True))
    OH, OW = ((n + 2 * p - e) // s + 1 for n, p, e, s in zip((H, W), padding, extents, stride, strict=True))
    return (H, W), kernel, {"dilation": dilation, "padding": padding, "stride": stride}, OH * OW


def _unfold(rng: Generator, values: Values) -> Call:
    size, kernel, options, _ = _windows(rng)
    return call(_images(rng, values, *size), kernel, **options)


def _fold(rng: Generator, values: Values) -> Call:
    size, kernel, options, count = _windows(rng)
    return call(values(*either(rng, (1,), (2,), ()), kernel[0] * kernel[1] * int(rng.integers(1, 4)), count), size, kernel, **options)


X = np.ones((1, 2, 5, 5))
PLACES = constant(np.zeros((1, 2, 2, 2), np.int64))

POOLING_ERRORS = (
    bad(ValueError, "padding: got .* at most half of the window", X, kernel_size=3, padding=2),
    bad(ValueError, "kernel_size: got 0", X, kernel_size=0),
    bad(ValueError, "kernel_size: got .* larger than the padded image", X, kernel_size=9),
    bad(ValueError, "stride: got 0", X, kernel_size=2, stride=0),
    bad(ValueError, "padding: got -1", X, kernel_size=2, padding=-1),
    bad(ValueError, "input: got shape", np.ones((5, 5)), 2),
    bad(TypeError, "input: got dtype int64", constant(np.ones((1, 2, 5, 5), np.int64)), 2),
)
ADAPTIVE_ERRORS = (
    bad(ValueError, "output_size: got 0", X, 0),
    bad(ValueError, r"output_size: got \(2, 2, 2\)", X, (2, 2, 2)),
    bad(ValueError, "input: got shape", np.ones((5, 5)), 2),
)
SHUFFLE_ERROR = bad(ValueError, "input: got shape", np.ones((4, 4)), 2)

ROWS = [
    Row("max_pool2d", _max_pool2d, DISTINCT, BOTH, bad=POOLING_ERRORS),
    Row("avg_pool2d", _avg_pool2d, backends=BOTH, bad=(
        *POOLING_ERRORS,
        bad(ValueError, "divisor_override: got 0", X, 2, divisor_override=0),
    )),
    Row("lp_pool2d", _lp_pool2d, Domain(0.5, 2), BOTH, bad=(
        bad(ValueError, "norm_type: got 0", X, 0, 2),
        bad(ValueError, "kernel_size: got 0", X, 2, 0),
    )),
    Row("adaptive_avg_pool2d", _adaptive_avg_pool2d, backends=BOTH, bad=ADAPTIVE_ERRORS),
    Row("adaptive_max_pool2d", _adaptive_max_pool2d, DISTINCT, BOTH, bad=ADAPTIVE_ERRORS),
    Row("max_unpool2d", _max_unpool2d, backends=BOTH, bad=(
        bad(ValueError, "indices: got", X, PLACES, 2),
        bad(ValueError, "indices: got", X[:, :, :2, :2], constant(np.full((1, 2, 2, 2), 16)), 2),
        bad(TypeError, "indices: got int32", X[:, :, :2, :2], constant(np.zeros((1, 2, 2, 2), np.int32)), 2),
        bad(ValueError, "output_size: got", X[:, :, :2, :2], PLACES, 2, output_size=(6, 4)),
        bad(ValueError, "kernel_size: got 0", X[:, :, :2, :2], PLACES, 0),
    )),
    Row("interpolate", _interpolate("nearest", "nearest-exact"), variant="nearest", backends=BOTH, bad=(
        bad(ValueError, "input: got shape", X[0], 3),
        bad(ValueError, "size: got None with scale_factor None", X),
        bad(ValueError, "size: got 3 with scale_factor 2", X, 3, 2),
        bad(ValueError, "size: got 0", X, 0),
        bad(ValueError, "scale_factor: got 0.1, which leaves nothing", X, scale_factor=0.1),
        bad(ValueError, "scale_factor: got -1", X, scale_factor=-1),
        bad(ValueError, "mode: got 'linear'", X, 3, mode="linear"),
        bad(ValueError, "align_corners: got", X, 3, align_corners=True),
        bad(ValueError, "antialias: got", X, 3, mode="area", antialias=True),
        bad(ValueError, "recompute_scale_factor: got", X, 3, recompute_scale_factor=True),
        bad(TypeError, "input: got dtype int64", constant(np.ones((1, 2, 5, 5), np.int64)), 2),
    )),
    Row("interpolate", _interpolate("bilinear", "bicubic", "area"), variant="smooth", backends=BOTH),
    Row("pad", _pad, variant="constant", bad=(
        bad(ValueError, "mode: got 'edge'", X, (1, 1), "edge"),
        bad(ValueError, "pad: got 1 widths", X, (1,)),
        bad(ValueError, "pad: got 10 widths", X, (1,) * 10),
        bad(ValueError, "pad: got .* cuts off more than there is", X, (-3, -3)),
    )),
    Row("pad", _pad_with_own, variant="own pixels", backends=BOTH, bad=(
        bad(ValueError, r"pad: got \(5, 0\) for a length of 5", X, (5, 0, 0, 0), "reflect"),
        bad(ValueError, r"pad: got \(6, 0\) for a length of 5", X, (6, 0, 0, 0), "circular"),
        bad(ValueError, "pad: got 2 widths for shape", X, (1, 1), "replicate"),
        bad(ValueError, "value: got 1.0 with mode 'reflect'", X, (1, 1, 1, 1), "reflect", 1.0),
    )),
    Row("pixel_shuffle", _pixel_shuffle, backends=BOTH, bad=(
        SHUFFLE_ERROR,
        bad(ValueError, "input: got 2 channels", X, 2),
        bad(ValueError, "upscale_factor: got 0", X, 0),
    )),
    Row("pixel_unshuffle", _pixel_unshuffle, backends=BOTH, bad=(
        SHUFFLE_ERROR,
        bad(ValueError, "input: got 5 x 5 pixels", X, 2),
        bad(ValueError, "downscale_factor: got 1.5", X, 1.5),
    )),
    Row("channel_shuffle", _channel_shuffle, backends=BOTH, bad=(
        SHUFFLE_ERROR,
        bad(ValueError, "groups: got 3", X, 3),
        bad(ValueError, "groups: got 0", X, 0),
    )),
    Row("unfold", _unfold, bad=(
        bad(ValueError, "input: got shape", np.ones((5, 5)), 2),
        bad(ValueError, "kernel_size: got .* larger than the padded image", X, 6),
        bad(ValueError, "stride: got 0", X, 2, stride=0),
    )),
    Row("fold", _fold, bad=(
        bad(ValueError, "input: got shape", X, 5, 2),
        bad(ValueError, r"columns: got shape \(1, 7, 16\)", np.ones((1, 7, 16)), 5, 2),
        bad(ValueError, "output_size: got 0", np.ones((1, 8, 16)), 0, 2),
    )),
]  # fmt: skip

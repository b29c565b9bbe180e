"""Random cases of every operator, of the kinds that tests/golden holds, for the comparison with an installed PyTorch."""

from collections.abc import Callable

import numpy as np
from golden import Case
from numpy.random import Generator

from kernels.geometry import output_size


def draw(op: str, seed: int) -> Case:
    """A case of operator `op` without its upstream gradient and results; the same one for the same seed."""
    rng = np.random.default_rng([seed, sum(map(ord, op))])
    params, arrays = DRAWS[op](rng)
    return Case(op, seed, "drawn", params, arrays)


def _either(rng: Generator, *values: object) -> object:
    return values[rng.integers(len(values))]


def _pair(rng: Generator, low: int, high: int) -> tuple[int, int]:
    """Two numbers from low to high, both included; in half of all draws they are equal."""
    first, second = (int(v) for v in rng.integers(low, high + 1, 2))
    return (first, first) if rng.random() < 0.5 else (first, second)


def _size(rng: Generator, kernel: tuple, dilation: tuple, padding: tuple) -> tuple[int, ...]:
    """(H, W) on which at least one window fits."""
    return tuple(max(1, d * (k - 1) + 1 - 2 * p) + int(rng.integers(0, 8)) for k, d, p in zip(kernel, dilation, padding, strict=True))


def _groups(rng: Generator) -> tuple[int, int, int]:
    """(groups, input channels, output channels): dense, grouped, or depthwise with a multiplier."""
    groups = int(_either(rng, 1, 1, 2, 3, 5))
    if groups > 1 and rng.random() < 0.5:
        return groups, groups, groups * int(rng.integers(1, 4))
    return groups, groups * int(rng.integers(1, 5)), groups * int(rng.integers(1, 5))


def _conv2d(rng: Generator) -> tuple[dict, dict]:
    groups, c, oc = _groups(rng)
    kernel, stride, dilation = _pair(rng, 1, 5), _pair(rng, 1, 3), _pair(rng, 1, 3)
    padding = _pair(rng, 0, 3)
    size = _size(rng, kernel, dilation, padding)
    n = _either(rng, 0, 1, 1, 2, 2, 3, 3, 5)
    arrays = {"x": rng.standard_normal((n, c, *size)), "w": rng.standard_normal((oc, c // groups, *kernel))}
    if rng.random() < 0.5:
        arrays["b"] = rng.standard_normal(oc)
    same = rng.random() < 0.15
    return {"stride": 1 if same else stride, "padding": "same" if same else padding, "dilation": dilation, "groups": groups}, arrays


def _conv_transpose2d(rng: Generator) -> tuple[dict, dict]:
    groups, oc, c = _groups(rng)
    kernel, stride, dilation = _pair(rng, 1, 5), _pair(rng, 1, 3), _pair(rng, 1, 3)
    size = _pair(rng, 2, 6)
    # The result must keep at least one pixel.
    room = [((n - 1) * s + d * (k - 1)) // 2 for n, s, d, k in zip(size, stride, dilation, kernel, strict=True)]
    padding = tuple(int(rng.integers(0, min(3, r) + 1)) for r in room)
    output_padding = tuple(int(rng.integers(0, max(s, d))) for s, d in zip(stride, dilation, strict=True))
    arrays = {"x": rng.standard_normal((rng.integers(1, 4), c, *size)), "w": rng.standard_normal((c, oc // groups, *kernel))}
    if rng.random() < 0.5:
        arrays["b"] = rng.standard_normal(oc)
    return {"stride": stride, "padding": padding, "output_padding": output_padding, "groups": groups, "dilation": dilation}, arrays


def _windows(rng: Generator, dilation: tuple[int, int]) -> tuple[dict, tuple[int, ...]]:
    kernel = _pair(rng, 1, 4)
    padding = tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel)
    ceil_mode = bool(rng.random() < 0.5)
    params = {"kernel": kernel, "stride": _pair(rng, 1, 4), "padding": padding, "ceil_mode": ceil_mode}
    return params, (int(rng.integers(1, 4)), int(rng.integers(1, 6)), *_size(rng, kernel, dilation, padding))


def _all_windows_see_pixels(params: dict, dilation: tuple[int, int], size: tuple[int, ...]) -> bool:
    """Whether no dilated window steps over a small image: PyTorch's index of such a maximum may lie outside of the image."""
    lengths = output_size(size, params["kernel"], params["stride"], params["padding"], dilation, params["ceil_mode"])
    each_axis = zip(lengths, size, params["kernel"], params["stride"], params["padding"], dilation, strict=True)
    return all(any(0 <= o * s - p + i * d < n for i in range(k)) for length, n, k, s, p, d in each_axis for o in range(length))


def _max_pool2d(rng: Generator) -> tuple[dict, dict]:
    while True:
        dilation = _pair(rng, 1, 3)
        params, shape = _windows(rng, dilation)
        if _all_windows_see_pixels(params, dilation, shape[2:]):
            break
    x = rng.integers(-2, 3, shape).astype(float) if rng.random() < 0.3 else rng.standard_normal(shape)  # integers: ties
    return params | {"dilation": dilation}, {"x": x}


def _avg_pool2d(rng: Generator) -> tuple[dict, dict]:
    params, shape = _windows(rng, (1, 1))
    params |= {"count_include_pad": bool(rng.random() < 0.5), "divisor_override": _either(rng, None, None, 1, 5, -3)}
    return params, {"x": rng.standard_normal(shape)}


def _adaptive_pool2d(rng: Generator) -> tuple[dict, dict]:
    return {"output": _either(rng, 1, (1, 1))}, {"x": rng.standard_normal(rng.integers(1, 9, 4))}


def _batch_norm(rng: Generator) -> tuple[dict, dict]:
    c = int(rng.integers(1, 7))
    if rng.random() < 0.2:
        momentum = _either(rng, None, 0.1, 0.7)
        return {"momentum": momentum, "eps": 1e-5}, {f"x{i}": rng.standard_normal((4, c, 5, 3)) for i in range(3)}
    shape = (int(rng.integers(2, 6)), c, *_either(rng, (), (4,), (3, 5), (5, 4), (2, 3, 2)))
    training, track = bool(rng.random() < 0.7), True
    arrays = {"x": 2 * rng.standard_normal(shape) + rng.standard_normal()}
    if training and rng.random() < 0.3:
        track = False
    if track:
        arrays |= {"rm": rng.standard_normal(c), "rv": 0.5 + rng.random(c)}
    if rng.random() < 0.7:
        arrays |= {"w": rng.standard_normal(c), "b": rng.standard_normal(c)}
    return {"training": training, "momentum": _either(rng, 0.1, 0.01, 1.0, 0.0), "eps": _either(rng, 1e-5, 1e-3)}, arrays


def _activations(rng: Generator) -> tuple[dict, dict]:
    kinks = [0.0, -0.0, 1e-300, 40.0, -40.0, 710.0, -710.0]
    x = 3 * rng.standard_normal(tuple(rng.integers(1, 7, rng.integers(0, 5))))
    return {"op": _either(rng, "relu", "tanh", "abs", "square")}, {"x": x if rng.random() < 0.7 else np.array(kinks)}


def _softmax(rng: Generator) -> tuple[dict, dict]:
    shape = tuple(rng.integers(1, 7, rng.integers(1, 5)))
    params = {"op": _either(rng, "softmax", "log_softmax"), "dim": int(rng.integers(-len(shape), len(shape)))}
    return params, {"x": rng.standard_normal(shape) * _either(rng, 1.0, 300.0)}


def _losses(rng: Generator) -> tuple[dict, dict]:
    n, c = int(rng.integers(1, 8)), int(rng.integers(1, 8))
    maps = _either(rng, (), (), (3,), (3, 4))
    params = {"reduction": _either(rng, "mean", "sum", "none"), "label_smoothing": _either(rng, 0.0, 0.1, 0.3, 1.0)}
    arrays = {"x": rng.standard_normal((n, c, *maps)) * _either(rng, 1.0, 100.0)}
    if rng.random() < 0.3:
        shares = rng.random((n, c, *maps))
        arrays["target"] = shares / shares.sum(1, keepdims=True)
    else:
        params["ignore_index"] = _either(rng, -100, 255, 0)
        target = rng.integers(0, c, (n, *maps))
        arrays["target"] = np.where(rng.random(target.shape) < 0.2, params["ignore_index"], target)
    if rng.random() < 0.4:
        arrays["weight"] = 0.1 + rng.random(c)
    return params, arrays


def _pad(rng: Generator) -> tuple[dict, dict]:
    shape = tuple(rng.integers(4, 8, rng.integers(1, 5)))
    pad = tuple(int(v) for v in rng.integers(-1, 4, 2 * int(rng.integers(1, len(shape) + 1))))
    return {"pad": pad, "mode": "constant", "value": _either(rng, None, 0.0, -1.5)}, {"x": rng.standard_normal(shape)}


def _misc(rng: Generator) -> tuple[dict, dict]:
    if rng.random() < 0.3:
        return {"op": "option_a"}, {"x": rng.standard_normal(rng.integers(1, 9, 4))}
    inputs, outputs = int(rng.integers(1, 9)), int(rng.integers(1, 9))
    leading = tuple(rng.integers(1, 5, rng.integers(0, 4)))
    arrays = {"x": rng.standard_normal((*leading, inputs)), "w": rng.standard_normal((outputs, inputs))}
    return {"op": "linear"}, arrays | ({"b": rng.standard_normal(outputs)} if rng.random() < 0.7 else {})


DRAWS: dict[str, Callable[[Generator], tuple[dict, dict]]] = {
    "conv2d": _conv2d,
    "conv_transpose2d": _conv_transpose2d,
    "max_pool2d": _max_pool2d,
    "avg_pool2d": _avg_pool2d,
    "adaptive_pool2d": _adaptive_pool2d,
    "batch_norm": _batch_norm,
    "activations": _activations,
    "softmax": _softmax,
    "losses": _losses,
    "pad": _pad,
    "misc": _misc,
}

"""Every way to convolve on a GPU against the definition, over windows of all kinds."""

from typing import Any

import numpy as np
import pytest
from gpu import REASON, gpu_here, to_gpu, to_host
from hypothesis import given, settings
from hypothesis import strategies as st

import kernels
from kernels.conv2d import cuda_direct, cuda_grouped, cuda_im2col, numba_cuda_conv2d
from kernels.depthwise import cuda_depthwise, numba_cuda_depthwise
from kernels.geometry import output_size
from minitorch_cv.testing import ORDERS, arranged, assert_close

pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

TOLERANCE = {"float32": 2e-6, "float64": 1e-13}  # of a sum of at most some hundred products of numbers around 1
# The module and the most groups, input channels of a group, output channels of a group.
WAYS: dict[str, tuple[Any, int, int, int]] = {
    "im2col": (cuda_im2col, 2, 9, 9),
    "direct": (cuda_direct, 1, 4, 20),
    "grouped": (cuda_grouped, 5, 9, 9),
    "depthwise": (cuda_depthwise, 140, 1, 1),
    "numba_im2col": (numba_cuda_conv2d, 2, 3, 3),
    "numba_depthwise": (numba_cuda_depthwise, 9, 1, 1),
}


@st.composite
def convolutions(draw: st.DrawFn, groups: int, channels: int, outs: int, most_taps: int, most_size: int) -> tuple:
    """x, weight, bias, (stride, padding, dilation, groups), order of memory. What has a fast way comes often: few strides, 4n channels."""
    choices = {
        "kernel": st.sampled_from([k for k in (3, 5, 7, 1, 2, 4, 9) if k <= most_taps]),
        "stride": st.sampled_from([1, 1, 2, 2, 3]), "padding": st.integers(0, 4), "dilation": st.sampled_from([1, 1, 1, 2]),
    }  # fmt: skip
    pairs = {name: (draw(choice), draw(choice)) for name, choice in choices.items()}
    extent = [d * (k - 1) + 1 - 2 * p for k, p, d in zip(pairs["kernel"], pairs["padding"], pairs["dilation"], strict=True)]
    size = [draw(st.integers(max(1, e), max(1, e) + most_size)) for e in extent]

    def count(most: int) -> int:
        return draw(st.one_of(st.integers(1, most), *[st.integers(1, max(1, most // 4)).map(lambda n: min(most, 4 * n))] * 2))

    G, CG, OCG = count(groups), count(channels), count(outs)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.standard_normal((draw(st.integers(0, 2)), G * CG, *size))
    weight = rng.standard_normal((G * OCG, CG, *pairs["kernel"]))
    bias = rng.standard_normal(G * OCG) if draw(st.booleans()) else None
    return x, weight, bias, (pairs["stride"], pairs["padding"], pairs["dilation"], G), draw(st.sampled_from(ORDERS))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("way", WAYS)
def test_against_the_definition(way: str, dtype: str) -> None:
    module, groups, channels, outs = WAYS[way]
    small = way.startswith("numba")

    @settings(max_examples=6 if small else 30)
    @given(convolutions(groups, channels, outs, most_taps=3 if small else 9, most_size=3 if small else 20))
    def check(case: tuple) -> None:
        compare(module, case, dtype)

    with gpu_here():
        check()


def compare(module: Any, case: tuple, dtype: str) -> None:
    x, weight, bias, options, order = case
    x, weight = arranged(x.astype(dtype), order), arranged(weight.astype(dtype), order)
    bias = None if bias is None else bias.astype(dtype)
    out = output_size(x.shape[2:], weight.shape[2:], *options[:3])
    gy = arranged(np.random.default_rng(0).standard_normal((x.shape[0], weight.shape[0], *out)).astype(dtype), order)
    there = [to_gpu(a) for a in (x, weight, bias, gy)]
    results = {
        "y": module.conv2d(*there[:3], *options),
        "gx": module.conv2d_input(there[3], there[1], x.shape[2:], *options),
        "gw": module.conv2d_weight(there[0], there[3], weight.shape[2:], *options),
    }
    with kernels.backend("numpy"):
        expected = (
            kernels.conv2d(x, weight, bias, *options),
            kernels.conv2d_input(gy, weight, x.shape[2:], *options),
            kernels.conv2d_weight(x, gy, weight.shape[2:], *options),
        )
    for (name, result), wanted in zip(results.items(), expected, strict=True):
        assert result.dtype == np.dtype(dtype)
        assert_close(to_host(result), wanted, TOLERANCE[dtype], name)


@pytest.mark.parametrize("way", ["im2col", "direct", "grouped", "depthwise"])
def test_long_sums_stay_accurate(way: str) -> None:
    """The weight's gradient sums over all positions: float32 all the way would lose digits."""
    groups = {"grouped": 2, "depthwise": 4}.get(way, 1)
    rng = np.random.default_rng(0)
    x, gy = (rng.random((1, 4, 1, 1 << 15)).astype(np.float32) for _ in range(2))
    options = (1, 1), (0, 0), (1, 1), groups
    with gpu_here():
        gw = to_host(WAYS[way][0].conv2d_weight(to_gpu(x), to_gpu(gy), (1, 1), *options))
    with kernels.backend("numpy"):
        expected = kernels.conv2d_weight(x.astype(np.float64), gy.astype(np.float64), (1, 1), *options)
    assert_close(gw / expected, np.ones_like(expected), 3e-6, "gw")


def test_infinity_and_nan_stay_where_they_are() -> None:
    """Strips and tiles reach beyond the ends of rows: what is there must not meet an infinity."""
    x = np.zeros((1, 8, 3, 9), np.float32)
    x[0, :, 2, 8] = np.inf
    gy = np.zeros((1, 8, 3, 9), np.float32)
    gy[0, :, 0, 0] = np.nan
    for module, groups in ((cuda_depthwise, 8), (cuda_grouped, 2), (cuda_direct, 1)):
        weight = np.ones((8, 8 // groups, 3, 3), np.float32)
        options = (1, 1), (1, 1), (1, 1), groups
        with gpu_here():
            y = to_host(module.conv2d(to_gpu(x), to_gpu(weight), None, *options))
            gw = to_host(module.conv2d_weight(to_gpu(x), to_gpu(np.ones_like(gy)), (3, 3), *options))
            gx = None if module is cuda_direct else to_host(module.conv2d_input(to_gpu(gy), to_gpu(weight), (3, 9), *options))
        seen = np.zeros((3, 9), bool)
        seen[1:, 7:] = True
        np.testing.assert_array_equal(np.isposinf(y), np.broadcast_to(seen, y.shape))
        assert np.isfinite(y[:, :, ~seen]).all()
        met = np.zeros((3, 3), bool)
        met[1:, 1:] = True
        np.testing.assert_array_equal(np.isposinf(gw), np.broadcast_to(met, gw.shape))
        assert np.isfinite(gw[..., ~met]).all()
        if gx is not None:
            np.testing.assert_array_equal(np.isnan(gx), np.broadcast_to(seen[::-1, ::-1], gx.shape))

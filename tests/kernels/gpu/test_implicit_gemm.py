"""Convolution as an implicit matrix product, on geometries that nobody thought of.

Images and weights are -1, 0 and 1, so that all sums are exact in every type: results must be equal, whatever the order of the sums.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from gpu import GPU, REASON, gpu_here, to_gpu, to_host
from hypothesis import given
from hypothesis import strategies as st

import kernels
from kernels.conv2d import cuda_implicit_gemm, numpy_conv2d
from kernels.geometry import output_size
from kernels.gpu.gemm import Tiles, parts_for, tiles_for
from kernels.gpu.precision import tensor_cores, tf32, tf32_allowed
from minitorch_cv.testing import assert_close
from minitorch_cv.testing.emulation import launched_kernels

pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))


@pytest.fixture(autouse=True, scope="module")
def _gpu() -> Iterator[None]:
    with gpu_here():
        yield


@st.composite
def geometries(draw) -> dict[str, Any]:
    pairs = {name: (draw(st.integers(low, high)), draw(st.integers(low, high))) for name, low, high in
             [("kernel", 1, 4), ("stride", 1, 4), ("padding", 0, 5), ("dilation", 1, 3)]}  # fmt: skip
    extent = [d * (k - 1) + 1 - 2 * p for k, p, d in zip(pairs["kernel"], pairs["padding"], pairs["dilation"], strict=True)]
    pairs["size"] = tuple(draw(st.integers(max(1, e), max(1, e) + 8)) for e in extent)
    groups = draw(st.sampled_from([1, 1, 2]))
    channels = st.sampled_from([1, 3, 8, 16, 24])
    return {**pairs, "N": draw(st.integers(0, 3)), "C": groups * draw(channels), "OC": groups * draw(channels), "groups": groups}


@pytest.mark.parametrize(
    ("dtype", "context"),
    [
        ("float32", nullcontext), ("float32", tf32), ("float16", nullcontext),
        pytest.param("bfloat16", lambda: tensor_cores(False), marks=pytest.mark.full),
    ],
    ids=["float32", "tf32", "float16", "bfloat16-plain"],
)
@given(geometry=geometries(), seed=st.integers(0, 2**32 - 1))
def test_exact_sums(dtype: str, context: Any, geometry: dict[str, Any], seed: int) -> None:
    g, rng = geometry, np.random.default_rng(seed)
    out = output_size(g["size"], g["kernel"], g["stride"], g["padding"], g["dilation"])
    options = (g["stride"], g["padding"], g["dilation"], g["groups"])

    def numbers(*shape: int) -> np.ndarray:
        return rng.integers(-1, 2, shape).astype(np.float32)

    x, gy = numbers(g["N"], g["C"], *g["size"]), numbers(g["N"], g["OC"], *out)
    weight = numbers(g["OC"], g["C"] // g["groups"], *g["kernel"])
    calls = {"conv2d": (x, weight, numbers(g["OC"])), "conv2d_input": (gy, weight, g["size"]), "conv2d_weight": (x, gy, g["kernel"])}
    for name, arguments in calls.items():
        given_ = [to_gpu(a.astype(np.dtype(dtype))) if isinstance(a, np.ndarray) else a for a in arguments]
        with context():
            result = getattr(cuda_implicit_gemm, name)(*given_, *options)
        expected = getattr(numpy_conv2d, name)(*arguments, *options)
        np.testing.assert_array_equal(to_host(result).astype(np.float32), expected, err_msg=name)


@pytest.mark.parametrize(
    ("C", "OC", "kernel", "groups", "modules"),
    [
        (8, 8, 1, 1, {"matmul"}),
        (3, 8, 3, 1, {"direct"}),
        (5, 8, 3, 1, {"conv2d"}),
        (12, 8, 3, 4, {"grouped"}),
        (64, 32, 3, 2, {"conv2d"}),
        (6, 6, 3, 6, {"depthwise"}),
    ],
)
def test_the_way_of_a_convolution(C: int, OC: int, kernel: int, groups: int, modules: set[str]) -> None:
    """By the names of its kernels, where TF32 is allowed: else cuBLAS would take the first."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, C, 5, 6)).astype(np.float32)
    weight = rng.standard_normal((OC, C // groups, kernel, kernel)).astype(np.float32)
    options = (1, kernel // 2, 1, groups)
    with launched_kernels() as launched, tf32():
        y = kernels.conv2d(to_gpu(x), to_gpu(weight), None, *options)
        gx = kernels.conv2d_input(y, to_gpu(weight), (5, 6), *options)
        gw = kernels.conv2d_weight(to_gpu(x), y, (kernel, kernel), *options)
    if GPU == "emulated":
        assert {name.split("_")[0] for name in launched} == modules
    expected = kernels.conv2d(x, weight, None, *options)
    pairs = ((y, expected), (gx, kernels.conv2d_input(expected, weight, (5, 6), *options)),
             (gw, kernels.conv2d_weight(x, expected, (kernel, kernel), *options)))  # fmt: skip
    for result, definition in pairs:
        assert_close(to_host(result), definition, 2e-3)


def test_results_have_the_same_bits_again() -> None:
    rng = np.random.default_rng(0)
    x, gy = (to_gpu(rng.standard_normal((4, 8, 19, 17)).astype(np.float32)) for _ in range(2))
    first, again = (to_host(cuda_implicit_gemm.conv2d_weight(x, gy, (3, 3), (1, 1), (1, 1), (1, 1), 1)) for _ in range(2))
    assert first.tobytes() == again.tobytes()


def test_tf32_rounds_and_only_where_it_is_allowed() -> None:
    """1 + 2^-11 needs one bit more than TF32 has: rounded to nearest, ties away from zero, it is 1 + 2^-10."""
    x, weight = to_gpu(np.full((1, 8, 1, 1), 1 + 2.0**-11, np.float32)), to_gpu(np.ones((8, 8, 1, 1), np.float32))
    options = ((1, 1), (0, 0), (1, 1), 1)
    assert not tf32_allowed()
    assert (to_host(cuda_implicit_gemm.conv2d(x, weight, None, *options)) == 8 + 2.0**-8).all()
    with tf32():
        assert tf32_allowed()
        assert (to_host(cuda_implicit_gemm.conv2d(x, weight, None, *options)) == 8 + 2.0**-7).all()
        with tf32(False):
            assert (to_host(cuda_implicit_gemm.conv2d(x, weight, None, *options)) == 8 + 2.0**-8).all()


def test_the_choice_of_tiles() -> None:
    half, single, double = (to_gpu(np.zeros(1, dtype)) for dtype in ("float16", "float32", "float64"))
    assert tiles_for(100_000, 256, half, True) == Tiles(128, 128, tensor=True)
    assert tiles_for(100_000, 256, single, True) == Tiles(128, 128, tensor=False)
    for M, N, aligned in ((100_000, 256, False), (500, 256, True), (100_000, 64, True)):
        assert tiles_for(M, N, half, aligned) == Tiles(64, 64, tensor=True)
    assert tiles_for(100_000, 256, double, True) == Tiles(64, 64, tensor=False)
    assert tiles_for(100_000, 16, half, True) == Tiles(128, 32, tensor=True)


@pytest.mark.parametrize("depth", [0, 1, 255, 600, 100_000, 10**9])
@pytest.mark.parametrize("tiles", [0, 1, 7, 1000])
def test_parts_cover_a_sum(tiles: int, depth: int) -> None:
    parts, stretch = parts_for(tiles, depth, 1000)
    assert stretch % 64 == 0
    assert (parts - 1) * stretch < max(depth, 1) <= parts * stretch

"""Convolution and its gradients: the definition against plain loops, the fast versions against the definition."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kernels
from kernels.conv2d.plan import forward_plan, transposed_plan
from minitorch_cv.testing import ORDERS, arranged, assert_close

TOLERANCE = {"float32": 2e-6, "float64": 1e-13}  # of a sum of at most a few thousand products of numbers around 1


def by_loops(x, weight, bias, stride, padding, dilation, groups):
    """y by the formula alone, one product at a time, and for each product which elements met: [(n, o, h, w, c, i, j, u, v)]."""
    (N, _, H, W), (OC, CG, KH, KW) = x.shape, weight.shape
    OH = (H + 2 * padding[0] - dilation[0] * (KH - 1) - 1) // stride[0] + 1
    OW = (W + 2 * padding[1] - dilation[1] * (KW - 1) - 1) // stride[1] + 1
    y, meetings = np.zeros((N, OC, OH, OW)), []
    for n, o, h, w in itertools.product(range(N), range(OC), range(OH), range(OW)):
        y[n, o, h, w] = 0 if bias is None else bias[o]
        for c, i, j in itertools.product(range(CG), range(KH), range(KW)):
            u, v = h * stride[0] + i * dilation[0] - padding[0], w * stride[1] + j * dilation[1] - padding[1]
            if 0 <= u < H and 0 <= v < W:
                channel = o // (OC // groups) * CG + c
                y[n, o, h, w] += x[n, channel, u, v] * weight[o, c, i, j]
                meetings.append((n, o, h, w, c, i, j, channel, u, v))
    return y, meetings


@st.composite
def cases(draw, most_channels: int = 5, most_out: int = 5, most_groups: int = 3, most_size: int = 7):
    groups = draw(st.integers(1, most_groups))
    depthwise = draw(st.booleans())
    channels = 1 if depthwise else draw(st.integers(1, most_channels))
    outs = 1 if depthwise else draw(st.integers(1, most_out))
    pairs = {name: (draw(st.integers(low, high)), draw(st.integers(low, high))) for name, low, high in
             [("kernel", 1, 4), ("stride", 1, 3), ("padding", 0, 4), ("dilation", 1, 2)]}  # fmt: skip
    extent = [d * (k - 1) + 1 - 2 * p for k, p, d in zip(pairs["kernel"], pairs["padding"], pairs["dilation"], strict=True)]
    size = [draw(st.integers(max(1, e), max(1, e) + most_size)) for e in extent]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.standard_normal((draw(st.integers(0, 3)), groups * channels, *size))
    weight = rng.standard_normal((groups * outs, channels, *pairs["kernel"]))
    bias = rng.standard_normal(groups * outs) if draw(st.booleans()) else None
    order = draw(st.sampled_from(ORDERS))
    return x, weight, bias, pairs["stride"], pairs["padding"], pairs["dilation"], groups, order


@settings(max_examples=40)
@given(cases(most_channels=2, most_out=2, most_groups=2, most_size=3))
def test_definition_against_loops(case) -> None:
    x, weight, bias, stride, padding, dilation, groups, _ = case
    options = (stride, padding, dilation, groups)
    y, meetings = by_loops(x, weight, bias, *options)
    gy = np.random.default_rng(0).standard_normal(y.shape)
    gx, gw = np.zeros_like(x), np.zeros_like(weight)
    for n, o, h, w, c, i, j, channel, u, v in meetings:
        gx[n, channel, u, v] += gy[n, o, h, w] * weight[o, c, i, j]
        gw[o, c, i, j] += gy[n, o, h, w] * x[n, channel, u, v]
    with kernels.backend("numpy"):
        assert_close(kernels.conv2d(x, weight, bias, *options), y, 1e-13, "y")
        assert_close(kernels.conv2d_input(gy, weight, x.shape[2:], *options), gx, 1e-13, "gx")
        assert_close(kernels.conv2d_weight(x, gy, weight.shape[2:], *options), gw, 1e-13, "gw")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@settings(max_examples=60)
@given(case=cases(most_channels=20, most_out=40, most_groups=20))
def test_fast_against_definition(case, dtype: str) -> None:
    x, weight, bias, stride, padding, dilation, groups, order = case
    x, weight = arranged(x.astype(dtype), order), arranged(weight.astype(dtype), order)
    bias = None if bias is None else bias.astype(dtype)
    options = (stride, padding, dilation, groups)
    results = {}
    for backend in kernels.BACKENDS:
        with kernels.backend(backend):
            y = kernels.conv2d(x, weight, bias, *options)
            gy = arranged(np.random.default_rng(0).standard_normal(y.shape).astype(dtype), order)
            gx = kernels.conv2d_input(gy, weight, x.shape[2:], *options)
            results[backend] = y, gx, kernels.conv2d_weight(x, gy, weight.shape[2:], *options)
    for name, fast, slow in zip(("y", "gx", "gw"), results["numba"], results["numpy"], strict=True):
        assert fast.dtype == slow.dtype == np.dtype(dtype)
        assert_close(fast, slow, TOLERANCE[dtype], name)


@pytest.mark.parametrize(
    ("shape", "outs", "kernel", "stride", "groups"),
    [
        ((2, 16, 32, 32), 16, 3, 1, 1),
        ((2, 32, 9, 70), 48, 3, 2, 1),
        ((33, 24, 8, 8), 33, 3, 1, 3),
        ((1, 3, 40, 400), 64, 7, 2, 1),
        ((3, 70, 20, 21), 70, 5, 2, 70),
        ((1, 2100, 3, 3), 8, 1, 1, 1),
    ],
)
def test_sizes_of_networks(shape: tuple, outs: int, kernel: int, stride: int, groups: int) -> None:
    """Several bands, several images a part, ragged channels and tiles."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape).astype(np.float32)
    weight = rng.standard_normal((outs, shape[1] // groups, kernel, kernel)).astype(np.float32) / kernel
    options = (stride, kernel // 2, 1, groups)
    y = kernels.conv2d(x, weight, None, *options)
    gy = rng.standard_normal(y.shape).astype(np.float32)
    got = y, kernels.conv2d_input(gy, weight, shape[2:], *options), kernels.conv2d_weight(x, gy, (kernel, kernel), *options)
    with kernels.backend("numpy"):
        wide = [a.astype(np.float64) for a in (x, weight, gy)]
        expected = (
            kernels.conv2d(wide[0], wide[1], None, *options),
            kernels.conv2d_input(wide[2], wide[1], shape[2:], *options),
            kernels.conv2d_weight(wide[0], wide[2], (kernel, kernel), *options),
        )
    for name, a, b in zip(("y", "gx", "gw"), got, expected, strict=True):
        assert_close(a, b, 2e-6, name)


def test_read_only_arguments(backend: str) -> None:
    x, weight = np.ones((1, 2, 4, 4)), np.ones((3, 2, 3, 3))
    x.flags.writeable = weight.flags.writeable = False
    assert np.all(kernels.conv2d(x, weight) == 18)


def test_result_is_channels_last(backend: str) -> None:
    y = kernels.conv2d(np.ones((2, 3, 5, 6)), np.ones((4, 3, 3, 3)), None, 1, 1)
    assert y.shape == (2, 4, 5, 6)
    assert y.transpose(0, 2, 3, 1).flags.c_contiguous


def test_nan_and_infinity_reach_exactly_the_pixels_that_see_them(backend: str) -> None:
    x = np.zeros((1, 1, 6, 6))
    x[0, 0, 2, 3] = np.nan
    y = kernels.conv2d(x, np.ones((2, 1, 3, 3)), None, 1, 1)
    expected = np.zeros((6, 6), bool)
    expected[1:4, 2:5] = True
    np.testing.assert_array_equal(np.isnan(y), np.broadcast_to(expected, (1, 2, 6, 6)))
    x[0, 0, 2, 3] = np.inf
    gw = kernels.conv2d_weight(x, np.ones((1, 2, 6, 6)), (3, 3), 1, 1)
    assert np.all(gw == np.inf)


def test_does_not_depend_on_the_number_of_threads() -> None:
    from kernels import jit

    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((9, 5, 12, 12)).astype(np.float32), rng.standard_normal((7, 5, 3, 3)).astype(np.float32)
    before = jit.get_num_threads()
    results = []
    try:
        for threads in (1, before):
            jit.set_num_threads(threads)
            results.append((kernels.conv2d(x, weight, None, 1, 1), kernels.conv2d_weight(x, x[:, :4], (3, 3), 1, 1)))
    finally:
        jit.set_num_threads(before)
    for one, many in zip(*results, strict=True):
        assert one.tobytes() == many.tobytes()


def test_a_stride_larger_than_the_kernel_leaves_pixels_without_gradient(backend: str) -> None:
    gx = kernels.conv2d_input(np.ones((1, 1, 2, 2)), np.ones((1, 1, 1, 1)), (4, 4), 3)
    expected = np.zeros((4, 4))
    expected[::3, ::3] = 1
    np.testing.assert_array_equal(gx[0, 0], expected)


def test_plans_list_every_meeting_once() -> None:
    """Counted by the definition's loops: the plan's taps, positions and bounds give the same pairs of pixels."""
    size, kernel, stride, padding, dilation = (7, 5), (3, 2), (2, 3), (1, 2), (2, 1)
    _, meetings = by_loops(np.ones((1, 1, *size)), np.ones((1, 1, *kernel)), None, stride, padding, dilation, 1)
    expected = sorted((h, w, u, v, i * kernel[1] + j) for _, _, h, w, _, i, j, _, u, v in meetings)
    plan = forward_plan(size, kernel, stride, padding, dilation)
    seen = [
        (q, r, q * stride[0] + dy, r * stride[1] + dx, tap)
        for q in range(plan.rows)
        for r in range(plan.columns)
        for dy, dx, tap in plan.taps.tolist()
    ]
    assert sorted(s for s in seen if 0 <= s[2] < size[0] and 0 <= s[3] < size[1]) == expected
    out = plan.out_size
    plan = transposed_plan(size, kernel, stride, padding, dilation)
    seen = [
        (q + dy, r + dx, q * stride[0] + y0, r * stride[1] + x0, tap)
        for first, end, _, _, y0, x0, rows, columns in plan.phases.tolist()
        for dy, dx, tap in plan.taps[first:end].tolist()
        for q in range(rows)
        for r in range(columns)
    ]
    assert sorted(s for s in seen if 0 <= s[0] < out[0] and 0 <= s[1] < out[1]) == expected


X, WEIGHT = np.zeros((2, 4, 5, 5)), np.zeros((6, 4, 3, 3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: kernels.conv2d(X[0], WEIGHT), ValueError, r"x: got shape \(4, 5, 5\), expected 4 dimensions"),
        (lambda: kernels.conv2d(X, WEIGHT[0]), ValueError, r"weight: got shape"),
        (lambda: kernels.conv2d(X, WEIGHT[:, :3]), ValueError, r"weight: got shape \(6, 3, 3, 3\), expected \(OC, 4, KH, KW\)"),
        (lambda: kernels.conv2d(X, WEIGHT, groups=3), ValueError, "groups: got 3"),
        (lambda: kernels.conv2d(X, WEIGHT, groups=0), ValueError, "groups: got 0"),
        (lambda: kernels.conv2d(X, WEIGHT.astype("f")), TypeError, "weight: got float32, expected float64"),
        (lambda: kernels.conv2d(X, WEIGHT, np.zeros(5)), ValueError, r"bias: got shape \(5,\), expected \(6,\)"),
        (lambda: kernels.conv2d(X, WEIGHT, stride=0), ValueError, "stride: got 0"),
        (lambda: kernels.conv2d(X, WEIGHT, stride=(1, 2, 3)), ValueError, "stride: got"),
        (lambda: kernels.conv2d(X, WEIGHT, padding=-1), ValueError, "padding: got -1"),
        (lambda: kernels.conv2d(X, WEIGHT, padding=1.5), ValueError, "padding: got 1.5"),
        (lambda: kernels.conv2d(X, WEIGHT, dilation=3), ValueError, "kernel_size: got .* larger than the padded image"),
        (lambda: kernels.conv2d_input(np.zeros((2, 6, 3, 4)), WEIGHT, (5, 5)), ValueError, r"gy: got shape .* expected \(2, 6, 3, 3\)"),
        (lambda: kernels.conv2d_weight(X, np.zeros((1, 6, 3, 3)), (3, 3)), ValueError, r"gy: got shape .* expected \(2, 6, 3, 3\)"),
    ],
)
def test_errors_name_the_argument(call, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()

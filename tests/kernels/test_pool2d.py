"""Pooling: the definition against plain loops, the fast version against the definition, gradients as adjoints."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kernels
from kernels.jit import get_num_threads, set_num_threads
from kernels.pool2d import numba_pool2d
from minitorch_cv.testing import ORDERS, arranged, assert_close

TOLERANCE = {"float32": 1e-6, "float64": 1e-14}


def length(size, kernel, stride, padding, dilation, ceil_mode):
    """How many windows along one axis, by trying them; one that hangs over the end counts in ceil mode, if it begins early enough."""
    count = 0
    while True:
        start = count * stride - padding
        fits = start + dilation * (kernel - 1) < size + padding
        # In ceil mode, the first window that does not fit is the last one, if any pixel lies between.
        previous_end = (count - 1) * stride - padding + dilation * (kernel - 1)
        hangs = ceil_mode and previous_end < size + padding - 1 and start < size
        if not fits and not hangs:
            return count
        count += 1
        if not fits:
            return count


def windows(size, options):
    """{(oh, ow): [(h, w), ...]}: for every window the pixels it sees, in row-major order."""
    kernel, stride, padding, dilation, ceil_mode = options
    OH, OW = (length(s, k, st_, p, d, ceil_mode) for s, k, st_, p, d in zip(size, kernel, stride, padding, dilation, strict=True))
    result = {}
    for oh, ow in itertools.product(range(OH), range(OW)):
        taps = itertools.product(range(kernel[0]), range(kernel[1]))
        pixels = [(oh * stride[0] - padding[0] + i * dilation[0], ow * stride[1] - padding[1] + j * dilation[1]) for i, j in taps]
        result[oh, ow] = [(h, w) for h, w in pixels if 0 <= h < size[0] and 0 <= w < size[1]]
    return result


def max_by_loops(x, options):
    sees = windows(x.shape[2:], options)
    y = np.zeros((*x.shape[:2], *(1 + max(o) for o in zip(*sees, strict=True))))
    indices = np.zeros(y.shape, np.int64)
    for n, c, (oh, ow) in itertools.product(range(x.shape[0]), range(x.shape[1]), sees):
        best, place = -math.inf, -1
        for h, w in sees[oh, ow]:
            value = float(x[n, c, h, w])
            if place < 0 or value > best or math.isnan(value):
                best, place = value, h * x.shape[3] + w
        y[n, c, oh, ow], indices[n, c, oh, ow] = best, place
    return y, indices


def avg_by_loops(x, options, count_include_pad, divisor):
    kernel, stride, padding, _, _ = options
    sees = windows(x.shape[2:], options)
    y = np.zeros((*x.shape[:2], *(1 + max(o) for o in zip(*sees, strict=True))))
    for n, c, (oh, ow) in itertools.product(range(x.shape[0]), range(x.shape[1]), sees):
        pixels = sees[oh, ow]
        axes = zip((oh, ow), stride, padding, kernel, x.shape[2:], strict=True)
        area = math.prod(min(o * s - p + k, size + p) - (o * s - p) for o, s, p, k, size in axes)
        count = divisor or (area if count_include_pad else len(pixels))
        y[n, c, oh, ow] = math.fsum(float(x[n, c, h, w]) for h, w in pixels) / count
    return y


@st.composite
def cases(draw, most_channels: int = 40, dilated: bool = True):
    """(x, (kernel, stride, padding, dilation, ceil_mode)); x has ties, and in some cases NaN and infinities."""
    pairs = st.tuples(st.integers(1, 4), st.integers(1, 4))
    kernel, stride = draw(pairs), draw(st.tuples(st.integers(1, 5), st.integers(1, 3)))
    dilation = draw(st.tuples(st.integers(1, 3), st.integers(1, 2))) if dilated else (1, 1)
    extent = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    padding = tuple(draw(st.integers(0, e // 2)) for e in extent)
    size = [max(1, e - 2 * p) + draw(st.integers(0, 5)) for e, p in zip(extent, padding, strict=True)]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = np.round(rng.standard_normal((draw(st.integers(0, 3)), draw(st.integers(1, most_channels)), *size)), 1)
    if draw(st.booleans()):
        special = rng.random(x.shape)
        x[special < 0.1], x[special > 0.7], x[(special > 0.3) & (special < 0.35)] = np.nan, -np.inf, np.inf
    return x, (kernel, stride, padding, dilation, draw(st.booleans()))


@given(cases(most_channels=2))
def test_max_definition_against_loops(case) -> None:
    x, options = case
    y, indices = max_by_loops(x, options)
    gy = np.random.default_rng(0).standard_normal(y.shape)
    gx, picked = np.zeros_like(x), np.zeros_like(y)
    for place in np.ndindex(y.shape):
        if indices[place] >= 0:
            pixel = (*place[:2], *divmod(indices[place], x.shape[3]))
            gx[pixel] += gy[place]
            picked[place] = x[pixel]
    with kernels.backend("numpy"):
        got_y, got_indices = kernels.max_pool2d(x, *options)
        assert_close(got_y, y, 0, "y")
        np.testing.assert_array_equal(got_indices, indices)
        assert_close(kernels.max_pool2d_backward(gy, indices, x.shape[2:]), gx, 1e-14, "gx")
        assert_close(kernels.max_pool2d_gather(x, indices), picked, 0, "gathered")


@given(cases(most_channels=2, dilated=False), st.booleans(), st.sampled_from([None, None, 5]))
def test_average_definition_against_loops(case, count_include_pad: bool, divisor: int | None) -> None:
    x, (kernel, stride, padding, _, ceil_mode) = case
    x = np.nan_to_num(x, nan=1.5, posinf=2.5, neginf=-3.5)
    options = (kernel, stride, padding, ceil_mode, count_include_pad, divisor)
    expected = avg_by_loops(x, case[1], count_include_pad, divisor)
    gy = np.random.default_rng(0).standard_normal(expected.shape)
    with kernels.backend("numpy"):
        assert_close(kernels.avg_pool2d(x, *options), expected, 1e-14, "y")
        gx = kernels.avg_pool2d_backward(gy, x.shape[2:], *options)
    # Pooling is linear, so the gradient is the response to each pixel by itself, weighed by gy.
    assert gx.shape == x.shape
    for h, w in itertools.product(range(x.shape[2]), range(x.shape[3])):
        single = np.zeros((1, 1, *x.shape[2:]))
        single[0, 0, h, w] = 1
        response = avg_by_loops(single, case[1], count_include_pad, divisor)
        assert_close(gx[:, :, h, w], (response * gy).sum(axis=(2, 3)), 1e-13, "gx")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(case=cases(), order=st.sampled_from(ORDERS))
def test_max_fast_against_definition(case, dtype: str, order: str) -> None:
    x, options = arranged(case[0].astype(dtype), order), case[1]
    results = {}
    for backend in kernels.BACKENDS:
        with kernels.backend(backend):
            y, indices = kernels.max_pool2d(x, *options)
            gy = arranged(np.random.default_rng(0).standard_normal(y.shape).astype(dtype), order)
            gx = kernels.max_pool2d_backward(gy, arranged(indices, order), x.shape[2:])
            results[backend] = y, indices, gx, kernels.max_pool2d_gather(x, indices)
    for name, fast, slow in zip(("y", "indices", "gx", "gathered"), results["numba"], results["numpy"], strict=True):
        assert fast.dtype == slow.dtype
        assert_close(fast, slow, TOLERANCE[dtype] if name == "gx" else 0, name)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(case=cases(dilated=False), order=st.sampled_from(ORDERS), count_include_pad=st.booleans(), divisor=st.sampled_from([None, None, -3]))
def test_average_fast_against_definition(case, dtype: str, order: str, count_include_pad: bool, divisor: int | None) -> None:
    x, (kernel, stride, padding, _, ceil_mode) = arranged(case[0].astype(dtype), order), case[1]
    options = (kernel, stride, padding, ceil_mode, count_include_pad, divisor)
    results = {}
    for backend in kernels.BACKENDS:
        with kernels.backend(backend), np.errstate(invalid="ignore"):
            y = kernels.avg_pool2d(x, *options)
            gy = arranged(np.random.default_rng(0).standard_normal(y.shape).astype(dtype), order)
            mean = kernels.global_avg_pool2d(x)
            results[backend] = (
                y, kernels.avg_pool2d_backward(gy, x.shape[2:], *options),
                mean, kernels.global_avg_pool2d_backward(gy[:, :, :1, :1], x.shape[2:]),
            )  # fmt: skip
    for name, fast, slow in zip(("y", "gx", "mean", "gx of mean"), results["numba"], results["numpy"], strict=True):
        assert fast.dtype == slow.dtype == np.dtype(dtype)
        assert_close(fast, slow, TOLERANCE[dtype], name)


@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)), out=st.tuples(st.integers(1, 11), st.integers(1, 11)),
    order=st.sampled_from(ORDERS), seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_adaptive_windows_against_slices(backend: str, size: tuple, out: tuple, order: str, seed: int) -> None:
    """Every window is a slice; the maximum is the first of equal ones; the gradient of a mean goes to all of its slice alike."""
    rng = np.random.default_rng(seed)
    x = arranged(np.round(rng.standard_normal((2, 3, *size)), 1), order)
    gy = arranged(rng.standard_normal((2, 3, *out)), order)
    y, indices = kernels.adaptive_max_pool2d(x, out)
    mean, gx = kernels.adaptive_avg_pool2d(x, out), np.zeros_like(x)
    for place in np.ndindex(*gy.shape):
        rows, columns = (
            slice(math.floor(i * n / count), math.ceil((i + 1) * n / count)) for i, n, count in zip(place[2:], size, out, strict=True)
        )
        seen = x[place[:2]][rows, columns]
        assert y[place] == seen.max()
        h, w = np.unravel_index(seen.argmax(), seen.shape)
        assert indices[place] == (rows.start + h) * size[1] + columns.start + w
        assert mean[place] == pytest.approx(seen.mean(), abs=1e-14)
        gx[place[:2]][rows, columns] += gy[place] / seen.size
    assert_close(kernels.adaptive_avg_pool2d_backward(gy, size), gx, 1e-13)


@settings(max_examples=15)
@given(cases(most_channels=5))
def test_gradients_are_adjoints(case) -> None:
    """<A x, gy> = <x, A' gy> for the linear maps: averages, and the choice that a maximum has made."""
    x, (kernel, stride, padding, dilation, ceil_mode) = np.nan_to_num(case[0], posinf=1, neginf=-1), case[1]
    rng = np.random.default_rng(1)
    _, indices = kernels.max_pool2d(x, *case[1])
    gy = rng.standard_normal(indices.shape)
    left, right = (kernels.max_pool2d_gather(x, indices) * gy).sum(), (x * kernels.max_pool2d_backward(gy, indices, x.shape[2:])).sum()
    assert left == pytest.approx(right, abs=1e-10)
    if max(p - k // 2 for p, k in zip(padding, kernel, strict=True)) <= 0 and dilation == (1, 1):
        y = kernels.avg_pool2d(x, kernel, stride, padding, ceil_mode)
        gx = kernels.avg_pool2d_backward(gy, x.shape[2:], kernel, stride, padding, ceil_mode)
        assert (y * gy).sum() == pytest.approx((x * gx).sum(), abs=1e-10)


@given(case=cases(most_channels=9))
def test_gradient_of_known_windows(backend: str, case) -> None:
    """Told the windows, a backend may look for the winners of a pixel in few places: it finds all of them."""
    x, (kernel, stride, padding, dilation, ceil_mode) = case
    y, indices = kernels.max_pool2d(x, *case[1])
    gy = np.random.default_rng(0).standard_normal(y.shape)
    window = {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil_mode}
    gx = kernels.max_pool2d_backward(gy, indices, x.shape[2:], **window)
    assert_close(gx, kernels.max_pool2d_backward(gy, indices, x.shape[2:]), 1e-14)


def test_first_of_equal_values_wins_and_nan_wins_over_all(backend: str) -> None:
    x = np.array([[1.0, 7.0, 7.0], [7.0, 2.0, np.nan]]).reshape(1, 1, 2, 3)
    y, indices = kernels.max_pool2d(x, 2, 1)
    assert y[0, 0, 0, 0] == 7
    assert np.isnan(y[0, 0, 0, 1])
    assert indices.ravel().tolist() == [1, 5]


def test_window_of_nothing_but_padding(backend: str) -> None:
    """A dilated window can step over a small image: its maximum is that of no numbers, and its gradient goes nowhere."""
    x = np.ones((1, 2, 1, 1), np.float32)
    y, indices = kernels.max_pool2d(x, 2, 1, 1, 2)
    assert (y == -np.inf).all()
    assert (indices == -1).all()
    assert (kernels.max_pool2d_backward(np.ones_like(y), indices, 1) == 0).all()
    assert (kernels.max_pool2d_gather(x, indices) == 0).all()


def test_plane_too_large_for_places_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 6, 6)).astype(np.float32)
    expected = kernels.max_pool2d(x, 3, 1)
    monkeypatch.setattr(numba_pool2d, "EXACT", 17)
    for got, want in zip(kernels.max_pool2d(x, 3, 1), expected, strict=True):
        np.testing.assert_array_equal(got, want)


def test_large_window_stays_accurate(backend: str) -> None:
    x = (1000 + np.random.default_rng(0).standard_normal((1, 2, 300, 200))).astype(np.float32)
    expected = x.mean(axis=(2, 3), dtype=np.float64)[:, :, None, None]
    assert_close(kernels.global_avg_pool2d(x) / 1000, expected / 1000, 2e-6)
    assert_close(kernels.avg_pool2d(x, (300, 200)) / 1000, expected / 1000, 2e-6)


def test_results_are_channels_last_and_gradients_of_an_empty_batch_are_empty(backend: str) -> None:
    x = np.ones((2, 3, 5, 6), np.float32)
    y, indices = kernels.max_pool2d(x, 2)
    mean = kernels.avg_pool2d(x, 2)
    for array in (y, indices, mean, kernels.max_pool2d_backward(y, indices, (5, 6)), kernels.avg_pool2d_backward(mean, (5, 6), 2)):
        assert array.transpose(0, 2, 3, 1).flags.c_contiguous
    y, indices = kernels.max_pool2d(x[:0], 2)
    assert kernels.max_pool2d_backward(y, indices, (5, 6)).shape == (0, 3, 5, 6)
    assert kernels.global_avg_pool2d_backward(kernels.global_avg_pool2d(x[:0]), (5, 6)).shape == (0, 3, 5, 6)


def test_threads_do_not_change_the_result() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((5, 17, 20, 20)).astype(np.float32)
    gy = rng.standard_normal((5, 17, 18, 18)).astype(np.float32)
    results = []
    for threads in (1, get_num_threads()):  # ends with as many as it began with
        set_num_threads(threads)
        y, indices = kernels.max_pool2d(x, 3, 1)
        gradients = kernels.max_pool2d_backward(gy, indices, (20, 20)), kernels.avg_pool2d_backward(gy, 20, 3, 1)
        arrays = y, kernels.avg_pool2d(x, 3, 1), *gradients
        results.append([array.tobytes() for array in arrays])
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: kernels.max_pool2d(x[0], 2), ValueError, "x: got shape"),
        (lambda x: kernels.max_pool2d(x.astype(int), 2), TypeError, "x: got int64"),
        (lambda x: kernels.max_pool2d(x, 9), ValueError, "kernel_size"),
        (lambda x: kernels.max_pool2d(x, 2, padding=2), ValueError, "padding: got .* at most half"),
        (lambda x: kernels.avg_pool2d(x, 2, padding=(0, 2)), ValueError, "padding: got .* at most half"),
        (lambda x: kernels.avg_pool2d(x, 2, stride=0), ValueError, "stride"),
        (lambda x: kernels.avg_pool2d(x, 2, divisor_override=0), ValueError, "divisor_override"),
        (lambda x: kernels.avg_pool2d_backward(x, (4, 4), 2), ValueError, "gy: got shape"),
        (lambda x: kernels.max_pool2d_backward(x, np.zeros(x.shape, np.int32), 8), TypeError, "indices: got int32"),
        (lambda x: kernels.max_pool2d_backward(x, np.full(x.shape, 64), 8), ValueError, "indices: got 64"),
        (lambda x: kernels.max_pool2d_gather(x, np.full(x.shape, -2)), ValueError, "indices: got -2"),
        (lambda x: kernels.max_pool2d_backward(x, np.zeros(x.shape, int), 8, kernel_size=2), ValueError, "gy: got .* 4. windows"),
        (lambda x: kernels.adaptive_avg_pool2d(x, 0), ValueError, "output_size: got 0"),
        (lambda x: kernels.adaptive_max_pool2d(x, (1, 2, 3)), ValueError, "output_size: got"),
        (lambda x: kernels.adaptive_avg_pool2d_backward(x, 0), ValueError, "input_size: got 0"),
        (lambda x: kernels.global_avg_pool2d(x[:, :, :0]), ValueError, "no empty dimension"),
        (lambda x: kernels.global_avg_pool2d_backward(x, 8), ValueError, "gy: got shape"),
    ],
)
def test_errors_name_the_argument(call, error: type, words: str, backend: str) -> None:
    with pytest.raises(error, match=words):
        call(np.ones((2, 3, 5, 6)))


@pytest.mark.full
@settings(max_examples=100)
@given(cases(), st.booleans(), st.sampled_from([None, 3]))
def test_against_pytorch(case, count_include_pad: bool, divisor: int | None) -> None:
    torch = pytest.importorskip("torch")
    x, (kernel, stride, padding, dilation, ceil_mode) = case
    if len(x) == 0:
        return
    other = torch.tensor(x)
    if all(p <= k // 2 for p, k in zip(padding, kernel, strict=True)):  # PyTorch's rule, with and without dilation
        y, indices = kernels.max_pool2d(x, kernel, stride, padding, dilation, ceil_mode)
        expected, places = torch.nn.functional.max_pool2d(other, kernel, stride, padding, dilation, ceil_mode, return_indices=True)
        if (indices >= 0).all():
            assert_close(y, expected, 0)
            np.testing.assert_array_equal(indices, places)
        options = (kernel, stride, padding, ceil_mode, count_include_pad, divisor)
        if any(d > 1 and k > 1 for d, k in zip(dilation, kernel, strict=True)):
            return  # the size was drawn for a dilated window
        assert_close(kernels.avg_pool2d(x, *options), torch.nn.functional.avg_pool2d(other, *options), 1e-13)

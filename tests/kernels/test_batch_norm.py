"""Batch norm: the definition against sums of single numbers, gradients against differences, the fast version against the definition."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kernels
from kernels.jit import get_num_threads, set_num_threads
from minitorch_cv.testing import ORDERS, arranged, assert_close

# Of results of the size of 1, up to a few; statistics agree much better, sums over a whole batch are compared relative to their size.
TOLERANCE = {"float32": 3e-6, "float64": 1e-13}
EPS = 1e-3


def by_single_numbers(x, weight, bias, residual, relu):
    """(y, mean, var) channel by channel; Python's fsum is exact."""
    y, means, variances = np.zeros(x.shape), [], []
    for c in range(x.shape[1]):
        values = [float(v) for v in x[:, c].ravel()]
        mean = math.fsum(values) / len(values)
        var = math.fsum((v - mean) ** 2 for v in values) / len(values)
        scale = (1 if weight is None else weight[c]) / math.sqrt(var + EPS)
        channel = (x[:, c] - mean) * scale + (0 if bias is None else bias[c]) + (0 if residual is None else residual[:, c])
        y[:, c] = channel * (channel > 0) if relu else channel
        means.append(mean)
        variances.append(var)
    return y, means, variances


@st.composite
def cases(draw, most_channels: int = 40):
    """{x, weight, bias, residual, relu, gy}; three quarters of the shapes are of images."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spatial = draw(st.sampled_from([(), (3,), (5, 4), (2, 7)]))
    C = draw(st.integers(1, most_channels))
    shape = (draw(st.integers(2, 5)), C, *spatial)
    return {
        "x": 3 * rng.standard_normal(shape) + rng.standard_normal(C).reshape(C, *(1,) * len(spatial)),
        "weight": rng.standard_normal(C) if draw(st.booleans()) else None,
        "bias": rng.standard_normal(C) if draw(st.booleans()) else None,
        "residual": rng.standard_normal(shape) if draw(st.booleans()) else None,
        "relu": draw(st.booleans()),
        "gy": rng.standard_normal(shape),
    }


def train(case: dict) -> tuple:
    return kernels.batch_norm_train(case["x"], case["weight"], case["bias"], EPS, case["residual"], case["relu"])


def backward(case: dict, y: np.ndarray, mean: np.ndarray, var: np.ndarray) -> tuple:
    gate = y if case["relu"] else None
    return kernels.batch_norm_backward(case["gy"], case["x"], mean, var, case["weight"], EPS, gate, case["residual"] is not None)


def cast(case: dict, dtype: str, order: str = "contiguous") -> dict:
    return {name: arranged(v.astype(dtype), order) if isinstance(v, np.ndarray) else v for name, v in case.items()}


@given(cases(most_channels=3))
def test_definition_against_single_numbers(case: dict) -> None:
    y, mean, var = by_single_numbers(case["x"], case["weight"], case["bias"], case["residual"], case["relu"])
    with kernels.backend("numpy"):
        for got, expected, name in zip(train(case), (y, mean, var), ("y", "mean", "var"), strict=True):
            assert_close(got, expected, 1e-13, name)
        statistics = np.array(mean), np.array(var)
        got = kernels.batch_norm_eval(case["x"], *statistics, case["weight"], case["bias"], EPS, case["residual"], case["relu"])
        assert_close(got, y, 1e-13, "y of batch_norm_eval")


@given(case=cases(most_channels=3))
def test_gradient_against_differences(case: dict, backend: str) -> None:
    """Along random directions, of x, weight, bias and residual; numbers near the kink of the ReLU are moved away from it."""
    case["weight"] = np.ones(case["x"].shape[1]) if case["weight"] is None else case["weight"]
    case["bias"] = np.zeros(case["x"].shape[1]) if case["bias"] is None else case["bias"]
    y, mean, var = train(case)
    if case["relu"]:
        case["residual"] = np.zeros_like(y) if case["residual"] is None else case["residual"]
        before = train({**case, "relu": False})[0]
        case["residual"] = case["residual"] + np.where(np.abs(before) < 0.01, 0.1, 0)
        y, mean, var = train(case)
    rng, h = np.random.default_rng(0), 1e-6
    names = ("x", "weight", "bias") + (() if case["residual"] is None else ("residual",))
    for name, gradient in zip(names, backward(case, y, mean, var), strict=False):
        direction = rng.standard_normal(case[name].shape)
        up, down = (train({**case, name: case[name] + sign * h * direction})[0] for sign in (1, -1))
        assert ((up - down) / (2 * h) * case["gy"]).sum() == pytest.approx((gradient * direction).sum(), rel=1e-6, abs=1e-6), name


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(case=cases(), order=st.sampled_from(ORDERS))
def test_fast_against_definition(case: dict, dtype: str, order: str) -> None:
    case = cast(case, dtype, order)
    results = {}
    for backend in kernels.BACKENDS:
        with kernels.backend(backend):
            y, mean, var = train(case)
            evaluated = kernels.batch_norm_eval(case["x"], mean, var, case["weight"], case["bias"], EPS, case["residual"], case["relu"])
            results[backend] = y, mean, var, evaluated, *backward(case, y, mean, var)
    names = ("y", "mean", "var", "evaluated", "gx", "gweight", "gbias", "gresidual")
    for name, fast, slow in zip(names, results["numba"], results["numpy"], strict=True):
        if case["residual"] is None and name == "gresidual":
            assert fast is slow is None
            continue
        assert fast.dtype == slow.dtype == np.dtype(dtype)
        assert_close(fast, slow, TOLERANCE[dtype], name)


@pytest.mark.parametrize("shape", [(64, 16, 32, 32), (9, 64, 40, 41), (3, 700, 9, 9), (300, 3), (7, 5, 100, 101)])
def test_many_blocks(shape: tuple) -> None:
    """float32 on several blocks, ragged ones among them, against float64."""
    rng = np.random.default_rng(0)
    wide = {"x": 5 + rng.standard_normal(shape), "weight": rng.standard_normal(shape[1]), "bias": rng.standard_normal(shape[1]),
            "residual": rng.standard_normal(shape), "relu": True, "gy": rng.standard_normal(shape)}  # fmt: skip
    case = cast(wide, "float32", "channels-last")
    wide = cast(case, "float64")
    with kernels.backend("numpy"):
        expected = train(wide)
    got = train(case)
    for name, a, b in zip(("y", "mean", "var"), got, expected, strict=True):
        assert_close(a, b, 2e-6, name)
    with kernels.backend("numpy"):
        expected = backward(wide, *(array.astype(np.float64) for array in got))
    for name, a, b in zip(("gx", "gweight", "gbias", "gresidual"), backward(case, *got), expected, strict=True):
        assert_close(a, b, 2e-6, name)


def test_variance_far_from_zero_does_not_cancel(backend: str) -> None:
    """E[x^2] - E[x]^2 would lose every digit of the variance here."""
    x = np.random.default_rng(0).standard_normal((200, 4, 15, 15)).astype(np.float32)
    x = (x * np.float32(0.5) + np.float32(4096)).astype(np.float32)
    _, mean, var = kernels.batch_norm_train(x)
    assert_close(mean / 4096, x.mean(axis=(0, 2, 3), dtype=np.float64) / 4096, 1e-7)
    assert_close(var, x.var(axis=(0, 2, 3), dtype=np.float64), 1e-6)


def test_nan_passes_through_relu_and_its_gradient(backend: str) -> None:
    x = np.ones((4, 2, 3, 3), np.float32)
    x[1, 1, 2, 0] = np.nan
    ones, zeros = np.ones(2, np.float32), np.zeros(2, np.float32)
    y = kernels.batch_norm_eval(x, zeros, ones, None, None, EPS, None, True)
    assert np.isnan(y[1, 1, 2, 0])
    assert np.isfinite(y).sum() == y.size - 1
    y, mean, var = kernels.batch_norm_train(x, relu=True)
    assert np.isnan([mean[1], var[1]]).all()
    assert np.isfinite(mean[0])
    gx, gweight, gbias, gresidual = kernels.batch_norm_backward(np.ones_like(x), x, mean, var, None, EPS, y, True)
    assert np.isnan(gx[:, 1]).all()
    assert np.isfinite(gx[:, 0]).all()
    assert np.isnan(gweight[1])
    assert gbias[1] == 36
    assert (gresidual[:, 1] == 1).all()  # its gate is NaN: open


def test_infinity_passes_through_evaluation(backend: str) -> None:
    x = np.array([[np.inf, -np.inf, 1.0]])
    y = kernels.batch_norm_eval(x, np.zeros(3), np.ones(3), None, None, 0.0, residual=x)
    np.testing.assert_array_equal(y, [[np.inf, -np.inf, 2.0]])


def test_empty_batch(backend: str) -> None:
    x = np.ones((0, 3, 4, 4), np.float32)
    y, mean, var = kernels.batch_norm_train(x)
    assert y.shape == x.shape
    assert np.isnan([mean, var]).all()
    gx, gweight, gbias, gresidual = kernels.batch_norm_backward(x, x, mean, var, None, EPS, y, True)
    assert gx.shape == gresidual.shape == x.shape
    assert gweight.tolist() == gbias.tolist() == [0, 0, 0]
    assert kernels.batch_norm_eval(x, mean, var).shape == x.shape


def test_results_are_channels_last(backend: str) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 5, 4))
    y, mean, var = kernels.batch_norm_train(x, residual=x, relu=True)
    gx, _, _, gresidual = kernels.batch_norm_backward(x, x, mean, var, None, EPS, y, True)
    for array in (y, gx, gresidual):
        assert array.transpose(0, 2, 3, 1).flags.c_contiguous


def test_threads_do_not_change_the_result() -> None:
    rng = np.random.default_rng(0)
    x, gy = rng.standard_normal((2, 20, 9, 30, 31)).astype(np.float32)
    results = []
    for threads in (1, get_num_threads()):  # ends with as many as it began with
        set_num_threads(threads)
        y, mean, var = kernels.batch_norm_train(x)
        arrays = y, mean, var, *kernels.batch_norm_backward(gy, x, mean, var)[:3]
        results.append([array.tobytes() for array in arrays])
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x, c: kernels.batch_norm_train(x[0, 0, 0]), ValueError, "x: got shape"),
        (lambda x, c: kernels.batch_norm_train(x.astype(int)), TypeError, "x: got int64"),
        (lambda x, c: kernels.batch_norm_train(x, c.astype(np.float32)), TypeError, "weight: got float32"),
        (lambda x, c: kernels.batch_norm_train(x, c[:2]), ValueError, "weight: got shape"),
        (lambda x, c: kernels.batch_norm_train(x, None, None, 1e-5, x[:1]), ValueError, "residual: got shape"),
        (lambda x, c: kernels.batch_norm_eval(x, c, c[:1]), ValueError, "var: got shape"),
        (lambda x, c: kernels.batch_norm_backward(x, x[:1], c, c), ValueError, "x: got shape"),
        (lambda x, c: kernels.batch_norm_backward(x, x, c, c, y=x.astype(np.float32)), TypeError, "y: got float32"),
    ],
)
def test_errors_name_the_argument(call, error: type, words: str, backend: str) -> None:
    with pytest.raises(error, match=words):
        call(np.ones((2, 3, 4, 4)), np.ones(3))


@pytest.mark.full
@settings(max_examples=50)
@given(cases())
def test_against_pytorch(case: dict) -> None:
    torch = pytest.importorskip("torch")
    y, mean, var = train(case)
    tensors = {name: torch.tensor(v, requires_grad=name != "gy") for name, v in case.items() if isinstance(v, np.ndarray)}
    expected = torch.nn.functional.batch_norm(tensors["x"], None, None, tensors.get("weight"), tensors.get("bias"), True, eps=EPS)
    expected = expected + tensors.get("residual", 0)
    expected = torch.relu(expected) if case["relu"] else expected
    assert_close(y, expected.detach(), 1e-12, "y")
    names = [name for name in ("x", "weight", "bias", "residual") if name in tensors]
    gradients = dict(zip(("x", "weight", "bias", "residual"), backward(case, y, mean, var), strict=True))
    for name, expected_gradient in zip(names, torch.autograd.grad(expected, [tensors[n] for n in names], tensors["gy"]), strict=True):
        assert_close(gradients[name], expected_gradient, 1e-12, name)

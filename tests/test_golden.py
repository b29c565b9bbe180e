"""Every operator against numbers that PyTorch computed (tests/golden): values and gradients, on every backend."""

from types import ModuleType

import numpy as np
import pytest
from golden import Case, cases, run

import minitorch_cv as mt
from minitorch_cv.testing import assert_close

FLOAT64 = 1e-10  # for every function

# How far a float32 result may lie from the float64 one, in units of max(1, max |reference|). Rounding one number costs at most
# 2**-24 = 6e-8; the sums of these cases, of up to a few hundred terms, a few times that.
FLOAT32 = {
    "conv2d": 1e-6,
    "conv_transpose2d": 1e-6,
    "max_pool2d": 2e-7,
    "avg_pool2d": 2e-7,
    "adaptive_pool2d": 3e-7,
    "batch_norm": 1e-6,  # and what cancels in x - mean, see below
    "norms": 1e-6,
    "activations": 5e-7,
    "softmax": 2e-7,
    "losses": 3e-7,
    "interpolate": 1e-6,
    "pad": 2e-7,
    "misc": 3e-7,
}


def float32_tolerance(case: Case) -> float:
    """The bound of a function; for batch norm it grows with the distance of the mean from zero, in standard deviations.

    The mean is a float32 number too, and what it was rounded by stays when the much smaller x - mean is divided by the deviation.
    """
    bound = FLOAT32[case.op]
    if case.op == "batch_norm" and "x" in case.arrays:
        x = case.arrays["x"].astype(np.float64)
        axes = (0, *range(2, x.ndim))
        bound += 2.0**-24 * float(np.max(np.abs(x.mean(axes)) / x.std(axes)))
    return bound


ALL = [pytest.param(case, id=f"{case.op}-{case.number}-{case.label.replace(' ', '_')}") for case in cases()]


def compare(case: Case, library: ModuleType, dtype: type, tolerance: float) -> None:
    """Run `case` and compare every result it knows."""
    results = run(library, case, dtype)
    for name, result in results.items():
        expected = case.arrays[name]
        if name in {"indices", "num_batches"}:
            np.testing.assert_array_equal(result, expected.reshape(result.shape), err_msg=name)
        else:
            assert result.dtype == dtype, f"{name}: {result.dtype}, expected {np.dtype(dtype)}"
            assert_close(result, expected.reshape(result.shape) if result.ndim == 0 else expected, tolerance, name)


@pytest.mark.parametrize("case", ALL)
def test_float64(case: Case, backend: str) -> None:
    compare(case, mt, np.float64, FLOAT64)


@pytest.mark.parametrize("case", ALL)
def test_float32(case: Case, backend: str) -> None:
    compare(case, mt, np.float32, float32_tolerance(case))


def test_nothing_is_forgotten() -> None:
    """Each result stored for a case is one that `run` computes and `compare` therefore looks at."""
    inputs = {"x", "w", "b", "gy", "rm", "rv", "target", "weight", "pos_weight", "w1", "w2", "b1", "b2", "x0", "x1", "x2"}
    for case in cases():
        assert set(case.arrays) - inputs == set(run(mt, case, np.float64)), f"{case.op} {case.number}"


@pytest.mark.full
@pytest.mark.parametrize("case", ALL)
def test_the_numbers_are_pytorchs(case: Case) -> None:
    """The files can be made again: PyTorch computes them from the inputs stored in them."""
    compare(case, pytest.importorskip("torch"), np.float64, 1e-13)

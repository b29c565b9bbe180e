"""The ruler itself: `relative_error` and `assert_close` must be able to say no."""

import numpy as np
import pytest

from minitorch_cv.testing import assert_close, relative_error

NAN, INF = np.nan, np.inf


@pytest.mark.parametrize(
    ("actual", "expected", "error"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([0.1], [0.0], 0.1),  # small references: the error is absolute
        ([101.0], [100.0], 0.01),  # large ones: relative to the largest
        ([100.0, 1.0], [100.0, 0.0], 0.01),
        ([NAN, INF, -INF, 1.0], [NAN, INF, -INF, 1.0], 0.0),
        ([NAN], [1.0], INF),
        ([1.0], [NAN], INF),
        ([INF], [1e300], INF),
        ([INF], [-INF], INF),
        ([INF, 3.0], [INF, 2.0], 0.5),  # the infinity does not swallow the other error
        ([[1.0]], [1.0], INF),  # a shape is part of the result
        ([], [], 0.0),
    ],
)
def test_relative_error(actual: list, expected: list, error: float) -> None:
    assert relative_error(np.array(actual), np.array(expected)) == pytest.approx(error)


def test_assert_close_names_the_worst_element() -> None:
    assert_close(np.zeros((2, 2)), np.full((2, 2), 1e-11), 1e-10)
    with pytest.raises(AssertionError, match=r"gx: error 0.5 > 1e-10; at \[1, 0\] got 0.5, expected 0.0"):
        assert_close(np.array([[0.0, 0.1], [0.5, 0.0]]), np.zeros((2, 2)), 1e-10, "gx")
    with pytest.raises(AssertionError, match=r"y: error inf .* at \[1\] got nan"):
        assert_close(np.array([0.0, np.nan]), np.zeros(2), 1e-10, "y")
    with pytest.raises(AssertionError, match=r"y: shape \(2,\), expected \(1,\)"):
        assert_close(np.zeros(2), np.zeros(1), 1.0, "y")


def test_the_fixture_sets_the_backend(backend: str) -> None:
    import kernels

    assert kernels.current_backend() == backend

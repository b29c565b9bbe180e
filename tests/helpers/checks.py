"""How tests compare arrays: one definition of "agrees" for all of them."""

import numpy as np


def relative_error(actual: object, expected: object) -> float:
    """max |actual - expected| / max(1, max |expected|) over all elements, 0 for empty arrays.

    NaN agrees with NaN and an infinity with itself; either against anything else is an infinite error, and so is a wrong shape's.
    Computed in float64. Accepts arrays, numbers, and whatever has a `numpy()` method.
    """
    a, e = _array(actual), _array(expected)
    if a.shape != e.shape:
        return np.inf
    same = (a == e) | (np.isnan(a) & np.isnan(e))
    if not (np.isfinite(a) & np.isfinite(e) | same).all():
        return np.inf
    # What is equal needs no subtraction, which would make a NaN of two infinities.
    difference = np.abs(np.subtract(a, e, where=~same, out=np.zeros(a.shape))).max(initial=0.0)
    return float(difference / max(1.0, np.abs(e, where=np.isfinite(e), out=np.zeros(e.shape)).max(initial=0.0)))


def assert_close(actual: object, expected: object, tolerance: float, what: str = "result") -> None:
    """Fail unless shapes are equal and `relative_error` is at most `tolerance`; `what` names the compared thing in the message."""
    a, e = _array(actual), _array(expected)
    assert a.shape == e.shape, f"{what}: shape {a.shape}, expected {e.shape}"
    error = relative_error(a, e)
    if error > tolerance:
        differs = ~((a == e) | (np.isnan(a) & np.isnan(e)))
        distance = np.where(differs, np.abs(np.where(differs, a, 0) - np.where(differs, e, 0)), -1.0)
        place = np.unravel_index(np.argmax(np.where(np.isnan(distance), np.inf, distance)), a.shape)
        at = ", ".join(map(str, place))
        raise AssertionError(f"{what}: error {error:.3g} > {tolerance:.3g}; at [{at}] got {a[place]!r}, expected {e[place]!r}")


def _array(value: object) -> np.ndarray:
    return np.asarray(value.numpy() if hasattr(value, "numpy") else value, np.float64)

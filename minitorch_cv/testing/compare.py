"""How results are compared: one definition of "agrees" for everything."""

from typing import Any

import numpy as np


class CheckError(AssertionError):
    """A function or a kernel is not what it claims to be."""


def relative_error(actual: Any, expected: Any) -> float:
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


def assert_close(actual: Any, expected: Any, tolerance: float, what: str = "result") -> None:
    """CheckError unless shapes are equal and `relative_error` is at most `tolerance`; `what` names the compared thing in the message."""
    a, e = _array(actual), _array(expected)
    if a.shape != e.shape:
        raise CheckError(f"{what}: shape {a.shape}, expected {e.shape}")
    error = relative_error(a, e)
    if error > tolerance:
        differs = ~((a == e) | (np.isnan(a) & np.isnan(e)))
        distance = np.where(differs, np.abs(np.where(differs, a, 0) - np.where(differs, e, 0)), -1.0)
        place = np.unravel_index(np.argmax(np.where(np.isnan(distance), np.inf, distance)), a.shape)
        at = ", ".join(map(str, place))
        raise CheckError(f"{what}: error {error:.3g} > {tolerance:.3g}; at [{at}] got {a[place].item()!r}, expected {e[place].item()!r}")


def _array(value: Any) -> np.ndarray:
    return np.asarray(value.numpy() if hasattr(value, "numpy") else value, np.float64)

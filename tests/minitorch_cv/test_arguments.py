"""The decorator that names arguments of the wrong type."""

from collections.abc import Sequence

import numpy as np
import pytest

import minitorch_cv as mt
from minitorch_cv.functional.arguments import checked


@checked
def function(
    input: mt.Tensor, size: int | tuple[int, int], *, weight: mt.Tensor | None = None, p: float = 2.0, mode: str = "mean",
    tensors: Sequence[mt.Tensor] = (), switch: bool = False, anything: object = None,
) -> tuple:  # fmt: skip
    """What it says."""
    return input, size, weight, p, mode, tensors, switch, anything


X = mt.ones(2)


def test_what_fits_passes() -> None:
    assert function(X, 3)[:3] == (X, 3, None)
    for size in (np.int64(3), (1, 2), [1, 2], True):
        assert function(X, size)[1] == size
    for p in (1, 1.5, np.float32(2), np.int64(1)):
        assert function(X, 3, p=p)[3] == p
    assert function(input=X, size=3, weight=X, mode="sum", tensors=[X], switch="yes", anything=Ellipsis)[2] is X
    assert (function.__name__, function.__doc__) == ("function", "What it says.")


@pytest.mark.parametrize(
    ("args", "options", "message"),
    [
        (([1.0], 3), {}, "^input: got list, expected a Tensor$"),
        ((X, "3"), {}, "^size: got '3', expected an integer or a tuple or a list$"),
        ((X, 2.5), {}, "^size: got 2.5, expected an integer or"),
        ((X, None), {}, "^size: got None, "),
        ((X, 3), {"weight": 1.0}, "^weight: got float, expected a Tensor or None$"),
        ((X, 3), {"p": "2"}, "^p: got '2', expected a number$"),
        ((X, 3), {"p": X}, "^p: got tensor.*, expected a number$"),
        ((X, 3), {"mode": 1}, "^mode: got 1, expected a string$"),
        ((X, 3), {"tensors": X}, "^tensors: got tensor"),
        ((), {"size": "3", "input": X}, "^size: got '3'"),
        ((X,), {}, "missing 1 required positional argument: 'size'"),
        ((X, 3), {"sise": 3}, "unexpected keyword argument 'sise'"),
    ],
)
def test_what_does_not_is_named(args: tuple, options: dict, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        function(*args, **options)

"""`check_kernel`: a fast kernel against its definition."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from minitorch_cv.testing.arrange import ORDERS, arranged
from minitorch_cv.testing.compare import CheckError, assert_close


def check_kernel(
    kernel: Callable, definition: Callable, args: Sequence[Any], options: Mapping[str, Any] | None = None, *,
    float64: float = 1e-10, float32: float = 1e-5,
) -> None:  # fmt: skip
    """CheckError unless `kernel(*args, **options)` does what `definition` does: functions of arrays, with arrays as results.

    args: float64 arrays are also tried in float32; whatever else comes is passed as it is. float64, float32: how far the kernel may be
    from the definition computed in float64, in `relative_error`.

    What is checked, in both types and in every order of memory (`ORDERS`): shapes, dtypes and values; that a second call gives the same
    bits; that no argument is written to.
    """
    options = options or {}
    expected = _arrays(definition(*args, **options))
    for dtype, tolerance in ((np.float64, float64), (np.float32, float32)):
        for order in ORDERS:
            where = f"{np.dtype(dtype)}, memory order {order!r}: "
            given = [_prepared(argument, dtype, order) for argument in args]
            before = [argument.copy() if isinstance(argument, np.ndarray) else None for argument in given]
            results, again = _arrays(kernel(*given, **options)), _arrays(kernel(*given, **options))
            for i, (argument, copy) in enumerate(zip(given, before, strict=True)):
                if copy is not None and not np.array_equal(argument, copy, equal_nan=copy.dtype.kind == "f"):
                    raise CheckError(f"{where}argument {i}: the kernel wrote into it")
            if len(results) != len(expected):
                raise CheckError(f"{where}{len(results)} results, expected {len(expected)}")
            for i, (result, wanted) in enumerate(zip(results, expected, strict=True)):
                kind = np.dtype(dtype) if wanted.dtype == np.float64 else wanted.dtype
                if result.dtype != kind:
                    raise CheckError(f"{where}result {i}: {result.dtype}, expected {kind}")
                assert_close(result, wanted, tolerance, f"{where}result {i}")
                assert_close(again[i], result, 0, f"{where}result {i} of a second call")


def _prepared(argument: Any, dtype: type, order: str) -> Any:
    if not isinstance(argument, np.ndarray):
        return argument
    return arranged(argument.astype(dtype) if argument.dtype == np.float64 else argument, order)


def _arrays(results: Any) -> list[np.ndarray]:
    return [np.asarray(result) for result in (results if isinstance(results, (tuple, list)) else (results,)) if result is not None]

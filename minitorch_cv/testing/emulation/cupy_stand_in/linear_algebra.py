"""Matrix products: cuBLAS's, which accumulate in float32 at least and cannot be recorded."""

from typing import Any

import numpy as np

from . import core
from .dispatch import LOW_PRECISION, check_devices, evaluate, refuse_cublas, refuse_numpy
from .names import check_call


def matmul(*args: Any, **kwargs: Any) -> Any:
    """`cupy.matmul`."""
    given = check_call("cupy", "matmul", args, kwargs)
    if extra := set(given) - {"args", "out", "dtype", "casting"}:
        raise NotImplementedError(f"matmul: {', '.join(sorted(extra))} is not emulated")
    a, b, *more = args
    out = more[0] if more else given.get("out")
    refuse_numpy(args)
    if not (isinstance(a, core.Array) and isinstance(b, core.Array)):
        raise TypeError(f"Unsupported type {type(b if isinstance(a, core.Array) else a)}")
    check_devices([a, b])
    refuse_cublas("matmul")
    kind = np.dtype(given.get("dtype") or np.result_type(a.dtype, b.dtype))
    wide = np.dtype(np.float32) if kind.name in LOW_PRECISION else kind
    left, right = a._host, b._host
    result = evaluate(lambda: np.matmul(left.astype(wide), right.astype(wide)).astype(kind), [a, b])
    if out is None:
        return result
    if out.shape != result.shape:
        raise ValueError("Out shape is mismatched")
    if not np.can_cast(kind, out.dtype, "same_kind"):
        raise TypeError(f"Cannot cast output operand from {kind!r} to {out.dtype!r} with casting rule 'same_kind'")
    out[...] = result
    return out

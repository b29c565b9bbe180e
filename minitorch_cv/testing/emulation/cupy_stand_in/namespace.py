"""The functions `cupy.<name>`: those that CuPy has, computed by NumPy's functions of the same name."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from . import core, creation
from .dispatch import call
from .linear_algebra import matmul
from .names import TABLE, check_call
from .reductions import reduce
from .ufuncs import clip, round_, ufunc, where

OWN: dict[str, Callable] = {
    name: getattr(creation, name)
    for name in (
        "arange", "array", "asarray", "ascontiguousarray", "asfortranarray", "asnumpy", "empty", "empty_like", "eye", "from_dlpack", "full",
        "full_like", "identity", "linspace", "ones", "ones_like", "tri", "zeros", "zeros_like",
    )
} | {"matmul": matmul, "asanyarray": creation.asarray, "clip": clip, "round": round_, "around": round_, "where": where}  # fmt: skip
OWN |= {"real": lambda val: val.real, "imag": lambda val: val.imag}
REDUCTIONS = {name: name for name in ("all", "any", "max", "mean", "min", "prod", "std", "sum", "var")} | {"amax": "max", "amin": "min"}
# What is NumPy's own in CuPy too, beside the types of numbers and the constants.
PASSED_ON = {
    "AxisError", "ComplexWarning", "broadcast_shapes", "dtype", "finfo", "iinfo", "index_exp", "isdtype", "issubdtype", "ndindex",
    "newaxis", "promote_types", "s_",
}  # fmt: skip


# CuPy's sorting is stable.
def argsort(a: np.ndarray, axis: int | None = -1, kind: str | None = None) -> np.ndarray:
    if kind not in (None, "stable"):
        raise ValueError(f"kind: got {kind!r}, expected None or 'stable'")
    return np.argsort(a, axis, kind="stable")


def sort_in_place(a: np.ndarray, axis: int = -1, kind: str | None = None) -> None:
    if kind not in (None, "stable"):
        raise ValueError(f"kind: got {kind!r}, expected None or 'stable'")
    a.sort(axis, kind="stable")


def get(name: str) -> Any:
    """`cupy.<name>`. AttributeError for what CuPy does not have, NotImplementedError for what it has and the stand-in lacks."""
    table = TABLE["cupy"]
    if name in table["ufuncs"]:
        return ufunc(name)
    if name in OWN:
        return OWN[name]
    if name in PASSED_ON or name in table["others"]:
        value = getattr(np, name, None)
        if name in PASSED_ON or isinstance(value, float) or (isinstance(value, type) and issubclass(value, np.generic)):
            return value
        raise NotImplementedError(f"cupy.{name} is not emulated")
    if name in REDUCTIONS:
        return _reduction(name)
    if name in table["functions"]:
        return _function("cupy", name)
    raise AttributeError(f"module 'cupy' has no attribute {name!r}")


@cache
def _function(module: str, name: str) -> Callable:
    holder: Any = np if module == "cupy" else np.linalg if module == "linalg" else np.lib.stride_tricks
    compute = argsort if name == "argsort" else getattr(holder, name, None)
    if compute is None:
        raise NotImplementedError(f"cupy.{name} is not emulated: NumPy has no function of this name")

    def function(*args: Any, **kwargs: Any) -> Any:
        return call(name, compute, args, kwargs, module)

    function.__name__ = name
    return function


@cache
def _reduction(name: str) -> Callable:
    def function(*args: Any, **kwargs: Any) -> Any:
        return reduce(REDUCTIONS[name], **check_call("cupy", name, args, kwargs))

    function.__name__ = name
    return function


def find(function: Callable) -> Callable | None:
    """The function of CuPy that stands for one of NumPy's, None where it has none."""
    module = (function.__module__ or "numpy").partition(".")[2]
    if not module:
        return get(function.__name__) if function.__name__ in {**TABLE["cupy"]["functions"], **TABLE["cupy"]["ufuncs"]} else None
    return module_function(module, function.__name__)


def module_function(module: str, name: str) -> Callable | None:
    """A function of `cupy.linalg` or `cupy.lib.stride_tricks`."""
    return _function(module, name) if module in ("linalg", "lib.stride_tricks") and name in TABLE[module]["functions"] else None


def get_array_module(*args: Any) -> Any:
    """The stand-in where one of the arguments is a device array, else NumPy."""
    from minitorch_cv.testing.emulation import cupy_stand_in

    return cupy_stand_in if any(isinstance(a, core.Array) for a in args) else np

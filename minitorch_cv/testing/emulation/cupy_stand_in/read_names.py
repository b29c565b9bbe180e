"""Write names.json: the names, signatures and loops of the CuPy that is installed. Run where CuPy is; needs no GPU.

    python -P read_names.py > names.json

-P keeps this folder off the path of imports, where `cuda.py` would hide NVIDIA's module of that name.
The stand-in refuses what is not in this table, so that code which passes on it finds the same functions and arguments in CuPy.
"""

import inspect
import json
import re
from typing import Any

import cupy
from cupy._core import _routines_logic, _routines_math, _routines_statistics, core
from cupy._sorting import search

MODULES = ("cuda", "cuda.runtime", "lib.stride_tricks", "linalg", "random")
# Functions that are not ufuncs by their names, but have loops as ufuncs do.
LOOPS = {
    "all": _routines_logic.all,
    "any": _routines_logic.any,
    "clip": _routines_math.clip,
    "max": _routines_statistics.amax,
    "min": _routines_statistics.amin,
    "prod": _routines_math.prod_auto_dtype,
    "round": core._round_ufunc,
    "sum": _routines_math.sum_auto_dtype,
    "where": search._where_ufunc,
}


def signature(function: Any) -> str | None:
    """The parameters, "a, axis=..., *, dtype=...", or None where they cannot be known. Of compiled code they stand in the docstring."""
    try:
        parameters = inspect.signature(function).parameters.values()
        hidden = [p.replace(annotation=p.empty, default=p.empty if p.default is p.empty else ...) for p in parameters]
        return str(inspect.Signature(hidden))[1:-1].replace("Ellipsis", "...")
    except (TypeError, ValueError):
        head = re.match(r"[\w.]+\((.*?)\)( ->.*)?$", (getattr(function, "__doc__", None) or "").split("\n")[0])
        if head is None:
            return None
        # "Py_ssize_t axis=-1" -> "axis=..."
        return ", ".join(re.sub(r"=.*", "=...", part.strip()).split(" ")[-1] for part in head[1].split(","))


def loops(function: Any) -> str:
    """ "ee->e ff->f": the types of inputs and outputs that there is code for, in the order in which they are tried."""
    if hasattr(function, "types"):
        return " ".join(function.types)
    return " ".join(f"{_chars(op.in_types)}->{_chars(op.out_types)}" for op in function._ops.ops)


def _chars(types: tuple) -> str:
    return "".join(cupy.dtype(kind).char for kind in types)


def names(module: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"functions": {}, "ufuncs": {}, "others": {}}
    for name in dir(module):
        value = getattr(module, name)
        if name.startswith("_") or inspect.ismodule(value):
            continue
        if isinstance(value, cupy.ufunc):
            found["ufuncs"][name] = loops(value)
        elif callable(value) and not inspect.isclass(value):
            found["functions"][name] = signature(value)
        else:
            found["others"][name] = type(value).__name__
    return found


def ndarray() -> dict[str, str | None]:
    """Methods with their signatures; attributes with None."""
    members = {name: getattr(cupy.ndarray, name) for name in dir(cupy.ndarray)}
    return {
        name: signature(member) if callable(member) else None
        for name, member in members.items()
        if not name.startswith("_") or (name.startswith("__") and not hasattr(object, name))
    }


def main() -> None:
    table: dict[str, Any] = {"version": cupy.__version__, "cupy": names(cupy), "ndarray": ndarray()}
    table["loops"] = {name: loops(function) for name, function in LOOPS.items()}
    for path in MODULES:
        module = cupy
        for part in path.split("."):
            module = getattr(module, part)
        table[path] = names(module)
    print(json.dumps(table, indent=0, sort_keys=True))


if __name__ == "__main__":
    main()

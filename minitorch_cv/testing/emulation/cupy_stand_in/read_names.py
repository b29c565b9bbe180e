"""Write names.json: the names and signatures of the CuPy that is installed. Run where CuPy is; needs no GPU.

    python read_names.py > names.json

The stand-in refuses what is not in this table, so that code which passes on it finds the same functions and arguments in CuPy.
"""

import inspect
import json
import re
import sys

import cupy

MODULES = ("linalg", "random", "fft", "lib.stride_tricks", "cuda", "cuda.runtime")


def signature(function: object) -> str | None:
    """The parameters, "a, axis=..., *, dtype=...", or None where they cannot be known. Of compiled code they stand in the docstring."""
    try:
        parameters = inspect.signature(function).parameters.values()  # type: ignore[arg-type]
        hidden = [p.replace(annotation=p.empty, default=p.empty if p.default is p.empty else ...) for p in parameters]
        return str(inspect.Signature(hidden))[1:-1].replace("Ellipsis", "...")
    except (TypeError, ValueError):
        head = re.match(r"[\w.]+\((.*?)\)( ->.*)?$", (getattr(function, "__doc__", None) or "").split("\n")[0])
        if head is None:
            return None
        # "Py_ssize_t axis=-1" -> "axis=..."
        named = [re.sub(r"=.*", "=...", part.strip()).split(" ")[-1] for part in head[1].split(",")]
        return ", ".join(named)


def ufunc(function: object) -> dict[str, object]:
    return {"nin": function.nin, "nout": function.nout, "types": function.types}  # type: ignore[attr-defined]


def names(module: object) -> dict[str, dict]:
    found: dict[str, dict] = {"functions": {}, "ufuncs": {}, "others": {}}
    for name in dir(module):
        value = getattr(module, name)
        if name.startswith("_") or inspect.ismodule(value):
            continue
        if isinstance(value, cupy.ufunc):
            found["ufuncs"][name] = ufunc(value)
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
    table: dict[str, object] = {"version": cupy.__version__, "cupy": names(cupy), "ndarray": ndarray()}
    for path in MODULES:
        module: object = cupy
        for part in path.split("."):
            module = getattr(module, part)
        table[path] = names(module)
    json.dump(table, sys.stdout, indent=1, sort_keys=True)
    print()


if __name__ == "__main__":
    main()

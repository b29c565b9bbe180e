"""What CuPy has: names.json, which `read_names.py` read from CuPy itself."""

import inspect
import json
from functools import cache
from pathlib import Path
from typing import Any

TABLE: dict[str, Any] = json.loads(Path(__file__).with_name("names.json").read_text(encoding="utf-8"))


@cache
def signature(module: str, name: str) -> inspect.Signature:
    """The parameters of a function of CuPy, of a method where `module` is "ndarray"."""
    text = TABLE[module][name] if module == "ndarray" else TABLE[module]["functions"][name]
    # A default "..." stands for any default.
    return inspect.signature(eval(f"lambda {text}: 0"))


def check_call(module: str, name: str, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments by the names that CuPy has for them. TypeError for those that it has not."""
    try:
        return signature(module, name).bind(*args, **kwargs).arguments
    except TypeError as error:
        raise TypeError(f"cupy.{name}: {error}") from None

"""`cupy.linalg`."""

from typing import Any

from .namespace import module_function


def __getattr__(name: str) -> Any:
    function = module_function("linalg", name)
    if function is None:
        raise AttributeError(f"module 'cupy.linalg' has no attribute {name!r}")
    return function

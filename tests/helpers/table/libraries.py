"""The same call in minitorch_cv and in PyTorch."""

from types import ModuleType
from typing import Any

import numpy as np

import minitorch_cv as mt
from table.row import Call


def tensors(library: ModuleType, case: Call) -> tuple[tuple, dict]:
    """The arguments of a call as tensors of minitorch_cv or of PyTorch."""

    def visit(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return library.tensor(value, requires_grad=value.dtype == np.float64)
        if isinstance(value, mt.Tensor):
            return library.tensor(value.numpy().copy())
        if isinstance(value, dict):
            return {name: visit(item) for name, item in value.items()}
        return type(value)([visit(item) for item in value]) if type(value) in (list, tuple) else value

    return visit(case.args), visit(case.options)


def found_in(library: ModuleType, value: Any) -> list:
    """The tensors in a value, in tuples, lists and dicts too."""
    if isinstance(value, library.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [x for item in value for x in found_in(library, item)] if isinstance(value, (tuple, list)) else []

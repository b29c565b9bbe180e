"""What the GPU versions of all kernels are tried with: one table for each family, found by `all_cases`.

A row is a call of a contract, and the names of the kernels that it launches:

    from cases import Case, Wide

    CASES = [
        Case(kernels.channel_sum, lambda rng: (rng.standard_normal((5, 3, 4, 2)),), launches="channel_partial_sums channel_final_sums"),
    ]
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Wide:
    """An array of numbers per channel, or others that are float32 where images are float16 or bfloat16."""

    values: np.ndarray


@dataclass(frozen=True)
class Case:
    """A call `function(*arguments(rng), **options)`, arrays in float64: they are tried in every type of `dtypes`.

    launches: the CUDA C kernels that it runs, separated by blanks. numba_cuda: the Numba CUDA kernels that it runs inside
    `kernels.backend("numba_cuda")`. tolerance: how far results may be from the definition's in float64, in `relative_error`, by dtype.
    changes: the numbers of the arguments that are changed in place, and compared as results. gpu_only: the function has
    no definition of the same name: `definition` is one.
    """

    function: Callable
    arguments: Callable[[np.random.Generator], tuple]
    options: Mapping[str, Any] = field(default_factory=dict)
    launches: str = ""
    numba_cuda: str = ""
    dtypes: tuple[str, ...] = ("float32", "float64", "float16", "bfloat16")
    tolerance: Mapping[str, float] = field(default_factory=dict)
    changes: tuple[int, ...] = ()
    definition: Callable | None = None
    name: str = ""

    def __str__(self) -> str:
        return self.name or f"{self.function.__name__}{len(self.options) or ''}"


def all_cases() -> list[tuple[str, Case]]:
    """(family, row) for all rows of all tables."""
    return [
        (module.name, case)
        for module in pkgutil.iter_modules(__path__)
        for case in importlib.import_module(f"{__name__}.{module.name}").CASES
    ]

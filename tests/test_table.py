"""What holds for every function, by the table in tests/helpers/table: see there."""

import inspect
import os
import re
from collections import Counter
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from table import ROWS
from table.libraries import found_in, tensors
from table.row import Call, Row

import kernels
import minitorch_cv as mt
from minitorch_cv.testing import assert_close, check_function
from minitorch_cv.testing.function import tensors_in

EXAMPLES = 12 if os.environ.get("HYPOTHESIS_PROFILE") == "full" else 2
SURVEY = 1000  # random calls compared with PyTorch, spread evenly over all rows
SURVEYED = [row for row in ROWS if row.torch is not None]


def rows(chosen: list[Row] = ROWS) -> Any:
    return pytest.mark.parametrize("row", [pytest.param(row, id=str(row)) for row in chosen])


def test_every_function_has_a_row() -> None:
    assert {row.name for row in ROWS} == set(mt.functional.__all__)
    assert [name for name, count in Counter(map(str, ROWS)).items() if count > 1] == []


@rows()
@pytest.mark.parametrize("seed", range(EXAMPLES))
def test_function(row: Row, seed: int) -> None:
    """Gradients, second order, backends, orders of memory, float32, shapes alone: all that `check_function` checks."""
    args, options = row.drawn(seed)
    check_function(
        row.function(), args, options, differentiable=row.differentiable, second_order=row.second_order, backends=row.backends,
        float32=row.float32, shape_only=row.shape_only, seed=seed,
    )  # fmt: skip


@rows()
def test_backends_are_those_of_the_table(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether Numba computes any of it, forward or backward, is as the row says."""
    used = set()
    dispatch = import_module("kernels.backend")  # `kernels.backend` itself is the context manager
    lookup = dispatch._lookup

    def recorded(family: str, function: str, backend: str) -> Any:
        found = lookup(family, function, backend)
        if family not in COMMON:
            used.add("numba" if f".numba_{family}" in found.__module__ else "numpy")
        return found

    monkeypatch.setattr(dispatch, "_lookup", recorded)
    for seed in range(3):
        args, options = tensors(mt, row.drawn(seed))
        joined = [y for y in tensors_in(row.function()(*args, **options)) if y.requires_grad]
        if joined:
            mt.autograd.backward(joined, [mt.ones_like(y) for y in joined])
    assert ("numba" in row.backends) == ("numba" in used)


def test_the_page_about_kernels_says_the_same() -> None:
    """In kernels/README.md each function stands once, among those that are compiled or among those that are NumPy alone."""
    page = (Path(__file__).parent.parent / "kernels" / "README.md").read_text(encoding="utf-8")
    compiled, plain = page.split("| compiled (Numba) |")[1].split("| NumPy alone |")
    found = {True: first_cells(compiled), False: first_cells(plain.split("\n\n")[0])}
    wanted = {row.name: False for row in ROWS} | {row.name: True for row in ROWS if "numba" in row.backends}
    for is_compiled, names in found.items():
        assert sorted(names) == sorted(name for name, value in wanted.items() if value == is_compiled)


def first_cells(table: str) -> list[str]:
    return [name for line in table.splitlines() if line.startswith("| `") for name in re.findall(r"`(\w+)`", line.split("|")[1])]


COMMON = {"add", "channel_sum"}  # sums where gradients meet: part of no function in particular


@pytest.mark.parametrize(
    ("row", "case"), [pytest.param(row, case, id=f"{row}-{case.match}-{i}") for row in ROWS for i, case in enumerate(row.bad)]
)
def test_bad_arguments_are_named(row: Row, case: Any) -> None:
    args, options = tensors(mt, case.call)
    with pytest.raises(case.error, match=case.match):
        row.function()(*args, **options)


@rows([row for row in ROWS if row.run is None])
def test_nonsense_is_named(row: Row) -> None:
    """A string in the place of each argument that is no switch: an error that names it."""
    function = row.function()
    parameters = list(inspect.signature(function).parameters.values())
    args, options = tensors(mt, row.drawn(0))
    for i, value in enumerate(args):
        parameter = parameters[min(i, len(parameters) - 1)]
        if value is not None and not isinstance(value, bool):
            with pytest.raises((TypeError, ValueError, IndexError), match=rf"^{parameter.name}\b.*: got "):
                function(*args[:i], "nonsense", *args[i + 1 :], **options)
    for name, value in options.items():
        if value is not None and not isinstance(value, bool):
            with pytest.raises((TypeError, ValueError, IndexError), match=rf"^{name}\b.*: got "):
                function(*args, **{**options, name: "nonsense"})


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
@rows(SURVEYED)
def test_survey(row: Row) -> None:
    """Random calls give PyTorch's values and gradients, on every backend; kinks, ties and ends of the domain included."""
    torch = pytest.importorskip("torch")
    for seed in range(-(-SURVEY // len(SURVEYED))):
        case = row.drawn(1000 + seed, anywhere=seed % 2 == 1)
        expected = values_and_gradients(torch, row, case)
        for backend in row.backends:
            with kernels.backend(backend):
                found = values_and_gradients(mt, row, case)
            assert len(found) == len(expected), f"{case}"
            for i, (result, wanted) in enumerate(zip(found, expected, strict=True)):
                assert result.dtype == wanted.dtype, f"result {i} of {case}"
                assert_close(result, wanted, 1e-9, f"result {i} of {case}, backend {backend}")


def values_and_gradients(library: ModuleType, row: Row, case: Call) -> list[np.ndarray]:
    """What a call returns, and the gradients for cotangents of a fixed seed, as arrays."""
    args, options = tensors(library, case)
    leaves = [x for x in found_in(library, (args, options)) if x.requires_grad]
    outputs = list(found_in(library, row.function(library)(*args, **options)))
    joined = [y for y in outputs if y.requires_grad]
    rng = np.random.default_rng(0)
    cotangents = [library.tensor(rng.standard_normal(tuple(y.shape))) for y in joined]
    found = library.autograd.grad(joined, leaves, cotangents, allow_unused=True) if joined and leaves else [None] * len(leaves)
    gradients = [np.zeros(tuple(x.shape)) if g is None else np.asarray(g.detach().numpy()) for x, g in zip(leaves, found, strict=True)]
    return [np.asarray(y.detach().numpy()) for y in outputs] + gradients

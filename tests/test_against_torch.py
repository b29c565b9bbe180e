"""Every operator against an installed PyTorch, on freshly drawn cases: values and gradients, on every backend."""

from types import ModuleType

import numpy as np
import pytest
from checks import assert_close
from draws import DRAWS, draw
from golden import OPERATORS, Case, run

import minitorch_cv as mt

CASES = 40  # for each operator
DIFFERENTIABLE = ("x", "w", "b")


def drawn_with_gradient(torch: ModuleType, op: str, seed: int) -> tuple[Case, list[str]]:
    """A drawn case, completed by an upstream gradient of the output's shape; and the inputs to differentiate with respect to."""
    case = draw(op, seed)
    y = OPERATORS[op](torch, {name: torch.tensor(array) for name, array in case.arrays.items()}, case.params).get("y")
    if y is None:  # three steps of batch norm: values only
        return case, []
    if y.ndim:
        case.arrays["gy"] = np.random.default_rng(seed).standard_normal(tuple(y.shape))
    return case, [name for name in DIFFERENTIABLE if name in case.arrays]


@pytest.mark.full
@pytest.mark.filterwarnings("ignore:Using padding='same'", "ignore:The default behavior for interpolate")
@pytest.mark.parametrize("seed", range(CASES))
@pytest.mark.parametrize("op", DRAWS)
def test_drawn_case(op: str, seed: int, backend: str) -> None:
    torch = pytest.importorskip("torch")
    case, wanted = drawn_with_gradient(torch, op, seed)
    expected, results = (run(library, case, np.float64, wanted) for library in (torch, mt))
    assert set(results) == set(expected)
    for name, result in results.items():
        assert result.dtype == expected[name].dtype
        assert_close(result, expected[name], 1e-10, f"{name} of {case.params}")

"""Einstein's sums against loops over all indices, and equations that make no sense."""

import itertools
from typing import Any

import numpy as np
import pytest

import minitorch_cv as mt
from minitorch_cv import functional as F
from minitorch_cv.testing import assert_close

EQUATIONS = (
    "ab->ba", "aa", "aa->a", "abb->ab", "aab->b", "a,a->", "a,b->ab", "ab,b->a", "ab,bc->ac", "ab,bc", "cab,cbd->cad", "ab,ab->a",
    "ab,cb,dc->ad", "a,ab,b->", "ab,ab,ab->b", "abc,cd->dab", "aba,b->a", "ab,c->", "->", ",a->a",
)  # fmt: skip


def by_loops(equation: str, arrays: list[np.ndarray]) -> np.ndarray:
    """The definition: for every assignment of numbers to the letters, add the product of the elements."""
    left, _, right = equation.partition("->")
    terms = left.split(",")
    letters = sorted(set("".join(terms)))
    if "->" not in equation:
        right = "".join(letter for letter in letters if left.count(letter) == 1)
    lengths = {letter: n for term, x in zip(terms, arrays, strict=True) for letter, n in zip(term, x.shape, strict=True)}
    result = np.zeros([lengths[letter] for letter in right])
    for numbers in itertools.product(*[range(lengths[letter]) for letter in letters]):
        at = dict(zip(letters, numbers, strict=True))
        factors = [x[tuple(at[letter] for letter in term)] for term, x in zip(terms, arrays, strict=True)]
        result[tuple(at[letter] for letter in right)] += np.prod(factors)
    return result


@pytest.mark.parametrize("equation", EQUATIONS)
def test_against_loops(equation: str) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(["abcd".index(letter) + 2 for letter in term]) for term in equation.partition("->")[0].split(",")]
    assert_close(F.einsum(equation, *map(mt.tensor, arrays)), by_loops(equation, arrays), 1e-12)


def test_dots() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((5, 1, 2, 3)), rng.standard_normal((4, 3, 6))
    assert_close(F.einsum("...ij,...jk->...ik", mt.tensor(x), mt.tensor(y)), x @ y, 1e-13)
    assert_close(F.einsum("...ij,...jk", mt.tensor(x), mt.tensor(y)), x @ y, 1e-13)
    assert_close(F.einsum("i...->...", mt.tensor(x)), x.sum(0), 1e-13)
    assert_close(F.einsum("...i->i", mt.tensor(x)), x.sum((0, 1, 2)), 1e-13)
    assert_close(F.einsum("...ii->...i", mt.tensor(y[:, :, :3])), np.diagonal(y[:, :, :3], 0, 1, 2), 0)


def test_ways_to_write_it() -> None:
    x, y = mt.tensor(np.arange(6.0).reshape(2, 3)), mt.tensor(np.arange(12.0).reshape(3, 4))
    expected = (x @ y).tolist()
    assert F.einsum(" i j , j k -> i k ", x, y).tolist() == expected
    assert F.einsum("ij,jk->ik", [x, y]).tolist() == expected
    assert F.einsum(x, [0, 1], y, [1, 2], [0, 2]).tolist() == F.einsum(x, [0, 1], y, [1, 2]).tolist() == expected
    assert F.einsum("ba", x).tolist() == x.T.tolist()
    assert F.einsum("ij,j->i", x.long(), y[:, 0].long()).tolist() == [20, 56]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ij,jk->ik", (2, 3)), "equation: got 'ij,jk->ik', which has 2 operands, for 1 tensors"),
        (("ij->ik", (2, 3)), "equation: got 'ij->ik', where 'k' stands twice in the result, or there alone"),
        (("ij->jj", (2, 3)), "where 'j' stands twice in the result"),
        (("ijk", (2, 3)), "where 'ijk' stands for a tensor of 2 dimensions"),
        (("i", (2, 3)), "where 'i' stands for a tensor of 2 dimensions"),
        (("i1", (2, 3)), "expected letters, commas, `...` and `->`"),
        (("i..j", (2, 3)), "expected letters, commas, `...` and `->`"),
        (("ij,jk", (2, 3), (4, 2)), "operands: got lengths 3 and 4 for 'j' in 'ij,jk'"),
        (("ii", (2, 3)), "operands: got lengths 2 and 3 for 'i'"),
        (("ii", (1, 3)), "operands: got lengths 1 and 3 for 'i', whose diagonal is asked for"),
    ],
)
def test_what_makes_no_sense(arguments: tuple[Any, ...], message: str) -> None:
    equation, *shapes = arguments
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        F.einsum(equation, *[mt.zeros(*shape) for shape in shapes])

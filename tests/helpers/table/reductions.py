"""Sums, extremes and other reductions, running sums, order, products of matrices."""

from functools import partial

import numpy as np
from numpy.random import Generator

from minitorch_cv.testing import Domain
from table.row import BOTH, Call, Row, Values, bad, call, constant, either, some_dim, some_shape

DISTINCT = Domain(distinct=True)
MAGNITUDES = Domain(0.1, 3, distinct=True)


def _some_dims(rng: Generator, shape: tuple[int, ...], none: bool = True) -> int | tuple[int, ...] | None:
    """One dimension, several, or None for all"""
    several = tuple(int(dim) for dim in rng.permutation(len(shape))[: int(rng.integers(1, len(shape) + 1))])
    return either(rng, some_dim(rng, shape), several, *[None] * none)


def _over_dims(rng: Generator, values: Values, none: bool = True) -> Call:
    shape = some_shape(rng, 1)
    return call(values(*shape), _some_dims(rng, shape, none), keepdim=bool(rng.random() < 0.5))


def _over_some_dims(rng: Generator, values: Values) -> Call:
    return _over_dims(rng, values, none=False)


def _over_one_dim(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 1)
    if rng.random() < 0.2:
        return call(values(*shape))
    return call(values(*shape), some_dim(rng, shape), keepdim=bool(rng.random() < 0.5))


def _spread(rng: Generator, values: Values) -> Call:
    """Of two elements at least"""
    shape = some_shape(rng, 1)
    dims = _some_dims(rng, shape)
    longer = tuple(n + 1 for n in shape)
    options = either(rng, {}, {"correction": 0}, {"correction": 1, "keepdim": True}, {"unbiased": False})
    if "unbiased" in options and dims is None:
        return call(values(*longer), False)
    return call(values(*longer), dims, **options)


def _norm(rng: Generator, values: Values, p: tuple) -> Call:
    shape = some_shape(rng, 1)
    return call(values(*shape), either(rng, *p), _some_dims(rng, shape), bool(rng.random() < 0.5))


def _count(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 1)
    return call(values(*shape) * rng.integers(0, 2, shape), _some_dims(rng, shape))


def _along(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 1)
    return call(values(*shape), some_dim(rng, shape))


def _sum_to(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng)
    return call(values(*shape), tuple(1 if rng.random() < 0.4 else n for n in shape)[int(rng.integers(0, len(shape) + 1)) :])


def _order(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 1, longest=7)
    return call(values(*shape), dim=some_dim(rng, shape), descending=bool(rng.random() < 0.5), stable=True)


def _topk(rng: Generator, values: Values) -> Call:
    """Without ties, in which PyTorch chooses as it likes"""
    shape = some_shape(rng, 1, longest=7)
    dim = some_dim(rng, shape)
    return call(values.domain.draw(rng, *shape), int(rng.integers(0, shape[dim] + 1)), dim, largest=bool(rng.random() < 0.5))


def _matmul(rng: Generator, values: Values) -> Call:
    M, K, N = (int(n) for n in rng.integers(1, 6, 3))
    first = either(rng, (M, K), (M, K), (K,), (2, M, K))
    return call(values(*first), values(*either(rng, (K, N), (K, N), (K,))))


def _matmul_of_many(rng: Generator, values: Values) -> Call:
    M, K, N = (int(n) for n in rng.integers(0, 6, 3))
    batches = either(rng, ((2,), (2,)), ((2, 1), (3,)), ((), (2,)), ((1,), (3,)))
    return call(values(*batches[0], M, K), values(*batches[1], K, N))


def _product(x: str, y: str, rng: Generator, values: Values) -> Call:
    lengths = dict(zip("bmkn", (int(n) for n in rng.integers(1, 6, 4)), strict=True))
    return call(*(values(*[lengths[letter] for letter in letters]) for letters in (x, y)))


def _einsum(equations: str, rng: Generator, values: Values) -> Call:
    equation = str(either(rng, *equations.split()))
    lengths = {letter: int(n) for letter, n in zip("abcd", rng.integers(1, 5, 4), strict=True)}
    hidden = tuple(int(n) for n in rng.integers(1, 4, int(rng.integers(0, 3))))
    operands = []
    for term in equation.partition("->")[0].split(","):
        before, dots, after = term.partition("...")
        inner = tuple(1 if rng.random() < 0.2 else n for n in hidden) if dots else ()
        operands.append(values(*[lengths[a] for a in before], *inner, *[lengths[a] for a in after]))
    return call(equation, *operands)


X, V = np.ones((2, 3, 4)), np.ones(3)
WRONG_DIMS = (bad(IndexError, "dim: got 3", X, 3), bad(ValueError, r"dim: got \(0, 0\)", X, (0, 0)))
WRONG_DIM = (bad(IndexError, "dim: got 3", X, 3),)
INTEGERS = constant(np.ones((2, 3), np.int64))
NOTHING = np.ones((0, 3))


ROWS = [
    Row("sum", _over_dims, bad=WRONG_DIMS),
    Row("sum_to_shape", _sum_to, torch="Tensor.sum_to_size"),
    Row("mean", _over_dims, bad=(*WRONG_DIMS, bad(TypeError, "mean: got a tensor of int64", INTEGERS))),
    Row("var", _spread, bad=(
        *WRONG_DIMS, bad(TypeError, "var: got a tensor of int64", INTEGERS), bad(ValueError, "correction: got 1", X, 0, True, correction=1),
    )),
    Row("std", _spread, bad=(*WRONG_DIMS, bad(TypeError, "std: got a tensor of int64", INTEGERS))),
    Row("norm", partial(_norm, p=(2, "fro", 3, 1, 0, 1.5, 0.5)), Domain(kinks=(0,)), bad=(
        *(bad(case.error, case.match, X, 2, *case.call.args[1:]) for case in WRONG_DIMS), bad(ValueError, "p: got 'nuc'", X, "nuc"),
        bad(TypeError, "norm: got a tensor of int64", INTEGERS),
    )),
    Row("norm", partial(_norm, p=(float("inf"), float("-inf"), -1)), MAGNITUDES, variant="extreme"),
    Row("count_nonzero", _count, differentiable=False, bad=WRONG_DIMS),
    Row("prod", _over_one_dim, bad=WRONG_DIM),
    Row("logsumexp", _over_some_dims, bad=WRONG_DIMS),
    *[Row(name, _over_dims, DISTINCT, bad=(*WRONG_DIMS, bad(ValueError, f"{name}: got shape", NOTHING, 0))) for name in ("amax", "amin")],
    *[Row(name, _over_one_dim, DISTINCT, bad=(*WRONG_DIM, bad(ValueError, f"{name}: got shape", NOTHING, 0))) for name in ("max", "min")],
    *[
        Row(name, _over_one_dim, DISTINCT, differentiable=False, bad=(*WRONG_DIM, bad(ValueError, f"{name}: got shape", NOTHING, 0)))
        for name in ("argmax", "argmin")
    ],
    *[Row(name, _over_dims, differentiable=False, bad=WRONG_DIMS) for name in ("all", "any")],
    Row("cumsum", _along, bad=WRONG_DIM),
    Row("cumprod", _along, bad=WRONG_DIM),
    Row("argsort", _order, DISTINCT, differentiable=False, bad=WRONG_DIM),
    Row("sort", _order, DISTINCT, bad=WRONG_DIM),
    Row("topk", _topk, DISTINCT, bad=(
        bad(ValueError, "k: got 5", X, 5), bad(ValueError, "k: got -1", X, -1), bad(IndexError, "dim: got 3", X, 1, 3),
    )),
    Row("matmul", _matmul, backends=BOTH, bad=(
        bad(ValueError, "matmul: got shapes", X, X), bad(ValueError, "matmul: got shapes", X, np.ones(())),
        bad(ValueError, "matmul: got shapes", X, np.ones((3, 4, 5))), bad(TypeError, "matmul: got tensors of", V, V.astype("f")),
    )),
    Row("matmul", _matmul_of_many, variant="batches"),
    Row("mm", partial(_product, "mk", "kn"), backends=BOTH, bad=(
        bad(ValueError, "input: got shape", X, X), bad(ValueError, "mat2: got shape", X[0], V),
    )),
    Row("mv", partial(_product, "mk", "k"), backends=BOTH, bad=(bad(ValueError, "vec: got shape", X[0], X[0]),)),
    Row("bmm", partial(_product, "bmk", "bkn"), bad=(
        bad(ValueError, "mat2: got shape", X, X[0]), bad(ValueError, "mat2: got 1 matrices", X, np.ones((1, 4, 2))),
    )),
    Row("dot", partial(_product, "k", "k"), backends=BOTH, bad=(bad(ValueError, "input: got shape", X[0], V),)),
    Row("outer", partial(_product, "m", "n"), bad=(bad(ValueError, "vec2: got shape", V, X[0]),)),
    Row("einsum", partial(_einsum, "ab,bc->ac"), backends=BOTH, variant="matrices", bad=(
        bad(ValueError, "equation: got 'ab'", "ab", X[0], X[0]), bad(ValueError, "equation: got", "ab", X),
        bad(ValueError, "equation: got", "a.b", X), bad(ValueError, "equation: got", "ab->c", X[0]),
        bad(ValueError, "equation: got", "ab->aa", X[0]), bad(ValueError, "operands: got lengths 4 and 5", "ab,b", X[0], np.ones(5)),
        bad(ValueError, "operands: got lengths 3 and 4", "aa", X[0]),
    )),
    Row(
        "einsum", partial(_einsum, "a,a-> abc,bd->adc ...a,b...->ab a...,a->... ab,c,cb->ca ...ab,...bc->...ac"), backends=BOTH,
        variant="sums",
    ),
    Row("einsum", partial(_einsum, "ab,ab,b->a aab->b ab->ba aa ...a->... a,b ...,a..."), variant="elements"),
]  # fmt: skip

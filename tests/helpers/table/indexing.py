"""Indexing by brackets, picking and putting by index tensors, counting."""

from typing import Any

import numpy as np
from numpy.random import Generator

from table.row import Call, Row, Values, bad, call, constant, either, some_dim, some_shape

SHAPE = (3, 4, 5)
INDICES = (
    1, -1, ..., slice(1, 3), (slice(None), 2), (..., slice(0, 4, 2)), (None, 0, ..., None), (slice(2, 2),),
    [2, 0], (slice(None), [3, 0, 1]), ([0, 2], [1, 1]), ([0, 2], slice(None), [4, 1]), ([[0], [1]], [2, 3]),
)  # fmt: skip


def _getitem(rng: Generator, values: Values) -> Call:
    return call(values(*SHAPE), either(rng, *INDICES))


def _getitem_masked(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 1)
    return call(values(*shape), constant(rng.random(shape[: int(rng.integers(1, len(shape) + 1))]) < 0.5))


def _setitem(rng: Generator, values: Values) -> Call:
    index: Any = either(rng, *INDICES)
    shape = np.empty(SHAPE)[index].shape
    return call(values(*SHAPE), index, values(*shape[int(rng.integers(0, len(shape) + 1)) :]))


def _index(rng: Generator, shape: tuple[int, ...], dim: int, distinct: bool = False) -> Any:
    """An index along a dimension, at most as long as `shape` in the others"""
    lengths = [int(rng.integers(1, n + 1)) for n in shape]
    order = np.argsort(rng.random([n if i == dim % len(shape) else m for i, (n, m) in enumerate(zip(shape, lengths, strict=True))]), dim)
    repeated = rng.integers(0, shape[dim], lengths)
    return constant(np.take(order, np.arange(lengths[dim]), dim) if distinct else repeated)


def _gather(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 1)
    dim = some_dim(rng, shape)
    return call(values(*shape), dim, _index(rng, shape, dim))


def _take_along(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 1)
    if rng.random() < 0.2:
        return call(values(*shape), constant(rng.integers(0, np.prod(shape), 4)))
    dim = some_dim(rng, shape)
    lengths = [2 if i == dim % len(shape) else int(either(rng, 1, n)) for i, n in enumerate(shape)]
    return call(values(*shape), constant(rng.integers(0, shape[dim], lengths)), dim)


def _index_select(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 1)
    dim = some_dim(rng, shape)
    return call(values(*shape), dim, constant(rng.integers(0, shape[dim], int(rng.integers(0, 5)))))


def _scatter(rng: Generator, values: Values) -> Call:
    """Each place is written to once: PyTorch promises nothing else. Its gradient also wants `src` no longer than the index."""
    shape = some_shape(rng, 1)
    dim = some_dim(rng, shape)
    index = _index(rng, shape, dim, distinct=True)
    return call(values(*shape), dim, index, either(rng, values(*index.shape), 2.5))


def _scatter_add(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 1)
    dim = some_dim(rng, shape)
    index = _index(rng, shape, dim)
    return call(values(*shape), dim, index, values(*index.shape))


def _masked_select(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 1)
    return call(values(*shape), constant(rng.random(shape[int(rng.integers(0, len(shape))) :]) < 0.5))


def _nonzero(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng)
    return call(np.asarray(values(*shape) * rng.integers(0, 2, shape)), as_tuple=bool(rng.random() < 0.5))


def _places(rng: Generator, values: Values) -> Call:
    return call(constant(rng.random(some_shape(rng)) < 0.5))


def _one_hot(rng: Generator, values: Values) -> Call:
    return call(constant(rng.integers(0, 4, some_shape(rng))), int(rng.integers(4, 6)))


def _bincount(rng: Generator, values: Values) -> Call:
    length = int(rng.integers(1, 9))
    weights = constant(values(length)) if rng.random() < 0.5 else None
    return call(constant(rng.integers(0, 5, length)), weights, int(rng.integers(0, 8)))


def written(library: Any) -> Any:
    """y = x, y[index] = value, as a function"""

    def setitem(x: Any, index: Any, value: Any) -> Any:
        y = x.clone()
        y[index] = value
        return y

    return setitem


X, I = np.ones(SHAPE), constant(np.zeros(SHAPE, np.int64))
OUTSIDE, FLOATS, LONG = constant(np.full(SHAPE, 5)), constant(np.zeros(SHAPE)), constant(np.zeros((9, 9, 9), np.int64))
WRONG_INDEX = (
    bad(IndexError, "dim: got 3", X, 3, I), bad(IndexError, "index: got 5 to 5", X, 0, OUTSIDE),
    bad(TypeError, "index: got float64", X, 0, FLOATS),
    bad(ValueError, "index: got shape", X, 0, LONG), bad(ValueError, "index: got shape", X, 0, constant(np.zeros(2, np.int64))),
)  # fmt: skip


def _with_source(*cases: Any) -> tuple:
    return tuple(bad(case.error, case.match, *case.call.args, np.ones((9, 9, 9))) for case in cases)


ROWS = [
    Row("getitem", _getitem, run=lambda library: lambda x, index: x[index], bad=(
        bad(IndexError, "index: got str", X, "0"), bad(IndexError, "index: got float", X, 1.5),
    )),
    Row("getitem", _getitem_masked, variant="masked", run=lambda library: lambda x, mask: x[mask], shape_only=False),
    Row("setitem", _setitem, torch="", run=written, bad=(bad(IndexError, "index: got str", X, "0", 1.0),)),
    Row("gather", _gather, bad=WRONG_INDEX),
    Row("take_along_dim", _take_along, bad=(
        bad(IndexError, "index: got 5", X, OUTSIDE, 0), bad(ValueError, "indices: got shape", X, constant(np.zeros(2, np.int64)), 0),
        bad(ValueError, "indices: got shape", X, LONG, 0),
    )),
    Row("index_select", _index_select, bad=(
        bad(IndexError, "dim: got 3", X, 3, I[0, 0]), bad(IndexError, "index: got 5", X, 0, OUTSIDE[0, 0]),
        bad(ValueError, "index: got shape", X, 0, I), bad(TypeError, "index: got float64", X, 0, FLOATS[0, 0]),
    )),
    Row("scatter", _scatter, bad=(*_with_source(*WRONG_INDEX), bad(ValueError, "src: got shape", X, 0, I, np.ones((3, 4))))),
    Row("scatter_add", _scatter_add, bad=(
        *_with_source(*WRONG_INDEX), bad(ValueError, "src: got shape", X, 0, I, np.ones((3, 4, 1))),
        bad(TypeError, "src: got float32", X, 0, I, constant(X.astype(np.float32))),
    )),
    Row("masked_select", _masked_select, shape_only=False, bad=(bad(TypeError, "mask: got float64", X, X),)),
    Row("nonzero", _nonzero, differentiable=False, shape_only=False),
    Row("where", _places, variant="places", differentiable=False, shape_only=False),
    Row("one_hot", _one_hot, differentiable=False, bad=(
        bad(TypeError, "tensor: got float64", X), bad(ValueError, "num_classes: got 0", I, 0), bad(IndexError, "tensor: got 5", OUTSIDE, 3),
        bad(ValueError, "num_classes: got -1", I[:0]),
    )),
    Row("bincount", _bincount, differentiable=False, shape_only=False, bad=(
        bad(ValueError, "input: got float64", X[0, 0]), bad(ValueError, "input: got int64 of shape", I),
        bad(ValueError, "minlength: got -1", I[0, 0], minlength=-1), bad(ValueError, "weights: got shape", I[0, 0], X),
    )),
]  # fmt: skip

"""Other shapes for the same elements, joining and cutting, the same elements in other places."""

from typing import Any

import numpy as np
from numpy.random import Generator

from table.row import Call, Row, Values, bad, call, constant, either, some_dim, some_shape


def _reshape(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 1)
    return call(values(*shape), either(rng, (-1,), shape[::-1], (*shape[:-1], 1, -1), (-1, shape[-1])))


def _flatten(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 1)
    start, end = sorted(int(dim) for dim in rng.integers(0, len(shape), 2))
    return call(values(*shape), start, either(rng, end, end - len(shape)))


def _unflatten(rng: Generator, values: Values) -> Call:
    shape, sizes = list(some_shape(rng, 1)), some_shape(rng, 1, 3, 3)
    dim = some_dim(rng, tuple(shape))
    shape[dim] = int(np.prod(sizes))
    return call(values(*shape), dim, either(rng, sizes, (-1, *sizes[1:])))


def _at_a_dim(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 1)
    return call(values(*shape), some_dim(rng, shape))


def _squeeze(rng: Generator, values: Values) -> Call:
    shape = tuple(1 if rng.random() < 0.5 else n for n in some_shape(rng, 2))
    return call(values(*shape), either(rng, some_dim(rng, shape), (0, -1)))


def _permutation(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng)
    return call(values(*shape), tuple(int(dim) for dim in rng.permutation(len(shape))))


def _movedim(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 2)
    if rng.random() < 0.5:
        return call(values(*shape), some_dim(rng, shape), some_dim(rng, shape))
    return call(values(*shape), *(tuple(int(dim) for dim in rng.permutation(len(shape))[:2]) for _ in range(2)))


def _broadcast(rng: Generator, values: Values) -> Call:
    full = some_shape(rng)
    shape = tuple(1 if rng.random() < 0.4 else n for n in full)[int(rng.integers(0, len(full) + 1)) :]
    return call(values(*shape), full)


def _narrow(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 1)
    dim = some_dim(rng, shape)
    start = int(rng.integers(-shape[dim], shape[dim]))
    return call(values(*shape), dim, start, int(rng.integers(0, shape[dim] - start % shape[dim] + 1)))


def _several(rng: Generator, values: Values, dim: int, shape: tuple[int, ...]) -> list[np.ndarray]:
    """Up to three arrays that differ in the length of one dimension"""
    lengths = [int(n) for n in rng.integers(0, 4, int(rng.integers(1, 4)))]
    return [values(*[n if i == dim % len(shape) else length for i, length in enumerate(shape)]) for n in lengths]


def _cat(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 1)
    dim = some_dim(rng, shape)
    return call(_several(rng, values, dim, shape), dim)


def _stack(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng)
    return call([values(*shape) for _ in range(int(rng.integers(1, 4)))], int(rng.integers(-len(shape) - 1, len(shape) + 1)))


def _split(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 1)
    dim = some_dim(rng, shape)
    first = int(rng.integers(0, shape[dim] + 1))
    return call(values(*shape), either(rng, int(rng.integers(1, 4)), [first, shape[dim] - first]), dim)


def _chunk(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 1, longest=7)
    return call(values(*shape), int(rng.integers(1, 5)), some_dim(rng, shape))


def _repeat(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 0, 3, 3)
    return call(values(*shape), tuple(int(n) for n in rng.integers(0, 3, len(shape) + int(rng.integers(0, 2)))))


def _tile(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 0, 3, 3)
    return call(values(*shape), tuple(int(n) for n in rng.integers(1, 3, int(rng.integers(0, 4)))))


def _repeat_interleave(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 1)
    return call(values(*shape), int(rng.integers(0, 4)), dim=either(rng, None, some_dim(rng, shape)))


def _repeat_each(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 1)
    dim = some_dim(rng, shape)
    return call(values(*shape), constant(rng.integers(0, 3, shape[dim])), dim)


def _meshgrid(rng: Generator, values: Values) -> Call:
    vectors = [values(int(n)) for n in rng.integers(1, 4, int(rng.integers(1, 4)))]
    return call(vectors, indexing=either(rng, "ij", "xy"))


def _flip(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 1)
    return call(values(*shape), tuple(int(dim) for dim in rng.permutation(len(shape))[: int(rng.integers(0, len(shape) + 1))]))


def _roll(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 1)
    shifts = tuple(int(n) for n in rng.integers(-5, 6, 2))
    return call(values(*shape), *either(rng, (shifts[0],), (shifts[0], some_dim(rng, shape)), (shifts, (0, -1))))


def _diagonal(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 2)
    dims = rng.permutation(len(shape))[:2]
    return call(values(*shape), int(rng.integers(-2, 3)), int(dims[0]), int(dims[1]) - len(shape))


def _diag_embed(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 1, 3)
    dims = rng.permutation(len(shape) + 1)[:2]
    return call(values(*shape), int(rng.integers(-2, 3)), int(dims[0]), int(dims[1]))


def _diag(rng: Generator, values: Values) -> Call:
    return call(values(*some_shape(rng, 1, 2)), int(rng.integers(-2, 3)))


def _triangle(rng: Generator, values: Values) -> Call:
    return call(values(*some_shape(rng, 2)), int(rng.integers(-2, 3)))


def _matrix(rng: Generator, values: Values) -> Call:
    return call(values(*some_shape(rng, 0, 2)))


X: Any = np.ones((2, 3, 4))

ROWS = [
    Row("reshape", _reshape, bad=(
        bad(ValueError, "shape: got", X, (5, 5)), bad(ValueError, "shape: got", X, (-1, -1)), bad(TypeError, "shape: got", X, 2.5),
    )),
    Row("flatten", _flatten, bad=(bad(ValueError, "start_dim: got 2", X, 2, 1), bad(IndexError, "end_dim: got 3", X, 0, 3))),
    Row("unflatten", _unflatten, bad=(bad(ValueError, r"sizes: got \(2, 3\)", X, 2, (2, 3)), bad(IndexError, "dim: got 3", X, 3, (1,)))),
    Row("unsqueeze", _at_a_dim, bad=(bad(IndexError, "dim: got 4", X, 4),)),
    Row("squeeze", _squeeze, bad=(bad(IndexError, "dim: got 3", X, 3), bad(ValueError, "dim: got", X, (0, 0)))),
    Row("permute", _permutation, bad=(bad(ValueError, "dims: got", X, (0, 1)), bad(ValueError, "dims: got", X, (0, 0, 1)))),
    Row("movedim", _movedim, bad=(
        bad(IndexError, "source: got 3", X, 3, 0), bad(ValueError, "destination: got 1 dim", X, (0, 1), 0),
        bad(ValueError, "source: got", X, (0, 0), (0, 1)),
    )),
    Row("t", _matrix, bad=(bad(ValueError, "input: got shape", X),)),
    Row("transpose", lambda rng, values: call(*_at_a_dim(rng, values).args, -1), bad=(bad(IndexError, "dim1: got 3", X, 0, 3),)),
    Row("broadcast_to", _broadcast, bad=(bad(ValueError, "shape: got", X, (3, 3, 4)), bad(ValueError, "shape: got", X, (4,)))),
    Row("narrow", _narrow, bad=(bad(IndexError, "start: got 4", X, 1, 4, 0), bad(ValueError, "length: got 3", X, 1, 1, 3))),
    Row("cat", _cat, bad=(
        bad(ValueError, "tensors: got none", []), bad(ValueError, "tensors: number 1", [X, X[:, :2]]), bad(IndexError, "dim: got", [X], 3),
        bad(TypeError, "tensors: number 1", [X, X.astype("f")]),
    )),
    Row("stack", _stack, bad=(bad(ValueError, "tensors: number 1", [X, X[0]]), bad(IndexError, "dim: got 4", [X], 4))),
    Row("split", _split, bad=(
        bad(ValueError, "split_size_or_sections: got 0", X, 0), bad(ValueError, "split_size_or_sections: got", X, [1, 2]),
    )),
    Row("chunk", _chunk, bad=(bad(ValueError, "chunks: got 0", X, 0),)),
    Row("unbind", _at_a_dim, bad=(bad(IndexError, "dim: got 3", X, 3),)),
    Row("repeat", _repeat, bad=(bad(ValueError, "repeats: got", X, (2, 2)), bad(ValueError, "repeats: got", X, (2, 2, -1)))),
    Row("tile", _tile, bad=(bad(ValueError, "repeats: got", X, (-2,)),)),
    Row("repeat_interleave", _repeat_interleave, bad=(
        bad(ValueError, "repeats: got -1", X, -1), bad(ValueError, "repeats: got int64", X, constant(np.array([1, 2])), 1),
    )),
    Row("repeat_interleave", _repeat_each, variant="each", shape_only=False),
    Row("meshgrid", _meshgrid, bad=(
        bad(ValueError, "indexing: got 'yx'", [X[0, 0]], indexing="yx"), bad(ValueError, "tensors: number 0", [X]),
    )),
    Row("flip", _flip, bad=(bad(ValueError, "dims: got", X, (0, 0)), bad(IndexError, "dims: got 3", X, (3,)))),
    Row("roll", _roll, bad=(bad(ValueError, "dims: got", X, (1, 2), (0,)), bad(IndexError, "dims: got 3", X, 1, 3))),
    Row("diagonal", _diagonal, bad=(bad(ValueError, "dim2: got -3", X, 0, 0, -3), bad(IndexError, "dim1: got 3", X, 0, 3, 0))),
    Row("diag_embed", _diag_embed, bad=(
        bad(ValueError, "dim2: got 0", X, 0, 0, 0),
        bad(ValueError, "input: got a single number", np.ones(())),
    )),
    Row("diag", _diag, bad=(bad(ValueError, "input: got shape", X),)),
    Row("tril", _triangle, bad=(bad(ValueError, "input: got shape", X[0, 0]),)),
    Row("triu", _triangle, bad=(bad(ValueError, "input: got shape", X[0, 0]),)),
]  # fmt: skip

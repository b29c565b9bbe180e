"""Shape-only arrays: they must tell the shape and dtype that NumPy would give, take no memory, and never be taken for values."""

import copy
import pickle
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kernels
from kernels import meta
from kernels.meta import NoValuesError

FLOATS, INTEGERS, BOOLEANS = np.ones((2, 3, 4), np.float32), np.ones((2, 3, 4), np.int64), np.ones((2, 3, 4), np.bool_)

# What is written with NumPy on the ground floor and in functions of Tensors, and what is likely to be.
EXPRESSIONS: dict[str, Callable[[Any], Any]] = {
    "a number": lambda x: x * 2 + 1,
    "a NumPy scalar": lambda x: np.float32(2) * x,
    "float64": lambda x: x + np.ones(4),
    "broadcasting": lambda x: x - x[:, :1] * x[0],
    "comparison": lambda x: (x > 0) & ~(x != x),
    "two results": lambda x: np.modf(x),
    "a power": lambda x: x**2,
    "unary": lambda x: np.sqrt(np.abs(x)),
    "clip": lambda x: np.clip(x, 0, 1),
    "clip below": lambda x: x.clip(0),
    "round": lambda x: np.round(x),
    "outer": lambda x: np.multiply.outer(x[0], x[:, 0]),
    "matmul": lambda x: x @ x.swapaxes(1, 2),
    "matmul of vectors": lambda x: x[0, 0] @ x[1, 2],
    "matmul by a vector": lambda x: x @ x[0, 0],
    "dot": lambda x: np.dot(x[0], x[0].T),
    "einsum": lambda x: np.einsum("nab,nab->a", x, x),
    "einsum, implicit": lambda x: np.einsum("nab,nac", x, x),
    "where": lambda x: np.where(x > 0, x, 0),
    "sum": lambda x: np.asanyarray(x.sum()),
    "sum over two": lambda x: x.sum(axis=(0, 2)),
    "sum, negative axis": lambda x: np.sum(x, axis=-1, keepdims=True),
    "sum in float64": lambda x: x.sum(axis=0, dtype=np.float64).astype(x.dtype),
    "mean": lambda x: x.mean(axis=(1, 2), keepdims=True),
    "var": lambda x: x.var(axis=0),
    "max": lambda x: x.max(axis=1, initial=0),
    "maximum.reduce": lambda x: np.maximum.reduce(x, axis=(0, 1), keepdims=True),
    "any": lambda x: (x > 0).any(axis=0),
    "prod": lambda x: x.prod(axis=2),
    "count_nonzero": lambda x: np.count_nonzero(x, axis=1),
    "cumsum": lambda x: np.cumsum(x, axis=1),
    "cumprod of all": lambda x: x.cumprod(),
    "argmax": lambda x: np.argmax(x, axis=1, keepdims=True),
    "argsort": lambda x: np.argsort(x, axis=0, kind="stable"),
    "sort": lambda x: np.sort(x, axis=1),
    "take_along_axis": lambda x: np.take_along_axis(x, np.argsort(x, axis=2)[..., :2], axis=2),
    "take": lambda x: np.take(x, [[0, 1, 1]], axis=1),
    "repeat": lambda x: np.repeat(x, 3, axis=1),
    "repeat by counts": lambda x: x.repeat([1, 0, 2], axis=1),
    "tile": lambda x: np.tile(x, (2, 1, 3)),
    "roll": lambda x: np.roll(x, (1, 2), (0, 1)),
    "flip": lambda x: np.flip(x, 1),
    "pad": lambda x: np.pad(x, ((0, 0), (1, 2), (3, 0))),
    "pad, reflecting": lambda x: np.pad(x, ((0, 0), (1, 1), (1, 1)), mode="reflect"),
    "concatenate": lambda x: np.concatenate([x, x[:, :1]], axis=1),
    "stack": lambda x: np.stack([x, x], axis=-1),
    "split": lambda x: np.split(x, 2, axis=2),
    "broadcast_to": lambda x: np.broadcast_to(x[:1], (5, 3, 4)),
    "reshape": lambda x: x.reshape(6, -1).reshape(2, 1, 3, 4),
    "transpose": lambda x: x.transpose(2, 0, 1),
    "flatten": lambda x: (x.ravel(), x.flatten()),
    "moveaxis": lambda x: np.moveaxis(x, 0, 2),
    "squeeze": lambda x: x[:, :1].squeeze(1)[:, None],
    "diagonal": lambda x: np.diagonal(x, 0, 1, 2),
    "tril": lambda x: np.tril(x[0]),
    "sliding windows": lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, axis=1),
    "astype": lambda x: x.astype(np.float64),
    "copy": lambda x: x.copy(order="K"),
    "zeros_like": lambda x: np.zeros_like(x, shape=(7,)),
    "full_like": lambda x: np.full_like(x, 3, dtype=np.int8),
    "a single element": lambda x: np.asanyarray(x[1, 2, 3]),
    "result_type": lambda x: np.zeros_like(x, dtype=np.result_type(x, np.float64)),
}


def shapes_and_dtypes(value: Any) -> list:
    if isinstance(value, (tuple, list)):
        return [pair for part in value for pair in shapes_and_dtypes(part)]
    return [(value.shape, value.dtype)]


def arrays(value: Any) -> list:
    return [array for part in value for array in arrays(part)] if isinstance(value, (tuple, list)) else [value]


@pytest.mark.parametrize("name", EXPRESSIONS)
@pytest.mark.parametrize("x", [FLOATS, INTEGERS, BOOLEANS], ids=["float32", "int64", "bool"])
def test_the_shape_and_dtype_are_those_that_numpy_gives(name: str, x: np.ndarray) -> None:
    if x is BOOLEANS and name in ("broadcasting", "two results", "round"):
        pytest.skip("NumPy has no such function of booleans, or rounds them to half precision")
    expected = EXPRESSIONS[name](x)
    found = EXPRESSIONS[name](meta.like(x))
    assert shapes_and_dtypes(found) == shapes_and_dtypes(expected)
    assert all(meta.is_meta(array) for array in arrays(found))


@given(data=st.data())
def test_the_shape_of_any_index_is_that_of_numpy(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4), label="shape"))
    lead = tuple(data.draw(st.lists(st.integers(1, 3), max_size=2), label="shape of arrays"))
    hidden = sorted(data.draw(st.lists(st.integers(0, len(shape)), min_size=2, max_size=2), label="the dimensions under `...`"))
    parts: list[Any] = []
    for axis, length in enumerate(shape):
        choices = {
            "slice": slice(data.draw(st.integers(0, 2)), data.draw(st.integers(0, 4)), data.draw(st.sampled_from([1, 2, -1]))),
            "number": data.draw(st.integers(-length, length - 1)),
            "array": np.full(lead, length - 1),
            "mask": np.arange(length) < 1,
        }
        if not hidden[0] <= axis < hidden[1]:
            parts += [None] if data.draw(st.booleans()) else []
            parts.append(choices[data.draw(st.sampled_from(sorted(choices)))])
        elif axis == hidden[0]:
            parts.append(Ellipsis)
    index = tuple(parts)
    assert meta.empty(shape, np.float32)[index].shape == np.empty(shape, np.float32)[index].shape


def test_a_petabyte_takes_no_memory() -> None:
    tracemalloc.start()
    x = meta.empty((10**6, 10**5, 10**4), np.float32)
    y = (np.exp(x).transpose(2, 0, 1).reshape(10**4, -1) * 2).sum(axis=0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert y.shape == (10**11,)
    assert x.nbytes == 4 * 10**15
    assert peak < 100_000


@pytest.mark.parametrize(
    "ask",
    [
        float, int, bool, lambda x: x.item(), lambda x: x.tolist(), lambda x: x.tobytes(), np.nonzero, np.unique, np.where,
        lambda x: x[x > 0], lambda x: x.ctypes, lambda x: 1.0 in x, lambda x: np.array_equal(x, x), np.bincount,
    ],
)  # fmt: skip
def test_asking_for_values_is_an_error_that_says_so(ask: Callable) -> None:
    with pytest.raises(NoValuesError, match=r"a shape-only tensor \(device 'meta'\) has no values"):
        ask(meta.empty(1, np.float32))


def test_no_value_gets_into_an_array_that_has_memory() -> None:
    x, y = meta.empty(3, np.float32), np.zeros(3, np.float32)
    with pytest.raises(NoValuesError, match="no values"):
        y += x
    with pytest.raises(NoValuesError, match="no values"):
        np.copyto(y, x)
    with pytest.raises(NoValuesError, match="no values"):
        np.add.at(y, [0], x[:1])


def test_writing_into_one_checks_the_shape_and_nothing_else() -> None:
    x = meta.empty((2, 3), np.float32)
    x[...] = 1
    x[:, 1] = np.ones(2)
    x += np.ones((1, 3))
    x.fill(2)
    np.add.at(x, ([0, 0],), 1.0)
    with pytest.raises(ValueError, match="cannot be broadcast"):
        x[:, 1] = np.ones(3)
    with pytest.raises(ValueError, match="out: got shape"):
        x += np.ones((4, 2, 3))


def test_what_does_not_fit_is_refused_as_by_numpy() -> None:
    x = meta.empty((2, 3), np.float32)
    for wrong in (lambda: x + meta.empty(4, np.float32), lambda: x @ x, lambda: x.reshape(4, 2), lambda: np.concatenate([x, x[0]])):
        with pytest.raises(ValueError, match=r"."):
            wrong()
    for outside in (lambda: x[2], lambda: x[[0, 5]], lambda: x[0, 0, 0], lambda: x.sum(axis=2)):
        with pytest.raises(IndexError):
            outside()
    with pytest.raises(ValueError, match="no elements"):
        meta.empty((0, 3), np.float32).max(axis=0)


def test_copies_and_pickles_have_no_values_either() -> None:
    x = meta.empty((2, 3), np.float64)
    for y in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert meta.is_meta(y)
        assert (y.shape, y.dtype) == (x.shape, x.dtype)
    assert repr(x) == "MetaArray(shape=(2, 3), dtype=float64)"


def test_a_mask_without_values_is_known_to_be_true_nowhere() -> None:
    assert meta.any_known(np.array([False, True]))
    assert not meta.any_known(np.array([False]))
    assert not meta.any_known(meta.empty(3, np.bool_))


# --- kernels


@pytest.fixture
def _by_definition() -> Iterator[None]:
    """What is small need not be compiled."""
    with kernels.backend("numpy"):
        yield


@pytest.mark.usefixtures("_by_definition")
def test_kernels_tell_the_shapes_of_results_and_gradients() -> None:
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((2, 4, 9, 8)), rng.standard_normal((6, 2, 3, 2))
    options: dict[str, Any] = {"stride": (2, 1), "padding": 1, "dilation": (1, 2), "groups": 2}
    y = kernels.conv2d(x, weight, None, **options)
    pooled, indices = kernels.max_pool2d(x, 3, 2, ceil_mode=True)
    calls: list[tuple[Callable, tuple, Any]] = [
        (lambda x, w: kernels.conv2d(x, w, **options), (x, weight), y),
        (lambda gy, w: kernels.conv2d_input(gy, w, (9, 8), **options), (y, weight), x),
        (lambda x, gy: kernels.conv2d_weight(x, gy, (3, 2), **options), (x, y), weight),
        (lambda x, w: kernels.conv2d(x, w, groups=4), (x, weight[:4, :1]), kernels.conv2d(x, weight[:4, :1], groups=4)),
        (lambda x: kernels.max_pool2d(x, 3, 2, ceil_mode=True), (x,), (pooled, indices)),
        (lambda gy, i: kernels.max_pool2d_backward(gy, i, (9, 8)), (pooled, indices), x),
        (lambda x: kernels.avg_pool2d(x, 3, 2, ceil_mode=True), (x,), pooled),
        (kernels.batch_norm_train, (x,), kernels.batch_norm_train(x)),
    ]
    for call, inputs, expected in calls:
        found = call(*[meta.like(array) for array in inputs])
        assert shapes_and_dtypes(found) == shapes_and_dtypes(expected)
        assert all(meta.is_meta(array) for array in arrays(found))


def test_numba_refuses_them() -> None:
    from kernels.jit import jit

    @jit
    def first(x: np.ndarray) -> float:
        return x[0]

    with pytest.raises(TypeError):
        first(meta.empty(3, np.float32))

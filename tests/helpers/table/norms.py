"""Normalisations, and distances."""

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from numpy.random import Generator

import minitorch_cv as mt
from minitorch_cv.testing import Domain
from table.row import BOTH, Call, Row, Values, bad, call, constant, either, some_dim, some_shape

VARIANCE = Domain(0.3, 2)
FEW = 4  # values at least that a statistic is taken of: of two, the normalised values are 1 and -1 whatever they were


def _images(rng: Generator, C: int, least: int = 0) -> tuple[int, ...]:
    """A shape (N, C, *), with `least` further dimensions at least."""
    return int(rng.integers(2, 4)), C, *either(rng, *[(), (4,), (2, 3), (3, 3)][least:])


def _affine(rng: Generator, values: Values, *shape: int) -> list[np.ndarray | None]:
    """weight and bias, or one of them, or none."""
    return [values(*shape) if rng.random() < 0.7 else None for _ in range(2)]


def _running(values: Values, C: int) -> tuple[Any, Any]:
    return constant(values(C)), constant(values(C, domain=VARIANCE))


# --- by running statistics: mean and variance of a batch or of an image


def _batch_norm(rng: Generator, values: Values) -> Call:
    C = int(rng.integers(1, 5))
    shape = either(rng, (FEW + 1, C), (2, C, 3), (2, C, 2, 3), (1, C, 3, 2), (2, C, 2, 1, 2))
    statistics = either(rng, (None, None), _running(values, C))
    return call(values(*shape), *statistics, *_affine(rng, values, C), True, either(rng, 0.1, 0.3), eps=either(rng, 1e-5, 1e-3))


def _batch_norm_eval(rng: Generator, values: Values) -> Call:
    C = int(rng.integers(1, 5))
    return call(values(*_images(rng, C)), *_running(values, C), *_affine(rng, values, C), eps=either(rng, 1e-5, 1e-3))


def _fused_batch_norm(rng: Generator, values: Values) -> Call:
    """What is added brings the sum to where it is drawn: away from the kink of ReLU."""
    C = int(rng.integers(1, 5))
    shape = either(rng, (FEW + 1, C), (2, C, 2, 3))
    x, weight, bias, total = values(*shape), values(C), values(C), values(*shape, domain=Domain(kinks=(0,)))
    axes, channel = (0, *range(2, len(shape))), (-1, *[1] * (len(shape) - 2))
    xhat = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-3)
    residual = total - xhat * weight.reshape(channel) - bias.reshape(channel)
    return call(x, None, None, weight, bias, True, eps=1e-3, relu=True, residual=residual)


def _instance_norm(rng: Generator, values: Values) -> Call:
    C = int(rng.integers(1, 5))
    statistics = either(rng, (None, None), _running(values, C))
    shape = either(rng, (2, C, FEW), (2, C, 2, 3), (3, C, 3, 2), (1, C, 2, 1, 3))
    options = {"use_input_stats": bool(statistics[0] is None or rng.random() < 0.7), "eps": either(rng, 1e-5, 1e-3)}
    return call(values(*shape), *statistics, *_affine(rng, values, C), momentum=either(rng, 0.1, 0.3), **options)


def _and_statistics(name: str) -> Callable[[ModuleType], Callable]:
    """The function, which then returns the running statistics too: it has moved them."""

    def of(library: ModuleType) -> Callable:
        function = getattr(library.functional if library is mt else library.nn.functional, name)

        def run(x: Any, mean: Any, var: Any, *args: Any, **options: Any) -> Any:
            y = function(x, mean, var, *args, **options)
            return y if mean is None else (y, mean, var)

        return run

    return of


# --- without


def _group_norm(rng: Generator, values: Values) -> Call:
    groups = int(rng.integers(1, 4))
    shape = _images(rng, groups * int(rng.integers(1, 4)))
    if math.prod(shape[1:]) < FEW * groups:
        shape = (2, FEW * groups, *shape[2:])
    weight, bias = _affine(rng, values, shape[1])
    bias = bias if weight is not None else None  # a bias alone makes PyTorch fail
    return call(values(*shape), groups, weight, bias, eps=either(rng, 1e-5, 1e-3))


def _normalized(rng: Generator) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(a shape, its last dimensions)."""
    last = either(rng, (4,), (7,), (2, 3), (3, 1, 4), (20,))
    return (*some_shape(rng, 0, 3), *last), last


def _layer_norm(rng: Generator, values: Values) -> Call:
    shape, last = _normalized(rng)
    return call(values(*shape), last, *_affine(rng, values, *last), eps=either(rng, 1e-5, 1e-3))


def _rms_norm(rng: Generator, values: Values) -> Call:
    shape, last = _normalized(rng)
    return call(values(*shape), last, _affine(rng, values, *last)[0], eps=either(rng, None, 1e-3))


def _local_response_norm(rng: Generator, values: Values) -> Call:
    shape = _images(rng, int(rng.integers(1, 8)), least=1)
    alpha, beta, k = either(rng, 1e-4, 0.5), either(rng, 0.75, 0.5, 1.0, 0.6), either(rng, 1.0, 2.0)
    return call(values(*shape), int(rng.integers(1, 7)), alpha, beta, k)


def _global_response_norm(rng: Generator, values: Values) -> Call:
    C = int(rng.integers(1, 6))
    return call(values(*_images(rng, C, least=1)), values(C), values(C), eps=either(rng, 1e-6, 1e-2))


# --- distances


def _normalize(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 1, 4)
    return call(values(*shape), p=either(rng, 1.0, 1.5, 2.0, 3.0), dim=some_dim(rng, shape), eps=either(rng, 1e-12, 0.5))


def _normalize_by_largest(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 1, 4)
    return call(values(*shape), p=math.inf, dim=some_dim(rng, shape))


def _two_sets(rng: Generator, values: Values) -> tuple[np.ndarray, np.ndarray]:
    """Vectors along the last dimension, with shapes that can be broadcast against each other."""
    N, D = int(rng.integers(1, 5)), int(rng.integers(2, 6))
    first, second = either(rng, ((N, D), (N, D)), ((N, 1, D), (3, D)), ((D,), (D,)), ((N, D), (1, D)), ((N, D), (D,)))
    return values(*first), values(*second)


def _cosine_similarity(rng: Generator, values: Values) -> Call:
    return call(*_two_sets(rng, values), dim=-1, eps=either(rng, 1e-8, 1e-3))


def _pairwise_distance(rng: Generator, values: Values) -> Call:
    x1, x2 = _two_sets(rng, values)
    return call(x1, x2 + 5, p=either(rng, 1.0, 2.0, 3.0), eps=either(rng, 1e-6, 1e-2), keepdim=bool(rng.random() < 0.5))


X, C, HW = np.ones((2, 4, 3)), np.ones(4), np.ones((4, 3))

ROWS = [
    Row("batch_norm", _batch_norm, backends=BOTH, run=_and_statistics("batch_norm"), bad=(
        bad(ValueError, "input: got shape", C, None, None, training=True),
        bad(ValueError, "input: got shape", np.ones((1, 4)), None, None, training=True),
        bad(ValueError, "running_mean: got shape", X, np.ones(3), C),
        bad(TypeError, "running_var: got float32", X, C, C.astype(np.float32)),
        bad(ValueError, "weight: got shape", X, C, C, np.ones(3)),
        bad(TypeError, "bias: got float32", X, C, C, C, C.astype(np.float32)),
        bad(ValueError, "running_mean and running_var: got None", X, None, None),
        bad(TypeError, "momentum: got None", X, C, C, training=True, momentum=None),
        bad(ValueError, "residual: got shape", X, None, None, training=True, residual=np.ones((2, 4, 4))),
    )),
    Row("batch_norm", _batch_norm_eval, backends=BOTH, variant="evaluation"),
    Row("batch_norm", _fused_batch_norm, backends=BOTH, variant="fused", torch=None),
    Row("instance_norm", _instance_norm, backends=BOTH, run=_and_statistics("instance_norm"), bad=(
        bad(ValueError, "input: got shape", np.ones((2, 4)), None, None),
        bad(ValueError, "input: got shape", np.ones((2, 4, 1)), None, None),
        bad(ValueError, "running_mean: got shape", X, np.ones(3), C),
        bad(ValueError, "weight: got shape", X, None, None, np.ones(3)),
        bad(ValueError, "running_mean and running_var: got None", X, None, None, use_input_stats=False),
        bad(TypeError, "momentum: got None", X, C, C, momentum=None),
    )),
    Row("group_norm", _group_norm, backends=BOTH, bad=(
        bad(ValueError, "input: got shape", C, 2),
        bad(ValueError, "input: got shape", np.ones((1, 4)), 4),
        bad(ValueError, "num_groups: got 3", X, 3),
        bad(ValueError, "num_groups: got 0", X, 0),
        bad(ValueError, "weight: got shape", X, 2, np.ones(3)),
        bad(TypeError, "bias: got float32", X, 2, C, C.astype(np.float32)),
    )),
    Row("layer_norm", _layer_norm, backends=BOTH, bad=(
        bad(ValueError, "input: got shape", X, 4),
        bad(ValueError, "input: got shape", X, (1, 2, 4, 3)),
        bad(ValueError, "normalized_shape: got", X, ()),
        bad(ValueError, "weight: got shape", X, (4, 3), np.ones(3)),
        bad(ValueError, "bias: got shape", X, (4, 3), HW, np.ones(3)),
        bad(TypeError, "weight: got float32", X, (4, 3), HW.astype(np.float32)),
    )),
    Row("rms_norm", _rms_norm, backends=BOTH, bad=(
        bad(ValueError, "input: got shape", X, 4),
        bad(ValueError, "normalized_shape: got", X, ()),
        bad(ValueError, "weight: got shape", X, (4, 3), np.ones(3)),
    )),
    Row("local_response_norm", _local_response_norm, backends=BOTH, bad=(
        bad(ValueError, "input: got shape", np.ones((2, 3)), 3),
        bad(ValueError, "size: got 0", X, 0),
    )),
    Row("global_response_norm", _global_response_norm, backends=BOTH, torch=None, bad=(
        bad(ValueError, "input: got shape", np.ones((2, 4)), C, C),
        bad(ValueError, "weight: got shape", X, np.ones(3), C),
        bad(TypeError, "bias: got float32", X, C, C.astype(np.float32)),
    )),
    Row("normalize", _normalize, Domain(kinks=(0,)), bad=(
        bad(IndexError, "dim: got 3", X, dim=3),
        bad(TypeError, "p: got 'max'", X, p="max"),
    )),
    Row("normalize", _normalize_by_largest, Domain(0.1, 2, distinct=True), variant="by the largest"),
    Row("cosine_similarity", _cosine_similarity, bad=(
        bad(ValueError, "x2: got shape", np.ones((2, 3)), np.ones((2, 4))),
        bad(TypeError, "x2: got float32", X, X.astype(np.float32)),
        bad(IndexError, "dim: got 5", X, X, dim=5),
    )),
    Row("pairwise_distance", _pairwise_distance, bad=(
        bad(ValueError, "x2: got shape", np.ones((2, 3)), np.ones((2, 4))),
        bad(TypeError, "x2: got float32", X, X.astype(np.float32)),
    )),
]  # fmt: skip

"""Optimiser steps: one number at a time by the formulas, lists of arrays of all kinds, sums over lists."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kernels
from kernels.jit import get_num_threads, set_num_threads
from kernels.optimizer import numba_optimizer
from kernels.optimizer.rules import RULES
from minitorch_cv.testing import ORDERS, arranged, assert_close

TOLERANCE = {"float32": 1e-6, "float64": 1e-14}
SHAPES = [(3, 2, 4, 2), (5,), (), (0, 3), (7, 9)]
dtypes = pytest.mark.parametrize("dtype", TOLERANCE)


def arrays(rng: np.random.Generator, dtype: str, orders: list[str]) -> list[np.ndarray]:
    return [arranged(np.array(rng.standard_normal(shape), dtype), order) for shape, order in zip(SHAPES, orders, strict=True)]


def numbers(lists: list[list[np.ndarray]]) -> list[list[float]]:
    """The elements of all arrays of each list, one after the other."""
    return [[float(v) for array in group for v in array.ravel()] for group in lists]


any_orders = st.lists(st.sampled_from([order for order in ORDERS if order != "read-only"]), min_size=len(SHAPES), max_size=len(SHAPES))
flags = st.booleans()


def sgd_of_one_number(p, g, v, lr, momentum, dampening, weight_decay, nesterov, maximize, fresh):
    g = (-g if maximize else g) + weight_decay * p
    if momentum:
        v = g if fresh else momentum * v + (1 - dampening) * g
        g = g + momentum * v if nesterov else v
    return p - lr * g, v


def adam_of_one_number(p, g, m, v, largest, t, lr, betas, eps, weight_decay, decoupled, maximize):
    g = -g if maximize else g
    if decoupled:
        p = p - lr * weight_decay * p
    else:
        g = g + weight_decay * p
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g * g
    largest = None if largest is None else max(largest, v)
    corrected = (v if largest is None else largest) / (1 - betas[1] ** t)
    return p - lr * m / (1 - betas[0] ** t) / (math.sqrt(corrected) + eps), m, v, largest


@dtypes
@given(
    momentum=st.sampled_from([0.0, 0.9]), dampening=st.sampled_from([0.0, 0.3]), decay=st.sampled_from([0.0, 0.1]),
    nesterov=flags, maximize=flags,
    fresh=st.lists(flags, min_size=len(SHAPES), max_size=len(SHAPES)), orders=any_orders, seed=st.integers(0, 99),
)  # fmt: skip
def test_sgd(momentum, dampening, decay, nesterov, maximize, fresh, orders, seed, dtype: str, backend: str) -> None:
    rng = np.random.default_rng(seed)
    p, g, v = arrays(rng, dtype, orders), arrays(rng, dtype, orders[::-1]), arrays(rng, dtype, orders)
    before = numbers([p, g, v])
    of_number = [flag for flag, array in zip(fresh, p, strict=True) for _ in range(array.size)]
    expected = [
        sgd_of_one_number(*line, 0.1, momentum, dampening, decay, nesterov, maximize, flag)
        for *line, flag in zip(*before, of_number, strict=True)
    ]
    for array, flag in zip(v, fresh, strict=True):
        if flag and momentum:
            array[...] = np.nan  # a fresh buffer may hold anything
    kernels.sgd_step(p, g, v, 0.1, momentum, dampening, decay, nesterov, maximize, fresh)
    for got, want in zip(numbers([p, v]), zip(*expected, strict=True), strict=True):
        assert_close(np.array(got), np.array(want), TOLERANCE[dtype])
    assert numbers([g]) == [before[1]]


@dtypes
@given(decay=st.sampled_from([0.0, 0.1]), decoupled=flags, maximize=flags, amsgrad=flags, orders=any_orders, seed=st.integers(0, 99))
def test_adam(decay, decoupled, maximize, amsgrad, orders, seed, dtype: str, backend: str) -> None:
    rng = np.random.default_rng(seed)
    p, g, m = arrays(rng, dtype, orders), arrays(rng, dtype, orders[::-1]), arrays(rng, dtype, orders)
    v, largest = ([np.array(abs(array)) for array in arrays(rng, dtype, orders)] for _ in range(2))
    steps = [1, 2, 30, 4, 5]
    of_number = [t for t, array in zip(steps, p, strict=True) for _ in range(array.size)]
    before = numbers([p, g, m, v, largest])
    if not amsgrad:
        before[4] = [None] * len(before[0])
    expected = [
        adam_of_one_number(*line, 0.1, (0.9, 0.99), 1e-8, decay, decoupled, maximize) for line in zip(*before, of_number, strict=True)
    ]
    kernels.adam_step(p, g, m, v, largest if amsgrad else None, steps, 0.1, (0.9, 0.99), 1e-8, decay, decoupled, maximize)
    for got, want in zip(numbers([p, m, v, *([largest] if amsgrad else [])]), zip(*expected, strict=True), strict=False):
        assert_close(np.array(got), np.array(want), 3 * TOLERANCE[dtype])
    assert numbers([g]) == [before[1]]


NUMBERS = {
    "lr": 0.1, "lr_now": 0.2, "alpha": 0.9, "rho": 0.8, "beta1": 0.7, "beta2": 0.95, "eps": 1e-3, "momentum": 0.6, "correction": 0.3,
    "correction1": 0.4, "correction2": 0.5, "adaptive": 1.0, "shorter": 0.5, "longer": 1.2, "shortest": 0.3, "longest": 1.5, "mu": 0.25,
    "decoupled_decay": 0.1, "weight_decay": 0.05, "shrink": 0.99,
}  # fmt: skip


def state_of(rule: str, rng: np.random.Generator, dtype: str, orders: list[str], optional: bool) -> dict[str, list[np.ndarray]]:
    """Arrays that a rule may keep: positive, and means whose square is smaller than the mean of squares."""
    names = RULES[rule].state + (RULES[rule].optional if optional else ())
    return {name: [(0.3 if name == "grad_avg" else 1) * (0.5 + abs(a)) for a in arrays(rng, dtype, orders)] for name in names}


@dtypes
@given(rule=st.sampled_from(list(RULES)), optional=flags, maximize=flags, common=flags, orders=any_orders, seed=st.integers(0, 99))
def test_rules_alike_in_both_backends_and_all_orders(rule, optional, maximize, common, orders, seed, dtype: str) -> None:
    """The definition itself is held by PyTorch's trajectories: tests/minitorch_cv/optim."""
    rng = np.random.default_rng(seed)
    p, g = arrays(rng, dtype, orders), arrays(rng, dtype, orders[::-1])
    states = {name: [arranged(a, order) for a, order in zip(group, orders[1:] + orders[:1], strict=True)]
              for name, group in state_of(rule, rng, dtype, orders, optional).items()}  # fmt: skip
    wanted = {*RULES[rule].numbers, *(("weight_decay", "shrink") if common else ())}
    told = [{name: NUMBERS[name] * (1 - 0.05 * i * (name == "lr")) for name in wanted} for i in range(len(p))]
    told[0] |= {"adaptive": 0.0} if rule == "radam" else {}
    copies = [a.copy() for a in p], {name: [a.copy() for a in group] for name, group in states.items()}
    before = numbers([g])
    kernels.rule_step(rule, p, g, states, told, maximize)
    with kernels.backend("numpy"):
        kernels.rule_step(rule, copies[0], g, copies[1], told, maximize)
    for got, want in zip(numbers([p, *states.values()]), numbers([copies[0], *copies[1].values()]), strict=True):
        assert_close(np.array(got), np.array(want), 5 * TOLERANCE[dtype])
    assert numbers([g]) == before


@pytest.mark.parametrize("rule", list(RULES))
def test_a_nan_stays_where_it_is(rule: str, backend: str) -> None:
    """A gradient that is NaN spoils its own element, in the parameter and from then on, and no other."""
    p, g = [np.full(5, 2.0)], [np.array([1.0, np.nan, -1.0, 1.0, 0.0])]
    states = {name: [np.full(5, 0.5)] for name in RULES[rule].state}
    told = [{name: NUMBERS[name] for name in RULES[rule].numbers}]
    kernels.rule_step(rule, p, g, states, told)
    kernels.rule_step(rule, p, [np.ones(5)], states, told)
    spoilt = states["update"] if rule == "lamb" else p
    assert np.isnan(spoilt[0]).tolist() == [False, True, False, False, False]
    assert rule != "lamb" or (p[0] == 2).all()


@given(orders=any_orders, seed=st.integers(0, 99), dtype=st.sampled_from(list(TOLERANCE)))
def test_sums_over_lists(orders, seed: int, dtype: str, backend: str) -> None:
    group = arrays(np.random.default_rng(seed), dtype, orders)
    values = numbers([group])[0]
    assert kernels.squared_norm(group) == pytest.approx(math.fsum(v * v for v in values), rel=1e-12)
    assert kernels.array_norms(group) == pytest.approx([math.sqrt(math.fsum(v * v for v in values)) for (values,) in
                                                        (numbers([[array]]) for array in group)], rel=1e-12)  # fmt: skip
    assert kernels.all_finite(group)
    kernels.scale(group, 0.5)
    np.testing.assert_allclose(numbers([group])[0], np.array(values) / 2, rtol=1e-12)
    for wrong in (np.nan, np.inf, -np.inf):
        group[3 + seed % 2].ravel()[:1] = wrong
        group[4][seed % 7, 3] = wrong
        assert not kernels.all_finite(group)
        assert not math.isfinite(kernels.squared_norm(group))


def test_nothing_to_do(backend: str) -> None:
    kernels.sgd_step([], [], [])
    kernels.adam_step([], [], [], [], None, [])
    kernels.rule_step("lars", [], [], {}, [])
    assert kernels.all_finite([])
    assert kernels.array_norms([]).shape == (0,)
    assert kernels.squared_norm([]) == kernels.non_finite_count([]) == kernels.unscale([], 2.0) == 0


def test_dtypes_side_by_side(backend: str) -> None:
    p = [np.ones(3, np.float32), np.ones(2, np.float64), np.ones(1, np.float32)]
    kernels.sgd_step(p, [np.full_like(array, i) for i, array in enumerate(p)], None, 0.5)
    assert [array.tolist() for array in p] == [[1, 1, 1], [0.5, 0.5], [0]]
    assert [array.dtype.name for array in p] == ["float32", "float64", "float32"]
    assert kernels.squared_norm(p) == 3.5
    assert kernels.array_norms(p) == pytest.approx([math.sqrt(3), math.sqrt(0.5), 0])
    kernels.rule_step("lars", p, [np.ones_like(array) for array in p], {}, [{"lr": i, "momentum": 0} for i in range(3)])
    assert [array.tolist() for array in p] == [[1, 1, 1], [-0.5, -0.5], [-2]]


def test_read_only_gradient_is_read_and_read_only_parameter_is_an_error(backend: str) -> None:
    p, g = [np.ones((2, 3))], [np.broadcast_to(1.0, (2, 3))]
    kernels.sgd_step(p, g, None, 0.25)
    assert (p[0] == 0.75).all()
    p[0].flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        kernels.sgd_step(p, g, None, 0.25)
    assert (p[0] == 0.75).all()


def test_nan_passes_through_the_largest_second_moment(backend: str) -> None:
    p, g, m, v = ([np.array([value, value])] for value in (1.0, 1.0, 0.0, 0.5))
    largest = [np.array([np.nan, 0.0])]
    v[0][1] = np.nan
    kernels.adam_step(p, g, m, v, largest, [1])
    assert np.isnan(largest[0]).all()
    assert np.isnan(p[0]).all()


def test_chunks_cover_every_element_once_and_threads_change_nothing() -> None:
    sizes = (0, 1, numba_optimizer.CHUNK, 3 * numba_optimizer.CHUNK + 5)
    rng = np.random.default_rng(0)
    p = [rng.standard_normal(size).astype(np.float32) for size in sizes]
    copies = [array.copy() for array in p]
    with kernels.backend("numpy"):
        kernels.sgd_step(copies, copies, [array.copy() for array in p], 0.1, 0.9)
    norms = []
    for threads in (1, get_num_threads()):  # ends with as many as it began with
        set_num_threads(threads)
        group = [array.copy() for array in p]
        kernels.sgd_step(group, group, [array.copy() for array in p], 0.1, 0.9)
        norms.append(kernels.squared_norm(group))
        for got, expected in zip(group, copies, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-6)
    assert norms[0] == norms[1]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda p: kernels.sgd_step(p, p[:1]), ValueError, "grads: got 1 arrays, expected 2"),
        (lambda p: kernels.sgd_step(p, p, momentum=0.9), ValueError, "momentum_buffers: got None"),
        (lambda p: kernels.sgd_step(p, p[::-1]), ValueError, r"grads\[0\]: got shape \(2,\)"),
        (lambda p: kernels.sgd_step(p, [a.astype(np.float32) for a in p]), TypeError, r"grads\[0\]: got float32"),
        (lambda p: kernels.sgd_step(p, p, p, momentum=0.9, fresh=[True]), ValueError, "fresh: got 1 flags"),
        (lambda p: kernels.adam_step(p, p, p, p, None, [1]), ValueError, "steps"),
        (lambda p: kernels.adam_step(p, p, p, p, None, [1, 0]), ValueError, "steps"),
        (lambda p: kernels.rule_step("adam", p, p, {}, []), ValueError, "rule: got 'adam', expected one of rmsprop, adagrad"),
        (lambda p: kernels.rule_step("asgd", p, p, {}, []), ValueError, "states: got none, expected ax"),
        (lambda p: kernels.rule_step("asgd", p, p, {"ax": p, "bx": p}, []), ValueError, "states: got ax, bx, expected ax"),
        (lambda p: kernels.rule_step("asgd", p, p, {"ax": p[:1]}, []), ValueError, "ax: got 1 arrays, expected 2"),
        (lambda p: kernels.rule_step("asgd", p, p, {"ax": p}, [{}]), ValueError, "numbers: got 1 mappings, expected 2"),
        (lambda p: kernels.rule_step("asgd", p, p, {"ax": p}, [{"lr": 1}] * 2), ValueError, r"numbers\[0\]: got lr, expected lr, mu"),
        (lambda p: kernels.all_finite([np.ones(2, int)]), TypeError, "array 0: got int64"),
    ],
)
def test_errors_name_the_argument(call, error: type, words: str, backend: str) -> None:
    with pytest.raises(error, match=words):
        call([np.ones(3), np.ones(2)])

"""Optimisers: every rule on arrays of several sizes, more than a chunk, none, and a single number; sums over them."""

from collections.abc import Callable

import numpy as np

import kernels
from cases import Case
from kernels.gpu import wide_dtype
from kernels.optimizer.rules import RULES

SHAPES = [(3, 2, 4, 2), (5,), (), (0, 3), (67, 71)]
NUMBERS = {
    "lr": 0.1, "lr_now": 0.2, "alpha": 0.9, "rho": 0.8, "beta1": 0.7, "beta2": 0.95, "eps": 1e-3, "momentum": 0.6, "correction": 0.3,
    "correction1": 0.4, "correction2": 0.5, "adaptive": 1.0, "shorter": 0.5, "longer": 1.2, "shortest": 0.3, "longest": 1.5, "mu": 0.25,
    "decoupled_decay": 0.1, "weight_decay": 0.05, "shrink": 0.99,
}  # fmt: skip


def lists(count: int, *states: float) -> Callable[[np.random.Generator], tuple]:
    """`count` lists of arrays, then lists of positive ones, each of about that size; every second array is transposed in memory."""

    def arrays(rng: np.random.Generator) -> list[np.ndarray]:
        drawn = [np.array(rng.standard_normal(shape)) for shape in SHAPES]
        return [array if i % 2 else np.asarray(array.T, order="C").T for i, array in enumerate(drawn)]

    def positive(rng: np.random.Generator, size: float) -> list[np.ndarray]:
        return [np.asarray(size * (0.5 + abs(array))) for array in arrays(rng)]

    return lambda rng: (*(arrays(rng) for _ in range(count)), *(positive(rng, size) for size in states))


def _sgd(p: list, g: list, v: list, **options: object) -> None:
    kernels.sgd_step(p, g, v, 0.1, **options)


def _sgd_alone(p: list, g: list, **options: object) -> None:
    kernels.sgd_step(p, g, None, 0.1, **options)


def _adam(p: list, g: list, m: list, v: list, largest: list | None = None, **options: object) -> None:
    kernels.adam_step(p, g, m, v, largest, [1, 2, 30, 4, 5], 0.1, (0.9, 0.99), 1e-8, **options)


def _rule(p: list, g: list, *kept: list, rule: str, common: bool) -> None:
    names = RULES[rule].state + RULES[rule].optional
    wanted = {*RULES[rule].numbers, *(("weight_decay", "shrink") if common else ())}
    told = [{name: NUMBERS[name] * (1 - 0.05 * i * (name == "lr")) for name in wanted} for i in range(len(p))]
    if rule == "radam":
        told[0]["adaptive"] = 0.0
    kernels.rule_step(rule, p, g, dict(zip(names, kept, strict=False)), told, maximize=common)


def _lars_with_factors(p: list, g: list) -> None:
    factors = kernels.array_norms(p)
    kernels.rule_step("lars", p, g, {}, [{"lr": 0.1, "momentum": 0.0}] * len(p), factors=factors)


def _rule_cases(rule: str) -> list[Case]:
    cases = []
    for names in dict.fromkeys([RULES[rule].state, RULES[rule].state + RULES[rule].optional]):
        sizes = [0.2 if name == "grad_avg" else 1.0 for name in names]  # the square of the mean is smaller than the mean of squares
        options = {"rule": rule, "common": names != RULES[rule].state or not RULES[rule].optional}
        cases.append(Case(_rule, lists(2, *sizes), options, launches=f"{rule}_update", changes=(0, *range(2, 2 + len(names))),
                          name=f"{rule}{len(names)}"))  # fmt: skip
    return cases


def _unfinished(rng: np.random.Generator) -> tuple:
    arrays = lists(1)(rng)[0]
    arrays[0][1, 1, 1, 1], arrays[4][66, 70], arrays[4][0, :2] = np.nan, np.inf, -np.inf
    return (arrays,)


def _sums(arrays: list) -> list[np.ndarray]:
    """The sums, which are float64 whatever the arrays are."""
    found = [kernels.sum_of_squares(arrays), kernels.array_norms(arrays)]
    assert all(array.dtype == np.float64 for array in found)
    return [array.astype(wide_dtype(arrays[0].dtype)) for array in found]


def _scaled_by_norm(arrays: list) -> None:
    kernels.scale(arrays, np.sqrt(kernels.sum_of_squares(arrays)))


def _unscaled_step(p: list, g: list) -> np.ndarray:
    """A step that is left out where a gradient is not finite."""
    count = kernels.unscale(g, 0.25)
    kernels.sgd_step(p, g, None, 0.1, skip=count)
    return count


CASES = [
    Case(_sgd, lists(2, 1.0), {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1, "fresh": [True, False, True, False, False]},
         launches="sgd_update", changes=(0, 2), name="momentum"),
    Case(_sgd, lists(3), {"momentum": 0.9, "nesterov": True, "maximize": True}, launches="sgd_update", changes=(0, 2), name="nesterov"),
    Case(_sgd_alone, lists(2), {"weight_decay": 0.1}, launches="sgd_update", changes=(0,), name="sgd"),
    Case(_adam, lists(2, 1.0, 1.0), {"weight_decay": 0.1}, launches="adam_update", changes=(0, 2, 3), name="adam"),
    Case(_adam, lists(2, 1.0, 1.0, 1.0), {"weight_decay": 0.1, "decoupled": True, "maximize": True}, launches="adam_update",
         changes=(0, 2, 3, 4), name="amsgrad"),
    *[case for rule in RULES for case in _rule_cases(rule)],
    Case(_lars_with_factors, lists(2), launches="lars_update square_sums sum_chunks", changes=(0,), name="lars_factors"),
    Case(_sums, lists(1), launches="square_sums sum_chunks"),
    Case(kernels.non_finite_count, _unfinished, launches="non_finite_counts sum_counts"),
    Case(kernels.non_finite_count, lambda rng: ([np.zeros((0, 3))],), launches="sum_counts", name="empty_count"),
    Case(kernels.scale, lambda rng: (lists(1)(rng)[0], 0.3), launches="scale_arrays", changes=(0,)),
    Case(_scaled_by_norm, lists(1), launches="scale_arrays square_sums sum_chunks", changes=(0,), name="scale_by_norm"),
    Case(_unscaled_step, lists(2), launches="scale_arrays sum_counts sgd_update", changes=(0, 1), name="unscale"),
    Case(_unscaled_step, lambda rng: (lists(1)(rng)[0], _unfinished(rng)[0]), launches="scale_arrays sum_counts sgd_update", changes=(0, 1),
         name="unscale_skipped"),
]  # fmt: skip

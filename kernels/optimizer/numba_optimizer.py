"""Optimiser steps for all parameters in one compiled call.

The arrays are handed over as a table of addresses (`kernels/addresses.py`). All arrays together are cut into chunks, small ones into one
each, and threads share the chunks, so that a model of many small arrays keeps them as busy as one of a few large ones. What is summed is
summed chunk by chunk, and the chunks do not depend on the number of threads.
"""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numba import prange

from kernels.addresses import address, view
from kernels.jit import jit
from kernels.layout import contiguous, memory_order
from kernels.optimizer import numba_rules, numpy_optimizer
from kernels.optimizer.numba_rules import CHUNK
from kernels.optimizer.rules import RULES

Arrays = Sequence[np.ndarray]


def sgd_step(
    params: Arrays, grads: Arrays, buffers: Arrays | None, lr: float, momentum: float, dampening: float,
    weight_decay: float, nesterov: bool, maximize: bool, fresh: Sequence[bool] | None,
) -> None:  # fmt: skip
    """See `kernels.optimizer`."""
    written = [params] if buffers is None else [params, buffers]
    flags = np.zeros(len(params), np.bool_) if fresh is None else np.array(fresh, np.bool_)
    # p <- p - lr * (now * g + past * v)
    now, past = (1.0, momentum) if nesterov else (0.0, 1.0)
    if buffers is None:
        now, past = 1.0, 0.0
    numbers = np.array([-1 if maximize else 1, weight_decay, momentum, 1 - dampening, lr * now, lr * past], params[0].dtype)
    with _Table(written, [grads]) as table:
        _sgd(len(table.owners), table.addresses, table.owners, table.starts, table.sizes, flags, numbers, buffers is not None)


def adam_step(
    params: Arrays, grads: Arrays, exp_avgs: Arrays, exp_avg_sqs: Arrays, max_exp_avg_sqs: Arrays | None, steps: Sequence[int],
    lr: float, betas: tuple[float, float], eps: float, weight_decay: float, decoupled: bool, maximize: bool,
) -> None:  # fmt: skip
    """See `kernels.optimizer`."""
    written = [params, exp_avgs, exp_avg_sqs] + ([] if max_exp_avg_sqs is None else [max_exp_avg_sqs])
    beta1, beta2 = betas
    dtype = params[0].dtype
    corrections = np.array([[lr / (1 - beta1**t), 1 / math.sqrt(1 - beta2**t)] for t in steps], dtype)
    decay, shrink = (0.0, 1 - lr * weight_decay) if decoupled else (weight_decay, 1.0)
    numbers = np.array([-1 if maximize else 1, decay, shrink, 1 - beta1, beta2, 1 - beta2, eps], dtype)
    with _Table(written, [grads]) as table:
        _adam(
            len(table.owners), table.addresses, table.owners, table.starts, table.sizes, corrections, numbers, max_exp_avg_sqs is not None
        )


def rule_step(
    rule: str, params: Arrays, grads: Arrays, states: Mapping[str, Arrays], numbers: Sequence[Mapping[str, float]], maximize: bool
) -> None:
    """See `kernels.optimizer`."""
    known = RULES[rule].state + RULES[rule].optional
    rows = np.array([numba_rules.as_row(rule, told, maximize) for told in numbers], params[0].dtype)
    with _Table([params, *(states[name] for name in known if name in states)], [grads]) as table:
        addresses = table.addresses
        for place, name in enumerate(known, 1):
            if name not in states:
                addresses = np.insert(addresses, place, 0, axis=1)
        numba_rules.run(rule, addresses, table.owners, table.starts, table.sizes, rows)


def all_finite(arrays: Arrays) -> bool:
    """See `kernels.optimizer`."""
    # A sum of squares is finite only if all its terms are. It can overflow without them (float64 from 1e154): then each number is asked.
    return math.isfinite(squared_norm(arrays)) or numpy_optimizer.all_finite(arrays)


def squared_norm(arrays: Arrays) -> float:
    """See `kernels.optimizer`."""
    return float(_chunk_sums(arrays)[0].sum())


def array_norms(arrays: Arrays) -> list[float]:
    """See `kernels.optimizer`."""
    sums, owners = _chunk_sums(arrays)
    return np.sqrt(np.bincount(owners, sums, len(arrays))).tolist()


def _chunk_sums(arrays: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """The sums of squares of all chunks, and which array each chunk belongs to."""
    with _Table([], [arrays]) as table:
        sums = np.empty(len(table.owners))
        _square_sums(len(sums), table.addresses, table.owners, table.starts, table.sizes, sums, np.empty(0, arrays[0].dtype))
    return sums, table.owners


class _Table:
    """Lists of arrays as a table of addresses, one line (written..., read...) for each parameter.

    Inside the `with` block all arrays of a line have their elements in one order in memory, without gaps: those that have not are
    represented by copies, and the copies of written arrays are written back at the end.
    """

    def __init__(self, written: list[Arrays], read: list[Arrays]) -> None:
        self._copies: list[tuple[np.ndarray, np.ndarray]] = []  # (written array, its copy)
        self._alive: list[np.ndarray] = []
        lines = [self._line(arrays, len(written)) for arrays in zip(*written, *read, strict=True)]
        self.addresses = np.array(lines, np.int64).reshape(len(lines), len(written) + len(read))
        self.sizes, self.owners, self.starts = chunks(tuple(array.size for array in (written + read)[0]))

    def _line(self, arrays: Arrays, written: int) -> list[int]:
        if all(array.flags.carray for array in arrays):
            return [address(array) for array in arrays]
        order = memory_order(arrays[0]) or tuple(range(arrays[0].ndim))
        line = []
        for number, array in enumerate(arrays):
            turned = array.transpose(order)
            dense = contiguous(turned)
            if dense is not turned:
                self._alive.append(dense)
                if number < written:
                    self._copies.append((turned, dense))
            line.append(address(dense))
        return line

    def __enter__(self) -> "_Table":
        return self

    def __exit__(self, *exception: object) -> None:
        for turned, dense in self._copies:
            turned[...] = dense


@lru_cache(maxsize=64)
def chunks(sizes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(sizes, owners, starts): chunk i begins at element starts[i] of array number owners[i]."""
    pieces = [(owner, start) for owner, size in enumerate(sizes) for start in range(0, size, CHUNK)]
    table = np.array(pieces, np.int64).reshape(-1, 2)
    return np.array(sizes, np.int64), table[:, 0].copy(), table[:, 1].copy()


@jit(parallel=True)
def _sgd(count, addresses, owners, starts, sizes, fresh, numbers, has_momentum):
    for i in prange(count):
        _sgd_chunk(np.intp(i), addresses, owners, starts, sizes, fresh, numbers, has_momentum)


# strict: what happens to a number must not depend on where it stands. Otherwise LLVM contracts other multiply-adds in the vectors than in
# what is left over at the end, and a parameter in another order of memory, as it may come out of a file, moves differently in the last bit.
@jit(strict=True)
def _sgd_chunk(i, addresses, owners, starts, sizes, fresh, numbers, has_momentum):
    """See `kernels.optimizer`; the line of addresses is p, v, g, or p, g."""
    a, start = owners[i], starts[i]
    size = min(CHUNK, sizes[a] - start)
    sign, decay, momentum, gain, now, past = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]
    zero, one = numbers.dtype.type(0), numbers.dtype.type(1)
    p = view(addresses[a, 0], start, size, numbers)
    g = view(addresses[a, -1], start, size, numbers)
    if has_momentum:
        v = view(addresses[a, 1], start, size, numbers)
        empty, gain = fresh[a], one if fresh[a] else gain
        for j in range(size):
            direction = sign * g[j] + decay * p[j]
            velocity = momentum * (zero if empty else v[j]) + gain * direction
            v[j] = velocity
            p[j] -= now * direction + past * velocity
    else:
        for j in range(size):
            p[j] -= now * (sign * g[j] + decay * p[j])


@jit(parallel=True)
def _adam(count, addresses, owners, starts, sizes, corrections, numbers, has_largest):
    for i in prange(count):
        _adam_chunk(np.intp(i), addresses, owners, starts, sizes, corrections, numbers, has_largest)


@jit(strict=True)
def _adam_chunk(i, addresses, owners, starts, sizes, corrections, numbers, has_largest):
    """See `kernels.optimizer`; the line of addresses is p, m, v, the largest v if there is one, g."""
    a, start = owners[i], starts[i]
    size = min(CHUNK, sizes[a] - start)
    sign, decay, shrink, rate1, beta2, rate2, eps = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6]
    lr, root = corrections[a, 0], corrections[a, 1]
    p = view(addresses[a, 0], start, size, numbers)
    m = view(addresses[a, 1], start, size, numbers)
    v = view(addresses[a, 2], start, size, numbers)
    g = view(addresses[a, -1], start, size, numbers)
    for j in range(size):
        direction = sign * g[j] + decay * p[j]
        m[j] += rate1 * (direction - m[j])
        v[j] = beta2 * v[j] + rate2 * direction * direction
    largest = v
    if has_largest:
        largest = view(addresses[a, 3], start, size, numbers)
        for j in range(size):
            largest[j] = v[j] if not v[j] <= largest[j] and largest[j] == largest[j] else largest[j]  # a NaN stays
    for j in range(size):
        p[j] = p[j] * shrink - lr * m[j] / (math.sqrt(largest[j]) * root + eps)


@jit(parallel=True)
def _square_sums(count, addresses, owners, starts, sizes, sums, like):
    for i in prange(count):
        sums[i] = _square_sum_of_chunk(np.intp(i), addresses, owners, starts, sizes, like)


@jit
def _square_sum_of_chunk(i, addresses, owners, starts, sizes, like):
    a, start = owners[i], starts[i]
    x = view(addresses[a, 0], start, min(CHUNK, sizes[a] - start), like)
    total = 0.0
    for j in range(x.size):
        value = np.float64(x[j])
        total += value * value
    return total

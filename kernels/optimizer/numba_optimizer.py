"""Optimiser steps for all parameters in one compiled call.

The arrays are handed over as a table of addresses (`kernels/addresses.py`). All arrays together are cut into chunks, small ones into one
each, and threads share the chunks, so that a model of many small arrays keeps them as busy as one of a few large ones. What is summed is
summed chunk by chunk, and the chunks do not depend on the number of threads.

One parallel loop serves all optimisers and both types of numbers: for each chunk it calls a worker (`numba_workers.py`) through the address
of its machine code, as `kernels/callbacks.py` explains.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

import numba
import numpy as np
from llvmlite import ir
from numba import prange, types
from numba.extending import intrinsic

from kernels.addresses import address, view
from kernels.jit import jit, jit_callback
from kernels.layout import contiguous, memory_order
from kernels.optimizer import numpy_optimizer
from kernels.optimizer.numba_workers import WORKERS
from kernels.optimizer.rows import adam_rows, rule_rows, sgd_rows
from kernels.optimizer.rules import RULES

Arrays = Sequence[np.ndarray]

CHUNK = 1 << 14  # elements that a worker is given at a time


def sgd_step(
    params: Arrays, grads: Arrays, buffers: Arrays | None, lr: float, momentum: float, dampening: float,
    weight_decay: float, nesterov: bool, maximize: bool, fresh: Sequence[bool] | None, skip: np.ndarray | None,
) -> None:  # fmt: skip
    """See `kernels.optimizer`."""
    if not skip:
        rows = sgd_rows(len(params), buffers is not None, lr, momentum, dampening, weight_decay, nesterov, maximize, fresh)
        _run("sgd", [params, buffers], grads, rows)


def adam_step(
    params: Arrays, grads: Arrays, exp_avgs: Arrays, exp_avg_sqs: Arrays, max_exp_avg_sqs: Arrays | None, steps: Sequence[int],
    lr: float, betas: tuple[float, float], eps: float, weight_decay: float, decoupled: bool, maximize: bool, skip: np.ndarray | None,
) -> None:  # fmt: skip
    """See `kernels.optimizer`."""
    if not skip:
        rows = adam_rows(steps, lr, betas, eps, weight_decay, decoupled, maximize)
        _run("adam", [params, exp_avgs, exp_avg_sqs, max_exp_avg_sqs], grads, rows)


def rule_step(
    rule: str, params: Arrays, grads: Arrays, states: Mapping[str, Arrays], numbers: Sequence[Mapping[str, float]], maximize: bool,
    factors: np.ndarray | None, skip: np.ndarray | None,
) -> None:  # fmt: skip
    """See `kernels.optimizer`."""
    if skip:
        return
    if factors is not None:
        numbers = [{**told, "lr": told["lr"] * factor} for told, factor in zip(numbers, factors.tolist(), strict=True)]
    kept = [states.get(name) for name in RULES[rule].state + RULES[rule].optional]
    _run(rule, [params, *kept], grads, rule_rows(rule, numbers, maximize))


def _run(name: str, written: list[Arrays | None], grads: Arrays, rows: list[list[float]]) -> None:
    """Call the worker `name` for every chunk of every parameter; a list that is None has addresses 0."""
    numbers = np.array(rows, grads[0].dtype)
    with _Table([arrays for arrays in written if arrays is not None], [grads]) as table:
        addresses = table.addresses
        for place, arrays in enumerate(written):
            if arrays is None:
                addresses = np.insert(addresses, place, 0, axis=1)
        worker, row_bytes = _worker(name, numbers.dtype), numbers.strides[0]
        _run_chunks(len(table.owners), worker, addresses, address(numbers), row_bytes, table.owners, table.starts, table.sizes)


def all_finite(arrays: Arrays) -> bool:
    """See `kernels.optimizer`."""
    # A sum of squares is finite only if all its terms are. It can overflow without them (float64 from 1e154): then each number is asked.
    return math.isfinite(sum_of_squares(arrays)) or numpy_optimizer.all_finite(arrays)


def sum_of_squares(arrays: Arrays) -> np.ndarray:
    """See `kernels.optimizer`."""
    return np.asarray(_chunk_sums(arrays)[0].sum())


def array_norms(arrays: Arrays) -> np.ndarray:
    """See `kernels.optimizer`."""
    sums, owners = _chunk_sums(arrays)
    return np.sqrt(np.bincount(owners, sums, len(arrays)))


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


@cache
def _worker(name: str, dtype: np.dtype) -> int:
    """Where the machine code of a worker for arrays of `dtype` begins; compiled at the first call."""
    signature = types.void(types.CPointer(types.int64), types.CPointer(numba.from_dtype(dtype)), types.intp, types.intp)
    # strict: what happens to a number must not depend on where it stands. Otherwise LLVM contracts other multiply-adds in the vectors than
    # in what is left over at the end, and a parameter in another order of memory, as it may come out of a file, moves otherwise in the
    # last bit.
    return jit_callback(WORKERS[name], signature, strict=True)


@jit(parallel=True)
def _run_chunks(count, worker, addresses, numbers, row_bytes, owners, starts, sizes):
    for i in prange(count):
        _run_chunk(np.intp(i), worker, addresses, numbers, row_bytes, owners, starts, sizes)


@jit
def _run_chunk(i, worker, addresses, numbers, row_bytes, owners, starts, sizes):
    a, start = owners[i], starts[i]
    _call(worker, addresses, a * addresses.shape[1], numbers + a * row_bytes, start, min(CHUNK, sizes[a] - start))


@intrinsic
def _call(typing, worker, addresses, entry, numbers, start, size):
    """Call the machine code at `worker` with a pointer to `addresses[entry]` (of the flat array), one to `numbers`, start and size."""

    def generate(context, builder, signature, arguments):
        worker, addresses, entry, numbers, start, size = arguments
        line = builder.gep(context.make_array(signature.args[1])(context, builder, addresses).data, [entry])
        arguments = [line, builder.inttoptr(numbers, ir.IntType(8).as_pointer()), start, size]
        function = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
        builder.call(builder.inttoptr(worker, function.as_pointer()), arguments)
        return context.get_dummy_value()

    return types.void(types.intp, addresses, types.intp, types.intp, types.intp, types.intp), generate


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

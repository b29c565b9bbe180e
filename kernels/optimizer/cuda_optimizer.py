"""Optimiser steps of all parameters in one launch on a GPU, see optimizer.cu, and sums over all of them, see sums.cu."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kernels import gpu
from kernels.optimizer import recording
from kernels.optimizer.gpu_tables import Table
from kernels.optimizer.rows import Rows, adam_rows, rule_rows, sgd_rows
from kernels.optimizer.rules import RULES

Arrays = Sequence[Any]

UPDATES, SUMS = gpu.CudaSource("optimizer.cu"), gpu.CudaSource("sums.cu")


def sgd_step(
    params: Arrays, grads: Arrays, buffers: Arrays | None, lr: float, momentum: float, dampening: float,
    weight_decay: float, nesterov: bool, maximize: bool, fresh: Sequence[bool] | None, skip: Any,
) -> None:  # fmt: skip
    """See `kernels.optimizer`."""
    rows = sgd_rows(len(params), buffers is not None, lr, momentum, dampening, weight_decay, nesterov, maximize, fresh)
    _update("sgd", [params, buffers], grads, rows, skip)


def adam_step(
    params: Arrays, grads: Arrays, exp_avgs: Arrays, exp_avg_sqs: Arrays, max_exp_avg_sqs: Arrays | None, steps: Sequence[int],
    lr: float, betas: tuple[float, float], eps: float, weight_decay: float, decoupled: bool, maximize: bool, skip: Any,
) -> None:  # fmt: skip
    """See `kernels.optimizer`."""
    rows = adam_rows(steps, lr, betas, eps, weight_decay, decoupled, maximize)
    _update("adam", [params, exp_avgs, exp_avg_sqs, max_exp_avg_sqs], grads, rows, skip)


def rule_step(
    rule: str, params: Arrays, grads: Arrays, states: Mapping[str, Arrays], numbers: Sequence[Mapping[str, float]], maximize: bool,
    factors: Any, skip: Any,
) -> None:  # fmt: skip
    """See `kernels.optimizer`."""
    kept = [states.get(name) for name in RULES[rule].state + RULES[rule].optional]
    _update(rule, [params, *kept], grads, rule_rows(rule, numbers, maximize), skip, factors)


def _update(rule: str, written: list[Arrays | None], grads: Arrays, rows: Rows, skip: Any, factors: Any = None) -> None:
    """Launch the kernel of `rule`. A replay of what was recorded is only told its numbers."""
    dtype = grads[0].dtype
    numbers = np.array(rows, gpu.wide_dtype(dtype))
    kept = tuple([arrays is not None for arrays in written])
    repeated = recording.repeated()
    if repeated is not None:
        repeated.tell(rule, kept, numbers)
        return
    with grads[0].device, Table(written, grads) as table:
        recorded = recording.recorded()
        told = table.constant(numbers) if recorded is None else recorded.update(rule, kept, numbers)
        UPDATES.launch(f"{rule}_update", dtype, table.blocks, gpu.THREADS, table.addresses, told, table.chunks, factors, skip)


def all_finite(arrays: Arrays) -> bool:
    """See `kernels.optimizer`."""
    return not int(non_finite_count(arrays))


def non_finite_count(arrays: Arrays) -> Any:
    """See `kernels.optimizer`."""
    with arrays[0].device, Table([], arrays) as table:
        partial = gpu.empty((table.blocks,), np.int64)
        SUMS.launch("non_finite_counts", arrays[0].dtype, table.blocks, gpu.THREADS, table.addresses, table.chunks, partial)
        return _sum_counts(partial, arrays[0].dtype)


def sum_of_squares(arrays: Arrays) -> Any:
    """See `kernels.optimizer`."""
    with arrays[0].device, Table([], arrays) as table:
        result = gpu.empty((), np.float64)
        _sum_squares(table, arrays[0].dtype, table.constant(np.array([0, table.blocks])), result, root=False)
        return result


def array_norms(arrays: Arrays) -> Any:
    """See `kernels.optimizer`."""
    with arrays[0].device, Table([], arrays) as table:
        result = gpu.empty((len(arrays),), np.float64)
        _sum_squares(table, arrays[0].dtype, table.first_chunks, result, root=True)
        return result


def _sum_squares(table: Table, dtype: Any, first: Any, result: Any, root: bool) -> None:
    """result[r] = the sum of the squares in the chunks first[r], ..., first[r + 1] - 1, or its square root."""
    partial = gpu.empty((table.blocks,), np.float64)
    SUMS.launch("square_sums", dtype, table.blocks, gpu.THREADS, table.addresses, table.chunks, partial)
    SUMS.launch("sum_chunks", dtype, result.size, gpu.THREADS, partial, first, result, int(root))


def scale(arrays: Arrays, factor: Any) -> None:
    """See `kernels.optimizer`."""
    with arrays[0].device, Table([arrays], None) as table:
        _scale(table, arrays[0].dtype, factor, None)


def unscale(arrays: Arrays, factor: Any) -> Any:
    """See `kernels.optimizer`."""
    with arrays[0].device, Table([arrays], None) as table:
        partial = gpu.empty((table.blocks,), np.int64)
        _scale(table, arrays[0].dtype, factor, partial)
        return _sum_counts(partial, arrays[0].dtype)


def _scale(table: Table, dtype: Any, factor: Any, partial: Any) -> None:
    number, here = (1.0, factor.astype(np.float64, copy=False)) if gpu.is_gpu(factor) else (float(factor), None)
    SUMS.launch("scale_arrays", dtype, table.blocks, gpu.THREADS, table.addresses, table.chunks, number, here, partial)


def _sum_counts(partial: Any, dtype: Any) -> Any:
    result = gpu.empty((), np.int64)
    SUMS.launch("sum_counts", dtype, 1, gpu.THREADS, partial, result, partial.size)
    return result

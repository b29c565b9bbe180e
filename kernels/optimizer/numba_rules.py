"""The update rules beyond SGD and Adam, in one compiled call over all parameters.

One parallel loop serves all rules and both types of numbers: for each chunk of an array it calls a *worker* through the address of its
machine code (as in `kernels/callbacks.py`). A worker is a rule's formula, a plain loop over the elements of one chunk:

    def worker(line, numbers, start, size): ...

line: a pointer to the addresses of one parameter's arrays: p, those of the rule in the order of `RULES` (0 for one that is not kept), g.
numbers: a pointer to that parameter's numbers, in the type of the arrays: sign of the gradient, weight decay, shrink, and those of the
rule; a rate x of a running mean is followed by 1 - x, which in float32 could not be computed from x. start, size: the chunk.
"""

import math
from collections.abc import Callable, Mapping
from functools import cache

import numba
import numpy as np
from llvmlite import ir
from numba import carray, prange, types
from numba.extending import intrinsic

from kernels.addresses import view
from kernels.jit import jit, jit_callback
from kernels.optimizer.rules import COMMON, RULES

RATES = {"alpha", "rho", "beta1", "beta2"}


def as_row(rule: str, numbers: Mapping[str, float], maximize: bool) -> list[float]:
    """The numbers of one parameter as a worker reads them."""
    told = {**COMMON, **numbers}
    row = [-1.0 if maximize else 1.0, told["weight_decay"], told["shrink"]]
    for name in RULES[rule].numbers:
        row += [told[name], 1 - told[name]] if name in RATES else [told[name]]
    return row


def run(rule: str, addresses: np.ndarray, owners: np.ndarray, starts: np.ndarray, sizes: np.ndarray, numbers: np.ndarray) -> None:
    """Call the worker of `rule` for each chunk; addresses and numbers have a row for each parameter."""
    worker = worker_address(rule, numbers.dtype)
    _run(len(owners), worker, addresses, numbers.ctypes.data, numbers.strides[0], owners, starts, sizes)


@cache
def worker_address(rule: str, dtype: np.dtype) -> int:
    """Where the machine code of a rule for arrays of `dtype` begins; compiled at the first call."""
    signature = types.void(types.CPointer(types.int64), types.CPointer(numba.from_dtype(dtype)), types.intp, types.intp)
    # strict, as SGD and Adam: what happens to a number must not depend on where it stands
    compiled = jit_callback(WORKERS[rule], signature, strict=True)
    _alive.append(compiled)  # its machine code goes with it
    return compiled.address


_alive: list[object] = []
CHUNK = 1 << 14  # elements that a worker is given at a time


@jit(parallel=True)
def _run(count, worker, addresses, numbers, row_bytes, owners, starts, sizes):
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


def _rmsprop(line, numbers, start, size):
    n, at = carray(numbers, (8,)), carray(line, (5,))
    sign, decay, shrink, lr, alpha, rate, eps, momentum = n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7]
    p, v, g = view(at[0], start, size, n), view(at[1], start, size, n), view(at[4], start, size, n)
    mean, buffer = view(at[2], start, size, n), view(at[3], start, size, n)  # looked at only where they are kept
    centered, heavy = at[2] != 0, at[3] != 0
    for j in range(size):
        x = sign * g[j] + decay * p[j]
        v[j] = alpha * v[j] + rate * x * x
        variance = v[j]
        if centered:
            mean[j] += rate * (x - mean[j])
            variance -= mean[j] * mean[j]
        move = x / (math.sqrt(variance) + eps)
        if heavy:
            move += momentum * buffer[j]
            buffer[j] = move
        p[j] = p[j] * shrink - lr * move


def _adagrad(line, numbers, start, size):
    n, at = carray(numbers, (5,)), carray(line, (3,))
    sign, decay, shrink, lr, eps = n[0], n[1], n[2], n[3], n[4]
    p, total, g = view(at[0], start, size, n), view(at[1], start, size, n), view(at[2], start, size, n)
    for j in range(size):
        x = sign * g[j] + decay * p[j]
        total[j] += x * x
        p[j] = p[j] * shrink - lr * x / (math.sqrt(total[j]) + eps)


def _adadelta(line, numbers, start, size):
    n, at = carray(numbers, (7,)), carray(line, (4,))
    sign, decay, shrink, lr, rho, rate, eps = n[0], n[1], n[2], n[3], n[4], n[5], n[6]
    p, v, u, g = view(at[0], start, size, n), view(at[1], start, size, n), view(at[2], start, size, n), view(at[3], start, size, n)
    for j in range(size):
        x = sign * g[j] + decay * p[j]
        v[j] = rho * v[j] + rate * x * x
        move = math.sqrt(u[j] + eps) / math.sqrt(v[j] + eps) * x
        u[j] = rho * u[j] + rate * move * move
        p[j] = p[j] * shrink - lr * move


def _adamax(line, numbers, start, size):
    n, at = carray(numbers, (9,)), carray(line, (4,))
    sign, decay, shrink, lr, rate1, beta2, eps = n[0], n[1], n[2], n[3], n[5], n[6], n[8]
    p, m, u, g = view(at[0], start, size, n), view(at[1], start, size, n), view(at[2], start, size, n), view(at[3], start, size, n)
    for j in range(size):
        x = sign * g[j] + decay * p[j]
        m[j] += rate1 * (x - m[j])
        faded, now = beta2 * u[j], abs(x) + eps
        u[j] = now if now >= faded or now != now else faded  # a NaN stays, on either side
        p[j] = p[j] * shrink - lr * m[j] / u[j]


def _nadam(line, numbers, start, size):
    n, at = carray(numbers, (11,)), carray(line, (4,))
    sign, decay, shrink, lr, lr_now, rate1, beta2, rate2, correction, eps = n[0], n[1], n[2], n[3], n[4], n[6], n[7], n[8], n[9], n[10]
    p, m, v, g = view(at[0], start, size, n), view(at[1], start, size, n), view(at[2], start, size, n), view(at[3], start, size, n)
    inverse = n.dtype.type(1) / correction
    for j in range(size):
        x = sign * g[j] + decay * p[j]
        m[j] += rate1 * (x - m[j])
        v[j] = beta2 * v[j] + rate2 * x * x
        p[j] = p[j] * shrink - (lr * m[j] + lr_now * x) / (math.sqrt(v[j] * inverse) + eps)


def _radam(line, numbers, start, size):
    n, at = carray(numbers, (10,)), carray(line, (4,))
    sign, decay, shrink, lr, rate1, beta2, rate2, adaptive, eps = n[0], n[1], n[2], n[3], n[5], n[6], n[7], n[8], n[9]
    p, m, v, g = view(at[0], start, size, n), view(at[1], start, size, n), view(at[2], start, size, n), view(at[3], start, size, n)
    one = n.dtype.type(1)
    for j in range(size):
        x = sign * g[j] + decay * p[j]
        m[j] += rate1 * (x - m[j])
        v[j] = beta2 * v[j] + rate2 * x * x
        p[j] = p[j] * shrink - lr * m[j] / (math.sqrt(v[j]) + eps if adaptive else one)


def _rprop(line, numbers, start, size):
    n, at = carray(numbers, (7,)), carray(line, (4,))
    sign, decay, shrink, shorter, longer, shortest, longest = n[0], n[1], n[2], n[3], n[4], n[5], n[6]
    p, prev, s, g = view(at[0], start, size, n), view(at[1], start, size, n), view(at[2], start, size, n), view(at[3], start, size, n)
    zero, one = n.dtype.type(0), n.dtype.type(1)
    for j in range(size):
        x = sign * g[j] + decay * p[j]
        agreement = x * prev[j]
        factor = longer if agreement > 0 else shorter if agreement < 0 else one + agreement  # agreement is 0 here, or NaN, which stays
        step = s[j] * factor
        step = shortest if step < shortest else longest if step > longest else step
        x = zero if agreement < 0 else x
        s[j], prev[j] = step, x
        p[j] = p[j] * shrink - (step if x > 0 else -step if x < 0 else x * step)


def _asgd(line, numbers, start, size):
    n, at = carray(numbers, (5,)), carray(line, (3,))
    sign, decay, shrink, lr, mu = n[0], n[1], n[2], n[3], n[4]
    p, ax, g = view(at[0], start, size, n), view(at[1], start, size, n), view(at[2], start, size, n)
    for j in range(size):
        p[j] = p[j] * shrink - lr * (sign * g[j] + decay * p[j])
        ax[j] += mu * (p[j] - ax[j])


def _lars(line, numbers, start, size):
    n, at = carray(numbers, (5,)), carray(line, (3,))
    sign, decay, shrink, lr, momentum = n[0], n[1], n[2], n[3], n[4]
    p, buffer, g = view(at[0], start, size, n), view(at[1], start, size, n), view(at[2], start, size, n)
    heavy = at[1] != 0
    for j in range(size):
        move = lr * (sign * g[j] + decay * p[j])
        if heavy:
            move += momentum * buffer[j]
            buffer[j] = move
        p[j] = p[j] * shrink - move


def _lamb(line, numbers, start, size):
    n, at = carray(numbers, (11,)), carray(line, (5,))
    sign, decay, rate1, beta2, rate2, correction1, correction2, eps, decoupled = n[0], n[1], n[4], n[5], n[6], n[7], n[8], n[9], n[10]
    p, m, v = view(at[0], start, size, n), view(at[1], start, size, n), view(at[2], start, size, n)
    update, g = view(at[3], start, size, n), view(at[4], start, size, n)
    inverse1, inverse2 = n.dtype.type(1) / correction1, n.dtype.type(1) / correction2
    for j in range(size):
        x = sign * g[j] + decay * p[j]
        m[j] += rate1 * (x - m[j])
        v[j] = beta2 * v[j] + rate2 * x * x
        update[j] = m[j] * inverse1 / (math.sqrt(v[j] * inverse2) + eps) + decoupled * p[j]


WORKERS: dict[str, Callable] = {
    "rmsprop": _rmsprop, "adagrad": _adagrad, "adadelta": _adadelta, "adamax": _adamax, "nadam": _nadam, "radam": _radam,
    "rprop": _rprop, "asgd": _asgd, "lars": _lars, "lamb": _lamb,
}  # fmt: skip

"""The formulas of all optimisers for Numba: *workers*, which update one chunk of one parameter.

    def worker(line, numbers, start, size): ...

line: a pointer to the addresses of the parameter's arrays: p, those that the optimiser keeps (0 for one that is not kept), g. numbers: a
pointer to the parameter's numbers, in the type of the arrays. start, size: the chunk. `numba_optimizer` calls them through the addresses
of their machine code.

The rules of `kernels.optimizer.rule_step` have their arrays in the order of `RULES`; the order of the numbers is in `rows.py`.
"""

import math
from collections.abc import Callable

from numba import carray

from kernels.addresses import view


def _sgd(line, numbers, start, size):
    n, at = carray(numbers, (7,)), carray(line, (3,))
    sign, decay, momentum, gain, now, past, fresh = n[0], n[1], n[2], n[3], n[4], n[5], n[6] != 0
    p, v, g = view(at[0], start, size, n), view(at[1], start, size, n), view(at[2], start, size, n)
    zero = n.dtype.type(0)
    if at[1] != 0:
        for j in range(size):
            direction = sign * g[j] + decay * p[j]
            velocity = momentum * (zero if fresh else v[j]) + gain * direction
            v[j] = velocity
            p[j] -= now * direction + past * velocity
    else:
        for j in range(size):
            p[j] -= now * (sign * g[j] + decay * p[j])


def _adam(line, numbers, start, size):
    n, at = carray(numbers, (9,)), carray(line, (5,))
    sign, decay, shrink, rate1, beta2, rate2, eps, lr, root = n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8]
    p, m, v, g = view(at[0], start, size, n), view(at[1], start, size, n), view(at[2], start, size, n), view(at[4], start, size, n)
    for j in range(size):
        direction = sign * g[j] + decay * p[j]
        m[j] += rate1 * (direction - m[j])
        v[j] = beta2 * v[j] + rate2 * direction * direction
    largest = v
    if at[3] != 0:
        largest = view(at[3], start, size, n)
        for j in range(size):
            largest[j] = v[j] if not v[j] <= largest[j] and largest[j] == largest[j] else largest[j]  # a NaN stays
    for j in range(size):
        p[j] = p[j] * shrink - lr * m[j] / (math.sqrt(largest[j]) * root + eps)


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
    sign, decay, shrink, rate1, beta2, rate2 = n[0], n[1], n[2], n[4], n[5], n[6]
    correction1, correction2, eps, decoupled = n[7], n[8], n[9], n[10]
    p, m, v = view(at[0], start, size, n), view(at[1], start, size, n), view(at[2], start, size, n)
    update, g = view(at[3], start, size, n), view(at[4], start, size, n)
    inverse1, inverse2 = n.dtype.type(1) / correction1, n.dtype.type(1) / correction2
    for j in range(size):
        x = sign * g[j] + decay * p[j]
        m[j] += rate1 * (x - m[j])
        v[j] = beta2 * v[j] + rate2 * x * x
        p[j] = p[j] * shrink
        update[j] = m[j] * inverse1 / (math.sqrt(v[j] * inverse2) + eps) + decoupled * p[j]


WORKERS: dict[str, Callable] = {
    "sgd": _sgd, "adam": _adam,
    "rmsprop": _rmsprop, "adagrad": _adagrad, "adadelta": _adadelta, "adamax": _adamax, "nadam": _nadam, "radam": _radam,
    "rprop": _rprop, "asgd": _asgd, "lars": _lars, "lamb": _lamb,
}  # fmt: skip

"""Checking gradients against differences.

For a function f of several tensors, random directions v and random cotangents u, both sides of

    d/dt <u, f(x + t v)>  =  <gradient of <u, f(x)>, v>

are computed: the left by central differences, the right by autograd. In float64 they agree to eight digits or so, and a gradient
that is wrong anywhere makes them differ, since a random direction has a share of everything. Every input is moved by itself, so
that the message can name it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from kernels.dtypes import is_floating
from minitorch_cv.autograd.modes import enable_grad, no_grad
from minitorch_cv.autograd.walk import grad
from minitorch_cv.tensor import Tensor


class GradcheckError(RuntimeError):
    """A gradient differs from the difference quotient."""


def gradcheck(
    function: Callable,
    inputs: Any,
    eps: float = 1e-6,
    atol: float = 1e-6,
    rtol: float = 1e-5,
    *,
    directions: int = 3,
    seed: int = 0,
    raise_exception: bool = True,
) -> bool:
    """Whether the gradients of `function` (a Tensor, or a tuple of them) with respect to `inputs` are right.

    Inputs that require a gradient are tested; they must be float64. eps: the step of the differences. A difference of up to atol +
    rtol * the size of the numbers is accepted. directions: how many random ones for each input. Errors: GradcheckError, or False
    with raise_exception=False. Stay away from places where the function has a kink or is not continuous.
    """
    inputs, tested = _inputs(inputs)
    for i in tested:
        if inputs[i].dtype != np.float64:
            raise TypeError(f"inputs: number {i} is {inputs[i].dtype}, expected float64: differences of smaller types are too coarse")
    rng = np.random.default_rng(seed)
    try:
        cotangents, gradients = _gradients(function, inputs, tested, rng)
        for i, gradient in zip(tested, gradients, strict=True):
            _check_alone(function, inputs, i, cotangents, gradient)
            for _ in range(directions):
                v = rng.standard_normal(inputs[i].shape)
                expected, size = _difference(function, inputs, i, v, cotangents, eps)
                found = float(np.sum(gradient * v))
                # The last term is what rounding of the function's values does to the quotient.
                if not abs(found - expected) <= atol + rtol * max(abs(found), abs(expected)) + 1e-15 * size / eps:
                    raise GradcheckError(
                        f"the gradient with respect to input {i}, of shape {inputs[i].shape}, gives {found:.9g} in a direction in which "
                        f"the function changes by {expected:.9g}"
                    )
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(function: Callable, inputs: Any, grad_outputs: Any = None, *, seed: int = 0, **options: Any) -> bool:
    """Whether the gradients of the gradients are right: `gradcheck` of the function that maps `inputs` and `grad_outputs` to gradients.

    grad_outputs: a cotangent for each output, random by default. Options: those of `gradcheck`.
    """
    inputs, tested = _inputs(inputs)
    if grad_outputs is None:
        rng = np.random.default_rng(seed + 1)
        grad_outputs = [Tensor(rng.standard_normal(y.shape)) for y in _outputs(function(*inputs))]
    grad_outputs = [g.detach().requires_grad_() for g in ([grad_outputs] if isinstance(grad_outputs, Tensor) else grad_outputs)]

    def gradients(*arguments: Any) -> tuple[Tensor, ...]:
        # Whether or not these tensors are leaves, and whichever of them is tested: gradients with respect to all inputs.
        xs = [x if i not in tested or x.requires_grad else x.detach().requires_grad_() for i, x in enumerate(arguments[: len(inputs)])]
        with enable_grad():
            joined = [(y, u) for y, u in zip(_outputs(function(*xs)), arguments[len(inputs) :], strict=True) if y.requires_grad]
            outputs, cotangents = [y for y, _ in joined], [u for _, u in joined]
            found = grad(outputs, [xs[i] for i in tested], cotangents, create_graph=True, allow_unused=True)
        return tuple([g for g in found if g is not None])

    return gradcheck(gradients, (*inputs, *grad_outputs), seed=seed, **options)


def _inputs(inputs: Any) -> tuple[tuple, list[int]]:
    """The inputs as a tuple, and the numbers of those that require a gradient."""
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    tested = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    if not tested:
        raise ValueError("inputs: none of them requires a gradient, so there is nothing to check")
    return inputs, tested


def _outputs(outputs: Any) -> list[Tensor]:
    """Those outputs that can have gradients."""
    return [y for y in (outputs if isinstance(outputs, (tuple, list)) else (outputs,)) if isinstance(y, Tensor) and is_floating(y.dtype)]


def _gradients(
    function: Callable, inputs: tuple, tested: list[int], cotangents: list[np.ndarray] | np.random.Generator
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Cotangents (drawn, if a generator is given), and the gradients of <cotangents, function(inputs)> for the inputs `tested`."""
    leaves = [_copy(x, requires_grad=i in tested) for i, x in enumerate(inputs)]
    with enable_grad():
        outputs = _outputs(function(*leaves))
    if isinstance(cotangents, np.random.Generator):
        # Beside outputs that have gradients, others are by-products that are declared to have none.
        some = any(y.requires_grad for y in outputs)
        cotangents = [cotangents.standard_normal(y.shape) * (y.requires_grad or not some) for y in outputs]
    joined = [(y, Tensor(u)) for y, u in zip(outputs, cotangents, strict=True) if y.requires_grad]
    found: tuple = (None,) * len(tested)
    if joined:
        try:
            found = grad([y for y, _ in joined], [leaves[i] for i in tested], [u for _, u in joined], allow_unused=True)
        except RuntimeError as error:
            raise GradcheckError(f"backward failed: {error}") from error
    return cotangents, [np.zeros(inputs[i].shape) if g is None else g.data for i, g in zip(tested, found, strict=True)]


def _copy(x: Any, requires_grad: bool = False) -> Any:
    return Tensor(x.data.copy(order="K"), requires_grad) if isinstance(x, Tensor) else x


def _check_alone(function: Callable, inputs: tuple, i: int, cotangents: list[np.ndarray], gradient: np.ndarray) -> None:
    """Functions may skip gradients that nobody needs: that must not change the others."""
    _, (alone,) = _gradients(function, inputs, [i], cotangents)
    if not np.allclose(alone, gradient, rtol=1e-9, atol=1e-9, equal_nan=True):
        raise GradcheckError(f"the gradient with respect to input {i}, of shape {inputs[i].shape}, is another if no other input needs one")


def _difference(function: Callable, inputs: tuple, i: int, v: np.ndarray, cotangents: list[np.ndarray], eps: float) -> tuple[float, float]:
    """The derivative of <cotangents, function> where input `i` moves along `v`, and the size of the numbers that were subtracted."""
    values, size = [], 0.0
    for step in (eps, -eps):
        moved = [_copy(x) for x in inputs]
        moved[i].data += step * v
        with no_grad():
            outputs = _outputs(function(*moved))
        terms = [y.data * u for y, u in zip(outputs, cotangents, strict=True)]
        values.append(sum(float(np.sum(term)) for term in terms))
        size += sum(float(np.sum(np.abs(term))) for term in terms)
    return (values[0] - values[1]) / (2 * eps), size

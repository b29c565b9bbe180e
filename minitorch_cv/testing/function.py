"""`check_function`: everything that the functions of this package are held to, in one call."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

import kernels
from kernels.meta import is_meta
from minitorch_cv import random
from minitorch_cv.autograd import GradcheckError, grad, gradcheck, gradgradcheck
from minitorch_cv.device import device_of, host
from minitorch_cv.tensor import Tensor
from minitorch_cv.testing.arrange import ORDERS, arranged
from minitorch_cv.testing.compare import CheckError, assert_close

EXACT = 1e-10  # float64: other backends and other orders of memory may add up in another order, no more


def check_function(
    function: Callable, args: Sequence[Any], options: Mapping[str, Any] | None = None, *, differentiable: bool = True,
    second_order: bool = True, backends: Sequence[str] = kernels.BACKENDS, float32: float | None = 1e-5, shape_only: bool = True,
    seed: int = 0,
) -> None:  # fmt: skip
    """CheckError unless `function(*args, **options)` is a sound differentiable function.

    args, options: float64 arrays stand for tensors whose gradients are checked, all other arrays and Tensors for tensors without; lists
    and tuples of them too. Whatever else comes is passed as it is. Keep the arrays away from kinks: `Domain.draw` does.
    differentiable: whether at least one output has gradients; if not, none may. second_order: check gradients of gradients too.
    backends: results must be the same on each. float32: how far a float32 run may be from float64, in `relative_error`; None: not at all
    comparable. shape_only: it also runs on shape-only tensors, with the same shapes. seed: of cotangents, and of what the function draws.

    What is checked: gradients against differences, on each backend, and theirs; that each backend, each order of memory, and a second
    call give the same values and gradients; that no argument is written to; that float32 stays float32.
    """
    if not isinstance(args, (list, tuple)):
        raise TypeError(f"args: got {type(args).__name__}, expected a list of arguments")
    call = _Call(args, options or {})
    if differentiable and not call.leaves:
        raise ValueError("args: got no float64 array, expected at least one: these stand for the tensors that have gradients")
    with _repeatable(seed):
        reference = _checked("", lambda: _run(function, call, seed), backends[0])
        if differentiable and not reference.outputs:
            raise CheckError("the function returned no Tensor")
        if differentiable != reference.differentiable:
            raise CheckError(f"differentiable: got {differentiable}, but the result has {'no' if differentiable else 'a'} gradient")
        _checked("second call: ", lambda: _run(function, call, seed).compare(reference, EXACT), backends[0])
        for backend in backends:
            if differentiable:
                _checked("", lambda: _check_gradients(gradcheck, function, call, seed), backend)
            if differentiable and second_order:
                _checked("second order: ", lambda: _check_gradients(gradgradcheck, function, call, seed), backend)
            _checked("", lambda: _run(function, call, seed).compare(reference, EXACT), backend)
        fast = backends[-1]
        for order in ORDERS:
            _checked(f"memory order {order!r}: ", partial(_check_order, function, call, reference, order, seed), fast)
        if float32 is not None:
            for backend in backends:
                _checked("float32: ", lambda: _check_float32(function, call, reference, float32, seed), backend)
        if shape_only:
            _checked("shape-only: ", lambda: _check_shapes(function, call, reference, seed), fast)


def check_device(
    function: Callable, args: Sequence[Any], options: Mapping[str, Any] | None = None, device: str = "cuda", *,
    dtype: DTypeLike = np.float64, second_order: bool = True, tolerance: float = EXACT, seed: int = 0,
) -> None:  # fmt: skip
    """CheckError unless `function(*args, **options)` gives on `device` what NumPy's backend gives in float64, and gives it there.

    Compared are values, gradients and, with second_order, gradients of gradients, within `tolerance` in `relative_error`. dtype: that of
    the tensors on the device, and of what comes out where float32 would come out of float32; both sides get arguments rounded to it.
    args, options, seed: as in `check_function`.
    """
    kind = np.dtype(dtype)
    call = _Call(args, options or {}).rounded(kind)
    with _repeatable(seed):
        for run in (_run, _run_twice) if second_order else (_run,):
            there = run(function, call, seed, dtype=kind, device=device)
            with kernels.backend("numpy"):
                expected = run(function, call, seed)
                alike = expected if kind == np.float64 else run(function, call, seed, dtype=np.float32)
            if elsewhere := [array for array in (*there.outputs, *there.gradients) if device_of(array) != device]:
                raise CheckError(f"a result is on {device_of(elsewhere[0])}, expected all on {device}")
            found, wanted = [a.dtype for a in there.outputs], [kind if a.dtype == np.float32 else a.dtype for a in alike.outputs]
            if found != wanted:
                raise CheckError(f"outputs of {found}, expected {wanted}")
            _Results([host(a) for a in there.outputs], [host(a) for a in there.gradients], True).compare(expected, tolerance)


class _Call:
    """Arguments in which arrays stand for tensors; tensors are made of them anew for each run."""

    def __init__(self, args: Sequence[Any], options: Mapping[str, Any]) -> None:
        self.structure = (tuple(args), dict(options))
        self.leaves: list[np.ndarray] = []
        self.fill(lambda array: self.leaves.append(array))  # in the order in which `fill` meets them

    def fill(self, leaf: Callable[[np.ndarray], Any], constant: Callable[[np.ndarray], Any] = Tensor) -> tuple[tuple, dict]:
        """The arguments with `leaf(array)` in the place of each tensor with a gradient, and `constant(array)` in that of each without."""

        def visit(value: Any) -> Any:
            if isinstance(value, np.ndarray):
                return leaf(value) if value.dtype == np.float64 else constant(value)
            if isinstance(value, Tensor):
                return constant(value.data)
            if isinstance(value, dict):
                return {name: visit(item) for name, item in value.items()}
            return type(value)([visit(item) for item in value]) if type(value) in (list, tuple) else value

        args, options = visit(self.structure)
        return args, options


    def rounded(self, dtype: np.dtype) -> "_Call":
        """The same with tensors that have gradients rounded to `dtype`."""
        args, options = self.fill(lambda array: array.astype(dtype).astype(np.float64))
        return _Call(args, options)


class _Results(NamedTuple):
    outputs: list[np.ndarray]
    gradients: list[np.ndarray]
    differentiable: bool

    def compare(self, expected: "_Results", tolerance: float) -> None:
        """CheckError where values or gradients differ from the expected ones."""
        if len(self.outputs) != len(expected.outputs):
            raise CheckError(f"{len(self.outputs)} outputs, expected {len(expected.outputs)}")
        for i, (output, wanted) in enumerate(zip(self.outputs, expected.outputs, strict=True)):
            assert_close(output, wanted, tolerance, f"output {i}")
        for i, (gradient, wanted) in enumerate(zip(self.gradients, expected.gradients, strict=True)):
            assert_close(gradient, wanted, tolerance, f"gradient of input {i}")


def _run(
    function: Callable, call: _Call, seed: int, dtype: Any = np.float64, order: str = "contiguous", device: str = "cpu"
) -> _Results:
    """Values, and gradients for cotangents that depend on the seed alone."""
    leaves: list[Tensor] = []
    before: list[np.ndarray] = []

    def arrange(array: np.ndarray) -> np.ndarray:
        return arranged(array.astype(dtype) if array.dtype == np.float64 else array, order)

    def leaf(array: np.ndarray) -> Tensor:
        arranged_array = arrange(array)
        before.append(arranged_array.copy())
        leaves.append(_on(device, Tensor(arranged_array)).requires_grad_())
        return leaves[-1]

    # What is not differentiated may be written to: running statistics are.
    args, options = call.fill(leaf, lambda array: _on(device, Tensor(arrange(array).copy())))
    random.set_state(random.State(seed))
    outputs = list(tensors_in(function(*args, **options)))
    for i, y in enumerate(outputs):
        if dtype == np.float32 and y.dtype == np.float64:
            raise CheckError(f"output {i}: float64, expected float32")
    joined = [y for y in outputs if y.requires_grad]
    rng = np.random.default_rng(seed)
    cotangents = [_on(device, Tensor(rng.standard_normal(y.shape).astype(y.dtype))) for y in joined]
    found: Sequence[Tensor | None] = grad(joined, leaves, cotangents, allow_unused=True) if joined and leaves else [None] * len(leaves)
    if device == "cpu":
        for i, (tensor, array) in enumerate(zip(leaves, before, strict=True)):
            if not np.array_equal(tensor.data, array, equal_nan=True):
                raise CheckError(f"input {i}: the function wrote into it")
    gradients = [np.zeros_like(x.data) if g is None else g.data for x, g in zip(leaves, found, strict=True)]
    return _Results([y.data for y in outputs], gradients, bool(joined))


def _run_twice(function: Callable, call: _Call, seed: int, dtype: Any = np.float64, device: str = "cpu") -> _Results:
    """The gradients, as outputs, and theirs."""

    def first(*leaves: Tensor) -> list[Tensor]:
        remaining = iter(leaves)
        args, options = call.fill(lambda _: next(remaining), lambda array: _on(device, Tensor(array.copy())))
        joined = [y for y in tensors_in(function(*args, **options)) if y.requires_grad]
        rng = np.random.default_rng(seed)
        cotangents = [_on(device, Tensor(rng.standard_normal(y.shape).astype(y.dtype))) for y in joined]
        found = grad(joined, leaves, cotangents, create_graph=True, allow_unused=True) if joined else ()
        return [g for g in found if g is not None]

    return _run(first, _Call(call.leaves, {}), seed, dtype, device=device)


def _check_gradients(check: Callable, function: Callable, call: _Call, seed: int) -> None:
    """check: `gradcheck` or `gradgradcheck`."""

    def flat(*leaves: Tensor) -> tuple[Tensor, ...]:
        random.set_state(random.State(seed))
        remaining = iter(leaves)
        args, options = call.fill(lambda _: next(remaining), lambda array: Tensor(array.copy()))
        return tuple(tensors_in(function(*args, **options)))

    check(flat, [Tensor(array.copy(), requires_grad=True) for array in call.leaves], directions=2, seed=seed)


def _check_order(function: Callable, call: _Call, reference: _Results, order: str, seed: int) -> None:
    _run(function, call, seed, order=order).compare(reference, EXACT)


def _check_float32(function: Callable, call: _Call, reference: _Results, tolerance: float, seed: int) -> None:
    first, second = (_run(function, call, seed, dtype=np.float32) for _ in range(2))
    first.compare(reference, tolerance)
    second.compare(first, 0)


def _check_shapes(function: Callable, call: _Call, reference: _Results, seed: int) -> None:
    found = _run(function, call, seed, device="meta")
    if call.leaves and not all(is_meta(output) for output in found.outputs):
        raise CheckError("an output has values, and memory for them")
    for kind, arrays, expected in (("output", found.outputs, reference.outputs), ("gradient", found.gradients, reference.gradients)):
        shapes, wanted = ([(array.shape, array.dtype) for array in group] for group in (arrays, expected))
        if shapes != wanted:
            raise CheckError(f"{kind}s of {shapes}, expected {wanted}")


def tensors_in(value: Any) -> Iterator[Tensor]:
    """The tensors of a result: itself, or those in a tuple or list."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors_in(item)


def _on(device: str, x: Tensor) -> Tensor:
    return x if device == "cpu" else x.to(device)


def _checked(what: str, run: Callable[[], Any], backend: str) -> Any:
    """run() on a backend; a failure says where it happened."""
    with kernels.backend(backend):
        try:
            return run()
        except (CheckError, GradcheckError) as error:
            raise CheckError(f"{what}backend {backend!r}: {error}") from error


@contextmanager
def _repeatable(seed: int) -> Iterator[None]:
    """Draw the same numbers in every run, and leave the generator as it was."""
    state = random.get_state()
    try:
        yield
    finally:
        random.set_state(state)

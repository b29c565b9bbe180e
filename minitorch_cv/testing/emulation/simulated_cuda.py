"""What `numba.cuda`, `math` and Numba's types are to a kernel in the simulator."""

import ast
import inspect
import math
import sys
import textwrap
from collections.abc import Callable
from functools import cache
from types import CellType, CodeType, FunctionType, SimpleNamespace
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import cuda

from minitorch_cv.testing.emulation.module import CudaFault
from minitorch_cv.testing.emulation.simulated_arrays import LocalArray, SharedArray, Stamp, caster

MOST_SHARED = 48 * 1024  # bytes that a block may have without asking for more
ALL_LANES = 0xFFFFFFFF
WAITING = {
    "syncthreads", "syncthreads_count", "syncthreads_and", "syncthreads_or", "syncwarp", "shfl_sync", "shfl_up_sync", "shfl_down_sync",
    "shfl_xor_sync", "ballot_sync", "all_sync", "any_sync",
}  # fmt: skip


class Dim3(NamedTuple):
    """Three numbers, as in threadIdx."""

    x: int
    y: int
    z: int


class Request(NamedTuple):
    """What a thread waits for: `name` of the function it called, where, which lanes take part, its number, and whose it wants."""

    name: str
    site: tuple
    line: int
    mask: int
    value: Any = None
    source: int = 0


class SimulatedCuda:
    """One launch of a kernel: the module `cuda` as its threads see it. What waits for other threads returns a Request, which is yielded."""

    warpsize = 32

    def __init__(self, kernel: str, grid: Dim3, block: Dim3, shared_memory: int) -> None:
        self.gridDim, self.blockDim = grid, block
        self.blockIdx = self.threadIdx = Dim3(0, 0, 0)
        self.stamp: Stamp = (0, 0, 0)
        self.shared, self.local = SimpleNamespace(array=self._shared_array), SimpleNamespace(array=self._local_array)
        self.atomic = _Atomic()
        self._kernel, self._shared_memory = kernel, shared_memory
        self._arrays: dict[tuple, SharedArray] = {}
        self._barriers: dict[tuple, Request] = {}

    def __getattr__(self, name: str) -> Any:
        raise CudaFault(f"{self._kernel}: the simulator has no cuda.{name}")

    def fault(self, what: str) -> CudaFault:
        """The error of the thread that runs now."""
        frame: Any = sys._getframe(1)
        while frame.f_code.co_filename.startswith(_HERE):
            frame = frame.f_back
        thread, block = tuple(self.threadIdx), tuple(self.blockIdx)
        return CudaFault(f"{self._kernel}: {what} (thread {thread} of block {block}, line {frame.f_lineno} of {frame.f_code.co_filename})")

    def begin_block(self, index: Dim3) -> None:
        """Forget what the block before had in shared memory."""
        self.blockIdx = index
        self._arrays = {}

    # Where a thread is

    def grid(self, ndim: int) -> Any:
        x = self.blockIdx.x * self.blockDim.x + self.threadIdx.x
        if ndim == 1:
            return x
        y = self.blockIdx.y * self.blockDim.y + self.threadIdx.y
        return (x, y) if ndim == 2 else (x, y, self.blockIdx.z * self.blockDim.z + self.threadIdx.z)

    def gridsize(self, ndim: int) -> Any:
        sizes = tuple(g * d for g, d in zip(self.gridDim, self.blockDim, strict=True))
        return sizes[0] if ndim == 1 else sizes[:ndim]

    @property
    def laneid(self) -> int:
        return self.stamp[2] % 32

    # Memory

    def _shared_array(self, shape: Any, dtype: Any, alignment: Any = None) -> SharedArray:
        # One array for each place in the program that asks for one: all threads of a block come there, and get the same.
        frame = sys._getframe(1)
        site = (frame.f_code, frame.f_lasti)
        array = self._arrays.get(site)
        if array is None:
            kind = _number_type(dtype) or np.dtype(dtype)
            if shape in (0, (0,)):
                shape = self._shared_memory // kind.itemsize
            array = self._arrays[site] = SharedArray(shape, kind, f"the shared array of line {frame.f_lineno}", self)
            if (size := sum(a.size * a.dtype.itemsize for a in self._arrays.values())) > max(MOST_SHARED, self._shared_memory):
                raise self.fault(f"{size} bytes of shared memory, more than {MOST_SHARED}")
        return array

    def _local_array(self, shape: Any, dtype: Any, alignment: Any = None) -> LocalArray:
        return LocalArray(shape, _number_type(dtype) or np.dtype(dtype), f"the local array of line {sys._getframe(1).f_lineno}", self)

    def threadfence(self) -> None:
        """Threads run one after the other here: what one has written, all others see."""

    threadfence_block = threadfence_system = threadfence

    # Waiting for others

    def syncthreads(self) -> Request:
        frame = sys._getframe(1)
        site = (frame.f_code, frame.f_lasti)
        request = self._barriers.get(site)  # made once for each barrier: this is what threads spend their time with
        if request is None:
            request = self._barriers[site] = Request("syncthreads", site, frame.f_lineno, ALL_LANES)
        return request

    def syncthreads_count(self, predicate: Any) -> Request:
        return self._meet("syncthreads_count", value=bool(predicate))

    def syncthreads_and(self, predicate: Any) -> Request:
        return self._meet("syncthreads_and", value=bool(predicate))

    def syncthreads_or(self, predicate: Any) -> Request:
        return self._meet("syncthreads_or", value=bool(predicate))

    def syncwarp(self, mask: int = ALL_LANES) -> Request:
        return self._meet("syncwarp", mask)

    def shfl_sync(self, mask: int, value: Any, lane: int) -> Request:
        return self._meet("shfl_sync", mask, value, lane % 32)

    def shfl_up_sync(self, mask: int, value: Any, delta: int) -> Request:
        lane = self.laneid
        return self._meet("shfl_up_sync", mask, value, lane - delta if lane >= delta else lane)

    def shfl_down_sync(self, mask: int, value: Any, delta: int) -> Request:
        lane = self.laneid
        return self._meet("shfl_down_sync", mask, value, lane + delta if lane + delta < 32 else lane)

    def shfl_xor_sync(self, mask: int, value: Any, other: int) -> Request:
        return self._meet("shfl_xor_sync", mask, value, self.laneid ^ other)

    def ballot_sync(self, mask: int, predicate: Any) -> Request:
        return self._meet("ballot_sync", mask, bool(predicate))

    def all_sync(self, mask: int, predicate: Any) -> Request:
        return self._meet("all_sync", mask, bool(predicate))

    def any_sync(self, mask: int, predicate: Any) -> Request:
        return self._meet("any_sync", mask, bool(predicate))

    def _meet(self, name: str, mask: int = ALL_LANES, value: Any = None, source: int = 0) -> Request:
        frame = sys._getframe(2)
        mask &= ALL_LANES
        if not name.startswith("syncthreads") and not mask >> self.laneid & 1:
            raise self.fault(f"lane {self.laneid} calls {name} with mask {mask:#x}, which does not name it")
        return Request(name, (frame.f_code, frame.f_lasti), frame.f_lineno, mask, value, source)

    # Arithmetic

    popc, selp = staticmethod(int.bit_count), staticmethod(lambda condition, a, b: a if condition else b)

    @staticmethod
    def fma(a: Any, b: Any, c: Any) -> Any:
        return type(c)(float(a) * float(b) + float(c))  # exact for float32: a product of two has at most 48 of float64's 53 bits


class _Atomic:
    """cuda.atomic: each returns the number that was there before."""

    def add(self, array: Any, index: Any, value: Any) -> Any:
        return array.update(index, lambda old: old + value)

    def sub(self, array: Any, index: Any, value: Any) -> Any:
        return array.update(index, lambda old: old - value)

    def max(self, array: Any, index: Any, value: Any) -> Any:
        return array.update(index, lambda old: max(old, value))

    def min(self, array: Any, index: Any, value: Any) -> Any:
        return array.update(index, lambda old: min(old, value))

    def exch(self, array: Any, index: Any, value: Any) -> Any:
        return array.update(index, lambda old: value)

    def cas(self, array: Any, index: Any, expected: Any, value: Any) -> Any:
        return array.update(index, lambda old: value if old == expected else old)


def _keeping_type(function: Callable[[float], float]) -> Callable:
    """`function` of Python's math for NumPy scalars: in float64, then rounded to the type that came."""
    return lambda x: type(x)(function(float(x))) if isinstance(x, np.floating) else function(x)


# NumPy's functions answer a float32 with a float32, and give infinity or NaN where Python's raise.
MATH = SimpleNamespace(
    exp=np.exp, expm1=np.expm1, log=np.log, log1p=np.log1p, log2=np.log2, log10=np.log10, pow=np.power, sqrt=np.sqrt,
    sin=np.sin, cos=np.cos, tan=np.tan, atan=np.arctan, sinh=np.sinh, cosh=np.cosh, tanh=np.tanh,
    erf=_keeping_type(math.erf), erfc=_keeping_type(math.erfc), fabs=np.fabs, fmod=np.fmod, hypot=np.hypot, copysign=np.copysign,
    isnan=np.isnan, isinf=np.isinf, isfinite=np.isfinite, floor=math.floor, ceil=math.ceil, trunc=math.trunc,
    pi=math.pi, e=math.e, inf=math.inf, nan=math.nan,
)  # fmt: skip


class _WholeType:
    """Numba's int32 and its like: casts, where the number must fit if the type is signed, and names the type of an array."""

    def __init__(self, dtype: np.dtype, running: SimulatedCuda) -> None:
        self.dtype, self._cast, self._running = dtype, caster(dtype), running

    def __call__(self, value: Any) -> int:
        try:
            return self._cast(value)
        except OverflowError as error:
            raise self._running.fault(str(error)) from None


def bound(function: FunctionType, running: SimulatedCuda) -> tuple[Callable, bool]:
    """`function`, which sees `running` where it says `cuda`; and whether it waits for other threads anywhere.

    One that waits becomes a generator, which yields a Request where it waits. So do the device functions that it calls. `math` and the
    types of numbers are replaced too.
    """
    made: dict[FunctionType, FunctionType] = {}

    def bind(python: FunctionType) -> FunctionType:
        if python not in made:
            code = _as_generator(python) if _waits(python) else python.__code__
            cells = {name: CellType() for name in code.co_freevars}
            names: dict[str, Any] = {"__builtins__": __builtins__, "__name__": python.__module__}
            made[python] = FunctionType(code, names, python.__name__, python.__defaults__, tuple(cells.values()))
            names.update({name: replaced(value) for name, value in _outer_names(python).items() if name not in cells})
            for name, cell in cells.items():
                cell.cell_contents = replaced(_outer_names(python)[name])
        return made[python]

    def replaced(value: Any) -> Any:
        if value is cuda:
            return running
        if value is math:
            return MATH
        if isinstance(inner := getattr(value, "py_func", None), FunctionType):
            return bind(inner)
        dtype = _number_type(value)
        if dtype is None:
            return value
        return _WholeType(dtype, running) if dtype.kind in "iu" else dtype.type

    return bind(function), _waits(function)


def _outer_names(function: FunctionType) -> dict[str, Any]:
    """What the names mean that `function` uses and does not define."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    used = {name: function.__globals__[name] for name in function.__code__.co_names if name in function.__globals__}
    return used | {name: cell.cell_contents for name, cell in cells}


def _waits(function: FunctionType) -> bool:
    """Whether `function`, or a device function that it calls, waits for other threads."""
    inner = [getattr(value, "py_func", None) for value in _outer_names(function).values()]
    return bool(WAITING & set(function.__code__.co_names)) or any(_waits(f) for f in inner if isinstance(f, FunctionType))


@cache
def _as_generator(function: FunctionType) -> CodeType:
    """The code of `function` with a `yield` before every `cuda.syncthreads()` and its like, and `yield from` before calls that wait."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    ast.increment_lineno(tree, function.__code__.co_firstlineno - 1)
    outer = _outer_names(function)

    class Yields(ast.NodeTransformer):
        def visit_Call(self, node: ast.Call) -> ast.AST:
            self.generic_visit(node)
            if isinstance(node.func, ast.Attribute) and node.func.attr in WAITING:
                return ast.copy_location(ast.Yield(node), node)
            called = getattr(outer.get(getattr(node.func, "id", "")), "py_func", None)
            if isinstance(called, FunctionType) and _waits(called):
                return ast.copy_location(ast.YieldFrom(node), node)
            return node

    definition = Yields().visit(tree.body[0])
    definition.decorator_list = []
    # Inside of another function whose arguments have the names of the captured variables, so that they are captured again.
    wrapper = ast.parse(f"def outside({', '.join(function.__code__.co_freevars)}): pass")
    wrapper.body[0].body = [definition]  # type: ignore[attr-defined]
    outside = _code_in(compile(wrapper, function.__code__.co_filename, "exec"), "outside")
    return _code_in(outside, function.__name__)


def _code_in(code: CodeType, name: str) -> CodeType:
    return next(constant for constant in code.co_consts if isinstance(constant, CodeType) and constant.co_name == name)


def _number_type(value: Any) -> np.dtype | None:
    """The dtype that Numba's or NumPy's type of numbers `value` stands for; None for anything else."""
    if isinstance(value, numba.types.Number):
        return np.dtype(str(value))
    return np.dtype(value) if isinstance(value, type) and issubclass(value, np.number) else None


_HERE = __file__.rpartition("/")[0]

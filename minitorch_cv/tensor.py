"""Tensor: an array, its gradient, and its place in the graph.

This file holds what a tensor *is*. What can be done with one (operators, reductions, shapes, indexing, `backward`) is written as
functions, in `minitorch_cv.functional` and `minitorch_cv.autograd`; the decorator `method` makes them methods of Tensor too. The
declarations in `minitorch_cv/methods.pyi` list them all.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, Union

import numpy as np
from numpy.typing import DTypeLike

from kernels.dtypes import is_floating, is_number
from kernels.gpu import is_gpu
from kernels.meta import as_array, is_meta, no_values
from minitorch_cv.device import Device, DeviceLike, as_device, as_dtype, at_work, device_of, host, moved

if TYPE_CHECKING:
    from minitorch_cv.autograd.function import Function
    from minitorch_cv.methods import Methods
else:
    Methods = object

Operand = Union["Tensor", np.ndarray, np.generic, float, int, bool]
Index = Any
Dims = int | tuple[int, ...] | list[int] | None
AnyFunction = TypeVar("AnyFunction", bound=Callable)

DEFAULT_DTYPE = np.dtype(np.float32)


class Version:
    """How often a piece of memory has been changed in place; a tensor and its views share one."""

    __slots__ = ("changes", "recorded")

    def __init__(self, changes: list[int] | None = None) -> None:
        self.changes = [0] if changes is None else changes  # all changes; this list is shared with detached tensors too
        self.recorded = 0  # changes that were recorded in the graph


class Tensor(Methods):
    """An array whose history is remembered, so that gradients can be computed.

    data: the array; requires_grad: whether gradients with respect to this tensor are wanted (float dtypes only).
    The array is shared, not copied; `minitorch_cv.tensor` copies.
    """

    # _edge says where the gradient of this tensor goes: (the node that made it, which of its outputs it is). None for a leaf, which
    # keeps it. _version counts the changes of the memory; _recorded says of how many recorded ones the history of this tensor knows.
    __slots__ = ("__weakref__", "_edge", "_recorded", "_requires_grad", "_version", "data", "grad")
    __array_ufunc__ = None  # np.float32(2) * tensor is left to Tensor.__rmul__

    data: np.ndarray
    grad: "Tensor | None"

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        if type(data) is not np.ndarray:
            data = as_array(data)
        self.data = data
        self.grad = None
        self._edge: Any = None
        self._requires_grad = False
        self._version = Version()
        self._recorded = 0
        if requires_grad:
            self.requires_grad = True

    # --- the graph

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to or through this tensor."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value and not is_floating(self.data.dtype):
            raise TypeError(f"requires_grad: got a tensor of {self.data.dtype}, expected float32 or float64; others have no gradients")
        if not value and self._edge is not None:
            raise RuntimeError("requires_grad: only that of a leaf can be switched off; use detach() for the result of a computation")
        self._requires_grad = bool(value)

    def requires_grad_(self, requires_grad: bool = True) -> "Tensor":
        """Set `requires_grad`; return the tensor itself."""
        self.requires_grad = requires_grad
        return self

    @property
    def is_leaf(self) -> bool:
        """True for a tensor that was not computed from others by a recorded function: its gradient ends in `grad`."""
        return self._edge is None

    @property
    def grad_fn(self) -> "Function | None":
        """The node of the graph that made this tensor, or None for a leaf."""
        return self._edge[0] if isinstance(self._edge, tuple) else None

    def detach(self) -> "Tensor":
        """The same memory as a tensor without a history."""
        result = Tensor(self.data)
        result._version = Version(self._version.changes)
        return result

    def mark_changed(self) -> None:
        """Say that the values in `data` were changed in place by something that is not a function of this package.

        Backward then refuses saved arrays that no longer hold what forward saw. An optimiser that writes into `data` calls this.
        """
        self._version.changes[0] += 1

    # --- the array

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each dimension."""
        return self.data.shape

    @property
    def dtype(self) -> np.dtype:
        """The NumPy dtype of the elements."""
        return self.data.dtype

    @property
    def device(self) -> Device:
        """Where the values are: "cpu", "cuda:0", or "meta" for a tensor that has a shape but no values."""
        return device_of(self.data)

    @property
    def is_cuda(self) -> bool:
        """Whether the values are in a GPU's memory."""
        return is_gpu(self.data)

    @property
    def is_meta(self) -> bool:
        """Whether this is a shape-only tensor."""
        return is_meta(self.data)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.data.ndim

    @property
    def strides(self) -> tuple[int, ...]:
        """Bytes from one element to the next, along each dimension."""
        return self.data.strides

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.data.nbytes

    @property
    def T(self) -> "Tensor":
        """The dimensions in opposite order: the transpose of a matrix."""
        return self.permute(*range(self.data.ndim)[::-1])

    def dim(self) -> int:
        """The number of dimensions."""
        return self.data.ndim

    def size(self, dim: int | None = None) -> Any:
        """The shape, or its entry `dim`."""
        return self.data.shape if dim is None else self.data.shape[dim]

    def numel(self) -> int:
        """The number of elements."""
        return self.data.size

    def element_size(self) -> int:
        """Bytes of one element."""
        return self.data.itemsize

    def is_floating_point(self) -> bool:
        """Whether the elements are float32, float64, float16 or bfloat16, and can have gradients."""
        return is_floating(self.data.dtype)

    def is_contiguous(self) -> bool:
        """Whether the elements lie side by side in C order in memory. (Images usually do not: see `kernels.layout`.)"""
        return self.data.flags.c_contiguous

    def numpy(self) -> np.ndarray:
        """The array itself, shared. Autograd cannot see what is written into it. TypeError for a tensor on a GPU: call .cpu() first."""
        self._require_host("numpy")
        return self.data

    def item(self) -> float | int | bool:
        """The only element, as a Python number."""
        self._require_values("item")
        if self.data.size != 1:
            raise ValueError(f"item: got a tensor of shape {self.shape}, expected one with a single element")
        return self._numbers().item()

    def tolist(self) -> Any:
        """Nested lists of Python numbers."""
        self._require_values("tolist")
        return self._numbers().tolist()

    def _numbers(self) -> np.ndarray:
        """The values on the CPU, bfloat16 as float32, of which Python knows more."""
        values = host(self.data)
        return values.astype(np.float32) if values.dtype.kind == "V" else values

    def _require_values(self, name: str) -> None:
        if is_meta(self.data):
            raise no_values(name)

    def _require_host(self, name: str) -> None:
        self._require_values(name)
        if is_gpu(self.data):
            raise TypeError(f"{name}: got a tensor on {self.device}, whose memory NumPy cannot read; call .cpu() first")

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        self._require_host("array")
        if dtype is not None and np.dtype(dtype) != self.data.dtype:
            return self.data.astype(dtype)
        return self.data.copy() if copy else self.data

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """The memory on a GPU, for CuPy, Numba, PyTorch and others; a tensor that is not on one has none."""
        if not is_gpu(self.data):
            raise AttributeError(f"__cuda_array_interface__: a tensor on {self.device} has none")
        if self._requires_grad:
            raise RuntimeError("__cuda_array_interface__: the tensor requires a gradient, which others cannot see; export its detach()")
        return self.data.__cuda_array_interface__  # type: ignore[attr-defined]

    def __len__(self) -> int:
        if self.data.ndim == 0:
            raise TypeError("len: got a tensor without dimensions")
        return self.data.shape[0]

    def __iter__(self) -> "Iterator[Tensor]":
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        if self.data.size != 1:
            raise ValueError(f"bool: got a tensor of shape {self.shape}, whose truth is ambiguous; use any() or all()")
        self._require_values("bool")
        return bool(self.data.item() if self.data.dtype.kind != "V" else self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.data.dtype.kind not in "iu":
            raise TypeError(f"index: got a tensor of {self.data.dtype}, expected an integer")
        return int(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else repr(self)

    def __repr__(self) -> str:
        if is_meta(self.data):
            return f"tensor(..., device='meta', size={self.shape}, dtype={self.dtype})"
        values = np.array2string(self._numbers(), separator=", ", prefix="tensor(", precision=4, suppress_small=False)
        place = f", device='{self.device}'" if self.is_cuda else ""
        dtype = "" if self.data.dtype in (DEFAULT_DTYPE, np.int64, np.bool_) else f", dtype={self.data.dtype}"
        node = self.grad_fn
        history = f", grad_fn={type(node).__name__}" if node is not None else ", requires_grad=True" if self._requires_grad else ""
        return f"tensor({values}{place}{dtype}{history})"

    def __deepcopy__(self, memo: dict) -> "Tensor":
        if not self.is_leaf:
            raise RuntimeError("deepcopy: got the result of a recorded computation; copy a detach() of it")
        result = type(self).__new__(type(self))
        with at_work(self.device):
            Tensor.__init__(result, self.data.copy(order="K"), self._requires_grad)
            result.grad = None if self.grad is None else Tensor(self.grad.data.copy(order="K"))
        return memo.setdefault(id(self), result)


def tensor(data: Any, dtype: DTypeLike | None = None, requires_grad: bool = False, device: DeviceLike = None) -> Tensor:
    """A tensor with a copy of `data`: a number, nested lists of numbers, an array, or a tensor.

    Arrays, NumPy scalars and tensors keep their dtype; Python floats become float32, integers int64.
    device: "cpu", "cuda", "cuda:1" or "meta"; by default that of the tensor or the CuPy array `data`, or of `with mt.device(...)`.
    """
    if isinstance(data, Tensor) or is_gpu(data):
        source = data.data if isinstance(data, Tensor) else data
        device = device_of(source) if device is None else device
        with at_work(device_of(source)):
            array = source.copy(order="K") if dtype is None else source.astype(as_dtype(dtype), order="K")
    else:
        array = np.array(data, order="K")
        array = array if dtype is None else array.astype(as_dtype(dtype), order="K", copy=False)
        if dtype is None and array.dtype == np.float64 and not isinstance(data, (np.ndarray, np.generic)):
            array = array.astype(DEFAULT_DTYPE)
    if not is_number(array.dtype):
        raise TypeError(f"data: got elements of {array.dtype}, expected real numbers or booleans")
    return Tensor(moved(array, as_device(device)), requires_grad)


def from_numpy(array: np.ndarray) -> Tensor:
    """A tensor in the memory of `array`: what changes one changes the other. Autograd cannot see changes that go through the array."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"array: got {type(array).__name__}, expected a NumPy array")
    return Tensor(array)


def method(*names: str, reflected: str | None = None) -> Callable[[AnyFunction], AnyFunction]:
    """Make a function a method of Tensor too, called `names` (its own name where none is given); its first argument is the tensor.

    reflected: the name of the method with its two arguments exchanged, for operators: `2 - x` is `x.__rsub__(2)`.
    """

    def join(function: AnyFunction) -> AnyFunction:
        for name in names or (function.__name__,):
            setattr(Tensor, name, function)
        if reflected is not None:
            setattr(Tensor, reflected, lambda x, y: function(y, x))
        return function

    return join

"""The array on a device: CuPy's ndarray over a NumPy array that only the emulation sees."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import creation, dispatch, indexing, linear_algebra, memory, namespace, ufuncs
from .capture import blocks_of, run
from .core import Array, checked_dtype
from .device import Device, current_device_id
from .members import Flags, binary, in_place, method, reduction
from .names import TABLE
from .streams import before_work, get_current_stream, stream_of, transfers

COMPARISONS = {"equal", "greater", "greater_equal", "less", "less_equal", "not_equal"}


class ndarray(Array):
    """An array in device memory."""

    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]

    # --- what it is ---
    @property
    def shape(self) -> tuple[int, ...]:
        return self._host.shape

    @shape.setter
    def shape(self, shape: Any) -> None:
        view = self._host.view()
        view.shape = shape
        self._host = view

    @property
    def dtype(self) -> np.dtype:
        return self._host.dtype

    @property
    def strides(self) -> tuple[int, ...]:
        return self._host.strides

    @property
    def ndim(self) -> int:
        return self._host.ndim

    @property
    def size(self) -> int:
        return self._host.size

    @property
    def itemsize(self) -> int:
        return self._host.itemsize

    @property
    def nbytes(self) -> int:
        return self._host.nbytes

    @property
    def flags(self) -> Flags:
        return Flags(self._host.flags.c_contiguous, self._host.flags.f_contiguous, self.base is None)

    @property
    def data(self) -> memory.MemoryPointer:
        return memory.MemoryPointer(self._memory, self._host.ctypes.data - self._memory.ptr if self.size else 0)

    @property
    def device(self) -> Device:
        return self._memory.device

    @property
    def T(self) -> Array:
        return self.transpose() if self.ndim > 1 else self

    @property
    def mT(self) -> Array:
        return self.swapaxes(-1, -2)

    @property
    def real(self) -> Array:
        return self if self.dtype.kind != "c" else creation.view_of(self, self._host.real)

    @property
    def imag(self) -> Array:
        return creation.zeros_like(self) if self.dtype.kind != "c" else creation.view_of(self, self._host.imag)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "descr": self.dtype.descr,
            "stream": get_current_stream().ptr or 1,
            "version": 3,
            "strides": None if self.flags.c_contiguous else self.strides,
            "data": (self.data.ptr if self.size else 0, False),
        }

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, self._memory.device_id  # kDLCUDA

    def __dlpack__(self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: Any = None) -> Any:
        """What the stand-in's `from_dlpack` takes: the array itself, as no other library could read emulated memory."""
        return self

    def __array__(self, dtype: Any = None) -> np.ndarray:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array explicitly.")

    def toDlpack(self) -> Any:
        return self.__dlpack__()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        name = ufunc.__name__
        for value in (*inputs, *kwargs.get("out", ())):
            # Of the index of `at`, too: so CuPy does not take tuples and slices there.
            if not isinstance(value, (ndarray, np.ndarray, *ufuncs.SCALARS)):
                return NotImplemented
        if "out" in kwargs:
            if len(kwargs["out"]) != 1:
                raise ValueError("The 'out' parameter must have exactly one array value")
            kwargs["out"] = kwargs["out"][0]
        if name in COMPARISONS:
            inputs = tuple(x.item() if isinstance(x, np.ndarray) and x.ndim == 0 else x for x in inputs)
        if name == "matmul" and method == "__call__":
            return linear_algebra.matmul(*inputs, **kwargs)
        if name not in TABLE["cupy"]["ufuncs"]:
            return NotImplemented
        found = ufuncs.ufunc(name)
        return (found if method == "__call__" else getattr(found, method))(*inputs, **kwargs)

    def __array_function__(self, func: Callable, types: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        device_function = namespace.find(func)
        if device_function is None or any(not issubclass(kind, ndarray | np.ndarray) for kind in types):
            return NotImplemented
        return device_function(*args, **kwargs)

    # --- to the host ---
    def get(self, stream: Any = None, order: str = "C", out: np.ndarray | None = None, blocking: bool = True) -> np.ndarray:
        """A copy in host memory."""
        if out is None:
            out = np.empty(self.shape, self.dtype, order=creation.order_of(self, order))  # type: ignore[call-overload]
        elif not isinstance(out, np.ndarray):
            raise TypeError("Only numpy.ndarray can be obtained from cupy.ndarray")
        elif out.dtype != self.dtype:
            raise TypeError(f"{out.dtype} array cannot be obtained from {self.dtype} array")
        elif out.shape != self.shape:
            raise ValueError(f"Shape mismatch. Expected shape: {self.shape}, actual shape: {out.shape}")
        host, target = self._host, out
        transfers.to_host += 1
        with self.device:
            stream = stream_of(stream)
            if blocking:
                stream.refuse_capture("ndarray.get")
                before_work(stream)
                target[...] = host
            else:
                creation.copy_host(target, host, stream, blocks_of(self))
        return target

    def set(self, arr: np.ndarray, stream: Any = None) -> None:
        """Copy `arr`, in host memory, of the same shape and dtype, into this array."""
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if arr.dtype != self.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if arr.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        if not self.flags.forc:
            raise RuntimeError("Cannot set to non-contiguous array")
        transfers.to_device += 1
        with self.device:
            creation.copy_host(self._host, arr, stream_of(stream), blocks_of(self))

    def _value(self, what: str) -> np.ndarray:
        with self.device:
            transfers.synchronizing(what)
            return self._host.copy()

    def item(self) -> Any:
        if self.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return self._value("ndarray.item").item()

    def tolist(self) -> Any:
        return self._value("ndarray.tolist").tolist()

    def tobytes(self, order: str = "C") -> bytes:
        return self._value("ndarray.tobytes").tobytes(order)  # type: ignore[arg-type]

    def tofile(self, fid: Any, sep: str = "", format: str = "%s") -> None:
        self._value("ndarray.tofile").tofile(fid, sep, format)

    def __bytes__(self) -> bytes:
        return bytes(self._value("bytes"))

    def __bool__(self) -> bool:
        if self.size == 0:
            return False
        if self.size != 1:
            raise ValueError("The truth value of an array with more than one element is ambiguous. Use a.any() or a.all()")
        return bool(self._value("bool"))

    def __int__(self) -> int:
        return int(self._value("int"))

    def __float__(self) -> float:
        return float(self._value("float"))

    def __complex__(self) -> complex:
        return complex(self._value("complex"))

    def __repr__(self) -> str:
        return repr(self._value("repr"))

    def __str__(self) -> str:
        return str(self._value("str"))

    def __format__(self, format_spec: str) -> str:
        return format(self._value("format"), format_spec)

    def __reduce__(self) -> Any:
        return creation.asarray, (self.get(),)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Iterator[Array]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(self.shape[0]))

    # --- indexing ---
    def __getitem__(self, index: Any) -> Array:
        hosts, operands = indexing.host_index(self, index)
        host = self._host
        return dispatch.evaluate(lambda: host[hosts], operands)

    def __setitem__(self, index: Any, value: Any) -> None:
        indexing.assign(self, index, value)

    def _scatter(self, function: Any, index: Any, value: Any) -> None:
        indexing.scatter(self, function, index, value)

    # --- copies and views ---
    def astype(self, dtype: Any, order: str = "K", casting: None = None, subok: None = None, copy: bool = True) -> Array:
        if casting is not None or subok is not None:
            raise TypeError("casting is not supported yet" if casting is not None else "subok is not supported yet")
        kind = checked_dtype(dtype)
        if not copy and kind == self.dtype and creation.keeps(self, order):
            return self
        dispatch.check_devices([self])
        return creation.copied(self, kind, order)

    def copy(self, order: str = "C") -> Array:
        """A copy on the current device, of an array on any device."""
        if self._memory.device_id == current_device_id():
            return creation.copied(self, self.dtype, order)
        with self.device:
            source = self.astype(self.dtype, order=order, copy=False)
        if not source.flags.forc:
            raise NotImplementedError("CuPy cannot copy non-contiguous array between devices.")
        return creation.copied(source, source.dtype, "K")

    def __copy__(self) -> Array:
        return self.copy()

    def __deepcopy__(self, memo: object) -> Array:
        with self.device:
            return self.copy()

    def view(self, dtype: Any = None, type: None = None) -> Array:
        return creation.view_of(self, self._host.view() if dtype is None else self._host.view(checked_dtype(dtype)))

    def fill(self, value: Any) -> None:
        if isinstance(value, np.ndarray) and value.ndim:
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        if isinstance(value, list | tuple) or value is None:
            raise TypeError(f"Unsupported type {type(value)}")
        if isinstance(value, ndarray) or not (value == 0 and self.flags.c_contiguous):
            dispatch.check_devices([self])
        operands = [self, value] if isinstance(value, ndarray) else [self]
        host, value = self._host, (value._host if isinstance(value, ndarray) else value)

        def work() -> None:
            host[...] = value

        run(work, blocks_of(*operands))

    def reshape(self, *shape: Any, order: str = "C", copy: bool | None = None) -> Array:
        host = self._host
        return dispatch.evaluate(lambda: host.reshape(*shape, order=order, copy=copy), [self])  # type: ignore[call-overload]

    def clip(self, min: Any = None, max: Any = None, out: Any = None) -> Array:
        return ufuncs.clip(self, min, max, out)

    def round(self, decimals: int = 0, out: Any = None) -> Array:
        return ufuncs.round_(self, decimals, out)

    def dot(self, b: "ndarray", out: "ndarray | None" = None) -> Array:
        if not isinstance(b, ndarray):
            raise TypeError(f"Argument 'b' has incorrect type (expected cupy.ndarray, got {type(b).__name__})")
        return dispatch.call("dot", np.dot, (self, b), {} if out is None else {"out": out})

    def scatter_add(self, slices: Any, value: Any) -> None:
        self._scatter(np.add, slices, value)

    def scatter_max(self, slices: Any, value: Any) -> None:
        self._scatter(np.maximum, slices, value)

    def scatter_min(self, slices: Any, value: Any) -> None:
        self._scatter(np.minimum, slices, value)

    def __pos__(self) -> Array:
        return ufuncs.ufunc("positive")(self)

    def __neg__(self) -> Array:
        return ufuncs.ufunc("negative")(self)

    def __abs__(self) -> Array:
        return ufuncs.ufunc("absolute")(self)

    def __invert__(self) -> Array:
        return ufuncs.ufunc("invert")(self)

    def squeeze(self, axis: Any = None) -> Array:
        view = dispatch.call("squeeze", np.ndarray.squeeze, (self,) if axis is None else (self, axis), {}, "ndarray")
        return self if view.shape == self.shape else view

    transpose, swapaxes, ravel = map(method, ("transpose", "swapaxes", "ravel"))
    flatten, diagonal, take, repeat = map(method, ("flatten", "diagonal", "take", "repeat"))
    sum, prod, mean, var, std = map(reduction, ("sum", "prod", "mean", "var", "std"))
    max, min, all, any = map(reduction, ("max", "min", "all", "any"))
    argmax, argmin, cumsum, cumprod, trace = map(method, ("argmax", "argmin", "cumsum", "cumprod", "trace"))
    argpartition, searchsorted = map(method, ("argpartition", "searchsorted"))
    nonzero, compress, choose, put, conj, conjugate = map(method, ("nonzero", "compress", "choose", "put", "conj", "conjugate"))
    partition, sort, argsort = method("partition"), method("sort", namespace.sort_in_place), method("argsort", namespace.argsort)
    ptp = method("ptp", np.ptp)

    __add__, __radd__, __iadd__ = binary("add"), binary("add", True), in_place("add")
    __sub__, __rsub__, __isub__ = binary("subtract"), binary("subtract", True), in_place("subtract")
    __mul__, __rmul__, __imul__ = binary("multiply"), binary("multiply", True), in_place("multiply")
    __truediv__, __rtruediv__, __itruediv__ = binary("true_divide"), binary("true_divide", True), in_place("true_divide")
    __floordiv__, __rfloordiv__, __ifloordiv__ = binary("floor_divide"), binary("floor_divide", True), in_place("floor_divide")
    __mod__, __rmod__, __imod__ = binary("remainder"), binary("remainder", True), in_place("remainder")
    __pow__, __rpow__, __ipow__ = binary("power"), binary("power", True), in_place("power")
    __lshift__, __rlshift__, __ilshift__ = binary("left_shift"), binary("left_shift", True), in_place("left_shift")
    __rshift__, __rrshift__, __irshift__ = binary("right_shift"), binary("right_shift", True), in_place("right_shift")
    __and__, __rand__, __iand__ = binary("bitwise_and"), binary("bitwise_and", True), in_place("bitwise_and")
    __or__, __ror__, __ior__ = binary("bitwise_or"), binary("bitwise_or", True), in_place("bitwise_or")
    __xor__, __rxor__, __ixor__ = binary("bitwise_xor"), binary("bitwise_xor", True), in_place("bitwise_xor")
    __matmul__, __rmatmul__ = binary("matmul"), binary("matmul", True)
    __divmod__, __rdivmod__ = binary("divmod"), binary("divmod", True)
    __lt__, __le__, __gt__, __ge__ = map(binary, ("less", "less_equal", "greater", "greater_equal"))
    __eq__, __ne__ = binary("equal"), binary("not_equal")

"""PyTorch's pickles: tensors as views of storages.

A file of PyTorch's holds storages, plain vectors of numbers, and a pickle in which each tensor is a call of
`torch._utils._rebuild_tensor_v2` with a storage, an offset, a shape and strides. The calls stand here as a table; each
tensor is checked to lie inside its storage, and becomes a view of it, so that tensors which shared memory still do, and
no claim of a shape takes memory.

Layout: element (i, j, ...) of a tensor is number offset + i * stride[0] + j * stride[1] + ... of its storage.
"""

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minitorch_cv.unpickle import Dialect, Name, PickleError, text

# PyTorch's names of storages: the dtype in the file. bfloat16, which NumPy lacks, is read as uint16 and widened.
BFLOAT16 = "bfloat16"
STORAGES: Mapping[str, str] = {
    "HalfStorage": "f2", "FloatStorage": "f4", "DoubleStorage": "f8", "BFloat16Storage": BFLOAT16, "BoolStorage": "?",
    "CharStorage": "i1", "ShortStorage": "i2", "IntStorage": "i4", "LongStorage": "i8", "ByteStorage": "u1",
}  # fmt: skip
MOST_DIMENSIONS = 32
MOST_SHARING = 2**24  # elements that a file need not have
LONGEST = 2**48  # of a dimension or a storage


def item_size(kind: str) -> int:
    """Bytes that one number of a dtype of `STORAGES` takes in a file."""
    return 2 if kind == BFLOAT16 else np.dtype(kind).itemsize


def numbers(raw: np.ndarray, kind: str) -> np.ndarray:
    """The little-endian bytes `raw`, uint8, as numbers of a dtype of `STORAGES`: a view of them, or float32 in place of bfloat16."""
    if kind == BFLOAT16:  # the upper half of a float32
        return (raw.view("<u2").astype(np.uint32) << 16).view(np.float32)
    if kind == "?":
        return raw != 0  # any other byte would be an undefined truth value
    return raw.view(np.dtype(kind).newbyteorder("<"))


class Storage:
    """A vector of numbers that tensors are views of.

    kind: its dtype in the file. numel: how many numbers. array: the numbers, (numel,).
    """

    def __init__(self, kind: str, array: np.ndarray) -> None:
        self.kind = kind
        self.array = array


class TorchDialect(Dialect):
    """Tensors and containers.

    fetch: storage(key, kind, numel) brings the storage that the file keeps under `key`, and raises PickleError where there is none of that
        size; it is asked once for each.
    """

    kind = "a file of weights, such as torch.save(model.state_dict(), path) makes"
    most_instructions = 2_000_000  # a model of 1,000 layers takes 300,000
    leaves = (*Dialect.leaves, np.ndarray)
    containers = (list, dict, tuple)

    def __init__(self, fetch: Callable[[str, str, int], np.ndarray]) -> None:
        self.fetch = fetch
        self.storages: dict[str, Storage] = {}

    def call(self, name: str, arguments: tuple) -> Any:
        match name, arguments:
            case "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor", (Storage() as storage, offset, shape, strides, *_):
                return view(storage.array, offset, shape, strides)
            case "torch._utils._rebuild_parameter", (np.ndarray() as tensor, *_):
                return tensor
            case "torch.nn.parameter.Parameter", (np.ndarray() as tensor, *_):
                return tensor
            case "torch.Size", (tuple() as shape,):
                return shape
            case "collections.OrderedDict", ():
                return {}
            case "collections.OrderedDict", (list() as pairs,):  # as Python 2 wrote it
                return _dictionary(pairs)
        return super().call(name, arguments)

    def build(self, value: Any, state: Any) -> None:
        # A dictionary's attributes (`_metadata`, the versions of layers) and a parameter's (requires_grad, hooks) are not weights.
        attributes = isinstance(value, dict) and isinstance(state, dict)
        flags = isinstance(value, np.ndarray) and isinstance(state, tuple) and len(state) == 3
        if not (attributes or flags):
            raise PickleError("it holds a state for something that has none")

    def persistent(self, identity: Any) -> Storage:
        match identity:
            case (b"storage" | "storage", Name() as name, key, _, int(numel), *view_of) if view_of in ([], [None]):
                pass
            case _:
                raise PickleError("it refers to something outside of itself that is not a storage of numbers")
        module, _, storage = name.name.rpartition(".")
        if module not in ("torch", "torch.cuda") or storage not in STORAGES:
            raise PickleError(f"it holds a {name.name[:80]!r}, expected one of torch.{', torch.'.join(STORAGES)}")
        kind, key = STORAGES[storage], text(key)
        if isinstance(numel, bool) or not 0 <= numel < LONGEST:
            raise PickleError("it holds a storage of an impossible length")
        if key not in self.storages:
            self.storages[key] = Storage(kind, self.fetch(key, kind, numel))
        known = self.storages[key]
        if (known.kind, len(known.array)) != (kind, numel):
            raise PickleError(f"it mentions the storage {key[:40]!r} with two sizes or types")
        return known


def _dictionary(pairs: list) -> dict:
    result = {}
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], bytes | str | int):
            raise PickleError("it holds a dictionary in an unknown form")
        result[pair[0]] = pair[1]
    return result


def view(storage: np.ndarray, offset: Any, shape: Any, strides: Any) -> np.ndarray:
    """The tensor with `shape` and `strides`, in numbers, that begins at `offset` of `storage` (numel,). It shares the storage's memory.

    Elements may share their place, as those of an expanded tensor do: then the view is read-only, and of at most `MOST_SHARING` elements.
    Raises PickleError where there are more, or where the tensor would leave the storage.
    """
    if not (isinstance(shape, tuple) and isinstance(strides, tuple) and len(shape) == len(strides) <= MOST_DIMENSIONS):
        raise PickleError("it holds a tensor whose shape and strides are not two tuples of one length")
    claims = (offset, *shape, *strides)
    if not all(type(number) is int and 0 <= number < LONGEST for number in claims):
        raise PickleError("it holds a tensor with an impossible shape, stride or offset")
    empty, sharing = 0 in shape, False
    reach = 0  # the largest index beside the offset
    for stride, length in sorted(zip(strides, shape, strict=True)):
        if length > 1 and not empty:
            sharing = sharing or stride <= reach
            reach += (length - 1) * stride
    if sharing and prod(shape) > MOST_SHARING:
        raise PickleError(f"it holds a tensor of shape {shape} and strides {strides}, more than {MOST_SHARING} elements in shared places")
    if offset + (0 if empty else reach + 1) > len(storage):
        raise PickleError(f"it holds a tensor of shape {shape} at {offset} that leaves its storage of {len(storage)} numbers")
    if empty:
        if prod(length for length in shape if length) >= LONGEST:
            raise PickleError("it holds a tensor with an impossible shape, stride or offset")
        return np.empty(shape, storage.dtype)
    return as_strided(storage[offset:], shape, [stride * storage.itemsize for stride in strides], writeable=not sharing)

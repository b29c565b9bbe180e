"""PyTorch's format before 1.6: one pickle after the other, then the storages.

    pickle   the number 0x1950a86a20f9469cfc6c, by which the format is known
    pickle   1001, the version of the format
    pickle   facts about the machine that wrote it, among them whether it was little-endian
    pickle   what was saved; it mentions storages by key
    pickle   a list of the keys, in the order of the storages
    then for each of them 8 bytes, how many numbers it has, and the numbers
"""

import mmap
import struct
from pathlib import Path
from typing import Any

import numpy as np

from minitorch_cv.unpickle import Dialect, PickleError, load_one
from minitorch_cv.weights.errors import WeightsError
from minitorch_cv.weights.tensors import TorchDialect, item_size, numbers

MAGIC = 0x1950A86A20F9469CFC6C
BEGINNING = b"\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"  # of the first pickle, in protocol 2
VERSION = 1001


def read_legacy(path: Path) -> Any:
    """What `torch.save` put into the file at `path` in the format of before 1.6, tensors as arrays. Raises WeightsError."""
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _read(data)
    except PickleError as error:
        raise WeightsError(f"{path}: {error}") from error
    except (OSError, ValueError, struct.error) as error:
        raise WeightsError(f"{path} is damaged: {error}") from error


class _Header(Dialect):
    kind = "the beginning of a file of torch.save"
    most_instructions = 1000


def _read(data: Any) -> Any:
    """`data`: bytes, or a file mapped into memory, of which only what is needed is read."""
    magic, place = load_one(data, _Header())
    version, place = load_one(data, _Header(), place)
    machine, place = load_one(data, _Header(), place)
    if magic != MAGIC or version != VERSION:
        raise PickleError("it is a pickle, but not one of PyTorch's formats")
    if not isinstance(machine, dict) or machine.get("little_endian", machine.get(b"little_endian")) is not True:
        raise PickleError("it was written by a machine that is not little-endian: save it on another one")

    waiting: dict[str, np.ndarray] = {}  # the bytes of the storages that the pickle mentions: they come after it
    claimed = 0

    def storage(key: str, kind: str, numel: int) -> np.ndarray:
        nonlocal claimed
        claimed += numel * item_size(kind)
        if claimed > len(data):
            raise PickleError("its storages together claim more bytes than the file has")
        waiting[key] = np.zeros(numel * item_size(kind), np.uint8)
        return numbers(waiting[key], kind)

    dialect = TorchDialect(storage)
    result, place = load_one(data, dialect, place)
    keys, place = load_one(data, dialect, place)
    _fill(data, place, dialect, keys, waiting)
    return result


def _fill(data: Any, place: int, dialect: TorchDialect, keys: Any, waiting: dict[str, np.ndarray]) -> None:
    """Copy the storages, which begin at `place`, to their tensors."""
    if not isinstance(keys, list):
        raise PickleError("its list of storages is not a list")
    for key in keys:
        key = key.decode("latin-1") if isinstance(key, bytes) else key
        if not isinstance(key, str) or key not in waiting:
            raise PickleError(f"it lists a storage {str(key)[:40]!r} that it does not mention, or lists it twice")
        raw, known = waiting.pop(key), dialect.storages[key]
        begin = place + 8
        place = begin + len(raw)
        if place > len(data):
            raise PickleError(f"it is cut off in the storage {key[:40]!r}")
        (numel,) = struct.unpack("<q", data[begin - 8 : begin])
        if numel != len(known.array):
            raise PickleError(f"it claims {len(known.array)} numbers for the storage {key[:40]!r}, which has {numel}")
        raw[:] = memoryview(data)[begin:place]
        known.array[:] = numbers(raw, known.kind)  # where they are not `raw` itself: bfloat16, bool
    if waiting:
        raise PickleError(f"it mentions a storage {min(waiting)[:40]!r}, which it does not hold")
    if place != len(data):
        raise PickleError(f"it goes on for {len(data) - place} bytes after the last storage")

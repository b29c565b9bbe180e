"""PyTorch's format since 1.6: an uncompressed zip archive with NAME/data.pkl, and a record NAME/data/KEY for each storage.

Nothing is unpacked to the disk, and records are read into memory only when the pickle mentions them, so names that try
to leave a folder lead nowhere, and memory is bounded by the length of the file: records are not compressed, and all
together no longer than it.
"""

import io
import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minitorch_cv.unpickle import PickleError, load_one
from minitorch_cv.weights.errors import WeightsError
from minitorch_cv.weights.tensors import STORAGES, TorchDialect, item_size, numbers

ALIGNMENT = 64  # of records, so that they can be mapped into memory
LONGEST_PICKLE = 1 << 28


def read_zip(path: Path) -> Any:
    """What `torch.save` put into the zip archive at `path`, tensors as arrays. Raises WeightsError."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _Archive(archive, path.stat().st_size).read()
    except PickleError as error:
        raise WeightsError(f"{path}: {error}") from error
    except zipfile.BadZipFile as error:  # the table of contents stands at the end
        raise WeightsError(f"{path} is damaged, or cut off as by a broken download: {error}") from error
    except (EOFError, OSError, RuntimeError, ValueError, LookupError, OverflowError, struct.error) as error:
        raise WeightsError(f"{path} is damaged: {error}") from error


class _Archive:
    """An open archive: its records by name, the common folder taken off."""

    def __init__(self, archive: zipfile.ZipFile, length: int) -> None:
        self.archive = archive
        self.records: dict[str, zipfile.ZipInfo] = {}
        entries = archive.infolist()
        if sum(max(entry.file_size, entry.compress_size) for entry in entries) > length:
            raise PickleError("its records together claim more bytes than the file has")
        folders = {entry.filename.partition("/")[0] for entry in entries}
        if len(folders) != 1 or not folders.isdisjoint({"", ".", ".."}):
            raise PickleError("it is a zip archive whose records are not all in one folder, as PyTorch's are")
        for entry in entries:
            name = entry.filename.partition("/")[2]
            if name in self.records:
                raise PickleError(f"it holds two records of the name {name[:80]!r}")
            if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 0x1:
                raise PickleError(f"its record {name[:80]!r} is compressed or encrypted, which PyTorch never does")
            self.records[name] = entry

    def read(self) -> Any:
        if "constants.pkl" in self.records:
            raise PickleError("it is a TorchScript program, not weights: save the model's state_dict() instead")
        if "data.pkl" not in self.records:
            raise PickleError("it is a zip archive without data.pkl, so not one of PyTorch's")
        if "byteorder" in self.records and self._bytes("byteorder", 16) != b"little":
            raise PickleError("its byte order is not little-endian: save it on another machine")
        pickled = self._bytes("data.pkl", LONGEST_PICKLE)
        return load_one(pickled, TorchDialect(self._storage))[0]

    def _bytes(self, name: str, most: int) -> bytes:
        if self.records[name].file_size > most:
            raise PickleError(f"its record {name!r} has {self.records[name].file_size} bytes, more than {most}")
        return self.archive.read(self.records[name])

    def _storage(self, key: str, kind: str, numel: int) -> np.ndarray:
        record = self.records.get(f"data/{key}")
        if record is None:
            raise PickleError(f"it mentions a storage {key[:40]!r}, which it does not hold")
        if record.file_size != numel * item_size(kind):
            raise PickleError(f"it claims {numel} numbers for the storage {key[:40]!r}, which has {record.file_size} bytes")
        raw = np.empty(record.file_size, np.uint8)
        done = 0
        with self.archive.open(record) as file:  # checks the record's checksum at its end
            while count := file.readinto(raw[done:].data):  # type: ignore[attr-defined]
                done += count
        if done != len(raw):
            raise PickleError(f"its storage {key[:40]!r} is cut off")
        return numbers(raw, kind)


def write_zip(state: Mapping[str, np.ndarray]) -> bytes:
    """`state` as the content of a .pth file, which `torch.load` reads as an OrderedDict of tensors."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, content, "data.pkl", _pickled(state))
        _add(archive, content, "byteorder", b"little")
        for key, array in enumerate(state.values()):
            _add(archive, content, f"data/{key}", np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
        _add(archive, content, "version", b"3\n")
    return content.getvalue()


def _add(archive: zipfile.ZipFile, file: io.BytesIO, name: str, content: bytes) -> None:
    """A record whose content begins at a multiple of `ALIGNMENT`: a field of zeros beside the name fills the gap, as in PyTorch's files."""
    record = zipfile.ZipInfo(f"archive/{name}")
    begin = file.tell() + 30 + len(record.filename) + 4  # after the fixed part of the header, the name, the field's head
    gap = -begin % ALIGNMENT
    record.extra = b"FB" + struct.pack("<H", gap) + bytes(gap)
    archive.writestr(record, content)


_NAMES = {np.dtype(kind): name for name, kind in STORAGES.items() if name != "BFloat16Storage"}


def _pickled(state: Mapping[str, np.ndarray]) -> bytes:
    """The pickle, put together by hand: `pickle.dumps` names only what can be imported, and PyTorch need not be there."""
    def value(plain: Any) -> bytes:  # protocol 2, without the header and the stop; numbers and strings only, so nothing is memoised twice
        return pickle.dumps(plain, 2)[2:-1]

    def name(module: str, attribute: str) -> bytes:
        return f"c{module}\n{attribute}\n".encode()

    dictionary = name("collections", "OrderedDict") + b")R"
    items = []
    for key, (path, array) in enumerate(state.items()):
        strides = _strides(array.shape)
        storage = b"(" + value("storage") + name("torch", _NAMES[array.dtype.newbyteorder("=")]) + value(str(key)) + value("cpu")
        storage += value(array.size) + b"tQ"
        tensor = name("torch._utils", "_rebuild_tensor_v2") + b"(" + storage + value(0) + value(array.shape) + value(strides)
        items.append(value(path) + tensor + value(False) + dictionary + b"tR")
    return b"\x80\x02" + dictionary + b"(" + b"".join(items) + b"u."


def _strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Of a tensor in C order, in numbers."""
    strides, step = [], 1
    for length in reversed(shape):
        strides.append(step)
        step *= max(length, 1)
    return tuple(reversed(strides))

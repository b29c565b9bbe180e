"""Writing files so that a crash at any moment leaves the old content or the new one, never a mixture."""

import os
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Replace the file `path` by `content` in one step; what it held before stays until the new content is safely on the disk."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        write_durably(beside, content)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_durably(path: Path, content: bytes) -> None:
    """Write a file and wait until it is on the disk."""
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def append_durably(path: Path, content: bytes) -> None:
    """Add to the end of a file and wait until it is on the disk. A crash can leave a part of `content`."""
    with open(path, "ab") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

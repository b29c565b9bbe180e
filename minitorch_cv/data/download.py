"""Fetching files: several addresses in turn, resume, checksum, atomic arrival; and unpacking archives, nothing outside the target.

pooch verifies the checksum and moves the finished file to its place in one step. What pooch lacks is resuming: that is
the `_Resuming` downloader, which collects the bytes in `NAME.part` and asks the server only for those that are still
missing (HTTP Range, RFC 9110 section 14).
"""

import hashlib
import logging
import os
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from minitorch_cv.data.dataset import DataError

CHUNK = 1 << 14  # bytes read at a time: what a broken connection may lose
TIMEOUT = (10, 30)  # seconds to connect, seconds of silence
LARGEST_ARCHIVE = 1 << 30  # bytes after unpacking


def fetch(addresses: Sequence[str], path: Path, checksum: str) -> None:
    """Bring a file to `path` from the first of `addresses` that delivers it whole.

    checksum: "md5:..." or "sha256:..." of the file; of the latter the first 8 digits or more will do, as names of files
    have them. A file that is there already and matches is left alone. A download that was interrupted is continued, from
    another address if need be: the checksum proves in the end that the pieces belong together.

    Raises DataError, with the reason of each failure, where no address delivers.
    """
    import pooch  # here, because it is needed once in a lifetime

    path.parent.mkdir(parents=True, exist_ok=True)
    reasons: list[str] = []
    algorithm, _, digest = checksum.partition(":")
    beginning = digest if algorithm == "sha256" and 8 <= len(digest) < 64 else None  # pooch knows whole checksums only
    if beginning is not None and path.exists() and not _sha256(path).startswith(beginning):
        path.unlink()
        reasons.append("the file that was there had a wrong checksum and is removed")
    part = path.with_name(path.name + ".part")
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        for address in addresses:
            while True:
                continued = part.exists()
                try:
                    whole = checksum if beginning is None else None
                    pooch.retrieve(address, whole, path.name, path.parent, downloader=_Resuming(part, beginning or ""))
                    return
                except OSError as error:  # those of requests are of this kind too
                    reasons.append(f"{address} failed: {_cause(error)}")
                except ValueError:  # the checksum; the wrong file is gone
                    if continued:
                        continue  # what was there before may have been at fault: once more from the beginning
                    reasons.append(f"{address} delivered a file with a wrong checksum")
                break
    finally:
        logger.setLevel(level)
    raise DataError(f"{path} could not be downloaded ({'; '.join(reasons)}): try again later, or put the file there yourself")


def _cause(error: OSError) -> str:
    """What is at the bottom of it: a failed connection is wrapped three times on its way here, each time in a longer sentence."""
    wrapped = error.args[0] if error.args else None
    cause = getattr(wrapped, "reason", None)  # of urllib3's MaxRetryError
    return str(error) if cause is None else str(cause).partition("): ")[2] or str(cause)  # without "HTTPSConnection(host=...): "


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Resuming:
    """A downloader for pooch that continues the file `part`; its SHA-256 must begin with `beginning`."""

    def __init__(self, part: Path, beginning: str) -> None:
        self.part, self.beginning = part, beginning

    def __call__(self, url: str, output_file: str, pooch: Any, check_only: bool = False) -> bool | None:
        import requests

        while True:
            before = self._have()
            try:
                self._transfer(url)
                break
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
                if self._have() <= before:  # an attempt that brought nothing: no use in trying again
                    raise
        if self.beginning and not _sha256(self.part).startswith(self.beginning):
            self.part.unlink()
            raise ValueError("the checksum differs")
        os.replace(self.part, output_file)
        return None

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _transfer(self, url: str) -> None:
        import requests

        have = self._have()
        headers = {"Accept-Encoding": "identity"}  # the bytes of the file, not compressed once more on the way
        if have:
            headers["Range"] = f"bytes={have}-"
        with requests.get(url, stream=True, timeout=TIMEOUT, headers=headers) as response:
            place = response.headers.get("Content-Range", "")
            if have and response.status_code == 416:  # nothing comes after what is there
                if place != f"bytes */{have}":
                    self.part.unlink()
                    self._transfer(url)
                return
            response.raise_for_status()
            if have and not (response.status_code == 206 and place.startswith(f"bytes {have}-")):
                have = 0  # a server that knows no ranges sends the whole file
            total = have + int(response.headers.get("Content-Length", 0))
            with open(self.part, "ab" if have else "wb") as file, _progress_bar(Path(url).name, have, total) as advance:
                for chunk in response.iter_content(CHUNK):
                    file.write(chunk)
                    advance(len(chunk))


class _progress_bar:
    """A context that shows how far a download is, on a terminal; yields a function to call with the number of new bytes."""

    def __init__(self, what: str, done: int, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

        console = Console(stderr=True)
        columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
        self.progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self.task = self.progress.add_task(what, total=total or None, completed=done)

    def __enter__(self) -> Any:
        self.progress.start()
        return lambda count: self.progress.advance(self.task, count)

    def __exit__(self, *failure: object) -> None:
        self.progress.stop()


def extract(archive: Path, folder: Path) -> None:
    """Unpack the tar archive `archive` into `folder`: plain files only, each of which appears whole or not at all.

    Raises DataError, before anything is written, if a member would land outside `folder` or is a link or a device, or
    if the archive is damaged.
    """
    try:
        with tarfile.open(archive) as tar:
            members = tar.getmembers()
            for member in members:
                _check(member, archive)
            if sum(member.size for member in members) > LARGEST_ARCHIVE:
                raise DataError(f"{archive} would unpack to more than {LARGEST_ARCHIVE >> 20} MiB, which no data set here does: delete it")
            for member in members:
                source = tar.extractfile(member)  # None for a folder
                if source is None:
                    continue
                target = folder / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                part = target.with_name(target.name + ".part")
                with source, open(part, "wb") as file:
                    shutil.copyfileobj(source, file)
                os.replace(part, target)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DataError(f"{archive} cannot be unpacked ({error}): delete it, so that it is downloaded again") from error


def _check(member: tarfile.TarInfo, archive: Path) -> None:
    inside = PurePosixPath(member.name)
    if inside.is_absolute() or ".." in inside.parts or "\\" in member.name or ":" in member.name:
        raise DataError(f"{archive} wants to write outside its folder, to {member.name!r}: delete it, it is not the data set")
    if not (member.isfile() or member.isdir()):
        raise DataError(f"{archive} holds {member.name!r}, which is neither a file nor a folder: delete it, it is not the data set")

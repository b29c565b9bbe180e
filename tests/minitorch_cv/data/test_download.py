"""Downloads, against a server on this machine: resume, mirrors, checksums; and archives that try to write elsewhere."""

import hashlib
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from minitorch_cv.data import download
from minitorch_cv.data.dataset import DataError
from minitorch_cv.data.download import CHUNK, extract, fetch

CONTENT = bytes(range(256)) * 3000  # 768,000 bytes: several chunks
MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()


@dataclass
class Server:
    """What the server holds, how it misbehaves, and what it was asked."""

    address: str
    files: dict[str, bytes] = field(default_factory=dict)
    break_after: list[int] = field(default_factory=list)  # of the next answers: bytes sent before the connection breaks
    knows_ranges: bool = True
    ranges: list[str | None] = field(default_factory=list)  # the Range header of each request


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.ranges.append(self.headers.get("Range"))
            content = state.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            start = 0
            if state.knows_ranges and self.headers.get("Range"):
                start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
                if start >= len(content):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(content)}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            end = start + state.break_after.pop(0) if state.break_after else len(content)
            self.wfile.write(content[start:end])

        def log_message(self, *message: object) -> None:
            """Silence."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = Server(f"http://127.0.0.1:{http.server_port}")
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield state
    http.shutdown()
    thread.join()
    http.server_close()


def test_fetch(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = CONTENT
    path = tmp_path / "new" / "folder" / "a"
    fetch([server.address + "/a"], path, MD5)
    assert path.read_bytes() == CONTENT
    assert [file.name for file in path.parent.iterdir()] == ["a"]  # nothing else stays behind
    fetch([server.address + "/a"], path, MD5)
    assert len(server.ranges) == 1  # what is there is not fetched again
    path.write_bytes(b"damaged")
    fetch([server.address + "/a"], path, MD5)
    assert path.read_bytes() == CONTENT


def test_sha256(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = CONTENT
    fetch([server.address + "/a"], tmp_path / "a", "sha256:" + hashlib.sha256(CONTENT).hexdigest())
    with pytest.raises(DataError, match="checksum"):
        fetch([server.address + "/a"], tmp_path / "b", "sha256:" + hashlib.sha256(b"").hexdigest())


def test_the_beginning_of_a_sha256(server: Server, tmp_path: Path) -> None:
    """As names of files have it: enough to notice damage, in what comes and in what is there."""
    server.files["/a"] = CONTENT
    server.break_after = [20 * CHUNK]
    beginning = "sha256:" + hashlib.sha256(CONTENT).hexdigest()[:8]
    (tmp_path / "a").write_bytes(b"damaged")
    fetch([server.address + "/a"], tmp_path / "a", beginning)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={20 * CHUNK}-"]
    fetch([server.address + "/a"], tmp_path / "a", beginning)
    assert len(server.ranges) == 2  # what is there is not fetched again
    with pytest.raises(DataError, match="checksum"):
        fetch([server.address + "/a"], tmp_path / "b", "sha256:00000000")
    (tmp_path / "c.part").write_bytes(b"something else")
    fetch([server.address + "/a"], tmp_path / "c", beginning)
    assert (tmp_path / "c").read_bytes() == CONTENT
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c"]


def test_a_broken_connection_is_continued(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = CONTENT
    server.break_after = [20 * CHUNK + 5, 7 * CHUNK]
    fetch([server.address + "/a"], tmp_path / "a", MD5)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={20 * CHUNK}-", f"bytes={27 * CHUNK}-"]


def test_an_interrupted_download_is_continued_later(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = CONTENT
    (tmp_path / "a.part").write_bytes(CONTENT[:500_000])
    fetch([server.address + "/a"], tmp_path / "a", MD5)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert server.ranges == ["bytes=500000-"]
    assert not (tmp_path / "a.part").exists()


def test_what_came_before_a_failure_is_kept_for_the_next_time(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = CONTENT
    server.break_after = [20 * CHUNK, 0]
    with pytest.raises(DataError, match=r"a could not be downloaded"):
        fetch([server.address + "/a"], tmp_path / "a", MD5)
    assert (tmp_path / "a.part").read_bytes() == CONTENT[: 20 * CHUNK]
    assert not (tmp_path / "a").exists()


def test_a_complete_part(server: Server, tmp_path: Path) -> None:
    """Interrupted after the last byte and before the renaming: the server has nothing to add."""
    server.files["/a"] = CONTENT
    (tmp_path / "a.part").write_bytes(CONTENT)
    fetch([server.address + "/a"], tmp_path / "a", MD5)
    assert (tmp_path / "a").read_bytes() == CONTENT


@pytest.mark.parametrize("left", [b"something else" * 1000, CONTENT + b"too much"])
def test_a_wrong_part_is_started_again(server: Server, tmp_path: Path, left: bytes) -> None:
    server.files["/a"] = CONTENT
    (tmp_path / "a.part").write_bytes(left)
    fetch([server.address + "/a"], tmp_path / "a", MD5)
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_a_server_without_ranges(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = CONTENT
    server.knows_ranges = False
    (tmp_path / "a.part").write_bytes(CONTENT[:1000])
    fetch([server.address + "/a"], tmp_path / "a", MD5)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert len(server.ranges) == 1  # the whole file, which it sent, is taken


def test_mirrors_in_turn(server: Server, tmp_path: Path) -> None:
    server.files |= {"/wrong": b"a page that says sorry", "/right": CONTENT}
    closed = "http://127.0.0.1:9/a"  # the port "discard": nobody listens
    fetch([closed, server.address + "/missing", server.address + "/wrong", server.address + "/right"], tmp_path / "a", MD5)
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_a_mirror_continues_what_another_began(server: Server, tmp_path: Path) -> None:
    server.files |= {"/first": CONTENT, "/second": CONTENT}
    server.break_after = [10 * CHUNK, 0]
    fetch([server.address + "/first", server.address + "/second"], tmp_path / "a", MD5)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={10 * CHUNK}-", f"bytes={10 * CHUNK}-"]


def test_all_fail(server: Server, tmp_path: Path) -> None:
    server.files["/wrong"] = b"no"
    with pytest.raises(DataError) as caught:
        fetch([server.address + "/wrong", server.address + "/missing"], tmp_path / "a", MD5)
    for part in (str(tmp_path / "a"), server.address + "/wrong", "checksum", server.address + "/missing", "404", "put the file there"):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_no_connection_is_said_in_one_sentence(tmp_path: Path) -> None:
    """And so is what happened to a wrong file that was there."""
    (tmp_path / "a").write_bytes(b"wrong")
    with pytest.raises(DataError, match="could not be downloaded") as caught:
        fetch(["http://127.0.0.1:9/a"], tmp_path / "a", "sha256:0123456789abcdef")  # the port "discard": nobody listens
    assert "the file that was there had a wrong checksum and is removed; http://127.0.0.1:9/a failed: " in str(caught.value)
    assert "Connection refused" in str(caught.value)
    assert not any(word in str(caught.value) for word in ("Max retries", "Caused by", "host="))


def archive_of(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = link
    return info


def test_extract(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    archive = archive_of(tmp_path / "a.tar.gz", [(member("d", tarfile.DIRTYPE), b""), (member("d/one"), b"1"), (member("e/two"), CONTENT)])
    extract(archive, folder)
    assert (folder / "d" / "one").read_bytes() == b"1"
    assert (folder / "e" / "two").read_bytes() == CONTENT
    extract(archive, folder)  # over what is there
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == ["one", "two"]


@pytest.mark.parametrize(
    "evil",
    [
        member("../evil"),
        member("d/../../evil"),
        member("/tmp/evil"),
        member("d\\..\\..\\evil"),
        member("C:/evil"),
        member("d/link", tarfile.SYMTYPE, "/etc"),
        member("d/link", tarfile.SYMTYPE, "one"),
        member("d/link", tarfile.LNKTYPE, "../../evil"),
        member("d/pipe", tarfile.FIFOTYPE),
        member("d/device", tarfile.CHRTYPE),
    ],
    ids=lambda info: f"{info.name}-{info.type.decode()}",
)
def test_archives_that_reach_outside(tmp_path: Path, evil: tarfile.TarInfo) -> None:
    folder = tmp_path / "deep" / "out"
    archive = archive_of(tmp_path / "a.tar.gz", [(member("d/one"), b"1"), (evil, b"")])
    with pytest.raises(DataError, match="not the data set"):
        extract(archive, folder)
    assert list(tmp_path.rglob("*")) == [archive]  # nothing was written, not even what was harmless


def test_damaged_and_huge_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = archive_of(tmp_path / "a.tar.gz", [(member("one"), CONTENT)])
    monkeypatch.setattr(download, "LARGEST_ARCHIVE", len(CONTENT) - 1)
    with pytest.raises(DataError, match="unpack to more"):
        extract(archive, tmp_path / "out")
    whole = archive.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"<html>sorry</html>"):
        archive.write_bytes(damaged)
        with pytest.raises(DataError, match=r"a\.tar\.gz cannot be unpacked"):
            extract(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()

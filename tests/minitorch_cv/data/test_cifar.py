"""CIFAR-10 and CIFAR-100: small stand-ins for the real files, as Python 2 and as Python 3 write them, whole and damaged."""

import hashlib
import os
import pickle
import struct
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from minitorch_cv import data
from minitorch_cv.data import DataError, cifar

TRAIN, TEST = 20, 6


def python2(batch: dict) -> bytes:
    """The batch as Python 2 pickled it: str is bytes, and NumPy is old."""
    def string(value: bytes) -> bytes:
        return b"T" + struct.pack("<i", len(value)) + value

    def value(item: object) -> bytes:
        if isinstance(item, np.ndarray):
            head = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
            dtype = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
            shape = b"(" + b"".join(b"J" + struct.pack("<i", length) for length in item.shape) + b"t"
            return head + b"(K\x01" + shape + dtype + b"\x89" + string(item.tobytes()) + b"tb"
        if isinstance(item, list):
            return b"](" + b"".join(map(value, item)) + b"e"
        return b"J" + struct.pack("<i", item) if isinstance(item, int) else string(item.encode())

    return b"\x80\x02}(" + b"".join(string(key.encode()) + value(item) for key, item in batch.items()) + b"u."


def batches(name: str) -> dict[str, dict]:
    """The files of a data set, as dictionaries."""
    rng = np.random.default_rng(3)
    source = cifar.CIFAR10 if name == "cifar10" else cifar.CIFAR100
    files: dict[str, dict] = {source.meta: {source.classes_key: [f"class {i}" for i in range(source.classes)], "num_vis": 3072}}
    for group, total in ((source.train, TRAIN), (source.test, TEST)):
        for file in group:
            count = total // len(group)
            files[file] = {
                "batch_label": file,
                source.labels_key: rng.integers(0, source.classes, count).tolist(),
                "data": rng.integers(0, 256, (count, 3072), dtype=np.uint8),
                "filenames": [f"image_{i}.png" for i in range(count)],
            }
    return files


Writer = Callable[[dict], bytes]
WRITERS: list[Writer] = [python2, *(lambda batch, protocol=protocol: pickle.dumps(batch, protocol) for protocol in (2, 3, 4, 5))]


def lay_out(root: Path, name: str, writer: Writer, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict]:
    """Write the files of a data set below `root`, and let the source know their hashes."""
    files = batches(name)
    attribute = name.upper()
    source = getattr(cifar, attribute)
    folder = root / source.folder
    folder.mkdir(parents=True, exist_ok=True)
    for file, batch in files.items():
        (folder / file).write_bytes(writer(batch))
    hashes = {file: hashlib.md5((folder / file).read_bytes()).hexdigest() for file in files}
    monkeypatch.setattr(cifar, attribute, replace(
        source, train_images=TRAIN, test_images=TEST,
        train={file: hashes[file] for file in source.train}, test={file: hashes[file] for file in source.test},
    ))  # fmt: skip
    return files


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    lay_out(tmp_path, "cifar10", python2, monkeypatch)
    return tmp_path


@pytest.mark.parametrize("writer", WRITERS, ids=["python2", "2", "3", "4", "5"])
@pytest.mark.parametrize(("name", "labels_key"), [("cifar10", "labels"), ("cifar100", "fine_labels")])
def test_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, labels_key: str, writer: Writer) -> None:
    files = lay_out(tmp_path, name, writer, monkeypatch)
    source = getattr(cifar, name.upper())
    for train, group, count in ((True, source.train, TRAIN), (False, source.test, TEST)):
        dataset = data.load(name, tmp_path, train)
        assert dataset.images.shape == (count, 32, 32, 3)
        rows = np.concatenate([files[file]["data"] for file in group])
        np.testing.assert_array_equal(dataset.images.transpose(0, 3, 1, 2).reshape(count, 3072), rows)
        np.testing.assert_array_equal(dataset.labels, np.concatenate([files[file][labels_key] for file in group]))
        assert dataset.classes == tuple(f"class {i}" for i in range(source.classes))
        assert (dataset.name, dataset.note) == (name, "")


def test_a_copy_that_is_not_the_official_one_is_used_with_a_note(root: Path) -> None:
    path = root / "cifar-10-batches-py" / "data_batch_2"
    batch = batches("cifar10")["data_batch_2"]
    batch["data"] = batch["data"] ^ 1
    path.write_bytes(python2(batch))
    dataset = data.load("cifar10", root)
    assert "data_batch_2" in dataset.note
    assert "data_batch_1" not in dataset.note
    assert "re-encoded copy" in dataset.note
    assert data.load("cifar10", root, train=False).note == ""


def fails(root: Path, path: Path, *says: str) -> None:
    with pytest.raises(DataError) as caught:
        data.load("cifar10", root)
    for part in (str(path), *says):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_files(root: Path, tmp_path: Path) -> None:
    for name in ("data_batch_3", "batches.meta"):
        path = root / "cifar-10-batches-py" / name
        content = path.read_bytes()
        path.unlink()
        fails(root, path, "is missing", "cifar-10-python.tar.gz")
        path.write_bytes(content)
    fails(tmp_path / "nothing", tmp_path / "nothing" / "cifar-10-batches-py" / "data_batch_1")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"data": np.zeros((4, 3071), np.uint8)}, "shape (4, 3071), expected uint8 of shape (4, 3072)"),
        ({"data": np.zeros((3, 3072), np.uint8)}, "shape (3, 3072)"),
        ({"data": np.zeros((4, 3072), np.float32)}, "float32"),
        ({"data": [1, 2]}, "nothing of the kind"),
        ({"labels": [0, 1, 2]}, "list of 4 whole numbers"),
        ({"labels": [0, 1, 2, 10]}, "from 0 to 10, expected 0 to 9"),
        ({"labels": [0, 1, -1, 9]}, "from -1 to 9"),
        ({"labels": [0, 1, 2, 2**70]}, "expected 0 to 9"),
        ({"labels": [0, 1, 2, "cat"]}, "list of 4 whole numbers"),
        ({"labels": [0, 1, 2, 0.5]}, "list of 4 whole numbers"),
    ],
)
def test_foreign_batches(root: Path, change: dict, says: str) -> None:
    path = root / "cifar-10-batches-py" / "data_batch_2"
    path.write_bytes(pickle.dumps(batches("cifar10")["data_batch_2"] | change, 2))
    fails(root, path, says)


def test_damaged_files(root: Path) -> None:
    for name in ("data_batch_5", "batches.meta"):
        path = root / "cifar-10-batches-py" / name
        whole = path.read_bytes()
        half = whole[: len(whole) // 2]
        for damaged in (half, whole[:-1], b"", b"<html>sorry</html>", pickle.dumps([1]), pickle.dumps({}), pickle.dumps(None)):
            path.write_bytes(damaged)
            fails(root, path, "again" if name == "batches.meta" else "")
        path.write_bytes(whole)
    assert len(data.load("cifar10", root)) == TRAIN


def test_a_batch_that_carries_a_program(root: Path) -> None:
    class Attack:
        def __reduce__(self) -> tuple:
            return os.system, (f"touch {root / 'executed'}",)

    path = root / "cifar-10-batches-py" / "data_batch_1"
    path.write_bytes(pickle.dumps(batches("cifar10")["data_batch_1"] | {"filenames": Attack()}, 2))
    fails(root, path, "a call of 'posix.system'")
    assert not (root / "executed").exists()


def test_download_and_unpack(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "official.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(root / "cifar-10-batches-py", "cifar-10-batches-py")
    asked = []

    def fake_fetch(addresses: list[str], path: Path, checksum: str) -> None:
        asked.append((addresses, checksum))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(archive.read_bytes())

    monkeypatch.setattr(cifar, "fetch", fake_fetch)
    fresh = tmp_path / "fresh"
    dataset = data.load("cifar10", fresh, download=True)
    np.testing.assert_array_equal(dataset.images, data.load("cifar10", root).images)
    assert asked[0][0][0] == "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    assert asked[0][1] == "md5:c58f30108f718f92721af3b95e74349a"
    data.load("cifar10", fresh, train=False, download=True)
    assert len(asked) == 1


@pytest.mark.full
@pytest.mark.skipif("MINITORCH_CV_DATA" not in os.environ, reason="MINITORCH_CV_DATA names no folder with the real data")
def test_the_real_files() -> None:
    if not (data.default_root() / "cifar-10-batches-py").is_dir():
        pytest.skip("no CIFAR-10 there")
    training, testing = data.load("cifar10", download=False), data.load("cifar10", train=False, download=False)
    assert (np.bincount(training.labels) == 5000).all()
    assert (np.bincount(testing.labels) == 1000).all()
    assert training.classes[:3] == ("airplane", "automobile", "bird")

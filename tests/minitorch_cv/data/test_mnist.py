"""MNIST and Fashion-MNIST in folders laid out as torchvision does, small stand-ins for the real files."""

import gzip
import hashlib
import os
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from minitorch_cv import data
from minitorch_cv.data import DataError, mnist

SIZES = {"train": 30, "t10k": 20}


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def contents(seed: int) -> dict[str, bytes]:
    """The four files of a data set, uncompressed."""
    rng = np.random.default_rng(seed)
    files = {}
    for part, count in SIZES.items():
        files[f"{part}-images-idx3-ubyte"] = idx(rng.integers(0, 256, (count, 28, 28), dtype=np.uint8))
        files[f"{part}-labels-idx1-ubyte"] = idx(rng.integers(0, 10, count, dtype=np.uint8))
    return files


MNIST, FASHION = contents(0), contents(1)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder that holds both data sets, compressed, and sources that know their hashes."""
    for name, folder, files in (("MNIST", "MNIST/raw", MNIST), ("FASHION_MNIST", "FashionMNIST/raw", FASHION)):
        source = getattr(mnist, name)
        packed = {file: gzip.compress(content, mtime=0) for file, content in files.items()}
        monkeypatch.setattr(mnist, name, replace(
            source, train_images=SIZES["train"], test_images=SIZES["t10k"],
            archive_md5={file: hashlib.md5(content).hexdigest() for file, content in packed.items()},
            content_sha256={file: hashlib.sha256(content).hexdigest() for file, content in files.items()} if source.content_sha256 else {},
        ))  # fmt: skip
        (tmp_path / folder).mkdir(parents=True)
        for file, content in packed.items():
            (tmp_path / folder / f"{file}.gz").write_bytes(content)
    return tmp_path


@pytest.mark.parametrize(("name", "files"), [("mnist", MNIST), ("fashion_mnist", FASHION)])
@pytest.mark.parametrize(("train", "part"), [(True, "train"), (False, "t10k")])
def test_load(root: Path, name: str, files: dict[str, bytes], train: bool, part: str) -> None:
    dataset = data.load(name, root, train)
    count = SIZES[part]
    assert dataset.images.shape == (count, 28, 28, 1)
    assert dataset.images.tobytes() == files[f"{part}-images-idx3-ubyte"][16:]
    np.testing.assert_array_equal(dataset.labels, np.frombuffer(files[f"{part}-labels-idx1-ubyte"][8:], np.uint8))
    assert (dataset.name, dataset.note, len(dataset.classes)) == (name, "", 10)


def test_mnist_is_known_by_its_content(root: Path) -> None:
    """Uncompressed, or compressed by somebody else: it is the same data set."""
    folder = root / "MNIST" / "raw"
    expected = data.load("mnist", root).images
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(MNIST["train-images-idx3-ubyte"], 1, mtime=77))
    dataset = data.load("mnist", root)
    np.testing.assert_array_equal(dataset.images, expected)
    assert dataset.note == ""
    (folder / "train-images-idx3-ubyte.gz").unlink()
    (folder / "train-images-idx3-ubyte").write_bytes(MNIST["train-images-idx3-ubyte"])
    np.testing.assert_array_equal(data.load("mnist", root).images, expected)


def test_fashion_compressed_by_somebody_else_has_a_note(root: Path) -> None:
    path = root / "FashionMNIST" / "raw" / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(FASHION["train-images-idx3-ubyte"], 1, mtime=77))
    assert "only their form was checked" in data.load("fashion_mnist", root).note


def fails(root: Path, name: str, path: Path, *says: str) -> None:
    """Loading fails with one sentence that names the file."""
    with pytest.raises(DataError) as caught:
        data.load(name, root)
    for part in (str(path), *says):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_files(root: Path, tmp_path: Path) -> None:
    path = root / "MNIST" / "raw" / "train-labels-idx1-ubyte.gz"
    path.unlink()
    fails(root, "mnist", path, "is missing", "put it there")
    fails(tmp_path / "nothing", "mnist", tmp_path / "nothing" / "MNIST", "is missing")


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_damaged_files(root: Path, name: str) -> None:
    folder = root / {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}[name] / "raw"
    path = folder / "train-images-idx3-ubyte.gz"
    packed = path.read_bytes()
    path.write_bytes(packed[: len(packed) // 2])
    fails(root, name, path, "cannot be read", "get it again")
    path.write_bytes(b"")
    fails(root, name, path)
    path.write_bytes(b"<html>not found</html>")
    fails(root, name, path, "cannot be read")
    path.write_bytes(packed[:2000] + bytes([packed[2000] ^ 1]) + packed[2001:])
    fails(root, name, path)
    content = gzip.decompress(packed)
    for changed, says in (
        (content[:-1], "bytes of content"),
        (content + b"\0", "bytes of content"),
        (content[:2], "not an idx file"),
        (content[:6], "cut off in its header"),
        (b"\x89PNG" + content[4:], "not an idx file"),
        (b"\0\0\x0d\x03" + content[4:], "not an idx file"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "shape"),
    ):
        path.write_bytes(gzip.compress(changed))
        fails(root, name, path, *([says] if says != "shape" or name == "fashion_mnist" else []))


def test_changed_pixels_are_noticed(root: Path) -> None:
    path = root / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[500] ^= 1
    path.write_bytes(gzip.compress(bytes(content)))
    fails(root, "mnist", path, "does not hold the train-images-idx3-ubyte of mnist", "replace it")


def test_foreign_files(root: Path) -> None:
    for kind in mnist.KINDS:
        (root / "FashionMNIST" / "raw" / f"train-{kind}.gz").write_bytes((root / "MNIST" / "raw" / f"train-{kind}.gz").read_bytes())
    fails(root, "fashion_mnist", root / "FashionMNIST" / "raw" / "train-images-idx3-ubyte.gz", "belongs to mnist, not to fashion_mnist")
    path = root / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
    path.write_bytes((root / "MNIST" / "raw" / "train-labels-idx1-ubyte.gz").read_bytes())
    fails(root, "mnist", path)
    path.write_bytes((root / "MNIST" / "raw" / "t10k-images-idx3-ubyte.gz").read_bytes())
    fails(root, "mnist", path)


def test_labels_out_of_range(root: Path) -> None:
    labels = np.arange(30, dtype=np.uint8)
    path = root / "FashionMNIST" / "raw" / "train-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(idx(labels)))
    fails(root, "fashion_mnist", path, "the label 29")


def test_downloaded_files_land_where_torchvision_looks(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fake_fetch(addresses: list[str], path: Path, checksum: str) -> None:
        asked.append((addresses, checksum))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((root / "MNIST" / "raw" / path.name).read_bytes())

    monkeypatch.setattr(mnist, "fetch", fake_fetch)
    monkeypatch.setenv("MINITORCH_CV_DATA", str(tmp_path / "fresh"))
    assert len(data.load("mnist", train=False)) == SIZES["t10k"]
    assert (tmp_path / "fresh" / "MNIST" / "raw" / "t10k-images-idx3-ubyte.gz").is_file()
    assert asked[0][0][0] == "https://ossci-datasets.s3.amazonaws.com/mnist/t10k-images-idx3-ubyte.gz"
    assert asked[0][1] == "md5:" + mnist.MNIST.archive_md5["t10k-images-idx3-ubyte"]
    data.load("mnist", train=False)
    assert len(asked) == 2  # one for the images, one for the labels, nothing the second time


@pytest.mark.full
@pytest.mark.skipif("MINITORCH_CV_DATA" not in os.environ, reason="MINITORCH_CV_DATA names no folder with the real data")
def test_the_real_files() -> None:
    if not (data.default_root() / "MNIST").is_dir():
        pytest.skip("no MNIST there")
    training, testing = data.load("mnist", download=False), data.load("mnist", train=False, download=False)
    assert (len(training), len(testing), training.note, testing.note) == (60_000, 10_000, "", "")
    np.testing.assert_array_equal(np.bincount(training.labels), [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949])
    assert round(float(training.images.mean() / 255), 4) == 0.1307

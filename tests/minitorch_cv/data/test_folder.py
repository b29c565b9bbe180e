"""Folders of images."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minitorch_cv import data
from minitorch_cv.data import DataError


def save(path: Path, shade: int, size: tuple[int, int] = (6, 5), mode: str = "RGB") -> None:
    """An image of one colour, (width, height) `size`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, shade if mode == "L" else (shade, 0, 255 - shade)).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "pets"
    for part, count in (("train", 3), ("test", 2)):
        for label, name in enumerate(("cat", "dog")):
            for i in range(count):
                save(root / part / name / f"{i}.png", 100 * label + 10 * i + (part == "test"))
    return root


def test_train_and_test_folders(root: Path) -> None:
    training, testing = data.load("folder", root), data.load("folder", root, train=False)
    assert training.classes == ("cat", "dog")
    assert training.name == "pets"
    assert training.images.shape == (6, 5, 6, 3)
    assert training.images[:, 0, 0, 0].tolist() == [0, 10, 20, 100, 110, 120]
    assert training.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert testing.images[:, 4, 5].tolist() == [[1, 0, 254], [11, 0, 244], [101, 0, 154], [111, 0, 144]]
    assert testing.labels.tolist() == [0, 0, 1, 1]


def test_classes_alone_are_split(tmp_path: Path) -> None:
    for label in range(3):
        for i in range(10):
            save(tmp_path / f"class{label}" / f"{i}.png", 20 * label + i)
    training, testing = data.load("folder", tmp_path), data.load("folder", tmp_path, train=False)
    assert np.bincount(training.labels).tolist() == [8, 8, 8]
    assert np.bincount(testing.labels).tolist() == [2, 2, 2]
    shades = np.concatenate([training.images, testing.images])[:, 0, 0, 0]
    assert sorted(shades.tolist()) == [20 * label + i for label in range(3) for i in range(10)]
    assert len(data.load("folder", tmp_path, train=False, test_fraction=0.5)) == 15
    other = data.load("folder", tmp_path, train=False, seed=1)
    assert not np.array_equal(other.images, testing.images)


def test_sizes_and_colours(root: Path) -> None:
    save(root / "train" / "cat" / "0.png", 50, (4, 3), "L")  # the first: it decides
    training = data.load("folder", root)
    assert training.images.shape == (6, 3, 4, 1)
    assert data.load("folder", root, train=False).images.shape == (4, 3, 4, 1)
    assert data.load("folder", root, size=8).images.shape == (6, 8, 8, 1)
    assert data.load("folder", root, size=(2, 9)).images.shape == (6, 2, 9, 1)
    with pytest.raises(ValueError, match="size"):
        data.load("folder", root, size=0)


def test_other_formats_and_other_files(root: Path) -> None:
    save(root / "train" / "cat" / "9.JPEG", 200)
    Image.new("RGBA", (6, 5), (7, 8, 9, 128)).save(root / "train" / "cat" / "8.png")
    Image.new("P", (6, 5), 3).save(root / "train" / "dog" / "8.gif")
    (root / "train" / "cat" / "notes.txt").write_text("not an image")
    (root / "train" / "cat" / ".hidden.png").write_bytes(b"")
    (root / "train" / ".cache").mkdir()
    training = data.load("folder", root)
    assert np.bincount(training.labels).tolist() == [5, 4]
    assert training.images[3, 0, 0].tolist() == [7, 8, 9]
    assert abs(int(training.images[4, 0, 0, 0]) - 200) < 3


def test_rotated_by_exif(root: Path) -> None:
    path = root / "train" / "cat" / "0.jpg"
    image = Image.new("L", (8, 4))
    exif = image.getexif()
    exif[0x0112] = 6  # "rotate by 90 degrees to see it upright"
    image.save(path, exif=exif)
    (root / "train" / "cat" / "0.png").unlink()
    assert data.load("folder", root).images.shape == (6, 8, 4, 1)


def fails(root: Path, *says: str) -> None:
    with pytest.raises(DataError) as caught:
        data.load("folder", root)
    for part in says:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unusable_images(root: Path) -> None:
    path = root / "train" / "dog" / "1.png"
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"not an image"):
        path.write_bytes(damaged)
        fails(root, str(path), "cannot be read as an image", "replace or remove it")
    path.unlink()
    path = path.with_suffix(".tif")
    Image.fromarray(np.zeros((5, 6), np.float32)).save(path)
    fails(root, str(path), "more than 16 bits")


def test_sixteen_bits(root: Path) -> None:
    Image.fromarray(np.full((5, 6), 0xC0FF, np.uint16)).save(root / "train" / "cat" / "0.png")
    training = data.load("folder", root)
    assert training.images.shape == (6, 5, 6, 1)
    assert (training.images[0] == 0xC0).all()


def test_too_few_images_to_split(tmp_path: Path) -> None:
    save(tmp_path / "cat" / "0.png", 0)
    fails(tmp_path, str(tmp_path), "too few images (1)")


def test_unusable_folders(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="name their folder"):
        data.load("folder")
    fails(tmp_path / "nowhere", str(tmp_path / "nowhere"), "is not a folder")
    (tmp_path / "empty").mkdir()
    fails(tmp_path / "empty", str(tmp_path / "empty"), "holds no folders")
    (tmp_path / "empty" / "cat").mkdir()
    fails(tmp_path / "empty", str(tmp_path / "empty" / "cat"), "holds no images")
    save(root / "test" / "bird" / "0.png", 0)
    fails(root, str(root / "test" / "bird"), "without training images")
    (root / "test").rename(tmp_path / "moved")
    fails(root, str(root), "none called test")

"""From image files to what a classifier wants: sizes, places of crops, values."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minitorch_cv import nn
from minitorch_cv.data import DataError
from minitorch_cv.functional import flatten
from minitorch_cv.inference import Preprocessing, classify_images, open_image

AS_IT_IS = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


def gradient(height: int, width: int) -> Image.Image:
    """Red tells the row, green the column."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.arange(height)[:, None]
    pixels[..., 1] = np.arange(width)
    return Image.fromarray(pixels)


def corner(crop: np.ndarray) -> tuple[int, int]:
    """(row, column) of the pixel at the upper left of a crop (3, H, W) of `gradient`."""
    row, column = np.rint(255 * crop[:2, 0, 0]).astype(int)
    return row, column


@pytest.mark.parametrize(
    ("height", "width", "expected"), [(100, 151, (14, 40)), (151, 100, (40, 14)), (100, 100, (14, 14)), (100, 101, (14, 14))]
)
def test_the_middle(height: int, width: int, expected: tuple[int, int]) -> None:
    """The place is rounded to the even number, (151 - 72) / 2 = 39.5 to 40 and (101 - 72) / 2 = 14.5 to 14, as torchvision does."""
    images = Preprocessing(100, 72, **AS_IT_IS)(gradient(height, width))
    assert images.shape == (1, 3, 72, 72)
    assert images.dtype == np.float32
    assert corner(images[0]) == expected


def test_the_shorter_side_is_resized() -> None:
    """Twice as large: a row of the crop is half a row of the image; and the longer side keeps the proportion, rounded down."""
    images = Preprocessing(200, 200, **AS_IT_IS)(gradient(100, 150))
    middle = images[0, :, 100, 100] * 255
    assert middle == pytest.approx([50, 75, 0], abs=0.51)
    smaller = Preprocessing(50, 50, "bicubic", **AS_IT_IS)(gradient(150, 100))
    assert smaller.shape == (1, 3, 50, 50)
    assert smaller[0, :2, 25, 25] * 255 == pytest.approx([75, 50], abs=1.5)


def test_values() -> None:
    white = Image.new("RGB", (30, 30), (255, 255, 255))
    mean, std = np.array((0.485, 0.456, 0.406)), np.array((0.229, 0.224, 0.225))
    assert Preprocessing(30, 20)(white)[0, :, 3, 3] == pytest.approx((1 - mean) / std, rel=1e-6)
    assert Preprocessing.usual(224) == Preprocessing(256, 224)


def test_ten_crops() -> None:
    image = gradient(40, 60)
    crops = Preprocessing(40, 30, **AS_IT_IS).ten_crops(image)
    assert crops.shape == (10, 3, 30, 30)
    assert [corner(crop) for crop in crops[:5]] == [(0, 0), (0, 30), (10, 0), (10, 30), (5, 15)]
    for crop, mirrored in zip(crops[:5], crops[[6, 5, 8, 7, 9]], strict=True):  # the left corner of the reflection is the right one's
        np.testing.assert_array_equal(mirrored, crop[..., ::-1])


def test_nonsense() -> None:
    for arguments in ((100, 101), (100, 0), (100, 50, "lanczos"), (8, 8, "bilinear", (0,)), (8, 8, "bilinear", (0, 0, 0), (1, 0, 1))):
        with pytest.raises(ValueError, match="got"):
            Preprocessing(*arguments)
    for prepare in (Preprocessing(8, 8), Preprocessing(8, 8).ten_crops):
        with pytest.raises(ValueError, match="image: got mode 'L', expected 'RGB'"):
            prepare(gradient(10, 12).convert("L"))


def test_files(tmp_path: Path) -> None:
    """Grey, transparent and rotated pictures come as upright RGB; what is no picture is an error that names it."""
    Image.new("LA", (5, 4), (100, 0)).save(tmp_path / "grey.png")
    assert np.asarray(open_image(tmp_path / "grey.png")).shape == (4, 5, 3)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    Image.new("RGB", (8, 4)).save(tmp_path / "turned.jpg", exif=exif)
    assert open_image(tmp_path / "turned.jpg").size == (4, 8)
    (tmp_path / "text.png").write_text("no image")
    for name in ("text.png", "nothing.png"):
        with pytest.raises(DataError, match=name):
            open_image(tmp_path / name)


class Means(nn.Module):
    """Logits of three classes: the means of red, green, blue, times 10."""

    def forward(self, x):  # type: ignore[no-untyped-def]
        return flatten(nn.AdaptiveAvgPool2d(1)(x), 1) * 10


def test_classify_images(tmp_path: Path) -> None:
    Image.new("RGB", (50, 40), (0, 255, 100)).save(tmp_path / "a.png")
    prepare = Preprocessing(30, 20, **AS_IT_IS)
    for ten_crop in (False, True):
        (result,) = classify_images(Means(), prepare, ("red", "green", "blue"), [tmp_path / "a.png"], top=2, ten_crop=ten_crop)
        assert result["image"] == str(tmp_path / "a.png")
        assert [(guess["class"], guess["index"]) for guess in result["predictions"]] == [("green", 1), ("blue", 2)]
        powers = np.exp([0, 10, 1000 / 255])
        assert result["predictions"][0]["probability"] == pytest.approx(powers[1] / powers.sum(), rel=1e-5)
    for wrong in ({"temperature": 0.0}, {"top": 0}):
        with pytest.raises(ValueError, match="got 0"):
            classify_images(Means(), prepare, ("red", "green", "blue"), [tmp_path / "a.png"], **wrong)
    with pytest.raises(ValueError, match="2 names, expected 3"):
        classify_images(Means(), prepare, ("red", "green"), [tmp_path / "a.png"])

"""Digits on photographs, and what happens to masks when their images are changed."""

import numpy as np
import pytest

from minitorch_cv.data import (
    ColorJitter,
    Cutout,
    Dataset,
    Loader,
    Mixup,
    Normalize,
    RandAugment,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
    Resize,
    load,
)

SIZE = 12


def scenes(count: int = 6) -> Dataset:
    """Images whose brightness is their mask: wherever a pixel goes, its class can be told from it."""
    masks = np.random.default_rng(0).integers(0, 5, (count, SIZE, SIZE))
    images = np.repeat(masks[..., np.newaxis] * 50, 3, axis=3).astype(np.uint8)
    return Dataset(images, masks.astype(np.int64), tuple("abcde"), "scenes")


def test_the_data_set() -> None:
    train, test = load("digit_scenes"), load("digit_scenes", train=False)
    assert (train.image_shape, len(train), len(test), len(train.classes)) == ((3, 64, 64), 1500, 300, 11)
    assert repr(test) == "Dataset(digit_scenes: 300 images of 3 x 64 x 64, 11 classes)"
    for part in (train, test):
        assert part.has_masks
        shares = np.bincount(part.labels.reshape(-1), minlength=11) / part.labels.size
        assert 0.8 < shares[0] < 0.93
        assert (shares[1:] > 0.005).all(), "every digit occurs"
        digits = [len(np.unique(mask)) - 1 for mask in part.labels]
        assert min(digits) == 1
        assert max(digits) == 3
    again = load("digit_scenes")
    np.testing.assert_array_equal(again.images, train.images)
    np.testing.assert_array_equal(again.labels, train.labels)


def test_digits_can_be_seen_where_their_masks_are() -> None:
    """Inside of the masks, images are brighter than around them."""
    part = load("digit_scenes", train=False)
    inside = np.array([image[mask > 0].mean(0) for image, mask in zip(part.images, part.labels, strict=True)])
    outside = np.array([image[mask == 0].mean(0) for image, mask in zip(part.images, part.labels, strict=True)])
    assert (inside.mean(1) > outside.mean(1) + 20).all()


def test_masks_have_to_suit_their_images() -> None:
    data = scenes()
    with pytest.raises(ValueError, match=r"labels: got int64 of shape \(6, 12, 11\), expected int64 of shape \(6,\), or \(6, 12, 12\)"):
        Dataset(data.images, data.labels[:, :, :11], data.classes, "scenes")
    with pytest.raises(ValueError, match="labels: got values from 0 to 4, expected 0 to 3"):
        Dataset(data.images, data.labels, tuple("abcd"), "scenes")
    with pytest.raises(ValueError, match="classes: got 300, expected at most 256"):
        Dataset(data.images, data.labels, tuple(map(str, range(300))), "scenes")


def test_a_split_keeps_masks_with_their_images() -> None:
    rest, part = scenes(10).split(0.3)
    assert (len(rest), len(part)) == (7, 3)
    for data in (rest, part):
        np.testing.assert_array_equal(data.images[..., 0], data.labels * 50)


MOVING = [RandomCrop(SIZE, padding=3), RandomCrop(9), RandomHorizontalFlip(), RandomVerticalFlip(), RandomRotation(40)]


@pytest.mark.parametrize("transform", MOVING, ids=repr)
def test_masks_move_with_their_images(transform) -> None:
    images, masks = Loader(scenes(), 6, seed=3, transform=transform, prefetch=0).batch(0, 0)
    assert (images.dtype, masks.dtype) == (np.float32, np.int64)
    np.testing.assert_array_equal(np.rint(images[:, 1] * 255 / 50), masks)
    assert masks.shape != scenes().labels.shape or not np.array_equal(masks, scenes().labels)


def test_one_after_the_other() -> None:
    """The same changes of the images as without masks, floating point ones in between included."""
    steps = [RandomCrop(SIZE, padding=2), ColorJitter(0.1), Normalize(0.0, 50 / 255), RandomHorizontalFlip()]
    data = scenes()
    images, masks = Loader(data, 6, shuffle=True, seed=3, transform=steps, prefetch=0).batch(0, 0)
    plain, _ = Loader(Dataset(data.images, np.zeros(6, np.int64), ("a",), "plain"), 6, True, 3, transform=steps, prefetch=0).batch(0, 0)
    np.testing.assert_array_equal(images, plain)
    assert np.abs(images[:, 0] - masks).max() < 0.1 * 4 + 0.05


def test_what_keeps_pixels_in_place_leaves_masks_alone() -> None:
    data = scenes()
    _, masks = Loader(data, 6, transform=[ColorJitter(0.5), Cutout(4), Normalize(0.5, 0.2)], prefetch=0).batch(0, 0)
    np.testing.assert_array_equal(masks, data.labels)


@pytest.mark.parametrize(
    "transform",
    [Resize(16), RandomResizedCrop(12), RandAugment(), RandomRotation(10, bilinear=True), lambda images, rng: images[:, ::-1]],
    ids=["Resize", "RandomResizedCrop", "RandAugment", "bilinear rotation", "unknown"],
)
def test_what_cannot_move_masks_is_refused(transform) -> None:
    with pytest.raises(ValueError, match=r"transform: got .* for images whose labels are masks"):
        Loader(scenes(), 6, transform=transform)


def test_mixing_is_refused() -> None:
    with pytest.raises(ValueError, match="mix: got Mixup"):
        Loader(scenes(), 6, mix=Mixup())

"""Random changes against their definitions: where, how large, how often; each image by itself."""

import numpy as np
import pytest

from minitorch_cv.data import (
    ColorJitter,
    Cutout,
    PCANoise,
    RandAugment,
    RandomApply,
    RandomErasing,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
    TrivialAugment,
    colour,
    rand_augment,
)
from minitorch_cv.data.transforms import Transform
from minitorch_cv.testing import assert_close


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def batch(n: int = 5, h: int = 16, w: int = 12, c: int = 3) -> np.ndarray:
    return rng(9).integers(1, 256, (n, h, w, c), dtype=np.uint8)


ALL: list[Transform] = [
    Cutout(4), RandomErasing(), RandomErasing(value="random"), RandomResizedCrop((9, 7)), ColorJitter(0.5, 0.5, 0.5, 0.2),
    PCANoise.of(batch()), RandomRotation(30), RandomRotation((10, 20), bilinear=True), RandAugment(3, 20), TrivialAugment(),
    RandomVerticalFlip(), RandomApply(ColorJitter(0.5)),
]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("transform", ALL, ids=repr)
def test_what_all_do(transform: Transform, dtype: type) -> None:
    images = batch(7).astype(dtype) if dtype == np.uint8 else (batch(7) / 255).astype(dtype)
    images.flags.writeable = False
    first, second = transform(images, rng(4)), transform(images, rng(4))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(transform(images, rng(5)), first)
    assert first.flags.c_contiguous
    interpolated = isinstance(transform, RandomResizedCrop) or getattr(transform, "bilinear", False)
    assert first.dtype == (np.float32 if interpolated else dtype)
    assert transform(images[:0], rng()).shape[0] == 0
    assert transform(images[..., :1], rng()).shape[3] == 1 if not isinstance(transform, PCANoise) else True


@pytest.mark.parametrize("transform", ALL, ids=repr)
def test_what_becomes_of_an_image_does_not_depend_on_the_others(transform: Transform) -> None:
    images = batch(6)
    others = images.copy()
    others[[0, 1, 3, 4, 5]] //= 2
    np.testing.assert_array_equal(transform(images, rng(4))[2], transform(others, rng(4))[2])


@pytest.mark.parametrize("transform", ALL, ids=repr)
def test_images_of_a_batch_are_changed_differently(transform: Transform) -> None:
    same = np.broadcast_to(batch(1), (20, 16, 12, 3))
    results = transform(np.ascontiguousarray(same), rng(1))
    assert len({result.tobytes() for result in results}) > (1 if isinstance(transform, RandomVerticalFlip) else 5)


def test_cutout_is_a_square_with_its_centre_anywhere() -> None:
    images = np.ones((6000, 6, 5, 1), np.float32)
    cut = Cutout(3, value=0)(images, rng())[..., 0] == 0
    centres: dict[bytes, int] = {}
    for y in range(6):
        for x in range(5):
            expected = np.zeros((6, 5), bool)
            expected[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2] = True
            centres[expected.tobytes()] = 0
    for mask in cut:
        centres[mask.tobytes()] += 1  # KeyError: no such square
    assert all(abs(count - 200) < 70 for count in centres.values())  # 5 standard deviations
    assert (Cutout(4, value=7)(batch(), rng()) == 7).any()


def test_erased_rectangles() -> None:
    images = np.ones((4000, 40, 40, 1), np.float32)
    erased = RandomErasing(0.6, scale=(0.1, 0.3), ratio=(0.5, 2.0))(images, rng())[..., 0] == 0
    some = erased.any((1, 2))
    assert abs(some.mean() - 0.6) < 0.04
    heights, widths = erased[some].any(2).sum(1), erased[some].any(1).sum(1)
    area, ratio = erased[some].mean((1, 2)), heights / widths
    np.testing.assert_array_equal(heights * widths, erased[some].sum((1, 2)))  # rectangles
    assert area.min() > 0.08
    assert area.max() < 0.32
    assert ratio.min() > 0.45
    assert ratio.max() < 2.2
    assert abs(area.mean() - 0.2) < 0.01
    assert abs(np.log(ratio).mean()) < 0.05
    assert np.ptp(erased[some].any(2).argmax(1)) > 20  # everywhere in the image
    assert np.ptp(erased[some].any(1).argmax(1)) > 20
    np.testing.assert_array_equal(RandomErasing(0)(images[:9], rng()), images[:9])


def test_erased_with_noise() -> None:
    noisy = RandomErasing(1, scale=(0.3, 0.3), value="random")(np.full((200, 20, 20, 3), 9, np.float32), rng())
    noise = noisy[noisy != 9]
    assert abs(noise.mean()) < 0.02
    assert abs(noise.std() - 1) < 0.02
    drawn = RandomErasing(1, scale=(0.3, 0.3), value="random")(np.zeros((200, 20, 20, 3), np.uint8), rng())
    assert np.unique(drawn).size == 256


def test_resized_pieces() -> None:
    """The piece is read off a ramp: the pixel at (y, x) says where it came from."""
    y, x = np.mgrid[:60, :80] + 0.5
    ramp = np.stack([y / 100, x / 100], -1)
    pieces = RandomResizedCrop((2, 2), scale=(0.2, 0.5), ratio=(0.8, 1.25))(np.broadcast_to(ramp, (3000, 60, 80, 2)), rng()) * 100
    heights, widths = (pieces[:, 1, 0, 0] - pieces[:, 0, 0, 0]) * 2, (pieces[:, 0, 1, 1] - pieces[:, 0, 0, 1]) * 2
    centres = pieces.mean((1, 2))
    area, ratio = heights * widths / 4800, widths / heights
    # Averaging ends at the edges of the piece, which brings the two means together: from 1/2 of its length to 17/42.
    area, heights, widths = area * (21 / 17) ** 2, heights * 21 / 17, widths * 21 / 17
    assert 0.17 < area.min() < 0.22
    assert 0.47 < area.max() < 0.53
    assert abs(area.mean() - 0.35) < 0.01
    assert abs(np.log(ratio).mean()) < 0.02
    assert (centres - np.stack([heights, widths], -1) / 2).min() > -1
    assert (centres + np.stack([heights, widths], -1) / 2 - [60, 80]).max() < 1


def test_a_piece_that_never_fits_is_the_middle() -> None:
    wide = np.zeros((3, 10, 100, 1), np.float32)
    wide[:, :, 45:55] = 1  # the middle square
    np.testing.assert_allclose(RandomResizedCrop(5, scale=(1, 1), ratio=(1, 1))(wide, rng()), 1, rtol=1e-6)
    np.testing.assert_allclose(RandomResizedCrop(5, scale=(1, 1), ratio=(1, 1))(wide.transpose(0, 2, 1, 3), rng()), 1, rtol=1e-6)


def test_jitter_of_one_kind_is_that_change() -> None:
    images = (batch(2000, 4, 4) / 1020 + 0.3).astype(np.float32)
    changed = ColorJitter(brightness=0.3)(images, rng())
    factor = changed[:, 0, 0, 0] / images[:, 0, 0, 0]
    assert_close(changed, colour.brightness(images, factor), 1e-6)
    assert 0.7 <= factor.min() < 0.71
    assert 1.29 < factor.max() <= 1.3001
    assert abs(factor.mean() - 1) < 0.02
    np.testing.assert_array_equal(ColorJitter()(images, rng()), images)
    assert ColorJitter(2.0, (0.5, 0.6), hue=0.1).ranges == {
        "brightness": (0.0, 3.0), "contrast": (0.5, 0.6), "saturation": (1.0, 1.0), "hue": (-0.1, 0.1),
    }  # fmt: skip


def test_jitter_in_every_order() -> None:
    """With fixed amounts, an image can become as many things as there are orders of the changes."""
    same = np.ascontiguousarray(np.broadcast_to(batch(1), (500, 16, 12, 3))) / 255
    results = ColorJitter((1.5, 1.5), (0.5, 0.5), (1.8, 1.8), (0.3, 0.3))(same, rng())
    expected = set()
    for order in np.argsort(rng(1).random((300, 4)), axis=1):
        image = same[:1]
        for i in order:
            name, amount = (("brightness", 1.5), ("contrast", 0.5), ("saturation", 1.8), ("hue", 0.3))[i]
            image = getattr(colour, name)(image, np.array([amount]))
        expected.add(image.tobytes())
    assert {result.tobytes() for result in results} == expected


def test_noise_along_principal_components() -> None:
    mixed = rng(3).standard_normal((3, 3)) * 9
    images = np.clip(rng(1).standard_normal((40, 8, 8, 3)) @ mixed + 128, 0, 255).astype(np.uint8)
    covariance = np.cov(images.reshape(-1, 3).T / 255, bias=True)
    noise = PCANoise.of(images, sigma=2.0)
    assert_close(noise.eigenvectors @ np.diag(noise.eigenvalues) @ noise.eigenvectors.T, covariance, 1e-12)
    same = np.full((20000, 1, 2, 3), 0.5)
    added = noise(same, rng())[:, 0] - 0.5
    np.testing.assert_array_equal(added[:, 0], added[:, 1])  # all pixels of an image alike
    expected = 4 * noise.eigenvectors @ np.diag(noise.eigenvalues**2) @ noise.eigenvectors.T  # of sigma lambda a p
    assert_close(np.cov(added[:, 0].T) / expected.max(), expected / expected.max(), 0.05)
    np.testing.assert_array_equal(PCANoise.of(images[::-1]).eigenvalues, PCANoise.of(images).eigenvalues)
    coarse = noise(np.full((500, 1, 1, 3), 128, np.uint8), rng()).astype(float) - 128
    assert np.abs(coarse.std((0, 1, 2)) / 255 / added.std((0, 1)) - 1).max() < 0.25


def test_rotations_are_drawn_evenly() -> None:
    dot = np.zeros((3000, 21, 21, 1), np.float32)
    dot[:, 10, 20] = 1  # at 3 o'clock
    _, y, x, _ = np.nonzero(RandomRotation((0, 90))(dot, rng()))
    assert (y <= 10).all()  # against the clock
    assert (x >= 10).all()
    assert abs(np.degrees(np.arctan2(10 - y, x - 10)).mean() - 45) < 3


def test_randaugment_draws_operations_and_signs_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, float, float]] = []

    def recorded(name: str) -> object:
        def operation(images: np.ndarray, setting: rand_augment.Setting) -> np.ndarray:
            seen.extend((name, level, signed) for level, signed in zip(setting.level, setting.signed, strict=True))
            return images

        return operation

    assert len(rand_augment.OPERATIONS) == 14
    monkeypatch.setattr(rand_augment, "OPERATIONS", {name: recorded(name) for name in rand_augment.OPERATIONS})
    images = batch(1400, 1, 1)
    RandAugment(3, 15)(images, rng())
    assert len(seen) == 4200
    counts = {name: sum(found == name for found, *_ in seen) for name in rand_augment.OPERATIONS}
    assert all(abs(count - 300) < 85 for count in counts.values())  # 5 standard deviations
    assert {level for _, level, _ in seen} == {0.5}
    assert abs(np.mean([signed for *_, signed in seen])) < 0.05
    seen.clear()
    TrivialAugment()(images, rng())
    assert len(seen) == 1400
    assert {round(level * 30, 9) for _, level, _ in seen} == set(range(31))


SETTINGS = rand_augment.RAND_AUGMENT, rand_augment.TRIVIAL_AUGMENT


@pytest.mark.parametrize("strongest", SETTINGS, ids=["rand", "trivial"])
@pytest.mark.parametrize("name", list(rand_augment.OPERATIONS))
def test_operations_at_the_lowest_and_the_highest_level(name: str, strongest: rand_augment.Strongest) -> None:
    images = batch(2, 30, 12)
    operation = rand_augment.OPERATIONS[name]
    lowest = operation(images, rand_augment.Setting(np.zeros(2), np.zeros(2), strongest, 0))
    highest = operation(images, rand_augment.Setting(np.ones(2), np.ones(2), strongest, 0))
    assert highest.dtype == np.uint8
    assert highest.shape == images.shape
    if name not in ("AutoContrast", "Equalize", "Solarize"):
        np.testing.assert_array_equal(lowest, images)
    if name == "Identity":
        np.testing.assert_array_equal(highest, images)
    elif name == "Solarize":
        np.testing.assert_array_equal(highest, 255 - images)
        np.testing.assert_array_equal(lowest, np.where(images == 255, 0, images))
    elif name == "Posterize":
        assert set(np.unique(highest) % (1 << strongest.lost_bits)) == {0}
    elif name == "TranslateX":
        pixels = min(int(strongest.shift(12)), 12)
        np.testing.assert_array_equal(highest[:, :, pixels:], images[:, :, : 12 - pixels])
        assert not highest[:, :, :pixels].any()
    else:
        assert not np.array_equal(highest, images)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Cutout(0), "size: got 0"),
        (lambda: RandomErasing(2), "p: got 2"),
        (lambda: RandomErasing(scale=(0.5, 0.2)), r"scale: got \(0.5, 0.2\), expected two ascending numbers from 0 to 1"),
        (lambda: RandomErasing(value="white"), "value: got 'white', expected a number, or 'random'"),
        (lambda: RandomResizedCrop(0), "size: got 0"),
        (lambda: RandomResizedCrop(5, ratio=(0, 1)), "ratio: got"),
        (lambda: ColorJitter(-0.1), "brightness: got -0.1"),
        (lambda: ColorJitter(saturation=(1.2, 0.9)), "saturation: got"),
        (lambda: ColorJitter(hue=0.6), "hue: got"),
        (lambda: PCANoise([1, 2, 3], np.eye(2)), r"eigenvectors: got shape \(2, 2\)"),
        (lambda: PCANoise([1.0], [[1.0]], -1), "sigma: got -1"),
        (lambda: PCANoise.of(np.zeros((1, 2, 2, 3))), "images: got float64"),
        (lambda: PCANoise.of(batch())(batch(c=1), rng()), "images: got 1 channels, expected 3"),
        (lambda: RandomRotation(500), "degrees: got"),
        (lambda: RandAugment(-1), "num_ops: got -1"),
        (lambda: RandAugment(2, 31), "magnitude: got 31, expected 0 to 30"),
        (lambda: RandomApply(RandomHorizontalFlip(), 3), "p: got 3"),
        (lambda: RandomVerticalFlip(-1), "p: got -1"),
    ],
)
def test_errors(build: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()

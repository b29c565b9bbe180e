"""Images made of two, and their targets; and how the loader hands them out."""

import numpy as np
import pytest

from minitorch_cv.data import CutMix, Dataset, Loader, Mixup, RandomHorizontalFlip, RandomMix
from minitorch_cv.data.mixing import Mixing, one_hot
from minitorch_cv.testing import assert_close


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def marked(n: int, h: int = 8, w: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Image number i has i in all pixels, and the target i."""
    images = np.broadcast_to(np.arange(n, dtype=np.float32).reshape(n, 1, 1, 1), (n, h, w, 3)).copy()
    return images, one_hot(np.arange(n), n)


ALL: list[Mixing] = [Mixup(), Mixup(1.0), CutMix(), CutMix(0.3), RandomMix([Mixup(), CutMix()])]


@pytest.mark.parametrize("mix", ALL, ids=repr)
def test_what_all_do(mix: Mixing) -> None:
    images, targets = marked(30)
    images.flags.writeable = targets.flags.writeable = False
    mixed, shares = mix(images, targets, rng(1))
    again, again_shares = mix(images, targets, rng(1))
    np.testing.assert_array_equal(mixed, again)
    np.testing.assert_array_equal(shares, again_shares)
    assert not np.array_equal(mix(images, targets, rng(2))[1], shares)
    assert mixed.dtype == shares.dtype == np.float32
    assert_close(shares.sum(1), np.ones(30), 1e-6)
    assert ((shares > 0).sum(1) <= 2).all()
    # The mean of an image is the mean of the marks, by their shares: the targets say what is in the image.
    assert_close(mixed.mean((1, 2, 3)), shares @ np.arange(30), 1e-5)
    empty, no_shares = mix(images[:0], targets[:0], rng())
    assert empty.shape[0] == no_shares.shape[0] == 0


def test_mixup_draws_from_beta() -> None:
    images, targets = marked(2000, 1, 1)
    mixed = Mixup(0.4)(images, targets[:, :2], rng())[0][:, 0, 0, 0]
    own = np.arange(2000)
    assert abs((mixed - own).mean() / 2000) < 0.03
    images, targets = np.zeros((20000, 1, 1, 1), np.float32), np.zeros((20000, 2), np.float32)
    images[::2], targets[::2, 0], targets[1::2, 1] = 1, 1, 1
    mixed, shares = Mixup(0.4)(images, targets, rng())
    np.testing.assert_allclose(mixed.reshape(-1), shares[:, 0], atol=1e-6)
    # A half has the partner's class too; for the others, the share of the own one is Beta(0.4, 0.4): variance 1 / (4 (2 * 0.4 + 1)).
    between = shares[(shares[:, 0] > 0) & (shares[:, 0] < 1), 0]
    assert abs(between.size / 20000 - 0.5) < 0.02
    assert abs(between.mean() - 0.5) < 0.01
    assert abs(between.var() - 1 / 7.2) < 0.005


def test_cutmix_pastes_rectangles() -> None:
    n, h, w = 3000, 20, 30
    images, targets = marked(n, h, w)
    mixed, shares = CutMix(1.0)(images, targets[:, :0], rng())  # the targets would take n * n numbers
    foreign = mixed[..., 0] != np.arange(n)[:, np.newaxis, np.newaxis]
    rows, columns = foreign.any(2).sum(1), foreign.any(1).sum(1)
    np.testing.assert_array_equal(rows * columns, foreign.sum((1, 2)))
    for i in range(20):
        assert np.unique(mixed[i]).size <= 2  # one partner
    whole = (rows > 4) & (rows < h) & (columns > 4) & ~foreign[:, 0].any(1) & ~foreign[:, -1].any(1) & ~foreign[:, :, 0].any(1)
    whole &= ~foreign[:, :, -1].any(1)
    assert abs((columns[whole] / rows[whole]).mean() - w / h) < 0.06
    # lambda is even: where the centre is anywhere, an edge cuts off a quarter of the sides of a large piece
    share = foreign.mean((1, 2))
    side = np.sqrt(rng(1).random(100000))
    centre = rng(2).random((2, 100000))
    inside = np.minimum(centre + side / 2, 1) - np.maximum(centre - side / 2, 0)
    assert abs(share.mean() - inside.prod(0).mean()) < 0.02
    assert shares.shape == (n, 0)


def test_each_batch_has_one_of_the_mixings() -> None:
    images, targets = marked(8)
    mix = RandomMix([lambda *batch: ("first",), lambda *batch: ("second",)])
    generator = rng()
    drawn = [mix(images, targets, generator)[0] for _ in range(400)]
    assert 150 < drawn.count("first") < 250


def test_errors() -> None:
    for mixing in (Mixup, CutMix):
        with pytest.raises(ValueError, match="alpha: got 0, expected a positive number"):
            mixing(0)
    with pytest.raises(ValueError, match="mixings: got none"):
        RandomMix([])
    with pytest.raises(TypeError, match="images: got uint8, expected floating point"):
        Mixup()(np.zeros((2, 3, 3, 1), np.uint8), np.eye(2), rng())


def test_the_loader_makes_probabilities() -> None:
    images = rng(3).integers(0, 256, (23, 4, 4, 3), dtype=np.uint8)
    data = Dataset(images, np.arange(23) % 5, tuple("abcde"), "test")
    options: dict = {"shuffle": True, "seed": 3, "transform": RandomHorizontalFlip()}
    plain = Loader(data, 6, **options)
    mixed = Loader(data, 6, mix=CutMix(), **options)
    for (x, labels), (z, targets) in zip(plain.epoch(1), mixed.epoch(1), strict=True):
        assert (targets.dtype, targets.shape) == (np.float32, (len(labels), 5))
        assert z.shape == x.shape
        assert z.transpose(0, 2, 3, 1).flags.c_contiguous
        assert_close(targets.sum(1), np.ones(len(labels)), 1e-6)
        untouched = targets[np.arange(len(labels)), labels] == 1
        kept = (x == z).all(1).mean((1, 2))  # of the same pixels: the same order and flips as without mixing
        assert (kept[~untouched] >= targets[np.arange(len(labels)), labels][~untouched] - 1e-6).all()
    again = Loader(data, 6, mix=CutMix(), prefetch=0, **options)
    np.testing.assert_array_equal(again.batch(1, 2)[0], mixed.batch(1, 2)[0])
    assert not np.array_equal(again.batch(2, 2)[1], again.batch(1, 2)[1])

"""Batches that are copied to a GPU ahead of their use."""

from collections.abc import Iterator

import gpu
import numpy as np
import pytest
from small_training import small_data

from minitorch_cv.data import Cutout, Loader, Mixup
from minitorch_cv.data.device_batches import SLOTS, DeviceBatches
from minitorch_cv.data.resident import ResidentImages
from minitorch_cv.data.transforms import Normalize, RandomCrop, RandomHorizontalFlip, Resize

pytestmark = pytest.mark.skipif(gpu.REASON is not None, reason=str(gpu.REASON))


@pytest.fixture(autouse=True)
def _gpu() -> Iterator[None]:
    with gpu.gpu_here():
        yield


def loader(batch_size: int = 16) -> Loader:
    return Loader(small_data(60), batch_size, shuffle=True, seed=3)


def test_they_are_the_loaders() -> None:
    """Values, shapes and order of memory, over more batches than there are slots; the last one is smaller."""
    made = 0
    for (images, labels), batch in zip(loader(8).epoch(1), DeviceBatches(loader(8).epoch(1)), strict=True):
        assert np.array_equal(gpu.to_host(batch.images), images)
        assert batch.images.squeeze().strides == images.squeeze().strides  # (of one channel, the stride says nothing)
        assert np.array_equal(gpu.to_host(batch.labels), labels)
        assert np.array_equal(batch.host_labels, labels)
        made += 1
    assert made == 8 > SLOTS


def test_a_batch_waits_for_its_copy_and_a_copy_for_its_readers() -> None:
    """With copies made as late as the GPU may make them: a missing event would show as the batch of before, or as one that changes."""
    if gpu.GPU == "real":
        pytest.skip("a real GPU makes copies when it likes")
    from minitorch_cv.testing.emulation.cupy_stand_in.streams import late_copies

    with late_copies():
        seen = [batch.images + 0 for batch in DeviceBatches(loader(8).epoch(0))]
    for images, (expected, _) in zip(seen, loader(8).epoch(0), strict=True):
        assert np.array_equal(gpu.to_host(images), expected)


TRANSFORMS: list[list] = [
    [RandomCrop(8, padding=1), RandomHorizontalFlip()], [RandomCrop((6, 7)), Normalize(0.4, 0.2)],
    [RandomHorizontalFlip(0.3)], [Normalize(0.1, 3.0)], [],
]  # fmt: skip


@pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)
def test_a_resident_data_set_gives_the_loaders_bits(transform: list) -> None:
    """Crops, flips and normalisation on the GPU, from a step in the middle of an epoch on."""
    ours = Loader(small_data(60), 16, shuffle=True, seed=3, transform=transform)
    resident = ResidentImages.of(ours)
    assert resident is not None
    made = list(resident.batches(2, start_step=1))
    for batch, (images, labels) in zip(made, ours.epoch(2, start_step=1), strict=True):
        assert np.array_equal(gpu.to_host(batch.images), images)
        assert batch.images.dtype == images.dtype
        assert batch.images.transpose(0, 2, 3, 1).flags.c_contiguous
        assert np.array_equal(gpu.to_host(batch.labels), labels)
        assert np.array_equal(batch.host_labels, labels)


def test_what_is_not_for_resident_data_sets() -> None:
    data = small_data(60)
    for transform in ([Resize(16)], [Normalize(0.1, 1.0), RandomHorizontalFlip()], [Cutout(2)]):
        assert ResidentImages.of(Loader(data, 16, transform=transform)) is None
    assert ResidentImages.of(Loader(data, 16, mix=Mixup(0.2))) is None


def test_an_empty_epoch_and_an_early_end() -> None:
    assert list(DeviceBatches(loader(16).epoch(0, start_step=4))) == []
    batches = DeviceBatches(loader(16).epoch(0))
    next(batches)
    batches.close()


def test_an_error_of_the_loader_arrives() -> None:
    def broken() -> Iterator:
        yield np.zeros((2, 1, 4, 4), np.float32), np.zeros(2, np.int64)
        raise ValueError("no more")

    batches = DeviceBatches(broken())
    with pytest.raises(ValueError, match="no more"):
        next(batches)

"""Batches that are copied to a GPU ahead of their use."""

from collections.abc import Iterator

import gpu
import numpy as np
import pytest
from small_training import small_data

from minitorch_cv.data import Loader
from minitorch_cv.data.device_batches import SLOTS, DeviceBatches

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

"""The loader: order, exact continuation, prefetching, and threads that end."""

import gc
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator

import numpy as np
import pytest

from minitorch_cv.data import Dataset, Loader, Normalize, RandomCrop, RandomHorizontalFlip

AUGMENT = (RandomCrop(4, 2), RandomHorizontalFlip(), Normalize(0.5, 0.5))


def dataset(n: int = 23) -> Dataset:
    images = np.random.default_rng(0).integers(0, 256, (n, 4, 4, 3), dtype=np.uint8)
    return Dataset(images, np.arange(n) % 7, tuple("abcdefg"), "test")


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    yield
    assert not threads()


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "batches"]


def assert_same(first: list, second: list) -> None:
    assert len(first) == len(second)
    for (x, y), (u, v) in zip(first, second, strict=True):
        np.testing.assert_array_equal(x, u)
        np.testing.assert_array_equal(y, v)


@pytest.mark.parametrize("prefetch", [0, 1, 2, 5])
def test_what_comes(prefetch: int) -> None:
    data = dataset()
    batches = list(Loader(data, 5, prefetch=prefetch).epoch(0))
    assert [len(labels) for _, labels in batches] == [5, 5, 5, 5, 3]
    images = np.concatenate([x for x, _ in batches])
    np.testing.assert_array_equal(images, data.images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(np.concatenate([y for _, y in batches]), data.labels)
    x, y = batches[0]
    assert (x.dtype, y.dtype, x.shape) == (np.float32, np.int64, (5, 3, 4, 4))
    assert x.transpose(0, 2, 3, 1).flags.c_contiguous  # channels last in memory


def test_epochs_are_named() -> None:
    with pytest.raises(TypeError, match=r"for images, labels in loader.epoch\(number\)"):
        iter(Loader(dataset(5), 2))


def test_length() -> None:
    for count, size in ((23, 5), (20, 5), (3, 5), (0, 5)):
        for drop in (False, True):
            loader = Loader(dataset(count), size, drop_last=drop, prefetch=0)
            assert len(loader) == len(list(loader.epoch(0))) == (count // size if drop else -(-count // size))


def test_order_is_a_function_of_seed_and_epoch() -> None:
    data = dataset(100)
    loader = Loader(data, 8, shuffle=True, seed=3)
    order = loader.order(2)
    np.testing.assert_array_equal(np.sort(order), np.arange(100))
    loader.order(7)
    np.testing.assert_array_equal(loader.order(2), order)
    np.testing.assert_array_equal(Loader(data, 32, shuffle=True, seed=3).order(2), order)
    for other in (loader.order(3), Loader(data, 8, shuffle=True, seed=4).order(2), np.arange(100)):
        assert (order == other).mean() < 0.1
    labels = np.concatenate([y for _, y in loader.epoch(2)])
    np.testing.assert_array_equal(labels, data.labels[order])


@pytest.mark.parametrize("start", [0, 1, 3, 4, 5])
@pytest.mark.parametrize("prefetch", [0, 2])
def test_continuing_in_the_middle_is_exact(start: int, prefetch: int) -> None:
    loader = Loader(dataset(), 5, shuffle=True, seed=1, transform=AUGMENT, prefetch=prefetch)
    whole = list(Loader(dataset(), 5, shuffle=True, seed=1, transform=AUGMENT, prefetch=0).epoch(6))
    assert_same(list(loader.epoch(6, start)), whole[start:])


def test_a_single_batch() -> None:
    loader = Loader(dataset(), 5, shuffle=True, transform=AUGMENT)
    assert_same([loader.batch(1, 3)], list(loader.epoch(1))[3:4])
    with pytest.raises(IndexError, match="step: got 5, expected 0 to 4"):
        loader.batch(1, 5)


def test_augmentation_differs_from_batch_to_batch_and_epoch_to_epoch() -> None:
    data = Dataset(np.broadcast_to(dataset(1).images, (8, 4, 4, 3)), np.zeros(8, np.int64), ("a",), "same")
    loader = Loader(data, 4, transform=AUGMENT)
    first, second = (x for x, _ in loader.epoch(0))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, next(loader.epoch(1))[0])


def test_two_iterators_at_once() -> None:
    loader = Loader(dataset(), 5, shuffle=True, transform=AUGMENT)
    expected = list(loader.epoch(0))
    assert_same([a for a, _ in zip(loader.epoch(0), loader.epoch(1), strict=True)], expected)


def test_at_most_prefetch_batches_are_made_ahead() -> None:
    made = threading.Semaphore(0)

    def count(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        made.release()
        return images

    batches = Loader(dataset(), 1, transform=count, prefetch=3).epoch(0)
    next(batches)
    for _ in range(4):
        assert made.acquire(timeout=10)  # one given out, three ahead
    assert not made.acquire(timeout=0.05)
    batches.close()


class Broken(Exception):
    """What the transform raises."""


def fail_at(step: int) -> object:
    seen = []

    def transform(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        seen.append(1)
        if len(seen) > step:
            raise Broken(f"in batch {step}")
        return images

    return transform


@pytest.mark.parametrize("prefetch", [0, 1, 4])
def test_an_exception_arrives_at_its_batch_with_its_traceback(prefetch: int) -> None:
    batches = Loader(dataset(), 5, transform=fail_at(2), prefetch=prefetch).epoch(0)
    next(batches)
    next(batches)
    with pytest.raises(Broken, match="in batch 2") as caught:
        next(batches)
    assert "raise Broken" in "".join(traceback.format_exception(caught.value))
    assert not threads()
    assert list(batches) == []


def test_an_early_break_leaves_no_thread() -> None:
    for x, _ in Loader(dataset(), 5).epoch(0):
        assert x.shape[0] == 5
        break
    gc.collect()
    assert not threads()


def test_a_forgotten_iterator_leaves_no_thread() -> None:
    batches = Loader(dataset(), 5).epoch(0)
    next(batches)
    assert len(threads()) == 1
    del batches
    gc.collect()
    assert not threads()


def test_an_iterator_in_a_circle_leaves_no_thread() -> None:
    holder: dict = {"batches": Loader(dataset(), 5).epoch(0)}
    holder["self"] = holder
    next(holder["batches"])
    del holder
    gc.collect()
    assert not threads()


def test_close() -> None:
    batches = Loader(dataset(), 5).epoch(0)
    next(batches)
    batches.close()
    assert not threads()
    batches.close()  # twice is fine
    assert list(batches) == []
    unused = Loader(dataset(), 5).epoch(0)
    unused.close()
    plain = Loader(dataset(), 5, prefetch=0).epoch(0)
    next(plain)
    plain.close()
    assert list(plain) == []


def test_an_exception_in_the_loop_body_leaves_no_thread() -> None:
    def train() -> None:
        for _ in Loader(dataset(), 5).epoch(0):
            raise Broken

    with pytest.raises(Broken):
        train()
    gc.collect()
    assert not threads()


def test_arguments() -> None:
    with pytest.raises(ValueError, match="batch_size: got 0"):
        Loader(dataset(), 0)
    with pytest.raises(ValueError, match="prefetch: got -1"):
        Loader(dataset(), 5, prefetch=-1)
    with pytest.raises(ValueError, match="start_step: got 6, expected 0 to 5"):
        Loader(dataset(), 5).epoch(0, 6)
    with pytest.raises(TypeError):
        iter(Loader(dataset(), 5))  # which epoch?


def test_the_thread_needs_no_compiled_code() -> None:
    """Two threads in compiled parallel code abort the process; the loader and the transforms do not even import the compiler."""
    code = """
import sys
from minitorch_cv.data import Loader, Normalize, RandomCrop, RandomHorizontalFlip, Resize, load
transforms = [RandomCrop(32, 4), RandomHorizontalFlip(), Resize(28), Normalize(0.5, 0.5)]
for images, labels in Loader(load("digits"), 500, shuffle=True, transform=transforms).epoch(0):
    assert images.shape[1:] == (1, 28, 28)
assert "numba" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_single_transform() -> None:
    one = list(Loader(dataset(), 5, transform=Normalize(0.5, 0.5)).epoch(0))
    assert_same(one, list(Loader(dataset(), 5, transform=[Normalize(0.5, 0.5)]).epoch(0)))

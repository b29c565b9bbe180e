"""Random numbers are functions of (seed, stream, epoch, step, draw), and good ones."""

from collections.abc import Iterator

import numpy as np
import pytest

from minitorch_cv import random

PUBLISHED = [94, 81, 42, 72, 99, 60, 92, 50]


@pytest.fixture(autouse=True)
def restore() -> Iterator[None]:
    before = random.get_state()
    yield
    random.set_state(before)


def draw(stream: str = "dropout", count: int = 4) -> list[int]:
    return random.generator(stream).integers(0, 1 << 62, count).tolist()


def test_the_same_place_gives_the_same_numbers() -> None:
    random.manual_seed(7)
    first = [draw(), draw(), draw("init")]
    random.manual_seed(7)
    assert [draw(), draw(), draw("init")] == first
    random.at(3, 5)
    there = [draw(), draw()]
    random.at(0, 0)
    assert [draw(), draw(), draw("init")] == first
    draw()
    random.at(3, 5)
    assert [draw(), draw()] == there


def test_every_coordinate_matters() -> None:
    """Seed, stream, epoch, step and draw: no two places share a number."""
    seen = []
    for seed in (0, 1, 2**64 - 1):
        random.manual_seed(seed)
        for epoch in (0, 1, 2**40):
            for step in (0, 1):
                random.at(epoch, step)
                for stream in ("a", "b", "a"):
                    seen += draw(stream)
    assert len(set(seen)) == len(seen) == 3 * 3 * 2 * 3 * 4


def test_long_draws_do_not_run_into_the_next_ones() -> None:
    """Philox counts blocks within a draw; epoch, step and draw stand in other words of its counter."""
    random.manual_seed(0)
    first, second = draw(count=100_000), draw(count=100_000)
    random.at(0, 1)
    third = draw(count=100_000)
    assert len({*first, *second, *third}) == 300_000


def test_one_stream_does_not_disturb_another_at_a_given_place() -> None:
    a = random.generator_at(1, "augment", epoch=2, step=3).random(5)
    draw()
    random.manual_seed(9)
    np.testing.assert_array_equal(a, random.generator_at(1, "augment", epoch=2, step=3).random(5))
    random.manual_seed(1)
    random.at(2, 3)
    np.testing.assert_array_equal(a, random.generator("augment").random(5))


def test_state_can_be_saved_and_restored() -> None:
    random.manual_seed(5)
    draw()
    state = random.get_state()
    first = [draw(), draw()]
    random.set_state(state)
    assert [draw(), draw()] == first


def test_numbers_are_fixed_for_ever() -> None:
    """A change of the scheme would change every published run."""
    assert random.generator_at(42, "init", epoch=1, step=2).integers(0, 100, 8).tolist() == PUBLISHED


def test_they_look_random() -> None:
    """Mean, variance and neighbours of numbers taken from the first draw of 2,000 successive steps."""
    x = np.array([random.generator_at(0, "x", 0, step).standard_normal() for step in range(2000)])
    assert abs(x.mean()) < 3.5 / np.sqrt(2000)
    assert abs(x.var() - 1) < 3.5 * np.sqrt(2 / 2000)
    assert abs(np.corrcoef(x[1:], x[:-1])[0, 1]) < 3.5 / np.sqrt(2000)


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, "a", True, None])
def test_seeds_that_are_none(seed: object) -> None:
    with pytest.raises(ValueError, match=r"seed: got .*, expected an integer from 0 to 2\*\*64 - 1"):
        random.manual_seed(seed)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="epoch: got -1"):
        random.at(-1, 0)


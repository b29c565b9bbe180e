"""Padding against NumPy's own, in every mode and number of dimensions."""

import numpy as np
import pytest
from drawing import memory_orders, seeds
from hypothesis import given
from hypothesis import strategies as st

import minitorch_cv as mt
from minitorch_cv import functional as F
from minitorch_cv.testing import arranged, assert_close

MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@given(
    data=st.data(), padded=st.integers(1, 3), lead=st.integers(1, 2), mode=st.sampled_from(sorted(MODES)), order=memory_orders, seed=seeds
)  # fmt: skip
def test_own_elements(data: st.DataObject, padded: int, lead: int, mode: str, order: str, seed: int) -> None:
    shape = tuple(data.draw(st.integers(1, 5)) for _ in range(lead + padded))
    most = {"reflect": lambda n: n - 1, "replicate": lambda n: 6, "circular": lambda n: n}[mode]
    widths = [tuple(data.draw(st.integers(0, most(n))) for _ in range(2)) for n in shape[lead:]]
    x = arranged(np.random.default_rng(seed).standard_normal(shape), order)
    y = F.pad(mt.from_numpy(x), [width for pair in widths[::-1] for width in pair], mode)
    assert_close(y, np.pad(x, [(0, 0)] * lead + widths, MODES[mode]), 0)


@given(data=st.data(), shape=st.lists(st.integers(1, 5), min_size=1, max_size=5), value=st.sampled_from([None, 2.5]), seed=seeds)
def test_constant(data: st.DataObject, shape: list[int], value: float | None, seed: int) -> None:
    """Negative widths cut off."""
    x = np.random.default_rng(seed).standard_normal(shape)
    widths = [(data.draw(st.integers(-1, 2)), data.draw(st.integers(0, 2))) for _ in shape[: data.draw(st.integers(0, len(shape)))]][::-1]
    all_widths = [(0, 0)] * (len(shape) - len(widths)) + widths
    expected = np.pad(x, [(max(before, 0), after) for before, after in all_widths], constant_values=value or 0)
    expected = expected[tuple(slice(max(-before, 0), None) for before, _ in all_widths)]
    assert_close(F.pad(mt.from_numpy(x), [width for pair in widths[::-1] for width in pair], value=value), expected, 0)


def test_integers_keep_their_type() -> None:
    y = F.pad(mt.tensor([1, 2]), (1, 0), value=7)
    assert y.tolist() == [7, 1, 2]
    assert y.dtype == np.int64
    with pytest.raises(TypeError, match="input: got dtype int64"):
        F.pad(mt.tensor([[1, 2]]), (1, 0), "reflect")


def test_reflection_twice_around_a_short_line_is_refused() -> None:
    with pytest.raises(ValueError, match=r"pad: got \(0, 2\) for a length of 2"):
        F.pad(mt.zeros(1, 1, 2), (0, 2), "reflect")
    with pytest.raises(ValueError, match=r"pad: got \(-1, 2\) for a length of 2"):
        F.pad(mt.zeros(1, 1, 2), (-1, 2), "circular")

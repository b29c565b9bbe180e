"""Pieces of images: every number against the place that the formula names."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kernels

lengths = st.integers(1, 6)


@given(
    size=st.tuples(lengths, lengths), out=st.tuples(lengths, lengths), C=st.integers(1, 4), B=st.integers(0, 4), fill=st.integers(0, 255),
    order=st.sampled_from(["NCHW", "channels-last", "gaps"]), dtype=st.sampled_from(["float32", "float64"]), seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_pieces_against_loops(backend: str, size: tuple, out: tuple, C: int, B: int, fill: int, order: str, dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (3, *size, 2 * C), np.uint8).transpose(0, 3, 1, 2)[:, :: 2 if order == "gaps" else 1][:, :C]
    if order == "NCHW":
        images = np.ascontiguousarray(images)
    values = rng.standard_normal((C, 256)).astype(dtype)
    picks = np.stack([rng.integers(0, 3, B), *rng.integers(-7, 7, (2, B)), rng.integers(0, 2, B)], axis=1)
    y = kernels.augment(images, picks, out, values, fill)
    assert (y.shape, y.dtype) == ((B, C, *out), dtype)
    assert y.transpose(0, 2, 3, 1).flags.c_contiguous
    for b, c, oh, ow in np.ndindex(*y.shape):
        n, top, left, mirrored = picks[b]
        h, w = top + oh, left + (out[1] - 1 - ow if mirrored else ow)
        inside = 0 <= h < size[0] and 0 <= w < size[1]
        assert y[b, c, oh, ow] == values[c, images[n, c, h, w] if inside else fill]


def test_an_image_that_is_none(backend: str) -> None:
    """An error, where somebody looks at the numbers; on a GPU, NaN."""
    images, values = np.zeros((2, 3, 4, 4), np.uint8), np.ones((3, 256), np.float32)
    picks = np.array([[0, 0, 0, 0], [2, 0, 0, 0], [-1, 0, 0, 0]])
    if backend in kernels.BACKENDS:
        with pytest.raises(ValueError, match="picks: got images -1 to 2, expected 0 to 1"):
            kernels.augment(images, picks, 4, values)
    else:
        y = kernels.augment(images, picks, 4, values)
        assert (y[0] == 1).all()
        assert np.isnan(y[1:]).all()


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"images": np.zeros((2, 3, 4, 4))}, TypeError, "images: got float64, expected uint8"),
        ({"images": np.zeros((3, 4, 4), np.uint8)}, ValueError, "images: got shape"),
        ({"images": np.zeros((2, 3, 0, 4), np.uint8)}, ValueError, "images: got shape"),
        ({"picks": np.zeros((2, 4))}, TypeError, "picks: got float64, expected int64"),
        ({"picks": np.zeros((2, 3), int)}, ValueError, "picks: got shape"),
        ({"size": 0}, ValueError, "size: got 0"),
        ({"values": np.zeros((3, 255))}, ValueError, "values: got shape"),
        ({"values": np.zeros((3, 256), int)}, TypeError, "values: got int64"),
        ({"fill": 256}, ValueError, "fill: got 256, expected 0 to 255"),
    ],
)
def test_errors_name_the_argument(backend: str, change: dict, error: type, words: str) -> None:
    given = {"images": np.zeros((2, 3, 4, 4), np.uint8), "picks": np.zeros((2, 4), int), "size": 4, "values": np.zeros((3, 256))}
    with pytest.raises(error, match=words):
        kernels.augment(**{**given, **change})

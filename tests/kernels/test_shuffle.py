"""Shuffles and unfolding: every number against the place that the formula names; inverses and adjoints."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kernels
from minitorch_cv.testing import ORDERS, arranged

small, orders, dtypes = st.integers(1, 3), st.sampled_from(ORDERS), st.sampled_from([np.float32, np.float64])


def numbered(order: str, dtype: type, *shape: int) -> np.ndarray:
    return arranged(np.arange(np.prod(shape), dtype=dtype).reshape(shape), order)


@given(r=small, C=small, H=small, W=small, N=st.integers(0, 2), order=orders, dtype=dtypes)
def test_pixel_shuffle(backend: str, r: int, C: int, H: int, W: int, N: int, order: str, dtype: type) -> None:
    x = numbered(order, dtype, N, C * r * r, H, W)
    y = kernels.pixel_shuffle(x, r)
    assert y.shape == (N, C, H * r, W * r)
    assert y.dtype == dtype
    for n, c, h, w, i, j in itertools.product(*map(range, (N, C, H, W, r, r))):
        assert y[n, c, h * r + i, w * r + j] == x[n, c * r * r + i * r + j, h, w]
    np.testing.assert_array_equal(kernels.pixel_unshuffle(arranged(y, order), r), x)


@given(groups=small, size=small, N=st.integers(0, 2), order=orders, dtype=dtypes)
def test_channel_shuffle(backend: str, groups: int, size: int, N: int, order: str, dtype: type) -> None:
    x = numbered(order, dtype, N, groups * size, 2, 3)
    y = kernels.channel_shuffle(x, groups)
    for i, k in itertools.product(range(groups), range(size)):
        np.testing.assert_array_equal(y[:, k * groups + i], x[:, i * size + k])
    np.testing.assert_array_equal(kernels.channel_shuffle(y, size), x)


def test_results_are_channels_last(backend: str) -> None:
    x = np.ones((2, 8, 4, 6), np.float32)
    for y in (kernels.channel_shuffle(x, 2), kernels.pixel_shuffle(x, 2), kernels.pixel_unshuffle(x, 2)):
        assert y.transpose(0, 2, 3, 1).flags.c_contiguous


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: kernels.channel_shuffle(x, 3), "groups: got 3, expected a divisor of the 8 channels"),
        (lambda x: kernels.channel_shuffle(x, 0), "groups: got 0"),
        (lambda x: kernels.pixel_shuffle(x, 3), "upscale_factor: got 3"),
        (lambda x: kernels.pixel_unshuffle(x, 3), "downscale_factor: got 3"),
        (lambda x: kernels.pixel_unshuffle(x[0], 2), "x: got shape"),
    ],
)
def test_errors_name_the_argument(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call(np.ones((2, 8, 4, 6)))


def test_windows_as_columns() -> None:
    """The columns that multiply to a convolution, and the sum of windows where they came from."""
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((2, 3, 7, 6)), rng.standard_normal((4, 3, 2, 3))
    window = {"kernel_size": (2, 3), "dilation": (2, 1), "padding": (1, 2), "stride": (2, 1)}
    columns = kernels.unfold(x, **window)
    y = kernels.conv2d(x, weight, stride=(2, 1), padding=(1, 2), dilation=(2, 1))
    np.testing.assert_allclose((weight.reshape(4, -1) @ columns).reshape(y.shape), y, atol=1e-12)
    # Window (0, 3) begins at row -1, column 1. Of channel 1, the last tap of the first row is in the padding, that of the second is not.
    assert columns[1, 1 * 6 + 0 * 3 + 2, 3] == 0
    assert columns[1, 1 * 6 + 1 * 3 + 2, 3] == x[1, 1, -1 + 2, 1 + 2]
    gy = rng.standard_normal(columns.shape)
    assert (columns * gy).sum() == pytest.approx((x * kernels.fold(gy, (7, 6), **window)).sum())
    with pytest.raises(ValueError, match="columns: got shape"):
        kernels.fold(gy, (9, 6), **window)

"""The reader of pickles that executes nothing: what it reads, and all that it refuses."""

import contextlib
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitorch_cv.data.dataset import DataError
from minitorch_cv.data.unpickle import loads
from minitorch_cv.unpickle import Dialect

PROTOCOLS = (2, 3, 4, 5)
NUMBERS_AND_STRINGS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
VALUES = st.recursive(
    NUMBERS_AND_STRINGS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text() | st.binary() | st.integers(), inner, max_size=5),
    max_leaves=20,
)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(value=VALUES)
def test_plain_values(protocol: int, value: object) -> None:
    assert loads(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("dtype", ["u1", "?", "<i2", ">i4", "<i8", "<f4", ">f8", "<c8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays(protocol: int, dtype: str, order: str) -> None:
    array = np.asarray(np.arange(24).reshape(2, 3, 4) % 2, dtype, order=order)
    for source in (array, array[:, ::2], np.zeros((0, 3), dtype), np.array(1, dtype)):
        found = loads(pickle.dumps({"a": [source]}, protocol))["a"][0]
        assert found.dtype == source.dtype
        np.testing.assert_array_equal(found, source)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_scalars_and_shared_values(protocol: int) -> None:
    shared = [np.float64(2.5), np.arange(3)]
    found = loads(pickle.dumps([shared, shared, np.int32(-7)], protocol))
    assert found[0] is found[1]
    assert found[0][0] == 2.5
    assert found[2] == -7
    assert found[2].dtype == np.int32


def test_old_module_names() -> None:
    """NumPy 1 wrote `numpy.core` where NumPy 2 writes `numpy._core`."""
    written = pickle.dumps(np.arange(5), 2)
    np.testing.assert_array_equal(loads(written.replace(b"numpy._core", b"numpy.core")), np.arange(5))


def test_strings_of_python_2() -> None:
    """Byte strings with one and with four bytes of length, as Python 2 wrote them."""
    assert loads(b"\x80\x02]q\x00(U\x03abcT\x04\x00\x00\x00\xff\x00deq\x01h\x01e.") == [b"abc", b"\xff\x00de", b"\xff\x00de"]


class Attack:
    """An object whose pickle calls `function`."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple:
        return self.call


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nothing_is_executed(protocol: int, tmp_path: Path) -> None:
    import os

    mark = tmp_path / "executed"
    for attack in (
        Attack(os.system, f"touch {mark}"),
        Attack(eval, f"open({str(mark)!r}, 'w')"),
        Attack(Path.touch, mark),
        Attack(getattr, "text", "upper"),
        Attack(np.load, str(mark)),
        Attack(pickle.loads, b"."),
    ):
        written = pickle.dumps({"data": np.arange(3), "labels": [attack]}, protocol)
        with pytest.raises(DataError, match="a call of"):
            loads(written)
    assert not mark.exists()


def test_classes_and_names_are_refused() -> None:
    for value in (np.ndarray, len, Attack, np.dtype("f4"), {1, 2}, frozenset({1}), (1, 2), range(3), slice(1), np.random.default_rng(0)):
        for protocol in PROTOCOLS:
            with pytest.raises(DataError):
                loads(pickle.dumps([value], protocol))


def test_dangerous_arrays_are_refused() -> None:
    for array in (
        np.array([None, "x"], object),
        np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]),
        np.array([(None,)], [("a", object)]),
        np.array(["text"]),
        np.array([b"raw"]),
        np.array(["2020-01-01"], "M8[D]"),
        np.zeros(3, "V7"),
    ):
        for protocol in PROTOCOLS:
            with pytest.raises(DataError):
                loads(pickle.dumps(array, protocol))


def array_pickle(shape: tuple, code: str, raw: bytes, state_tail: tuple = (None, None, None, -1, -1, 0)) -> bytes:
    """A pickle of an array put together by hand, with claims that need not be true."""
    def tuple_of(*items: bytes) -> bytes:
        return b"(" + b"".join(items) + b"t"

    def value(item: object) -> bytes:
        return pickle.dumps(item, 2)[2:-1]

    dtype = b"cnumpy\ndtype\n" + tuple_of(value(code), b"K\x00", b"K\x01") + b"R"
    dtype += tuple_of(b"K\x03", value("|"), *map(value, state_tail)) + b"b"
    array = b"cnumpy.core.multiarray\n_reconstruct\n" + tuple_of(b"cnumpy\nndarray\n", b"(K\x00t", value("b")) + b"R"
    return b"\x80\x02" + array + tuple_of(b"K\x01", value(shape), dtype, b"\x89", b"T" + struct.pack("<i", len(raw)) + raw) + b"b."


def test_arrays_that_claim_too_much() -> None:
    np.testing.assert_array_equal(loads(array_pickle((2, 3), "u1", b"abcdef")), np.frombuffer(b"abcdef", np.uint8).reshape(2, 3))
    for shape in ((7,), (5,), (2**40,)):
        with pytest.raises(DataError, match="claims the shape"):
            loads(array_pickle(shape, "u1", b"abcdef"))
    for shape in ((2**62, 2**62), (-6,), (-2, -3), (2**5000,), (1,) * 60 + (6,), ("6",), (6.0,), 6):
        with pytest.raises(DataError):
            loads(array_pickle(shape, "u1", b"abcdef"))
    for code in ("O", "V6", "O8", "M8", "m8", "S6", "u1,u1", "(6,)u1", "i3", "f128", "", "u" * 1000):
        with pytest.raises(DataError):
            loads(array_pickle((6,), code, b"abcdef"))
    with pytest.raises(DataError, match="fields"):
        loads(array_pickle((6,), "u1", b"abcdef", (None, ("a",), {"a": 0}, 1, 1, 0)))


def test_lengths_that_claim_too_much() -> None:
    """No memory is taken for bytes that are not there."""
    long_bytes, long_text = b"\x8e" + struct.pack("<Q", 2**63 - 1), b"\x8d" + struct.pack("<Q", 2**64 - 1)
    for claim in (long_bytes, long_text, b"B\xff\xff\xff\xff", b"\x8b\xff\xff\xff\x7f"):
        with pytest.raises(DataError, match="cut off"):
            loads(b"\x80\x04" + claim + b"abc.")
    # A place in the memo costs nothing however large its number is. (The standard unpickler makes a table of that length.)
    assert loads(b"\x80\x02]r\xff\xff\xff\xffj\xff\xff\xff\xff.") == []


def test_every_beginning_of_a_pickle_is_an_error() -> None:
    for protocol in PROTOCOLS:
        written = pickle.dumps({"data": np.arange(6, dtype=np.uint8).reshape(2, 3), "labels": [1, 2], "name": b"x", "n": 2**70}, protocol)
        for length in range(len(written)):
            with pytest.raises(DataError):
                loads(written[:length])


@given(place=st.integers(0, 10**6), byte=st.integers(0, 255), protocol=st.sampled_from(PROTOCOLS), more=st.binary(max_size=4))
def test_damaged_pickles_never_surprise(place: int, byte: int, protocol: int, more: bytes) -> None:
    """One byte changed and a few put in: some value comes out, or a DataError."""
    written = bytearray(pickle.dumps({"data": np.arange(6.0).reshape(2, 3), "labels": [1, 2, 300], "b": b"xy", "f": [0.5, None]}, protocol))
    place %= len(written)
    written[place : place + 1] = bytes([byte]) + more
    with contextlib.suppress(DataError):
        loads(bytes(written))


@given(st.binary(max_size=60))
def test_noise_never_surprises(noise: bytes) -> None:
    for data in (noise, b"\x80\x04" + noise + b"."):
        with contextlib.suppress(DataError):
            loads(data)


def test_a_bomb_of_tuples() -> None:
    """50 instructions make a tuple of 2^50 leaves: harmless unless somebody hashes, prints or walks it."""
    bomb = b"\x80\x02K\x01" + b"q\x00h\x00\x86" * 50
    for ending in (b".", b"}" + bomb[2:] + b"K\x01s.", b"]" + bomb[2:] + b"a."):
        with pytest.raises(DataError):
            loads((bomb if ending == b"." else b"\x80\x02") + ending)


def test_a_bomb_of_encodings(monkeypatch: pytest.MonkeyPatch) -> None:
    """One text, encoded a thousand times; and more instructions than anything needs."""
    text = b"X" + struct.pack("<I", 1000) + b"x" * 1000
    encode = b"c_codecs\nencode\nh\x00X\x06\x00\x00\x00latin1\x86R"
    assert loads(b"\x80\x02" + text + b"q\x00" + encode + b".") == b"x" * 1000
    with pytest.raises(DataError, match="more bytes than it has itself"):
        loads(b"\x80\x02" + text + b"q\x00" + encode * 1000 + b".")
    monkeypatch.setattr(Dialect, "most_instructions", 5)
    assert loads(b"\x80\x02]]a.") == [[]]
    with pytest.raises(DataError, match="more than 5 instructions"):
        loads(b"\x80\x02]]]aa.")


def test_circles_and_depth() -> None:
    circle: list = []
    circle.append(circle)
    found = loads(pickle.dumps(circle, 2))
    assert found[0] is found
    assert loads(b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".")[0] is not None

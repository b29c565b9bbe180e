"""A corpus of hostile and broken files: every one is refused with a sentence, no program in them runs, no memory is taken for lies."""

import contextlib
import pickle
import tracemalloc
from pathlib import Path

import hostile_weights as hostile
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitorch_cv import weights
from minitorch_cv.weights import WeightsError

GOLDEN = Path(__file__).parents[2] / "golden" / "weights"
MOST_MEMORY = 4 << 20  # bytes; the files have a few hundred, and the largest lie claims 4 TB


def test_the_corpus_is_large(tmp_path: Path) -> None:
    names = [what for what, _, _ in hostile.corpus(tmp_path / "executed")]
    assert len(names) == len(set(names)) > 200
    assert len(hostile.programs(tmp_path)) >= 30


def test_every_file_is_refused_and_nothing_is_executed(tmp_path: Path) -> None:
    sentinel = tmp_path / "executed"
    folder = tmp_path / "files"
    folder.mkdir()
    accepted, unclear, greedy = [], [], []
    for place, (what, suffix, content) in enumerate(hostile.corpus(sentinel)):
        path = folder / f"{place}{suffix}"
        path.write_bytes(content)
        tracemalloc.start()
        try:
            weights.load(path)
            accepted.append(what)
        except WeightsError as error:
            if path.name not in str(error) or "\n" in str(error) or len(str(error)) > 500:
                unclear.append((what, str(error)))
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        if peak > MOST_MEMORY:
            greedy.append((what, peak))
        assert not sentinel.exists(), what
    assert accepted == []
    assert unclear == []
    assert greedy == []
    assert sorted(path.parent for path in tmp_path.rglob("*") if path.is_file()) == [folder] * (place + 1)  # nothing was unpacked


@pytest.mark.parametrize(
    "what",
    [
        "os.system by GLOBAL", "os.system by STACK_GLOBAL", "os.system by INST", "os.system by OBJ", "eval", "exec",
        "getattr of an import", "attrgetter", "partial", "map", "apply in a state", "pickle inside a pickle",
    ],
)  # fmt: skip
def test_the_programs_would_run(what: str, tmp_path: Path) -> None:
    """The corpus means what it says: the standard library executes these."""
    sentinel = tmp_path / "executed"
    with contextlib.suppress(Exception):  # that a number is no mapping, say, after the deed
        pickle.loads(b"\x80\x04" + hostile.programs(sentinel)[what] + b".")
    assert sentinel.exists()


def test_the_frame_of_the_corpus_is_right(tmp_path: Path) -> None:
    """The same files with an honest tensor in them are read: it is the lie that is refused."""
    good = hostile.state(hostile.tensor())
    for suffix, content in (
        (".pth", hostile.zipped(good)),
        (".pth", hostile.legacy(good)),
        (".safetensors", hostile.safetensors({"weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}})),
    ):
        path = tmp_path / f"good{suffix}"
        path.write_bytes(content)
        np.testing.assert_array_equal(weights.load(path)["weight"], np.arange(6, dtype=np.float32).reshape(2, 3))


@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth"])
def test_every_beginning_is_refused(name: str, tmp_path: Path) -> None:
    whole = (GOLDEN / name).read_bytes()
    path = tmp_path / name
    for length in range(0, len(whole), 5):
        path.write_bytes(whole[:length])
        with pytest.raises(WeightsError):
            weights.load(path)


SAFE = hostile.safetensors({
    "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}, "b": {"dtype": "BF16", "shape": [4], "data_offsets": [16, 24]},
})  # fmt: skip


@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth", "ours.safetensors"])
@given(place=st.integers(0, 10**6), byte=st.integers(0, 255), more=st.binary(max_size=3))
def test_damage_never_surprises(name: str, tmp_path: Path, place: int, byte: int, more: bytes) -> None:
    """One byte changed and a few put in: arrays come out, or a WeightsError."""
    content = bytearray(SAFE if name == "ours.safetensors" else (GOLDEN / name).read_bytes())
    place %= len(content)
    content[place : place + 1] = bytes([byte]) + more
    path = tmp_path / name
    path.write_bytes(content)
    with contextlib.suppress(WeightsError):
        for array in weights.load(path).values():
            array.sum()  # every element is there to be read


def test_missing_files_and_folders(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.pth", tmp_path):
        with pytest.raises(WeightsError, match="cannot be read"):
            weights.load(path)


def test_a_tar_file_of_the_first_versions(tmp_path: Path) -> None:
    import tarfile

    with tarfile.open(tmp_path / "old.pth", "w") as archive:
        archive.addfile(tarfile.TarInfo("sys_info"))
    with pytest.raises(WeightsError, match=r"0\.1\.10"):
        weights.load(tmp_path / "old.pth")

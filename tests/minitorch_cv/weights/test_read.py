"""Reading files that PyTorch wrote, and writing ones that it reads: without PyTorch, by files that lie in tests/golden/weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minitorch_cv import nn, weights
from minitorch_cv.unpickle import PickleError
from minitorch_cv.weights import WeightsError
from minitorch_cv.weights.tensors import view

GOLDEN = Path(__file__).parents[2] / "golden" / "weights"
FORMATS = ("zip", "legacy")

GRID = np.arange(24, dtype=np.float32).reshape(4, 6)
STATE = {
    "whole": GRID, "transposed": GRID.T, "strided": GRID[1::2, 1::2], "row": GRID[2], "scalar": np.float32(2.5),
    "empty": np.zeros((0, 3), np.float32), "half": np.array([0.5, -2, 65504], np.float16),
    "bfloat16": (np.array([0x3F80, 0xBE20, 0x7F62], np.uint32) << 16).view(np.float32),  # 1, -0.15625, 3.0e38
    "double": np.array([1 / 3]), "long": np.int64(2**40), "int": np.array([-7], np.int32), "short": np.array([-300], np.int16),
    "char": np.array([-1], np.int8), "byte": np.array([255], np.uint8), "bool": np.array([True, False]),
    "parameter": np.array([1, 2], np.float32),
}  # fmt: skip


def assert_same(found: dict[str, np.ndarray], expected: dict[str, Any]) -> None:
    for name, value in expected.items():
        assert found[name].dtype == value.dtype, name
        assert found[name].shape == value.shape, name
        np.testing.assert_array_equal(found[name], value)


@pytest.mark.parametrize("form", FORMATS)
def test_what_pytorch_wrote(form: str) -> None:
    found = weights.load(GOLDEN / f"{form}.pth")
    assert list(found) == list(STATE)
    assert_same(found, STATE)
    assert all(array.flags.writeable for array in found.values())
    found["whole"][2, 3] = -1  # tensors that shared memory in PyTorch share it here
    assert found["row"][3] == found["transposed"][3, 2] == -1
    assert found["parameter"].base is not found["whole"].base


@pytest.mark.parametrize("form", FORMATS)
def test_a_checkpoint(form: str) -> None:
    """The dictionary of weights is found, and DataParallel's prefix is gone; `read` gives all the rest."""
    path = GOLDEN / f"{form}_checkpoint.pth"
    found = weights.load(path)
    assert list(found) == ["0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked"]
    assert (found["0.weight"] == np.full((1, 2), 0.25)).all()
    assert weights.load(path, "state_dict").keys() == found.keys()
    everything = weights.read(path)
    assert everything["epoch"] == 7
    assert everything["args"] == ("sgd", 0.1, None, True)
    assert everything["shape"] == (1, 2)
    assert everything["optimizer"]["param_groups"][0]["lr"] == 0.1
    for entry in ("epoch", "nothing"):
        with pytest.raises(WeightsError, match="_checkpoint"):
            weights.load(path, entry)


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
def test_what_is_saved_is_read_again(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    state = {name: np.asarray(value) for name, value in STATE.items()}
    weights.save(path, state)
    found = weights.load(path)
    assert_same(found, STATE)
    assert found.keys() == STATE.keys()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    layer = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    weights.save(path, layer)
    other = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    assert weights.load_into(other, weights.load(path)) == weights.Transfer()
    assert (other[0].weight.numpy() == layer[0].weight.numpy()).all()


def test_an_interrupted_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights.pth"
    weights.save(path, {"a": np.zeros(3, np.float32)})

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", stop)
    with pytest.raises(KeyboardInterrupt):
        weights.save(path, {"a": np.ones(3, np.float32)})
    assert (weights.load(path)["a"] == 0).all()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_the_pickle_is_plain(tmp_path: Path) -> None:
    """What `save` writes mentions the three names that any reader of PyTorch's files admits, and begins records at multiples of 64."""
    import pickletools
    import zipfile

    path = tmp_path / "weights.pth"
    weights.save(path, {"a": np.zeros((2, 3), np.float32), "b": np.zeros(5, np.int64)})
    with zipfile.ZipFile(path) as archive:
        names = {argument for code, argument, _ in pickletools.genops(archive.read("archive/data.pkl")) if code.name == "GLOBAL"}
        assert names == {"collections OrderedDict", "torch._utils _rebuild_tensor_v2", "torch FloatStorage", "torch LongStorage"}
        for record in archive.infolist():
            assert (record.header_offset + 30 + len(record.filename) + len(record.extra)) % 64 == 0


def test_nonsense_is_not_saved(tmp_path: Path) -> None:
    for path, state, error in (
        ("a.npz", {"a": np.zeros(1)}, ValueError),
        ("a.pth", {"a": np.zeros(1, complex)}, ValueError),
        ("a.safetensors", {"a": np.array(["x"])}, ValueError),
        ("a.pth", {"a": 1.0}, TypeError),
        ("a.pth", {1: np.zeros(1)}, TypeError),
    ):
        with pytest.raises(error, match=r"got|is|has"):
            weights.save(tmp_path / path, state)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_python_2_and_old_parameters(tmp_path: Path) -> None:
    """A legacy file put together as Python 2 and PyTorch 0.1 wrote them: byte strings, `_rebuild_tensor`, Parameter with a state."""
    import pickle
    import struct

    def text(value: str) -> bytes:
        return b"U" + bytes([len(value)]) + value.encode()

    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("12") + text("cpu") + b"K\x04NtQ"
    tensor = b"ctorch._utils\n_rebuild_tensor\n(" + storage + b"K\x01K\x03\x85K\x01\x85tR"
    parameter = b"ctorch.nn.parameter\nParameter\n" + tensor + b"\x85R(\x88\x89ccollections\nOrderedDict\n)Rtb"
    pair = b"](" + text("fc.weight") + parameter + b"e"
    pickled = b"\x80\x02ccollections\nOrderedDict\n](" + pair + b"e\x85R."
    info = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
    content = b"".join(pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, info)) + pickled + pickle.dumps(["12"], 2)
    path = tmp_path / "old.pth"
    path.write_bytes(content + struct.pack("<q", 4) + np.arange(4, dtype="<f4").tobytes())
    found = weights.load(path)
    assert list(found) == ["fc.weight"]
    assert found["fc.weight"].tolist() == [1, 2, 3]


def test_elements_that_share_a_place() -> None:
    """Expanded tensors and windows that overlap, as `torch.save` writes them: read-only views, without memory of their own."""
    storage = np.arange(5, dtype=np.float32)
    expanded, windows = view(storage, 1, (1000, 2), (0, 1)), view(storage, 0, (3, 3), (1, 1))
    np.testing.assert_array_equal(expanded, np.tile(np.float32([1, 2]), (1000, 1)))
    np.testing.assert_array_equal(windows, [[0, 1, 2], [1, 2, 3], [2, 3, 4]])
    for array in (expanded, windows):
        assert np.shares_memory(array, storage)
        assert not array.flags.writeable
    with pytest.raises(PickleError, match="leaves its storage"):
        view(storage, 0, (3, 4), (1, 1))
    with pytest.raises(PickleError, match="shared places"):
        view(storage, 0, (2**20, 2**5), (0, 0))

"""Round trips with PyTorch, five models, three formats, both directions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minitorch_cv as mt
import models
from minitorch_cv import weights

pytestmark = pytest.mark.full
MODELS = ("lenet5", "resnet18", "mobilenet_v2", "densenet121", "googlenet")
FORMS = ("zip", "legacy", "safetensors")


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch")


def small(name: str) -> Any:
    mt.manual_seed(3)
    model = models.create(name, **models.entry(name).small)
    model.train()(mt.randn(2, *models.entry(name).small_input))  # running statistics that are not those of the beginning
    return model


def writer(torch: Any, form: str) -> Callable[[dict, Path], None]:
    from safetensors.torch import save_file

    return {
        "zip": torch.save,
        "legacy": lambda state, path: torch.save(state, path, _use_new_zipfile_serialization=False),
        "safetensors": save_file,
    }[form]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", MODELS)
def test_from_pytorch(name: str, form: str, tmp_path: Path, torch: Any) -> None:
    model = small(name)
    state = {key: torch.from_numpy(tensor.numpy().copy()) for key, tensor in model.state_dict().items()}
    path = tmp_path / ("weights.safetensors" if form == "safetensors" else "weights.pth")
    writer(torch, form)(state, path)
    found = weights.load(path)
    assert found.keys() == state.keys()
    if form != "safetensors":  # which has an order of its own
        assert list(found) == list(state)
    for key, tensor in state.items():
        assert found[key].dtype == tensor.numpy().dtype
        assert found[key].tobytes() == tensor.numpy().tobytes()
    mt.manual_seed(4)
    again = models.create(name, weights=path, **models.entry(name).small)
    x = mt.randn(1, *models.entry(name).small_input)
    assert (again.eval()(x).numpy() == model.eval()(x).numpy()).all()


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
@pytest.mark.parametrize("name", MODELS)
def test_to_pytorch(name: str, suffix: str, tmp_path: Path, torch: Any) -> None:
    from safetensors.torch import load_file

    model = small(name)
    path = tmp_path / f"weights{suffix}"
    weights.save(path, model)
    read = load_file(path) if suffix == ".safetensors" else torch.load(path, weights_only=True)
    state = model.state_dict()
    assert read.keys() == state.keys()
    for key, tensor in state.items():
        assert read[key].numpy().dtype == tensor.dtype
        assert read[key].numpy().tobytes() == np.ascontiguousarray(tensor.numpy()).tobytes()
        assert read[key].shape == tensor.shape


@pytest.mark.parametrize("legacy", [False, True])
def test_every_type_and_view(legacy: bool, tmp_path: Path, torch: Any) -> None:
    grid = torch.arange(120.0).reshape(4, 5, 6)
    types = ("float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool")
    state = {name: (torch.randn(3, 2) * 50).abs().to(getattr(torch, name)) for name in types}
    state |= {
        "transposed": grid.permute(2, 0, 1), "slice": grid[1:3, ::2, 5], "channels_last": torch.randn(2, 3, 4, 5).contiguous(
            memory_format=torch.channels_last
        ), "empty": grid[:0], "number": torch.tensor(1.5), "parameter": torch.nn.Parameter(torch.randn(3)),
    }  # fmt: skip
    torch.save({"model": {"state_dict": state}}, tmp_path / "a.pt", _use_new_zipfile_serialization=not legacy)
    found = weights.load(tmp_path / "a.pt")
    for name, tensor in state.items():
        expected = tensor.detach().float().numpy() if tensor.dtype == torch.bfloat16 else tensor.detach().numpy()
        assert found[name].dtype == expected.dtype, name
        np.testing.assert_array_equal(found[name], expected)


def test_pytorchs_strictest_reader_takes_it(tmp_path: Path, torch: Any) -> None:
    """With weights_only, and mapped into memory: the records are aligned."""
    weights.save(tmp_path / "a.pth", {"a": np.arange(5.0)})
    assert torch.load(tmp_path / "a.pth", weights_only=True, mmap=True)["a"].tolist() == [0, 1, 2, 3, 4]

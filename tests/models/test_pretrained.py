"""Published weights: the table, downloads from a server on this machine, what comes with them, transfer to other classes."""

import hashlib
import inspect
import json
import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import minitorch_cv as mt
import models
from minitorch_cv import nn, weights
from minitorch_cv.cli import app
from minitorch_cv.data import DataError
from minitorch_cv.inference import Preprocessing, classify_images
from minitorch_cv.weights import WeightsError
from models import pretrained

SMALL = {"width": 0.125}


class Quiet(SimpleHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *message: object) -> None:
        """Silence."""


@pytest.fixture
def small_squeezenet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, np.ndarray]]:
    """Published weights of a narrow SqueezeNet, on a server on this machine, under the name of the wide one; yields their arrays."""
    folder, cache = tmp_path / "server", tmp_path / "cache"
    folder.mkdir()
    mt.manual_seed(7)
    model = models.create("squeezenet1_1", **SMALL)
    weights.save(folder / "file.pth", model)
    digest = hashlib.sha256((folder / "file.pth").read_bytes()).hexdigest()
    file = (folder / "file.pth").rename(folder / f"squeezenet1_1-{digest[:8]}.pth")
    entry = replace(models.published("squeezenet1_1"), file=file.name, options=SMALL, preprocessing=Preprocessing(64, 56))
    monkeypatch.setattr(pretrained, "_table", lambda: {"squeezenet1_1": {"IMAGENET1K_V1": entry}})
    monkeypatch.setenv("MINITORCH_CV_WEIGHTS", str(cache))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(Quiet, "asked", [])
    http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    monkeypatch.setattr(pretrained, "ADDRESS", f"http://127.0.0.1:{http.server_port}")
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    pixels = np.random.default_rng(3).integers(0, 256, (12, 15, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((150, 120), Image.Resampling.BICUBIC).save(path)
    return path


def test_the_table() -> None:
    """Every entry is of a model that is here, and its file's name has the digits that a download is verified by."""
    assert set(pretrained._table()) <= set(models.list_models())
    assert len(pretrained._table()) >= 40
    for name, entries in pretrained._table().items():
        for version, entry in entries.items():
            assert (entry.model, entry.version) == (name, version)
            assert entry.address.startswith("https://")
            assert 15 <= len(entry.checksum) <= 17
            assert set(entry.options) <= set(inspect.signature(models.entry(name).build).parameters)
            assert "folder" in models.entry(name).recipes  # what training goes by that begins with these weights
            assert 50 < entry.acc1 < entry.acc5 < 100
            height, width = models.entry(name).input_shape[1:]
            assert entry.preprocessing.crop <= entry.preprocessing.resize
            # EfficientNets are measured at their own sizes; the others at the models' usual one.
            assert entry.preprocessing.crop in (height, width) or version.endswith("V2") or "SWAG" in version, name
    assert models.published("resnet50").acc1 == 76.13
    assert models.published("resnet50", "IMAGENET1K_V2").acc1 == 80.858
    assert models.published("alexnet").file == "alexnet-owt-7be5be79.pth"
    assert models.published("googlenet").options == models.published("inception_v3").options == {"transform_input": True}
    assert models.published("efficientnet_b3").preprocessing.interpolation == "bicubic"
    assert models.published("efficientnet_v2_l").preprocessing == Preprocessing(480, 480, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert models.published("regnet_y_16gf").version == "IMAGENET1K_V1"
    with pytest.raises(ValueError, match="no published weights of lenet5"):
        models.published("lenet5")
    with pytest.raises(ValueError, match="IMAGENET1K_V1"):
        models.published("alexnet", "IMAGENET1K_V9")


def test_the_classes() -> None:
    names = models.imagenet_classes()
    assert len(names) == 1000
    assert (names[0], names[1], names[207], names[281], names[999]) == ("tench", "goldfish", "golden retriever", "tabby", "toilet tissue")


def test_published_weights_are_fetched_once(small_squeezenet: dict[str, np.ndarray]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = models.create("squeezenet1_1", weights="imagenet")
    for name, tensor in model.state_dict().items():
        assert tensor.numpy().tobytes() == small_squeezenet[name].tobytes()
    models.create("squeezenet1_1", weights="IMAGENET1K_V1")
    assert len(Quiet.asked) == 1
    for file in pretrained.cache_folder().iterdir():
        file.write_bytes(b"damaged")
    models.create("squeezenet1_1", weights="imagenet")  # noticed, and fetched again
    assert len(Quiet.asked) == 2


def test_a_wrong_file_on_the_server(small_squeezenet: dict, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (file,) = (tmp_path / "server").iterdir()
    file.write_bytes(b"something else")
    with pytest.raises(DataError, match="wrong checksum"):
        models.create("squeezenet1_1", weights="imagenet")
    assert list(pretrained.cache_folder().iterdir()) == []


def test_other_classes(small_squeezenet: dict[str, np.ndarray]) -> None:
    """The classifier is new and said to be; everything else is the published weights'."""
    with pytest.warns(UserWarning, match=r"new.*classifier\.1\.weight, classifier\.1\.bias.*1000 classes"):
        model = models.create("squeezenet1_1", weights="imagenet", num_classes=3)
    for name, tensor in model.state_dict().items():
        same = tensor.shape == small_squeezenet[name].shape and (tensor.numpy() == small_squeezenet[name]).all()
        assert same == (not name.startswith("classifier"))
    assert model(mt.zeros(1, 3, 64, 64)).shape == (1, 3)


def test_what_does_not_suit(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    weights.save(path, models.create("squeezenet1_1", **SMALL, num_classes=10))
    with pytest.raises(WeightsError, match="do not suit"):
        models.create("squeezenet1_1", weights=path)  # another width: that is not another number of classes
    with pytest.raises(WeightsError, match="do not suit"):
        models.create("squeezenet1_1", weights=path, in_channels=1, **SMALL)
    with pytest.raises(WeightsError, match="do not suit"):
        models.create("lenet5", weights=path)
    with pytest.raises(WeightsError, match="cannot be read"):
        models.create("lenet5", weights=tmp_path / "nothing.pth")
    with pytest.raises(ValueError, match="weights: got 'IMAGENET1K_V7', which is neither a file nor one of IMAGENET1K_V1, IMAGENET1K_V2"):
        models.create("resnet50", weights="IMAGENET1K_V7")
    with pytest.raises(ValueError, match="no published weights"):
        models.create("lenet5", weights="imagenet")


def test_auxiliary_classifiers(tmp_path: Path) -> None:
    """A model without them takes weights that have them, and the other way round; both are said."""
    for having, lacking in ((True, False), (False, True)):
        path = tmp_path / "weights.pth"
        weights.save(path, models.create("googlenet", width=0.125, num_classes=5, aux_logits=having))
        message = "left out.*aux1, aux2" if having else r"new.*aux1\.conv"
        with pytest.warns(UserWarning, match=message):
            model = models.create("googlenet", weights=path, width=0.125, num_classes=5, aux_logits=lacking)
        assert (model.conv1.conv.weight.numpy() == weights.load(path)["conv1.conv.weight"]).all()


def test_densenets_old_names(tmp_path: Path) -> None:
    """torchvision's DenseNet files say `norm.1.weight` where the layers are called norm1 now."""
    model = models.create("densenet121", **models.entry("densenet121").small)
    old = {}
    for name, tensor in model.state_dict().items():
        for layer in ("norm", "conv"):
            for number in "12":
                if "denselayer" in name:
                    name = name.replace(f"{layer}{number}.", f"{layer}.{number}.")
        if not name.endswith("num_batches_tracked"):  # which files from before PyTorch 0.4.1 lack
            old[name] = tensor
    assert any("denselayer1.norm.1.weight" in name for name in old)
    weights.save(tmp_path / "old.pth", old)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = models.create("densenet121", weights=tmp_path / "old.pth", **models.entry("densenet121").small)
    assert all((again.state_dict()[name].numpy() == tensor.numpy()).all() for name, tensor in model.state_dict().items())


def test_classifier(small_squeezenet: dict, photo: Path, tmp_path: Path) -> None:
    model, preprocessing, classes = models.classifier("squeezenet1_1")
    assert preprocessing == Preprocessing(64, 56)
    assert classes == models.imagenet_classes()
    (result,) = classify_images(model, preprocessing, classes, [photo], top=3)
    assert [guess["class"] for guess in result["predictions"]] == [classes[guess["index"]] for guess in result["predictions"]]
    logits = model(mt.from_numpy(preprocessing(Image.open(photo)))).numpy()[0].astype(np.float64)
    expected = np.exp(logits) / np.exp(logits).sum()
    assert result["predictions"][0]["probability"] == pytest.approx(expected.max())
    assert result["predictions"][0]["index"] == expected.argmax()
    (ten,) = classify_images(model, preprocessing, classes, [photo], top=1000, ten_crop=True)
    assert sum(guess["probability"] for guess in ten["predictions"]) == pytest.approx(1)
    assert ten["predictions"][0]["probability"] != result["predictions"][0]["probability"]


def test_classifier_of_a_file(tmp_path: Path) -> None:
    """The number of classes is read off the weights."""
    model = models.create("lenet5", num_classes=7)
    weights.save(tmp_path / "mine.safetensors", model)
    found, preprocessing, classes = models.classifier("lenet5", tmp_path / "mine.safetensors")
    assert classes == ["0", "1", "2", "3", "4", "5", "6"]
    assert preprocessing.crop == 32
    x = mt.randn(2, 1, 32, 32)
    assert (found(x).numpy() == model.eval()(x).numpy()).all()


def test_predict(small_squeezenet: dict, photo: Path) -> None:
    def call(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["predict", *arguments, str(photo)], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    printed = call("--model", "squeezenet1_1", "--weights", "imagenet", "--top", "3")
    assert printed.count("%") == 3
    assert "photo.png" in printed
    (one,), (ten,) = (json.loads(call("--model", "squeezenet1_1", "--json", *more)) for more in ((), ("--ten-crop",)))
    assert len(one["predictions"]) == 5
    assert one["predictions"] != ten["predictions"]
    result = CliRunner().invoke(app, ["predict", "--weights", "imagenet", str(photo)])
    assert result.exit_code == 1
    assert "--model" in result.stderr
    result = CliRunner().invoke(app, ["predict", "--model", "squeezenet1_1", str(photo) + "x"])
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)


def test_freeze() -> None:
    model = models.create("resnet18", **models.entry("resnet18").small)
    names = nn.utils.freeze(model, ["conv1.*", "bn1.*", "layer1.*"])
    assert names == [name for name, _ in model.named_parameters() if name.split(".")[0] in ("conv1", "bn1", "layer1")]
    assert all(parameter.requires_grad != (name in names) for name, parameter in model.named_parameters())
    model.train()
    nn.utils.hold_frozen_norms(model)
    assert not model.bn1.training
    assert not model.layer1[0].bn1.training
    assert model.layer2[0].bn1.training
    for pattern in ("layer9.*", "bn1"):
        with pytest.raises(ValueError, match=pattern.replace("*", r"\*")):
            nn.utils.freeze(model, ["fc.*", pattern])
    assert model.fc.weight.requires_grad  # nothing is frozen where one of the patterns matches nothing

"""The command line, in this process: whole runs on a few digits, and every way to ask for nonsense."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import kernels
import minitorch_cv as mt
import models
from minitorch_cv.cli import app
from minitorch_cv.data import load
from minitorch_cv.training.run_folder import RunFolder

TIMING = ("images_per_second", "seconds")


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def fails(*arguments: str | Path, status: int = 1) -> str:
    """The sentence on standard error of a call that must fail without a traceback."""
    result = call(*arguments)
    assert result.exit_code == status, result.output
    return result.stderr


def train(folder: Path, *arguments: str | Path) -> Result:
    result = call("train", "--limit", "200", "--epochs", "2", "--out", folder, *arguments)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(autouse=True)
def same_threads() -> Iterator[None]:
    """`--threads` is for the whole process: the next test finds what this one found."""
    threads = mt.get_num_threads()
    yield
    mt.set_num_threads(threads)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with a best checkpoint, shared by the tests that only read it."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    train(folder, "--validation", "0.2", "--augment")
    return folder


def test_the_run_folder(run_dir: Path) -> None:
    lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    for line in lines:
        assert set(line) == {
            "epoch", "train_loss", "train_top1", "validation_loss", "validation_top1", "validation_top5", "test_loss",
            "test_top1", "test_top5", "lr", "images_per_second", "seconds",
        }  # fmt: skip
        assert 0 <= line["test_top1"] <= line["test_top5"] <= 1
    assert (run_dir / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.suffix for path in (run_dir / "checkpoints").iterdir()) == [".json", ".json", ".safetensors", ".safetensors"]


def test_the_config_says_everything(run_dir: Path) -> None:
    config = json.loads((run_dir / "config.json").read_text())
    assert config["model"] == "lenet5"
    assert config["model_options"] == {"in_channels": 1, "num_classes": 10}
    assert config["images"] | {"crc32": 0} == {"train": 160, "validation": 40, "test": 360, "crc32": 0}
    assert (config["limit"], config["validation"], config["seed"], config["backend"]) == (200, 0.2, 0, kernels.current_backend())
    assert config["recipe"]["epochs"] == 2
    assert config["recipe"]["augment"] is True
    assert set(config["environment"]) >= {"minitorch_cv", "python", "numpy", "numba", "cpu", "cpu_features", "blas", "threads"}
    assert config["threads"] == config["environment"]["threads"] == mt.get_num_threads()


def test_the_same_command_gives_the_same_bits(run_dir: Path, tmp_path: Path) -> None:
    train(tmp_path / "again", "--validation", "0.2", "--augment")
    for name in ("last", "best"):
        one, other = (models.load_run(folder, name).state_dict() for folder in (run_dir, tmp_path / "again"))
        assert all(one[key].numpy().tobytes() == other[key].numpy().tobytes() for key in one)

    def metrics(folder: Path) -> list[dict[str, Any]]:
        return [{key: line[key] for key in line if key not in TIMING} for line in RunFolder(folder).read_metrics()]

    assert metrics(run_dir) == metrics(tmp_path / "again")


def test_options_reach_the_training(tmp_path: Path) -> None:
    result = train(
        tmp_path / "run", "lenet5_relu", "--data", "digits", "--batch-size", "50", "--optimizer", "adamw",
        "--lr", "0.002", "--weight-decay", "0.1", "--schedule", "cosine", "--seed", "3", "--backend", "numpy", "--threads", "1",
        "--no-augment",
    )  # fmt: skip
    config = RunFolder(tmp_path / "run").read_config()
    assert (config.model, config.image_size, config.seed, config.backend, config.threads) == ("lenet5_relu", (28, 28), 3, "numpy", 1)
    recipe = config.recipe
    assert (recipe.batch_size, recipe.optimizer, recipe.lr, recipe.momentum, recipe.weight_decay) == (50, "adamw", 0.002, 0.0, 0.1)
    assert recipe.schedule == "cosine"
    assert RunFolder(tmp_path / "run").read_metrics()[0]["lr"] == pytest.approx(0.002 * (1 + np.cos(np.pi * 3 / 8)) / 2)
    assert "adamw lr 0.002 weight decay 0.1, schedule cosine; seed 3, 1 threads, numpy" in result.output


def test_augmentation_joins_the_recipes(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train(folder, "--augmentation", "mixup=0.2", "--augmentation", "randaugment=[1, 5]", "--augmentation", "crop=0")
    recipe = RunFolder(folder).read_config().recipe
    assert recipe.augment
    assert recipe.augmentation == {"crop": 0, "mixup": 0.2, "randaugment": [1, 5]}
    again = ("train", "--resume", "--out", folder, "--augmentation")
    assert call(*again, "mixup=0.2").exit_code == 0
    assert "--augmentation mixup=0.3 --augmentation randaugment=[1,5] contradicts the run" in fails(*again, "mixup=0.3")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("mixer=1", "--augmentation: got 'mixer', expected one of crop, resized_crop, "),
        ("flip", "--augmentation: got 'flip', expected flip= and a number, a list of numbers, true or false"),
        ("mixup=-1", "augmentation: mixup cannot be -1: alpha: got -1, expected a positive number"),
    ],
)
def test_augmentation_that_makes_no_sense(tmp_path: Path, value: str, message: str) -> None:
    assert message in fails("train", "--limit", "50", "--out", tmp_path / "run", "--augmentation", value)
    assert not (tmp_path / "run").exists()


def test_resume_after_the_end(run_dir: Path) -> None:
    before = {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file() and path.suffix != ".png"}
    result = call("train", "--resume", "--out", run_dir, "--epochs", "2")
    assert result.exit_code == 0
    assert f"finished: {run_dir}" in result.output
    assert all(path.read_bytes() == content for path, content in before.items())


def test_resume_warns_of_another_environment(run_dir: Path, tmp_path: Path) -> None:
    config = json.loads((run_dir / "config.json").read_text())
    config["environment"] |= {"cpu": "z80", "numba": "0.1"}
    (tmp_path / "config.json").write_text(json.dumps(config | {"recipe": config["recipe"] | {"epochs": 1}}))
    result = call("train", "--resume", "--out", tmp_path)  # no checkpoint yet: from the beginning
    assert result.exit_code == 0
    assert "warning: the run began in another environment: type of CPU (" in result.output
    assert ", was z80), Numba (" in result.output


def test_resume_with_other_data(run_dir: Path, tmp_path: Path) -> None:
    config = json.loads((run_dir / "config.json").read_text())
    config["images"]["crc32"] += 1
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert "the images of digits are not those that the run began with" in fails("train", "--resume", "--out", tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "5"], "--epochs 5 contradicts the run, which was begun with --epochs 2"),
        (["resnet20"], "model resnet20 contradicts the run"),
        (["--no-augment"], "--no-augment contradicts the run, which was begun with --augment"),
        (["--threads", "7"], "--threads 7 contradicts the run"),
        (["--data-dir", "/tmp"], "--data-dir /tmp contradicts the run, which was begun with no --data-dir"),
    ],
)
def test_resume_with_a_contradiction(run_dir: Path, arguments: Sequence[str], message: str) -> None:
    assert message in fails("train", "--resume", "--out", run_dir, *arguments)


def test_nonsense(run_dir: Path, tmp_path: Path) -> None:
    assert "already holds a run" in fails("train", "--out", run_dir)
    assert "--resume: say which run" in fails("train", "--resume")
    assert "holds no run: it has no config.json" in fails("train", "--resume", "--out", tmp_path)
    new = tmp_path / "new"
    for arguments, message in [
        (["resnet19"], "model: got 'resnet19', expected one of"),
        (["--data", "imagenet"], "--data: got 'imagenet', expected cifar10, cifar100, digit_scenes"),
        (["--data", "folder"], "--data folder: say which folder, by --data-dir"),
        (["--data-dir", "somewhere"], "--data-dir: the digits come with scikit-learn and lie nowhere else"),
        (["--epochs", "0"], "epochs: got 0, expected at least 1"),
        (["--lr", "-1"], "lr: got -1.0"),
        (["--limit", "0"], "--limit: got 0, expected at least 1"),
        (["--validation", "1.5"], "--validation: got 1.5"),
        (["--limit", "1", "--validation", "0.9"], "leave no training images"),
        (["--optimizer", "lion"], "optimizer: got 'lion', expected one of sgd, nesterov, adam, adamw, adamax"),
        (["--schedule", "warm"], "schedule: got 'warm', expected one of constant"),
        (["--backend", "cuda"], "got 'cuda', expected one of numpy, numba"),
        (["--threads", "100000"], "threads: got 100000"),
        (["--threads", "0"], "--threads: got 0"),
        (["--seed", "-1"], "--seed: got -1"),
        (["--seed", str(2**64)], "--seed: got 18446744073709551616, expected 0 to 2**64 - 1"),
        (["--data", "mnist", "--data-dir", str(tmp_path)], "MNIST"),
    ]:
        assert message in fails("train", "--out", new, *arguments)
        assert not new.exists()
    fails("train", "--epochs", "many", status=2)
    fails("fly", status=2)


def test_an_exploding_loss_stops(tmp_path: Path) -> None:
    error = fails("train", "lenet5_relu", "--data", "digits", "--limit", "200", "--epochs", "3", "--lr", "1e18", "--out", tmp_path / "run")
    assert "error: epoch " in error
    assert "it began in " in error
    assert (tmp_path / "run" / "config.json").exists()


def test_eval(run_dir: Path) -> None:
    last = RunFolder(run_dir).read_metrics()[-1]
    result = call("eval", run_dir, "--json")
    assert result.exit_code == 0
    data = json.loads(result.stdout)
    # The numbers of the last epoch, to the last bit.
    assert all(data[key] == last[key] for key in ("test_loss", "test_top1", "test_top5"))
    assert (data["model"], data["data"], data["test_images"], data["checkpoint"]) == ("lenet5", "digits", 360, "last")
    text = call("eval", run_dir, "--checkpoint", "best").output
    assert "360 test images of digits, checkpoint best" in text
    assert "top-1" in text


def test_eval_of_what_is_not_there(run_dir: Path, tmp_path: Path) -> None:
    assert "holds no run" in fails("eval", tmp_path)
    assert "there is no checkpoint 'first'" in fails("eval", run_dir, "--checkpoint", "first")


def digit_image(folder: Path, number: int, **options: Any) -> Path:
    from PIL import Image

    path = folder / f"digit-{number}.png"
    image = Image.fromarray(load("digits", train=False).images[number, :, :, 0])
    image.convert(options.get("mode", "L")).resize(options.get("size", (32, 32))).save(path)
    return path


def test_predict(run_dir: Path, tmp_path: Path) -> None:
    paths = [digit_image(tmp_path, 3), digit_image(tmp_path, 5, mode="RGB", size=(64, 64))]
    result = call("predict", run_dir, *paths, "--json")
    assert result.exit_code == 0
    data = json.loads(result.stdout)
    assert [entry["image"] for entry in data] == [str(path) for path in paths]
    model = models.load_run(run_dir)
    pixels = load("digits", train=False).images[3:4].transpose(0, 3, 1, 2) / np.float32(255)
    logits = model(mt.from_numpy(pixels)).numpy()[0].astype(np.float64)
    expected = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    first = data[0]["predictions"]
    assert [guess["index"] for guess in first] == np.argsort(-expected)[:5].tolist()
    assert [guess["probability"] for guess in first] == pytest.approx(np.sort(expected)[::-1][:5].tolist(), rel=1e-4)
    assert all(guess["class"] == str(guess["index"]) for guess in first)
    text = call("predict", run_dir, paths[0]).output
    assert str(paths[0]) in text
    assert text.count("%") == 5


def test_temperature(run_dir: Path, tmp_path: Path) -> None:
    path = digit_image(tmp_path, 3)

    def probabilities(temperature: str) -> np.ndarray:
        output = call("predict", run_dir, path, "--json", "--temperature", temperature).stdout
        return np.array([guess["probability"] for guess in json.loads(output)[0]["predictions"]])

    cold, usual, hot = probabilities("0.5"), probabilities("1"), probabilities("4")
    assert cold[0] > usual[0] > hot[0]
    np.testing.assert_allclose(np.log(cold / cold[0]), 2 * np.log(usual / usual[0]), rtol=1e-6)
    assert probabilities("5e-324").tolist() == [1, 0, 0, 0, 0]
    assert "temperature: got 0.0, expected a positive number" in fails("predict", run_dir, path, "--temperature", "0")


def test_images_that_cannot_be_read(run_dir: Path, tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "text.png").write_text("no picture")
    whole = digit_image(tmp_path, 1).read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    assert "missing.png: there is no such file" in fails("predict", run_dir, tmp_path / "missing.png")
    assert "text.png cannot be read as an image" in fails("predict", run_dir, tmp_path / "text.png")
    Image.fromarray(np.zeros((5, 6), np.float32)).save(tmp_path / "float.tif")
    assert "float.tif has more than 16 bits" in fails("predict", run_dir, tmp_path / "float.tif")
    assert "half.png cannot be read as an image" in fails("predict", run_dir, tmp_path / "half.png")


def test_a_folder_of_images(tmp_path: Path) -> None:
    """Colours and two classes: the model is built to fit."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for name, colour in (("red", (200, 0, 0)), ("blue", (0, 0, 200))):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(10):
            pixels = np.clip(np.array(colour) + rng.integers(0, 50, (20, 30, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{number}.png")
    options = ["--data-dir", tmp_path / "data", "--epochs", "3", "--batch-size", "4", "--out", tmp_path / "run"]
    result = call("train", "lenet5", "--data", "folder", *options)
    assert result.exit_code == 0, result.output
    assert "lenet5 has no recipe for folder: the one for digits is used" in result.output
    config = RunFolder(tmp_path / "run").read_config()
    assert config.classes == ("blue", "red")
    assert config.model_options == {"in_channels": 3, "num_classes": 2}
    assert RunFolder(tmp_path / "run").read_metrics()[-1]["test_top1"] == 1.0
    data = json.loads(call("predict", tmp_path / "run", tmp_path / "data" / "red" / "0.png", "--json").stdout)
    assert [guess["class"] for guess in data[0]["predictions"]] == ["red", "blue"]


def test_a_damaged_checkpoint(run_dir: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "damaged"
    shutil.copytree(run_dir, folder)
    (arrays,) = (folder / "checkpoints").glob("last-*.safetensors")
    arrays.write_bytes(arrays.read_bytes()[:-100])
    for arguments in (["train", "--resume", "--out", folder], ["eval", folder], ["predict", folder, "x.png"]):
        assert f"{arrays} is damaged" in fails(*arguments)
    assert call("eval", folder, "--checkpoint", "best").exit_code == 0


def test_a_config_that_was_edited(run_dir: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "edited"
    shutil.copytree(run_dir, folder)
    config = json.loads((folder / "config.json").read_text())
    for change, message in [
        ({"model_options": config["model_options"] | {"depth": 3}}, "the model lenet5 cannot be made: options: lenet5 has no option depth"),
        ({"model_options": config["model_options"] | {"in_channels": 3}}, " does not suit the "),
    ]:
        (folder / "config.json").write_text(json.dumps(config | change))
        for arguments in (["train", "--resume", "--out", folder], ["eval", folder]):
            sentence = fails(*arguments).splitlines()
            assert len(sentence) == 1
            assert message in sentence[0]

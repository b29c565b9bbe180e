"""The files of a run: config.json and metrics.jsonl."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from minitorch_cv.training.config import Config, absolute
from minitorch_cv.training.errors import RunError
from minitorch_cv.training.recipe import Recipe
from minitorch_cv.training.run_folder import RunFolder

CONFIG = Config(
    model="lenet5", model_options={"in_channels": 1, "num_classes": 2}, image_size=(32, 32), classes=("a", "b"),
    data="digits", data_dir=None, limit=100, validation=None, images={"train": 100, "test": 20, "crc32": 5}, seed=0,
    threads=2, backend="numba", environment={"python": "3"},
    recipe=Recipe(epochs=3, batch_size=10, lr=0.1, schedule_options={"x": 1}, mean=(0.1,), std=(0.2,)),
)  # fmt: skip


def test_config_round_trip(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "deep" / "run")
    folder.create(CONFIG)
    assert folder.read_config() == CONFIG


def test_a_folder_holds_one_run(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.create(CONFIG)
    with pytest.raises(RunError, match=r"already holds a run .*config.json.*--resume"):
        folder.create(CONFIG)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="is a file, a folder is expected"):
        RunFolder(tmp_path / "file").create(CONFIG)


def test_no_config(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"holds no run: it has no config.json"):
        RunFolder(tmp_path).read_config()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("not json", "config.json cannot be read"),
        ({"format": 2}, "not a configuration of format 1"),
        ([], "not a configuration of format 1"),
        ({"surprise": 1}, "missing or unknown entries: surprise"),
        ({"recipe": {"epochs": 0, "batch_size": 1, "lr": 0.1}}, "config.json: epochs: got 0"),
        ({"threads": "2"}, "config.json: threads: got '2'"),
        ({"limit": 1.5}, "config.json: limit: got 1.5"),
        ({"classes": "ab"}, "config.json: classes: got 'ab'"),
        ({"model_options": []}, r"config.json: model_options: got \[\]"),
        ({"model_options": {"in_channels": 1, "num_classes": 3}}, "num_classes is 3, but there are 2 classes"),
        ({"environment": None}, "config.json: environment: got None"),
        ({"seed": True}, "config.json: seed: got True"),
        ({"recipe": 5}, "config.json: "),
    ],
)
def test_damaged_config(tmp_path: Path, change: Any, message: str) -> None:
    text = change if isinstance(change, str) else json.dumps({**CONFIG.as_data(), **change} if change else [])
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(RunError, match=message):
        RunFolder(tmp_path).read_config()


def test_contradictions_name_the_option() -> None:
    nothing = dict.fromkeys(CONFIG.options())
    CONFIG.require_no_contradiction(nothing)
    CONFIG.require_no_contradiction(nothing | {"epochs": 3, "model": "lenet5", "augment": False, "limit": 100})
    for given, message in [
        ({"epochs": 5}, "--epochs 5 contradicts the run, which was begun with --epochs 3"),
        ({"model": "resnet20"}, "model resnet20 contradicts the run, which was begun with model lenet5"),
        ({"augment": True}, "--augment contradicts the run, which was begun with --no-augment"),
        ({"batch_size": 20}, "--batch-size 20 contradicts .* --batch-size 10"),
        ({"data_dir": "/somewhere"}, "--data-dir /somewhere contradicts .* no --data-dir"),
        ({"validation": 0.1}, "--validation 0.1 contradicts .* no --validation"),
    ]:
        with pytest.raises(RunError, match=message):
            CONFIG.require_no_contradiction(nothing | given)


def test_the_data_folder_may_be_spelled_differently(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = replace(CONFIG, data_dir=absolute("data"))
    nothing = dict.fromkeys(config.options())
    config.require_no_contradiction(nothing | {"data_dir": Path("data/../data")})


def line(epoch: int) -> dict[str, Any]:
    return {"epoch": epoch, "train_loss": 0.1 * epoch, "lr": 1e-17}


def test_metrics(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.read_metrics() == []
    folder.cut_metrics(0)
    for epoch in (1, 2, 3):
        folder.append_metrics(line(epoch))
    assert folder.read_metrics() == [line(1), line(2), line(3)]
    untouched = folder.metrics_file.read_bytes()
    folder.cut_metrics(3)
    assert folder.metrics_file.read_bytes() == untouched
    folder.cut_metrics(2)
    assert folder.read_metrics() == [line(1), line(2)]


@pytest.mark.parametrize("rest", [b'{"epoch": 3, "tr', b"{", json.dumps(line(3)).encode()])
def test_an_incomplete_line_is_cut(tmp_path: Path, rest: bytes) -> None:
    folder = RunFolder(tmp_path)
    for epoch in (1, 2):
        folder.append_metrics(line(epoch))
    complete = folder.metrics_file.read_bytes()
    folder.metrics_file.write_bytes(complete + rest)
    assert folder.read_metrics() == [line(1), line(2)]
    folder.cut_metrics(2)
    assert folder.metrics_file.read_bytes() == complete


def test_damaged_metrics(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.append_metrics(line(1))
    with pytest.raises(RunError, match=r"metrics.jsonl is damaged: 1 epochs in it, 2 expected"):
        folder.cut_metrics(2)
    folder.metrics_file.write_bytes(b"nonsense\n" + folder.metrics_file.read_bytes())
    with pytest.raises(RunError, match=r"metrics.jsonl is damaged: a line of it is not JSON"):
        folder.cut_metrics(1)


@pytest.mark.parametrize("text", [b"5\n", b"{}\n", b'{"epoch": "1"}\n'])
def test_metrics_that_are_no_epochs(tmp_path: Path, text: bytes) -> None:
    folder = RunFolder(tmp_path)
    folder.metrics_file.write_bytes(text)
    with pytest.raises(RunError, match=r"metrics.jsonl is damaged: a line of it is not an object"):
        folder.cut_metrics(1)


def test_one_process_trains(tmp_path: Path) -> None:
    """Another process holds the run until it is killed."""
    code = "import sys; from minitorch_cv.training.run_folder import RunFolder\nwith RunFolder(sys.argv[1]).lock(): print('held'); input()"
    command = [sys.executable, "-u", "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(RunError, match="another process is training in"), RunFolder(tmp_path).lock():
            pass
        process.kill()
    with RunFolder(tmp_path).lock():
        pass

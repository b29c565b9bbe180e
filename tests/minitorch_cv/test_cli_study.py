"""The commands that look at models without running them: models, summary, compare."""

import json
import sys
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner, Result

import models
from minitorch_cv.cli import app, common
from minitorch_cv.cli.catalogue import markdown
from minitorch_cv.cli.compare import compare

DOCS = Path(__file__).parent.parent.parent / "docs"


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def fails(*arguments: str | Path) -> str:
    result = call(*arguments)
    assert result.exit_code == 1, result.output
    return result.stderr


# --- models


def test_models() -> None:
    rows = json.loads(call("models", "--json").stdout)
    assert [row["name"] for row in rows] == models.list_models()
    row = next(row for row in rows if row["name"] == "lenet5")
    assert row | {"paper": ""} == {
        "name": "lenet5", "parameters": 61_706, "macs": 416_520, "input": [1, 32, 32], "recipes": ["digits", "mnist", "fashion_mnist"],
        "paper": "",
    }  # fmt: skip


def test_models_by_pattern_in_the_order_of_history() -> None:
    lines = call("models", "resnet2?", "lenet5*", "vgg16").stdout.splitlines()[1:]
    names = [line.split()[0] for line in lines if line.split()[1:] and line.split()[1].replace(",", "").isdigit()]
    assert names == ["lenet5", "lenet5_relu", "vgg16", "resnet20"]
    assert any("269,722" in line and "40,551,040" in line for line in lines)
    assert "pattern: got 'renset*', which matches none of the" in fails("models", "renset*")
    assert "--markdown: got it beside resnet*" in fails("models", "--markdown", "resnet*")


def test_the_page_of_all_models_is_up_to_date() -> None:
    page = (DOCS / "models.md").read_text(encoding="utf-8")
    assert page == markdown(), "run: minitorch-cv models --markdown > docs/models.md"
    assert call("models", "--markdown").stdout == page


# --- summary


def test_summary() -> None:
    text = call("summary", "resnet20").stdout
    assert "layer3.2.conv2" in text
    assert "269,722 parameters, 40,551,040 multiply-adds" in text
    data = json.loads(call("summary", "resnet20", "--json").stdout)
    assert data["name"] == "resnet20"
    assert data["totals"]["macs"] == 40_551_040
    first = data["layers"][0]
    assert (first["path"], first["type"], first["output_shape"], first["parameters"]) == ("conv1", "Conv2d", [1, 16, 32, 32], 432)
    assert first["receptive_field"]["width"] == {"size": 3, "stride": 1, "offset": 0, "whole": False}


def test_summary_with_options_and_another_input() -> None:
    options = ["--option", "width=0.5", "--option", "cifar=true", "--input", "1,32,32"]
    data = json.loads(call("summary", "mobilenet_v1", *options, "--json").stdout)
    assert data["input_shape"] == [1, 1, 32, 32]
    assert data["layers"][0]["output_shape"] == [1, 16, 32, 32]
    assert data["layers"][0]["parameters"] == 16 * 9  # the model has got one input channel


def test_summary_of_a_run(tmp_path: Path) -> None:
    result = call("train", "lenet5", "--data", "digits", "--limit", "50", "--epochs", "1", "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    data = json.loads(call("summary", tmp_path / "run", "--json").stdout)
    assert data["totals"]["parameters"] == 61_706
    assert data["input_shape"] == [1, 1, 32, 32]
    assert "holds no run" in fails("summary", tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["renset20"], "model: got 'renset20', expected one of"),
        (["resnet20", "--input", "32,32"], "--input: got '32,32', expected C,H,W such as 3,224,224"),
        (["resnet20", "--input", "3,0,32"], "--input: got '3,0,32'"),
        (["resnet20", "--option", "wings=2"], "options: resnet20 has no option wings"),
        (["resnet20", "--option", "width=wide!"], "--option: got 'width=wide!'"),
        (["vgg16", "--input", "3,16,16"], "--input: vgg16 cannot take images of 3 x 16 x 16: "),
    ],
)
def test_summary_of_nonsense(arguments: list[str], message: str) -> None:
    sentence = fails("summary", *arguments)
    assert message in sentence
    assert len(sentence.splitlines()) == 1


# --- compare


def test_compare(tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    data = json.loads(call("compare", "vgg16", "alexnet", "mobilenet_v1", "--out", picture, "--json").stdout)
    assert data["picture"] == str(picture)
    assert picture.read_bytes()[:4] == b"\x89PNG"
    rows = data["models"]
    assert [row["name"] for row in rows] == ["alexnet", "mobilenet_v1", "vgg16"]  # the most accurate one last
    assert rows[0] | {"activation_bytes": 0, "top1_per_gmac": 0} == {
        "name": "alexnet", "year": 2012, "input": [3, 224, 224], "parameters": 61_100_840, "macs": 714_188_480, "activation_bytes": 0,
        "top1": 56.522, "top1_per_gmac": 0, "source": "torchvision, IMAGENET1K_V1",
    }  # fmt: skip
    assert rows[0]["top1_per_gmac"] == pytest.approx(56.522 / 0.71418848)
    text = call("compare", "alexnet", "--out", picture).stdout
    assert "61,100,840" in text
    assert str(picture) in text


def test_compare_depthwise_separable_with_standard_convolutions(tmp_path: Path) -> None:
    """Howard et al. 2017, table 4: 4866 million multiply-adds become 569 million."""
    separable, standard = (
        json.loads(call("compare", name, "--out", tmp_path / "picture.png", "--json").stdout)["models"][0]
        for name in ("mobilenet_v1", "mobilenet_v1:separable=false")
    )
    assert standard["macs"] / 1e6 == pytest.approx(4866, abs=2)
    assert round(separable["macs"] / 1e6) == 569
    assert 8.5 < standard["macs"] / separable["macs"] < 9
    assert standard["top1"] is None  # published accuracies are those of the usual form
    assert round(standard["parameters"] / 1e6, 1) == 29.3


def test_compare_without_accuracies(tmp_path: Path) -> None:
    text = call("compare", "resnet2?", "--out", tmp_path / "picture.png").stdout
    assert "no picture" in text
    assert not (tmp_path / "picture.png").exists()
    assert "matches none" in fails("compare", "renset20")
    assert "error: " in fails("compare", "alexnet", "--out", tmp_path / "picture.sculpture")
    assert f"error: {tmp_path / 'none' / 'a.png'}: No such file" in fails("compare", "alexnet", "--out", tmp_path / "none" / "a.png")


@pytest.mark.parametrize(("width", "missing"), [(160, []), (80, ["published by", "memory", "year", "input"])])
def test_a_table_in_a_narrow_window(
    width: int, missing: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Columns are left out, and no number is cut off."""
    monkeypatch.setattr(common, "console", lambda: Console(width=width, color_system=None))
    compare(["alexnet", "inception_resnet_v2", "mobilenet_v1"], tmp_path / "picture.png")
    text = capsys.readouterr().out
    for part in ("61,100,840", "13,155,794,016", "inception_resnet_v2", "56.52 %", "124.1"):
        assert part in text
    assert "…" not in text
    assert all(len(line.rstrip()) <= width for line in text.splitlines() if str(tmp_path) not in line)
    assert ("not shown in a window of 80 columns: " + ", ".join(missing) in text) == bool(missing)


def test_who_reads_the_output_may_leave(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """As in `minitorch-cv models | head -1`."""
    monkeypatch.setattr("sys.stdout", sys.stdout)  # to be put back
    with pytest.raises(typer.Exit) as caught, common.errors_as_sentences():
        raise BrokenPipeError(32, "Broken pipe")
    assert caught.value.exit_code == 141
    assert capfd.readouterr().err == ""

"""Summaries: totals against outside numbers, rows against what a real run does, receptive fields against published ones."""

import json

import numpy as np
import pytest
import zoo

import minitorch_cv as mt
import minitorch_cv.functional as F
import models
from minitorch_cv import nn
from minitorch_cv.study import summary
from minitorch_cv.study.receptive_field import RULES, everywhere, rule_of
from minitorch_cv.study.summary import in_bytes

QUICK = ("alexnet", "vgg16_bn", "googlenet", "resnet18", "densenet121", "mobilenet_v2", "squeezenet1_0")


def of(name: str, **options):
    return summary(zoo.on_meta(name, options), models.entry(name).input_shape)


def check_totals(reference: str) -> None:
    known = zoo.references()[reference]
    totals = summary(zoo.on_meta(known["model"], known["options"]), known["input"]).totals
    assert (totals.parameters, totals.macs) == (known["params"], known["macs"])


@pytest.mark.parametrize("reference", QUICK)
def test_totals_equal_outside_numbers(reference: str) -> None:
    check_totals(reference)


@pytest.mark.full
@pytest.mark.parametrize("reference", [name for name in zoo.references() if name not in QUICK])
def test_totals_of_all_models_equal_outside_numbers(reference: str) -> None:
    check_totals(reference)


def test_a_model_of_another_precision() -> None:
    """What it costs is counted as for float32."""
    model = zoo.on_meta("lenet5")
    single = summary(model, (1, 32, 32)).totals
    assert summary(model.to(np.float64), (1, 32, 32)).totals == single


@pytest.mark.full
@pytest.mark.parametrize("name", models.list_models())
def test_the_rows_of_every_model(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every function on the way from image to output has a rule, and every row something to say."""
    without_rule = set()

    def rule(function):
        found = rule_of(function)
        if found is everywhere:
            without_rule.add(function.__name__)
        return found

    monkeypatch.setattr("minitorch_cv.study.receptive_field.rule_of", rule)
    result = of(name)
    assert not without_rule
    assert result.totals.macs == models.entry(name).macs
    assert sum(row.parameters for row in result.rows) + result.totals.unused_parameters == models.entry(name).parameters
    assert all(row.flops >= 2 * row.macs for row in result.rows)
    assert result.totals.flops < 2.25 * result.totals.macs
    fields = [row.receptive_field for row in result.rows if row.receptive_field]
    assert len(fields) == len(result.rows)
    assert all(0 < line["size"] < 10_000 for field in fields for line in field.values())


class Net(nn.Module):
    """A module that calls functions itself, uses a layer twice, and has a parameter of its own and a part that does not run."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.twice = nn.Conv2d(8, 8, 1, bias=False)
        self.scale = nn.Parameter(mt.ones(8, 1, 1))
        self.dropout = nn.Dropout(0.5)
        self.unused = nn.Linear(10, 10)
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        x = self.dropout(self.twice(self.twice(F.relu(self.conv(x)))))
        return self.fc(F.flatten((x * self.scale).mean((2, 3)), 1))


def test_rows() -> None:
    model = Net()
    result = summary(model, (3, 6, 4))
    rows = [(row.path, row.type, row.output_shape, row.parameters, row.macs, row.flops, row.activation_bytes) for row in result.rows]
    places = 8 * 6 * 4
    assert rows == [
        ("conv", "Conv2d", (1, 8, 6, 4), 8 * 27 + 8, places * 27, places * 55, 4 * places),
        ("", "relu", (1, 8, 6, 4), 8, 0, places, 4 * places),
        ("twice", "Conv2d", (1, 8, 6, 4), 64, places * 8, places * 16, 4 * places),
        ("twice", "Conv2d", (1, 8, 6, 4), 0, places * 8, places * 16, 4 * places),
        ("dropout", "Dropout", (1, 8, 6, 4), 0, 0, 0, 0),
        ("", "mul", (1, 8, 6, 4), 0, 0, places, 4 * places),
        ("", "sum", (1, 8), 0, 0, places, 32),
        ("", "div", (1, 8), 0, 0, 8, 32),
        ("fc", "Linear", (1, 5), 45, 40, 85, 20),
    ]
    assert result.totals.unused_parameters == 110
    assert result.totals.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert result["fc"].receptive_field["height"] == {"size": 6, "stride": 0, "offset": 2.5, "whole": True}
    with pytest.raises(KeyError, match="'fc2' is no layer that ran"):
        result["fc2"]


def test_the_model_stays_as_it_is() -> None:
    model = Net().train()
    seen = []
    model.conv.register_forward_hook(lambda *_: seen.append(1))
    model.fc.weight.requires_grad_(False)
    before = {key: value.numpy().copy() for key, value in model.state_dict().items()}
    assert str(summary(model, (3, 8, 8))) == str(summary(model, (1, 3, 8, 8)))
    assert seen == []
    assert model.training
    assert not model.fc.weight.requires_grad
    assert model.conv.weight.grad is None
    assert all(np.array_equal(before[key], value.numpy()) for key, value in model.state_dict().items())
    model(mt.zeros(1, 3, 8, 8))
    assert seen == [1]


def test_hooks_that_are_part_of_the_model() -> None:
    """Methods of its modules run on the copy, and see the copy's modules."""

    class Remembering(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)
            self.shape = None
            self.conv.register_forward_hook(self.remember)

        def remember(self, module, args, output):
            self.shape = output.shape

        def forward(self, x):
            return self.conv(x).reshape(self.shape[0], -1)

    model = Remembering()
    assert summary(model, (1, 5, 5)).rows[-1].output_shape == (1, 2, 3, 3)
    assert model.shape is None


def test_a_batch_costs_as_many_times_more() -> None:
    one, five = (summary(Net(), (N, 3, 8, 8)).totals for N in (1, 5))
    assert (five.macs, five.flops, five.activation_bytes) == (5 * one.macs, 5 * one.flops, 5 * one.activation_bytes)
    assert five.parameters == one.parameters


@pytest.mark.parametrize(
    ("layer", "shape", "flops"),
    [
        (nn.BatchNorm2d(4), (4, 5, 6), 2 * 120),
        (nn.LayerNorm(6), (4, 5, 6), 7 * 120),
        (nn.GroupNorm(2, 4), (4, 5, 6), 7 * 120),
        (nn.LocalResponseNorm(5), (4, 5, 6), 10 * 120),
        (nn.MaxPool2d(3, 2), (4, 7, 7), 9 * 36),
        (nn.AvgPool2d(2), (4, 6, 6), 4 * 36),
        (nn.AdaptiveAvgPool2d(1), (4, 5, 6), 120),
        (nn.AdaptiveAvgPool2d(2), (1, 3, 4), (2 * 2 + 2 * 2) * 2),  # rows 0-1, 1-2; columns 0-1, 2-3
        (nn.Softmax(1), (4, 5, 6), 5 * 120),
        (nn.GELU(), (4, 5, 6), 120),
        (nn.Upsample(scale_factor=2), (4, 5, 6), 0),
        (nn.ConvTranspose2d(4, 3, 2, 2), (4, 5, 6), 2 * (4 * 30) * (3 * 4) + 3 * 120),
        (nn.Conv2d(4, 8, 3, groups=2, bias=False), (4, 5, 6), 2 * (8 * 12) * (2 * 9)),
        (nn.ZeroPad2d(1), (4, 5, 6), 0),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_flops(layer: nn.Module, shape: tuple[int, ...], flops: int) -> None:
    assert summary(nn.Sequential(layer), shape).totals.flops == flops


def test_depthwise_separable_against_standard() -> None:
    """Nearly nine times fewer multiply-adds for 3x3: 1/OC + 1/9 of them (Howard et al. 2017, section 3.1)."""
    for channels in (64, 512):
        standard = summary(nn.Conv2d(channels, channels, 3, padding=1), (channels, 14, 14)).totals.macs
        pair = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, groups=channels), nn.Conv2d(channels, channels, 1))
        separable = summary(pair, (channels, 14, 14)).totals.macs
        assert separable / standard == pytest.approx(1 / channels + 1 / 9)
    assert 8.8 < standard / separable < 9


# What papers and A. Araujo et al. (Computing Receptive Fields of Convolutional Neural Networks, Distill 2019) state.
@pytest.mark.parametrize(
    ("name", "path", "size", "stride"),
    [
        ("alexnet", "features.10", 163, 16),
        ("alexnet", "features.12", 195, 32),
        ("vgg16", "features.30", 212, 32),
        ("inception_v4", "features.21", 2071, 32),
        ("resnet18", "layer4.1.bn2", 435, 32),
        ("resnet50", "layer4.2.bn3", 427, 32),  # 483 where the stride is in the first 1x1 convolution, as in the paper, not in the 3x3
        ("mobilenet_v1", "blocks.4.1.bn2", 315, 32),
        ("inception_v3", "Mixed_7c", 1311, 32),
    ],
)
def test_published_receptive_fields(name: str, path: str, size: int, stride: int) -> None:
    row = [row for row in of(name).rows if row.path == path][-1]
    for line in row.receptive_field.values():
        assert (line["size"], line["stride"], line["whole"]) == (size, stride, False)


def test_a_gate_sees_the_whole_image() -> None:
    result = of("seresnet50")
    gated = [row for row in result.rows if row.receptive_field and row.receptive_field["height"]["whole"]]
    assert gated[0].output_shape[2:] == (1, 1)  # the means of the first squeeze
    assert all(row.receptive_field["height"]["size"] == 224 for row in gated)
    assert gated[-1].path == result.rows[-1].path


def test_data_and_text() -> None:
    result = summary(nn.Sequential(nn.Conv2d(1, 2, (3, 5)), nn.Flatten()), (1, 8, 9))
    data = json.loads(json.dumps(result.as_data()))
    assert data["layers"][0]["receptive_field"]["width"]["size"] == 5
    assert data["totals"]["parameters"] == 32
    text = str(result)
    assert "3 x 5" in text
    assert "32 parameters, 900 multiply-adds" in text
    assert [in_bytes(n) for n in (0, 1023, 1536, 5 << 20, 3 << 30)] == ["0 B", "1023 B", "1.5 KB", "5.0 MB", "3.00 GB"]


@pytest.mark.parametrize("size", [(3, 32), (1, 1, 3, 32, 32), (3, 32, 0), (3, 32.0, 32)])
def test_sizes_that_are_none(size: tuple) -> None:
    with pytest.raises(ValueError, match=r"input_size: got .*, expected \(C, H, W\) or \(N, C, H, W\)"):
        summary(Net(), size)


def test_rules_know_their_functions() -> None:
    """Rules for a class hold for those that inherit from it."""
    assert all(rule_of(type("Child", (function,), {})) is rule for function, rule in RULES.items())


def test_what_is_no_model() -> None:
    with pytest.raises(TypeError, match="model: got str, expected a module"):
        summary("resnet18", (3, 64, 64))  # type: ignore[arg-type]


def test_names_of_functions() -> None:
    """As users call them; what they have no name for is described."""

    class Many(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.part = nn.Conv2d(3, 3, 1)

        def forward(self, x):
            x = F.max_pool2d(F.relu6(self.part(x)), 2)
            return F.log_softmax(F.adaptive_avg_pool2d(F.relu(x), 1), 1)

    types = [row.type for row in summary(Many(), (3, 6, 4)).rows]
    assert types == ["Conv2d", "piecewise_linear", "max_pool2d", "relu", "adaptive_avg_pool2d", "log_softmax"]

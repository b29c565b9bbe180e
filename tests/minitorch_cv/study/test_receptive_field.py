"""Receptive fields against gradients: a pixel is seen where the gradient of a result with respect to it is not zero."""

import numpy as np
import pytest

import minitorch_cv as mt
import minitorch_cv.functional as F
from minitorch_cv import nn
from minitorch_cv.autograd.modes import switched
from minitorch_cv.study import summary
from minitorch_cv.study.receptive_field import ReceptiveFields


class Lambda(nn.Module):
    """A function of its parts as a network; its parts are numbered."""

    def __init__(self, function, *parts):
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.function = function

    def forward(self, x):
        return self.function(x, *self.parts)


def conv(*args, **options):
    return nn.Conv2d(1, 1, *args, bias=False, **options)


NETWORKS = {
    "convolution": nn.Sequential(conv(3), conv(5, padding=2), conv(3, stride=2, padding=1), conv(3)),
    "unused border": nn.Sequential(conv(3, stride=2), conv(3, stride=2, padding=1), conv(3, padding=1)),
    "other along the width": nn.Sequential(conv((1, 7), padding=(0, 3)), conv((5, 1), stride=(1, 2)), conv(3, dilation=(1, 2))),
    "dilated": nn.Sequential(conv(3, padding=1), conv(3, dilation=2, padding=2), conv(2, dilation=3)),
    "pooling": nn.Sequential(conv(3, padding=1), nn.AvgPool2d(3, 2, 1), conv(3, padding=1), nn.AvgPool2d(2, ceil_mode=True)),
    "branches": Lambda(lambda x, a, b, c: c(F.cat([a(x), b(x)], 1).sum(1, keepdim=True)), conv(3, padding=1), conv(5, padding=2), conv(2)),
    "shortcut": Lambda(lambda x, a, b: F.relu(b(F.relu(a(x))) + x[:, :, ::2, ::2]), conv(3, stride=2, padding=1), conv(3, padding=1)),
    "transposed": nn.Sequential(conv(3, stride=2, padding=1), nn.ConvTranspose2d(1, 1, 4, 2, 1, bias=False), conv(3)),
    "transposed with gaps": nn.Sequential(conv(3, stride=2), nn.ConvTranspose2d(1, 1, 2, 2, bias=False), conv(2, padding=1)),
    "nearest": nn.Sequential(conv(3, stride=2, padding=1), nn.Upsample(scale_factor=2), conv(3, padding=1)),
    "bilinear": nn.Sequential(conv(3, stride=2, padding=1), nn.Upsample(scale_factor=3, mode="bilinear"), conv(3, padding=1)),
    "mirrored": nn.Sequential(nn.ReflectionPad2d(2), conv(5), nn.ReplicationPad2d(1), conv(3, stride=2)),
    "listed": Lambda(lambda x, a, b: b(a(x)[:, :, np.abs(np.arange(-2, 11))][:, 0:1, :, np.arange(9, -1, -1)]), conv(3), conv(3)),
    "cropped": Lambda(lambda x, a, b: b(F.pad(a(x)[:, :, 1:-2, 3:], (0, -2, 1, 1))), conv(3), conv(3)),
    "adaptive": nn.Sequential(conv(3), nn.AdaptiveAvgPool2d((4, 5))),
    "global": nn.Sequential(conv(3, stride=3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 2, bias=False)),
    "gate": Lambda(lambda x, a, b: b(a(x) * a(x).mean((2, 3), keepdim=True)), conv(3, stride=3), conv(3, padding=1)),
    "flattened": nn.Sequential(conv(3, stride=3), nn.Flatten(), nn.Linear(30, 4, bias=False)),
    "channels last": Lambda(
        lambda x, a, b, c: c(b(a(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)), conv(3), nn.Linear(1, 1, bias=False), conv(3, padding=1)
    ),
    "shuffled by hand": Lambda(
        lambda x, a: a(F.cat([x, x], 1).reshape(1, 2, 1, *x.shape[2:]).transpose(1, 2).reshape(1, 2, *x.shape[2:]).sum(1, keepdim=True)),
        conv(3),
    ),
    "shuffled": Lambda(lambda x, a: a(F.channel_shuffle(F.cat([x, x], 1), 2).mean(1, keepdim=True)), conv(3)),
    "pixels to channels": Lambda(
        lambda x, a, b: F.pixel_shuffle(b(F.pixel_unshuffle(a(x), 2)), 2), conv((2, 3)), nn.Conv2d(4, 4, 1, bias=False)
    ),
}  # fmt: skip

SIZE = (15, 18)
GAPS = {"dilated", "other along the width"}  # the field is an interval: between its ends a dilated kernel leaves pixels out


def positive(model: nn.Module) -> nn.Module:
    for parameter in model.parameters():
        parameter.data[...] = 1.0
    return model.eval()


@pytest.mark.parametrize("name", NETWORKS)
def test_every_position_sees_what_its_gradient_reaches(name: str) -> None:
    model = positive(NETWORKS[name])
    image = mt.ones(1, 1, *SIZE).requires_grad_()
    fields = ReceptiveFields(image)
    with switched(observer=fields.observe):
        output = model(image)
    height, width = fields.of(output)
    rows, columns = output.shape[2:] if output.ndim == 4 else (1, 1)
    assert (len(height), len(width)) in {(rows, columns), (1, 1)}
    for number in range(max(rows, columns)):  # every row and every column once
        row, column = number % rows, number % columns
        image.grad = None
        (output[:, :, row, column] if output.ndim == 4 else output).sum().backward(retain_graph=True)
        reached = image.grad.numpy()[0, 0] != 0
        along_height, along_width = reached.any(1).nonzero()[0], reached.any(0).nonzero()[0]
        for line, seen, position in ((height, along_height, row), (width, along_width, column)):
            position = position if len(line) > 1 else 0
            assert (line.first[position], line.last[position]) == (seen[0], seen[-1])
        if name not in GAPS:
            assert reached[along_height[0] : along_height[-1] + 1, along_width[0] : along_width[-1] + 1].all()


@pytest.mark.parametrize("name", ["convolution", "dilated", "pooling", "branches", "shortcut", "channels last"])
def test_size_stride_and_offset(name: str) -> None:
    """Far from the borders, exact fields are windows of the stated size at the stated places."""
    model = positive(NETWORKS[name])
    image = mt.ones(1, 1, 90, 90).requires_grad_()
    fields = ReceptiveFields(image)
    with switched(observer=fields.observe):
        output = model(image)
    for line in fields.of(output):
        stated = line.described()
        inside = [i for i in range(len(line)) if line.first[i] > 0 and line.last[i] < 89]
        assert len(inside) > 8
        for i in inside:
            assert line.last[i] - line.first[i] + 1 == stated["size"]
            assert (line.first[i] + line.last[i]) / 2 == stated["offset"] + i * stated["stride"]


@pytest.mark.parametrize("name", ["transposed", "nearest", "bilinear"])
def test_enlarged_maps(name: str) -> None:
    """Neighbours see windows of different sizes: the largest is stated, and the mean of the distances from one to the next."""
    image = mt.ones(1, 1, 90, 90).requires_grad_()
    fields = ReceptiveFields(image)
    with switched(observer=fields.observe):
        output = positive(NETWORKS[name])(image)
    (line, _), stated = fields.of(output), fields.of(output)[0].described()
    inside = [i for i in range(len(line)) if line.first[i] > 0 and line.last[i] < 89]
    sizes = {int(line.last[i] - line.first[i] + 1) for i in inside}
    assert max(sizes) == stated["size"]
    middles = [(line.first[i] + line.last[i]) / 2 - stated["offset"] - i * stated["stride"] for i in inside]
    assert max(map(abs, middles)) <= 1.5
    assert abs(sum(middles) / len(middles)) < 0.2


def test_a_function_without_a_rule_sees_everything() -> None:
    class Sorted(nn.Module):
        def forward(self, x):
            return F.sort(x, -1)[0]

    row = summary(nn.Sequential(conv(3), Sorted()), (1, 8, 8)).rows[-1]
    assert row.receptive_field["height"] == {"size": 8, "stride": 0, "offset": 3.5, "whole": True}


def test_what_does_not_depend_on_the_image_sees_nothing() -> None:
    model = Lambda(lambda x, a: a(mt.ones(1, 1, 4, 4)), conv(3))
    assert summary(model, (1, 8, 8)).rows[0].receptive_field is None

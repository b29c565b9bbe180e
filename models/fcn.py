"""Fully convolutional networks, the first that were trained end to end to say of every pixel what it belongs to.

J. Long, E. Shelhamer, T. Darrell: Fully Convolutional Networks for Semantic Segmentation. CVPR 2015, arXiv:1411.4038.

New in it: a classifier's linear layers become convolutions, so that it takes images of any size and gives a map of classes; transposed
convolutions, which start as bilinear interpolation, bring the map back to the size of the image. Finer maps from inside the network
are scored, too, and added: "what" from the depth, "where" from the surface. All is learnt from whole images, starting from VGG-16.

    fcn32s   scores of the last map (1/32), enlarged 32 times
    fcn16s   enlarged twice, plus scores of pool4, enlarged 16 times
    fcn8s    that enlarged twice, plus scores of pool3, enlarged 8 times

The paper's table 1 counts 134 million parameters: VGG-16's without its last layer, 134,260,544. Beside them here: the scores, and the
transposed convolutions, which are full ones (every class to every class), as in the authors' files: 1,806,336 for fcn32s.

Keys are the names of the authors' Caffe files: conv1_1 to conv5_3, fc6, fc7, score_fr, score_pool3, score_pool4, upscore (fcn32s), upscore2
and upscore16 (fcn16s), upscore2, upscore_pool4 and upscore8 (fcn8s).
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from minitorch_cv.autograd import no_grad
from minitorch_cv.inference.dense import as_convolution
from minitorch_cv.training.recipe import Recipe
from models.blocks import narrow
from models.registry import register

PAPER = "Long, Shelhamer and Darrell 2015, Fully Convolutional Networks for Semantic Segmentation"

STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # VGG-16: channels and number of convolutions; pooling after each stage
HIDDEN = 4096  # of fc6 and fc7
UPWARDS = {  # what enlarges the scores, one after the other: how many times they are doubled
    "fcn32s": {"upscore": 5},
    "fcn16s": {"upscore2": 1, "upscore16": 4},
    "fcn8s": {"upscore2": 1, "upscore_pool4": 1, "upscore8": 3},
}


class FCN(nn.Module):
    """VGG-16 as a network for segmentation: images (N, in_channels, H, W) of any size -> logits (N, num_classes, H, W).

    upwards: what enlarges the scores. width: multiplies the channels. dropout: after fc6 and fc7.
    padding: of the first convolution. The authors' 100 gives fc6, whose 7x7 taps have no padding, a map to see even of small images.
        NOTE: 1 is for what is usual today: fc6 is padded by 3 instead, which costs a third at 224x224.
    """

    def __init__(
        self, upwards: Mapping[str, int], in_channels: int = 3, num_classes: int = 21, *, width: float = 1.0, dropout: float = 0.5,
        padding: int = 100,
    ) -> None:  # fmt: skip
        super().__init__()
        if padding not in (1, 100):
            raise ValueError(f"padding: got {padding}, expected 100, or 1 for a padded fc6")
        self.upwards, self.padding = upwards, padding
        channels = [in_channels, *(narrow(full, width) for full, _ in STAGES)]
        for stage, (_, count) in enumerate(STAGES, 1):
            for index in range(1, count + 1):
                before, border = channels[stage - (index == 1)], padding if stage == index == 1 else 1
                self.add_module(f"conv{stage}_{index}", nn.Conv2d(before, channels[stage], 3, padding=border))
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        hidden = narrow(HIDDEN, width)
        self.fc6 = nn.Conv2d(channels[-1], hidden, 7, padding=3 if padding == 1 else 0)
        self.fc7 = nn.Conv2d(hidden, hidden, 1)
        self.dropout = nn.Dropout(dropout)
        self.score_fr = nn.Conv2d(hidden, num_classes, 1)
        for stage in range(6 - len(upwards), 5):  # none, 4, or 3 and 4
            self.add_module(f"score_pool{stage}", nn.Conv2d(channels[stage], num_classes, 1))
        for name, doublings in upwards.items():
            factor = 2**doublings
            self.add_module(name, nn.ConvTranspose2d(num_classes, num_classes, 2 * factor, stride=factor, bias=False))
        self.initialise()

    def initialise(self) -> None:
        """He's weights for VGG-16, zeros for the scores (section 4.3 of the paper), bilinear interpolation for what enlarges them."""
        for name, module in self.named_children():
            if isinstance(module, nn.ConvTranspose2d):
                bilinear_(module.weight)
            elif isinstance(module, nn.Conv2d):
                nn.init.zeros_(module.bias)
                if name.startswith("score"):
                    nn.init.zeros_(module.weight)
                else:
                    nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def load_vgg16(self, state: Mapping[str, Tensor | np.ndarray]) -> None:
        """Take over the weights of a VGG-16 without batch norm (its `state_dict`): the convolutions, and two linear layers as convolutions.

        Raises ValueError for the state of another network, RuntimeError where shapes differ.
        """
        theirs = [key.removesuffix(".weight") for key in state if key.endswith(".weight")]
        if len(theirs) != 16 or not {"classifier.0", "classifier.3"} < set(theirs):
            raise ValueError(f"state: got {len(theirs)} layers with weights, expected the 16 of VGG-16, the linear ones in `classifier`")
        ours = [f"conv{stage}_{index}" for stage, (_, count) in enumerate(STAGES, 1) for index in range(1, count + 1)]
        values: dict[str, Any] = {}
        for name, key in zip([*ours, "fc6", "fc7"], theirs[:-1], strict=True):  # the last layer, 1000 classes, is left out
            weight: Any = state[f"{key}.weight"]
            values[f"{name}.weight"] = as_convolution(weight, getattr(self, name).kernel_size) if weight.ndim == 2 else weight
            values[f"{name}.bias"] = state[f"{key}.bias"]
        self.load_state_dict(values, strict=False)

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        H, W = x.shape[2:]
        maps = []
        for stage, (_, count) in enumerate(STAGES, 1):
            for index in range(1, count + 1):
                x = F.relu(getattr(self, f"conv{stage}_{index}")(x))
            x = self.pool(x)
            maps.append(x)
        x = self.dropout(F.relu(self.fc6(x)))
        x = self.dropout(F.relu(self.fc7(x)))
        x = self.score_fr(x)  # (N, K, about H / 32, about W / 32)

        # Where the centre of a map's first place lies in the image, in pixels, tells what to cut off: 19, 27 or 31 in the end.
        stage, origin = 5, self.centre(5) + (0 if self.padding == 1 else 3 * 2**5)
        for name, doublings in self.upwards.items():
            x = getattr(self, name)(x)
            stage -= doublings
            origin -= (2**doublings - 0.5) * 2**stage  # half of the kernel
            if stage:
                finer = getattr(self, f"score_pool{stage}")(maps[stage - 1])
                shift = round((origin - self.centre(stage)) / 2**stage)
                x, finer = x[:, :, max(-shift, 0) :, max(-shift, 0) :], finer[:, :, max(shift, 0) :, max(shift, 0) :]
                origin += max(-shift, 0) * 2**stage
                h, w = map(min, x.shape[2:], finer.shape[2:])
                x = x[:, :, :h, :w] + finer[:, :, :h, :w]
        start = round(-origin)
        return x[:, :, start : start + H, start : start + W]  # (N, K, H, W)

    def centre(self, stage: int) -> float:
        """Which pixel (of a row, from 0) lies under the centre of the first place of the map that a stage ends with."""
        return (2**stage - 1) / 2 - (self.padding - 1)


def bilinear_(weight: Tensor) -> None:
    """Make a transposed convolution (C, C, 2 factor, 2 factor) with stride `factor` the bilinear interpolation of each map."""
    if weight.is_meta:
        return
    size = weight.shape[2]
    line = 1 - np.abs(np.arange(size) - (size - 1) / 2) / (size / 2)
    values = np.eye(weight.shape[0])[:, :, np.newaxis, np.newaxis] * np.outer(line, line)
    with no_grad():
        weight.copy_(Tensor(values.astype(weight.dtype)))


SCENES = Recipe(
    epochs=15, batch_size=16, optimizer="adam", lr=1e-3, schedule="linear", schedule_options={"warmup": 0.1}, augment=True,
    augmentation={"crop": 6, "color_jitter": [0.2, 0.2, 0.2]}, image_size=(64, 64), model_options={"width": 0.125, "padding": 1},
)  # fmt: skip
CLAIMS = {  # parameters, multiply-adds
    "fcn32s": (136_152_917, 62_787_564_288),
    "fcn16s": (134_815_994, 62_826_561_792),
    "fcn8s": (134_489_759, 62_860_657_728),
}

for _name, (_parameters, _macs) in CLAIMS.items():
    register(
        _name, input_shape=(3, 224, 224), parameters=_parameters, macs=_macs, recipes={"digit_scenes": SCENES}, paper=PAPER,
        small={"width": 1 / 32, "padding": 1}, small_input=(3, 32, 32),
    )(partial(FCN, UPWARDS[_name]))  # fmt: skip

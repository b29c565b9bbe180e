"""ResNeXt: what the paper says of its block, and the small form for CIFAR."""

import numpy as np
import zoo

import minitorch_cv as mt
import minitorch_cv.functional as F
from minitorch_cv.testing import assert_close
from models.residual_blocks import Bottleneck


def test_grouped_convolution_is_a_sum_of_paths() -> None:
    """Figure 3: one bottleneck with a grouped convolution (c) computes the sum over separate paths (a)."""
    mt.manual_seed(0)
    groups, d = 4, 3
    block = Bottleneck(32, 8, groups=groups, width_per_group=24).double().eval()
    rng = np.random.default_rng(0)
    block.load_state_dict(  # every entry random, variances positive
        {key: 0.5 + rng.random(value.shape) if "running_var" in key else rng.standard_normal(value.shape)
         for key, value in block.state_dict().items() if "tracked" not in key}, strict=False,
    )  # fmt: skip
    assert block.conv2.weight.shape == (groups * d, d, 3, 3)
    x = mt.from_numpy(rng.standard_normal((2, 32, 5, 5)))

    def normalised(x: mt.Tensor, norm: object, channels: slice) -> mt.Tensor:
        mean, var, weight, bias = (value[channels] for value in (norm.running_mean, norm.running_var, norm.weight, norm.bias))
        return F.batch_norm(x, mean, var, weight, bias, False, 0.1, norm.eps)

    with mt.autograd.no_grad():
        paths = []
        for group in range(groups):
            own = slice(group * d, (group + 1) * d)
            out = F.relu(normalised(F.conv2d(x, block.conv1.weight[own]), block.bn1, own))
            out = F.relu(normalised(F.conv2d(out, block.conv2.weight[own], padding=1), block.bn2, own))
            paths.append(F.conv2d(out, block.conv3.weight[:, own]))
        expected = F.relu(x + normalised(sum(paths), block.bn3, slice(None)))
        assert_close(block(x), expected, 1e-12, "output of the block")


def test_small_form_for_cifar() -> None:
    """Eight paths of four channels at a quarter of the width: the names' 8 x 16d, times 1/4."""
    model = zoo.on_meta("resnext29_8x64d", {"width": 0.25, "width_per_group": 16})
    shapes = [model.get_parameter(f"layer{stage}.0.conv2.weight").shape for stage in (1, 2, 3)]
    assert shapes == [(32, 4, 3, 3), (64, 8, 3, 3), (128, 16, 3, 3)]

"""Compound scaling, and what the blocks of EfficientNet drop."""

import numpy as np
import pytest
import zoo

import minitorch_cv as mt
from minitorch_cv import nn
from models.efficientnet import PUBLISHED, Scaling, compound_scaling, efficientnet
from models.efficientnet_v2 import L, M, S

NAMES = {0.0: "b0", 0.5: "b1", 1.0: "b2", 2.0: "b3", 3.0: "b4", 4.0: "b5", 5.0: "b6", 6.0: "b7"}


def test_published_numbers_and_the_formula() -> None:
    """Up to B3 the published factors are the formula's, to one decimal; from B4 on they are larger."""
    for phi, published in PUBLISHED.items():
        formula = compound_scaling(phi, published=False)
        if phi <= 2:
            assert (round(formula.depth, 1), round(formula.width, 1)) == published[:2]
            assert formula.resolution == pytest.approx(published.resolution, abs=4)
        else:
            assert all(a > b for a, b in zip(published, formula, strict=True))
    assert compound_scaling(0.25) == Scaling(1.2**0.25, 1.1**0.25, round(224 * 1.15**0.25))
    assert compound_scaling(1.0) == PUBLISHED[1.0]


@pytest.mark.parametrize("phi", [1, 2, 3])
def test_cost_grows_as_the_formula_says(phi: int) -> None:
    """The cost of a network scaled by the formula is about 1.92**phi times B0's: rounding to blocks and channels leaves a quarter."""
    scaling = compound_scaling(phi, published=False)
    with mt.device("meta"):
        model = efficientnet(0, width=scaling.width, depth=scaling.depth)
    growth = zoo.count_macs(model, (1, 3, scaling.resolution, scaling.resolution)) / 385_814_752
    assert 1.0 <= growth / (1.2 * 1.1**2 * 1.15**2) ** phi < 1.45


def test_any_phi_makes_a_network() -> None:
    with mt.device("meta"):
        between = sum(p.numel() for p in efficientnet(0.25).parameters())
    assert 5_288_548 < between < 9_109_994


def test_paper_resolution_of_b2() -> None:
    """At 260x260, the paper's, B2 takes the paper's 1.0 billion multiply-adds; the registered 288x288 is torchvision's."""
    assert round(zoo.count_macs(zoo.on_meta("efficientnet_b2"), (1, 3, 260, 260)) / 1e9, 1) == 1.0


@pytest.mark.parametrize(("name", "dropout"), [("b0", 0.2), ("b3", 0.3), ("b5", 0.4), ("b7", 0.5)])
def test_what_differs_between_sizes(name: str, dropout: float) -> None:
    model = zoo.on_meta(f"efficientnet_{name}")
    assert model.classifier[0].p == dropout
    norms = {(m.eps, m.momentum) for m in model.modules() if isinstance(m, nn.BatchNorm2d)}
    assert norms == ({(1e-3, 0.01)} if name in ("b5", "b7") else {(1e-5, 0.1)})


def test_stochastic_depth_grows_linearly() -> None:
    drops = [m.p for m in zoo.on_meta("efficientnet_b0").modules() if isinstance(m, nn.StochasticDepth)]
    np.testing.assert_allclose(drops, 0.2 * np.arange(16) / 16)
    assert {m.p for m in zoo.on_meta("efficientnet_b0", {"stochastic_depth": 0.0}).modules() if isinstance(m, nn.StochasticDepth)} == {0.0}


def test_a_dropped_block_is_its_shortcut() -> None:
    """With probability 1 all residual branches vanish in training, and none in evaluation."""
    mt.manual_seed(0)
    model = efficientnet(0, num_classes=3, width=0.25)
    block = model.features[2][1]
    block.stochastic_depth.p = 1.0
    x = mt.from_numpy(np.random.default_rng(0).standard_normal((2, 8, 6, 6)).astype(np.float32))
    np.testing.assert_array_equal(block.train()(x).numpy(), x.numpy())
    assert np.abs(block.eval()(x).numpy() - x.numpy()).max() > 1e-3


@pytest.mark.parametrize(("stages", "blocks"), [(S, 40), (M, 57), (L, 79)])
def test_stages_of_v2(stages: tuple, blocks: int) -> None:
    """Fused blocks come first, and only they lack the depthwise convolution."""
    assert sum(stage.blocks for stage in stages) == blocks
    fused = [stage.fused for stage in stages]
    assert fused == sorted(fused, reverse=True)
    assert sum(fused) == 3

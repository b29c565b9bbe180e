"""The rule that makes RegNets."""

import numpy as np
import pytest
import zoo

from models.regnet import MODELS, Rule, stages_of

# (channels, blocks) of each stage, as in the paper, but for the first stage of y_8gf and the last of x_400mf, which are torchvision's
STAGES = {
    "regnet_x_400mf": [(32, 1), (64, 2), (160, 7), (400, 12)],
    "regnet_x_3_2gf": [(96, 2), (192, 6), (432, 15), (1008, 2)],
    "regnet_x_8gf": [(80, 2), (240, 5), (720, 15), (1920, 1)],
    "regnet_y_400mf": [(48, 1), (104, 3), (208, 6), (440, 6)],
    "regnet_y_8gf": [(224, 2), (448, 4), (896, 10), (2016, 1)],
    "regnet_y_16gf": [(224, 2), (448, 4), (1232, 11), (3024, 1)],
}


@pytest.mark.parametrize("name", STAGES)
def test_stages(name: str) -> None:
    assert stages_of(MODELS[name][0]) == STAGES[name]


@pytest.mark.parametrize("name", MODELS)
def test_stages_follow_the_line(name: str) -> None:
    """All blocks are there, in whole groups, and the width of each is within a step between stages of the line's."""
    rule = MODELS[name][0]
    stages = stages_of(rule)
    widths = np.repeat([channels for channels, _ in stages], [blocks for _, blocks in stages])
    assert len(widths) == rule.depth
    assert all(channels % min(rule.group, channels) == 0 for channels, _ in stages)
    line = rule.w_0 + rule.w_a * np.arange(rule.depth)
    assert np.abs(np.log(widths / line) / np.log(rule.w_m)).max() < 0.5 + 0.35  # half a step, and what whole groups change


def test_a_rule_without_slope_is_one_stage() -> None:
    assert stages_of(Rule(depth=5, w_0=64, w_a=0.0, w_m=2.0, group=16)) == [(64, 5)]


def test_width_and_depth() -> None:
    """A narrow form has as many groups as the full one."""
    def groups(**options) -> set[int]:
        model = zoo.on_meta("regnet_y_400mf", options)
        return {module.groups for module in model.modules() if getattr(module, "groups", 1) > 1}

    assert groups(width=0.25, depth=0.1) == groups()
    assert [len(stage) for stage in zoo.on_meta("regnet_y_400mf", {"depth": 0.5}).trunk_output] == [1, 2, 3, 3]

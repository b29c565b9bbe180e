"""Freezing: parts of a network that a training leaves as they are."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from minitorch_cv.nn.module import Module
from minitorch_cv.nn.norm import BatchNorm1d, BatchNorm2d, BatchNorm3d


def freeze(model: Module, patterns: str | Sequence[str]) -> list[str]:
    """Freeze the parameters of `model` whose names match a pattern, and return their names.

    patterns: one or several, as for file names: "layer1.*", "*.bias", "conv?.weight", "*" ("*" matches dots too).
    A frozen parameter has requires_grad False: `backward` computes no gradient for it, and less for what comes before it.

    The running statistics of batch norms are buffers, which follow the batches in training mode whether or not weight and bias are frozen.
    A training that means to leave frozen layers as they are calls `hold_frozen_norms(model)` after every `model.train()`.

    Raises ValueError, and freezes nothing, where a pattern matches no parameter.
    """
    patterns = [patterns] if isinstance(patterns, str) else list(patterns)
    parameters = dict(model.named_parameters())
    matched = {pattern: [name for name in parameters if fnmatchcase(name, pattern)] for pattern in patterns}
    for pattern, names in matched.items():
        if not names:
            some = ", ".join(list(parameters)[:3])
            raise ValueError(f"patterns: {pattern!r} matches no parameter of {type(model).__name__}, whose names are like {some}")
    frozen = {name for names in matched.values() for name in names}
    for name in frozen:
        parameters[name].requires_grad_(False)
    return [name for name in parameters if name in frozen]


def hold_frozen_norms(model: Module) -> None:
    """Put the batch norms whose weight and bias are all frozen into evaluation mode, so that their running statistics stay as they are."""
    for module in model.modules():
        if isinstance(module, BatchNorm1d | BatchNorm2d | BatchNorm3d):
            own = list(module.parameters())
            if own and not any(parameter.requires_grad for parameter in own):
                module.eval()

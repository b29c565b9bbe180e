"""The models in the order of history, and the accuracies that were published of them."""

import re
from fnmatch import fnmatchcase
from typing import Any

from minitorch_cv.cli.common import our_models


def entries(patterns: list[str] | None = None) -> list[Any]:
    """The registry's entries, in the order of names: all, or those whose names match one of the patterns (`resnet*`).

    Raises ValueError for a pattern that matches nothing.
    """
    models = our_models()
    names = models.list_models()
    for pattern in patterns or ():
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ValueError(f"pattern: got {pattern!r}, which matches none of the {len(names)} models; `minitorch-cv models` lists them")
    return [models.entry(name) for name in names if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)]


def year(entry: Any) -> int | None:
    """The year of the model's paper."""
    found = re.search(r"\b(19|20)\d\d\b", entry.paper)
    return int(found[0]) if found else None


def by_paper(found: list[Any]) -> dict[str, list[Any]]:
    """Paper -> its models, in the order of history."""
    papers = sorted({entry.paper: year(entry) or 0 for entry in found}.items(), key=lambda item: (item[1], item[0]))
    return {paper: [entry for entry in found if entry.paper == paper] for paper, _ in papers}


def accuracy(entry: Any) -> tuple[float, str] | None:
    """The published top-1 accuracy on ImageNet in percent, and by whom: that of published weights, or else what the registry knows."""
    try:
        weights = our_models().published(entry.name)
    except ValueError:
        return entry.accuracy
    return weights.acc1, f"torchvision, {weights.version}"


def markdown() -> str:
    """The page `docs/models.md`: all models in the order of history."""
    found = entries()
    lines = [
        "# The models",
        "",
        f"All {len(found)} models in the order of their papers. Parameters and multiply-adds (of convolutions and linear layers, for one",
        "image of the stated size, in evaluation mode) are those of the default options; tests hold them.",
        "Top-1 is the published accuracy on ImageNet, of the weights that `weights=\"imagenet\"` names, or else of the paper.",
        "",
        "This page is made by `minitorch-cv models --markdown`.",
    ]
    for paper, members in by_paper(found).items():
        lines += ["", f"## {paper}", "", "| model | parameters | multiply-adds | input | top-1 |", "|---|---:|---:|---:|---:|"]
        for entry in members:
            known = accuracy(entry)
            top1 = f"{known[0]:.2f} %" if known else ""
            size = " x ".join(map(str, entry.input_shape))
            lines.append(f"| `{entry.name}` | {entry.parameters:,} | {entry.macs:,} | {size} | {top1} |")
    return "\n".join(lines) + "\n"

"""`minitorch-cv compare`: accuracy against cost."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from minitorch_cv.cli.common import AsJson, errors_as_sentences, show


def compare(
    patterns: Annotated[list[str] | None, typer.Argument(
        metavar="MODEL...",
        help="Names, patterns ('resnet*'), or names with options (mobilenet_v1:separable=false,width=0.5); if none is given, all models "
        "with a published ImageNet accuracy.",
    )] = None,
    out: Annotated[Path, typer.Option(help="The picture; its ending says the format.")] = Path("accuracy_against_cost.png"),
    as_json: AsJson = False,
) -> None:
    """Models side by side: parameters, multiply-adds, memory, published accuracy, as a table and as a picture."""
    with errors_as_sentences():
        from minitorch_cv import study
        from minitorch_cv.cli import catalogue
        from minitorch_cv.cli.summary import costs_of
        from minitorch_cv.training.named_values import named_values

        candidates = []
        for entry, text in chosen(patterns):
            label, options = f"{entry.name}{text}", named_values(entry.name, filter(None, text[1:].split(",")), words=True)
            accuracy, source = (not text and catalogue.accuracy(entry)) or (None, "")  # what was published is of the usual form
            costs = costs_of(entry.name, options=options)
            candidates.append(study.candidate(label, costs, accuracy, source, catalogue.year(entry)))
        candidates.sort(key=lambda c: (c.accuracy or 0, c.name))
        drawn = any(c.accuracy is not None for c in candidates)
        if drawn:
            study.draw_comparison(candidates, out)
        if as_json:
            print(json.dumps({"picture": str(out) if drawn else None, "models": [c.as_data() for c in candidates]}))
            return
        show(study.comparison_table(candidates), optional=("published by", "memory", "year", "input", "top-1 per GMAC"))
        print(f"\nthe picture: {out}" if drawn else "\nno picture: none of these has a published accuracy on ImageNet")


def chosen(patterns: list[str] | None) -> list[tuple[Any, str]]:
    """(entry of the registry, "" or its options ":name=value,name=value"), each once, in the order asked for."""
    from minitorch_cv.cli import catalogue

    if not patterns:
        return [(entry, "") for entry in catalogue.entries() if catalogue.accuracy(entry)]
    found = {}
    for pattern in patterns:
        name, colon, options = pattern.partition(":")
        for entry in catalogue.entries([name]):
            found[entry.name, colon + options] = entry
    return [(entry, text) for (_, text), entry in found.items()]

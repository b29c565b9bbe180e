"""`minitorch-cv compare`: accuracy against cost."""

import json
from pathlib import Path
from typing import Annotated

import typer

from minitorch_cv.cli.common import AsJson, console, errors_as_sentences


def compare(
    patterns: Annotated[list[str] | None, typer.Argument(
        metavar="MODEL...", help="Names or patterns ('resnet*'); all models with a published ImageNet accuracy if none is given.",
    )] = None,
    out: Annotated[Path, typer.Option(help="The picture; its ending says the format.")] = Path("accuracy_against_cost.png"),
    as_json: AsJson = False,
) -> None:
    """Models side by side: parameters, multiply-adds, memory, published accuracy, as a table and as a picture."""
    with errors_as_sentences():
        from minitorch_cv import study
        from minitorch_cv.cli import catalogue
        from minitorch_cv.cli.summary import costs_of

        chosen = catalogue.entries(patterns)
        if not patterns:
            chosen = [entry for entry in chosen if catalogue.accuracy(entry)]
        candidates = []
        for entry in chosen:
            accuracy, source = catalogue.accuracy(entry) or (None, "")
            candidates.append(study.candidate(entry.name, costs_of(entry.name), accuracy, source, catalogue.year(entry)))
        candidates.sort(key=lambda c: (c.accuracy or 0, c.name))
        drawn = any(c.accuracy is not None for c in candidates)
        if drawn:
            study.draw_comparison(candidates, out)
        if as_json:
            print(json.dumps({"picture": str(out) if drawn else None, "models": [c.as_data() for c in candidates]}))
            return
        console().print(study.comparison_table(candidates))
        print(f"\nthe picture: {out}" if drawn else "\nno picture: none of these has a published accuracy on ImageNet")

"""`minitorch-cv models`: what there is."""

import json
from typing import Annotated

import typer

from minitorch_cv.cli.common import AsJson, errors_as_sentences, show


def list_models(
    patterns: Annotated[list[str] | None, typer.Argument(metavar="PATTERN...", help="Only names like these: 'resnet*' '*_bn'.")] = None,
    as_json: AsJson = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print the page docs/models.md, of all models.")] = False,
) -> None:
    """The models there are, in the order of history, and the data sets that each has a recipe for."""
    with errors_as_sentences():
        from minitorch_cv.cli import catalogue

        if as_markdown:
            if patterns:
                raise ValueError(f"--markdown: got it beside {' '.join(patterns)}, expected no patterns: it is the page of all models")
            print(catalogue.markdown(), end="")
            return
        found = catalogue.entries(patterns)
        if as_json:
            rows = [
                {
                    "name": e.name, "parameters": e.parameters, "macs": e.macs, "input": list(e.input_shape), "recipes": list(e.recipes),
                    "paper": e.paper,
                }
                for e in found
            ]  # fmt: skip
            print(json.dumps(rows))
            return
        from rich.table import Table

        table = Table(box=None, pad_edge=False)
        for name in ("model", "parameters", "multiply-adds", "input"):
            table.add_column(name, justify="left" if name == "model" else "right", no_wrap=True)
        table.add_column("recipes")
        table.add_column("paper", min_width=30)
        for paper, members in catalogue.by_paper(found).items():
            for e in members:
                size = " x ".join(map(str, e.input_shape))
                papers = paper if e is members[0] else ""  # said once
                table.add_row(e.name, f"{e.parameters:,}", f"{e.macs:,}", size, ", ".join(e.recipes), papers)
        show(table, optional=("paper",))

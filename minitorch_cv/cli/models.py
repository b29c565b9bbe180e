"""`minitorch-cv models`: what there is."""

import json

from minitorch_cv.cli.common import AsJson, console, errors_as_sentences, our_models


def list_models(as_json: AsJson = False) -> None:
    """The models there are, and the data sets that each has a recipe for."""
    with errors_as_sentences():
        models = our_models()
        entries = [models.entry(name) for name in models.list_models()]
        if as_json:
            rows = [
                {"name": e.name, "parameters": e.parameters, "input": list(e.input_shape), "recipes": list(e.recipes), "paper": e.paper}
                for e in entries
            ]
            print(json.dumps(rows))
            return
        from rich.table import Table

        table = Table("model", "parameters", "input", "recipes", "paper", box=None, pad_edge=False)
        table.columns[1].justify = "right"
        for e in entries:
            table.add_row(e.name, f"{e.parameters:,}", " x ".join(map(str, e.input_shape)), ", ".join(e.recipes), e.paper)
        console().print(table)

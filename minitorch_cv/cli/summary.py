"""`minitorch-cv summary`: what a model is made of, and what it costs."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from minitorch_cv.cli.common import AsJson, errors_as_sentences, our_models, show


def summary(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A name from `minitorch-cv models`, or the folder of a training run.")],
    input_size: Annotated[str | None, typer.Option("--input", metavar="C,H,W", help="Of an image; the model's own if not given.")] = None,
    option: Annotated[list[str] | None, typer.Option(
        metavar="NAME=VALUE", help="An option of the model: width=0.5, cifar=true, ... Several times for several.",
    )] = None,
    as_json: AsJson = False,
) -> None:
    """Every layer of a model: output, parameters, multiply-adds, FLOPs, memory, and what it sees of the image; and the totals."""
    with errors_as_sentences():
        from minitorch_cv.training.named_values import named_values

        costs = costs_of(model, as_size(input_size), named_values("--option", option or (), words=True))
        if as_json:
            print(json.dumps({"name": model, **costs.as_data()}))
        else:
            show(costs.table(), optional=("offset", "stride", "FLOPs", "type", "memory"))
            print(f"\n{costs.totals_text()}")


def as_size(text: str | None) -> tuple[int, int, int] | None:
    """"3,224,224" as (3, 224, 224). ValueError for anything else."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 3 or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ValueError(f"--input: got {text!r}, expected C,H,W such as 3,224,224")
    C, H, W = map(int, parts)
    return C, H, W


def costs_of(name: str, input_size: tuple[int, int, int] | None = None, options: dict[str, Any] | None = None) -> Any:
    """The summary of a model of the registry, or of a run folder, which has its own options and size of images.

    Raises ValueError for a name, option or size that does not suit; RunError for a folder without a run.
    """
    import minitorch_cv as mt
    from minitorch_cv import study
    from minitorch_cv.training.run_folder import RunFolder

    models, chosen = our_models(), dict(options or {})
    if name not in models.list_models() and Path(name).is_dir():
        config = RunFolder(name).read_config()
        name, chosen = config.model, {**config.model_options, **chosen}
        usual = chosen.get("in_channels", models.entry(name).input_shape[0]), *config.image_size
    else:
        usual = models.entry(name).input_shape
    size = input_size or usual
    if size[0] != usual[0]:
        chosen.setdefault("in_channels", size[0])
    try:
        with mt.device("meta"):  # for its shapes alone: no memory, no random numbers
            network = models.create(name, **chosen)
    except TypeError as error:
        raise ValueError(str(error)) from error
    try:
        return study.summary(network, size)
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"--input: {name} cannot take images of {' x '.join(map(str, size))}: {error}") from error

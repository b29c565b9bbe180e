"""A run's configuration: everything needed to repeat it. `config.json` is this, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any

from minitorch_cv.training.errors import RunError
from minitorch_cv.training.recipe import Recipe

FORMAT = 1


@dataclass(frozen=True)
class Config:
    """What a run was asked for, with nothing left to defaults, and where it ran.

    model, model_options: for `models.create`. image_size: (H, W) that the model is given.
    classes: names of the classes, in the order of labels.
    data, data_dir: name and place of the data set. limit: only so many training images.
    validation: the part of them that is put aside; None for none.
    images: how many of each kind there are, and a checksum, so that a resumed run notices other data.
    threads, backend: of the kernels. environment: see `environment.describe`.
    weights: what the training began with, for `models.create`: None for fresh weights, a name of published ones, or a file.
    freeze: patterns of the names of parameters that are not trained.
    device, precision, cuda_graph: see `Execution`; the device is where the run was begun, and need not be where it goes on.
    """

    model: str
    model_options: dict[str, Any]
    image_size: tuple[int, int]
    classes: tuple[str, ...]
    data: str
    data_dir: str | None
    limit: int | None
    validation: float | None
    images: dict[str, int]
    recipe: Recipe
    seed: int
    threads: int
    backend: str
    environment: dict[str, Any]
    weights: str | None = None
    freeze: tuple[str, ...] = ()
    device: str = "cpu"
    precision: str = "float32"
    cuda_graph: bool = False

    def as_data(self) -> dict[str, Any]:
        """The configuration as a dictionary that JSON can hold."""
        return {"format": FORMAT, **asdict(self), "recipe": self.recipe.as_data()}

    @classmethod
    def from_data(cls, data: Any, source: str) -> Config:
        """The reverse of `as_data`; `source` names the file in errors. Raises RunError."""
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise RunError(f"{source} is not a configuration of format {FORMAT}")
        values = {key: value for key, value in data.items() if key != "format"}
        names = {field.name for field in fields(cls)}
        needed = {field.name for field in fields(cls) if field.default is MISSING}
        if wrong := (set(values) - names) | (needed - set(values)):
            raise RunError(f"{source}: missing or unknown entries: {', '.join(sorted(wrong))}")
        try:
            values["recipe"] = Recipe.from_data(values["recipe"])
            _check_types(values)
            tuples = {name: tuple(values[name]) for name in ("image_size", "classes", "freeze") if name in values}
            return cls(**{**values, **tuples})
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise RunError(f"{source}: {error}") from error

    def options(self) -> dict[str, Any]:
        """The options of the command line that ask for this run, by their names there."""
        r = self.recipe
        return {
            "model": self.model, "data": self.data, "data_dir": self.data_dir, "epochs": r.epochs, "batch_size": r.batch_size,
            "optimizer": r.optimizer, "lr": r.lr, "momentum": r.momentum, "weight_decay": r.weight_decay, "schedule": r.schedule,
            "ema": r.ema, "augment": r.augment, "augmentation": dict(r.augmentation), "validation": self.validation, "seed": self.seed,
            "threads": self.threads, "backend": self.backend, "limit": self.limit, "label_smoothing": r.label_smoothing,
            "auxiliary_weight": r.auxiliary_weight, "image_size": self.image_size, "model_options": dict(r.model_options),
            "weights": self.weights, "freeze": self.freeze, "precision": self.precision, "cuda_graph": self.cuda_graph,
        }  # fmt: skip

    def require_no_contradiction(self, given: Mapping[str, Any]) -> None:
        """Raise RunError where an option that was given says something else than the configuration; None means not given."""
        recorded = self.options()
        for name, value in given.items():
            if name == "device":  # a run may move
                continue
            if name == "data_dir" and value is not None:
                value = absolute(value)
            if name in ("augmentation", "model_options") and value is not None:  # the options name a part of it
                value = {**recorded[name], **value}
            if value is None or value == recorded[name]:
                continue
            raise RunError(
                f"{_flag(name, value)} contradicts the run, which was begun with {_flag(name, recorded[name])}; "
                "--resume takes everything from its config.json, so leave the option out or begin a new run"
            )


def _check_types(values: Mapping[str, Any]) -> None:
    """Raise ValueError where a value of a configuration, as JSON holds it, is of a wrong kind."""
    def whole(value: Any, lowest: int) -> bool:
        return type(value) is int and value >= lowest  # True is no number

    sizes, classes, options, limit, part = (values[name] for name in ("image_size", "classes", "model_options", "limit", "validation"))
    weights, frozen = values.get("weights"), values.get("freeze", [])
    for name, good, expected in (
        ("model", isinstance(values["model"], str), "a name"),
        ("data", isinstance(values["data"], str), "a name"),
        ("data_dir", values["data_dir"] is None or isinstance(values["data_dir"], str), "a path or null"),
        ("backend", isinstance(values["backend"], str), "a name"),
        ("image_size", isinstance(sizes, list) and len(sizes) == 2 and all(whole(size, 1) for size in sizes), "[height, width]"),
        ("classes", isinstance(classes, list) and all(isinstance(label, str) for label in classes), "a list of names"),
        ("model_options", isinstance(options, dict), "an object"),
        ("limit", limit is None or whole(limit, 1), "a whole number of at least 1, or null"),
        ("validation", part is None or (isinstance(part, float) and 0 < part < 1), "a number between 0 and 1, or null"),
        ("images", isinstance(values["images"], dict), "an object"),
        ("seed", whole(values["seed"], 0) and values["seed"] < 2**64, "0 to 2**64 - 1"),
        ("threads", whole(values["threads"], 1), "a whole number of at least 1"),
        ("environment", isinstance(values["environment"], dict), "an object"),
        ("weights", isinstance(weights, str | None), "a name or a file, or null"),
        ("device", isinstance(values.get("device", ""), str), "a name"),
        ("precision", isinstance(values.get("precision", ""), str), "a name"),
        ("cuda_graph", isinstance(values.get("cuda_graph", False), bool), "true or false"),
        ("freeze", isinstance(frozen, list) and all(isinstance(pattern, str) for pattern in frozen), "a list of patterns"),
    ):
        if not good:
            raise ValueError(f"{name}: got {values.get(name)!r}, expected {expected}")
    if options.get("num_classes") != len(classes):
        raise ValueError(f"model_options: num_classes is {options.get('num_classes')}, but there are {len(classes)} classes")


def absolute(path: str | Path) -> str:
    """A path as `config.json` holds it: the run can be resumed from any folder."""
    return str(Path(path).expanduser().resolve())


def _flag(name: str, value: Any) -> str:
    if name == "model":
        return f"model {value}"
    if name == "image_size":
        return f"--image-size {value[0]} (x {value[1]})" if value[0] != value[1] else f"--image-size {value[0]}"
    if isinstance(value, bool):
        return f"--{'' if value else 'no-'}{name.replace('_', '-')}"
    flag = "--option" if name == "model_options" else f"--{name.replace('_', '-')}"
    if isinstance(value, tuple):
        return " ".join(f"{flag} {entry}" for entry in value) or f"no {flag}"
    if isinstance(value, Mapping):
        return " ".join(f"{flag} {key}={json.dumps(entry, separators=(',', ':'))}" for key, entry in value.items()) or f"no {flag}"
    return f"{flag} {value}" if value is not None else f"no {flag}"

"""All models by name: what they are called, how they are built, what they bring along."""

from __future__ import annotations

import inspect
import math
import numbers
import pkgutil
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from os import PathLike
from typing import Any, TypeVar

from minitorch_cv import device
from minitorch_cv.inference import Preprocessing
from minitorch_cv.nn import Module
from minitorch_cv.training.checkpoint import load_checkpoint
from minitorch_cv.training.choices import check_choice
from minitorch_cv.training.errors import RunError
from minitorch_cv.training.recipe import Recipe
from minitorch_cv.training.run_folder import RunFolder
from minitorch_cv.weights import classes_of, load_into
from models.pretrained import IMAGENET, imagenet_classes, initial, published, versions

# Of a default -> what an option may be instead; numpy's numbers are numbers, too.
KINDS: dict[type, tuple[Any, str]] = {
    bool: (bool, "true or false"), int: (numbers.Integral, "an integer"), float: (numbers.Real, "a number"),
}  # fmt: skip
# What the options of all models mean that have these names.
POSITIVE = ("in_channels", "num_classes", "width", "depth")
PROBABILITIES = ("dropout", "input_dropout", "dropout_aux", "stochastic_depth")

Builder = TypeVar("Builder", bound=Callable[..., Module])


@dataclass(frozen=True)
class Entry:
    """What the registry knows of a model.

    build: makes the model with fresh weights; its keyword arguments are the model's options, among them `in_channels`
        and `num_classes`.
    input_shape: (C, H, W) of one image.
    parameters, macs: how many the model has, and the multiply-adds of its convolutions and linear layers for one such image, in evaluation
        mode; both with its default options. Tests hold the claims.
    recipes: name of a data set -> how to train on it; the first is the data set that is taken when none is named.
    paper: who described it, where.
    small: options that make a narrow and shallow form of the model, for tests: a training step takes a fraction of a second.
    small_input: (C, H, W) of an image for that form.
    accuracy: the published top-1 accuracy on ImageNet in percent (one crop of the centre), and where it was published; None where there
        is none, or where published weights come with theirs (`models.published`).
    """

    name: str
    build: Callable[..., Module]
    input_shape: tuple[int, int, int]
    parameters: int
    macs: int
    recipes: Mapping[str, Recipe]
    paper: str
    small: Mapping[str, Any]
    small_input: tuple[int, int, int]
    accuracy: tuple[float, str] | None = None

    @property
    def default_data(self) -> str:
        return next(iter(self.recipes))

    def recipe(self, data: str, weights: str | None = None) -> Recipe:
        """The recipe for a data set; where there is none, the one for the model's first data set, its pixels not normalised.

        weights: what the training begins with, as for `create`. Published weights know photographs, and the model in its usual form: with
        them every data set has the recipe for folders of photographs.
        """
        if weights is not None and (weights == IMAGENET or weights in versions(self.name)):
            found = published(self.name, weights)
            pixels = {"mean": found.preprocessing.mean, "std": found.preprocessing.std}
            return self.recipes["folder"].with_options(**pixels, model_options=found.options)
        if data in self.recipes:
            return self.recipes[data]
        return self.recipes[self.default_data].with_pixels_as_they_are()


_entries: dict[str, Entry] = {}


def register(
    name: str, *, input_shape: tuple[int, int, int], parameters: int, macs: int, recipes: Mapping[str, Recipe], paper: str,
    small: Mapping[str, Any] | None = None, small_input: tuple[int, int, int] | None = None, accuracy: tuple[float, str] | None = None,
) -> Callable[[Builder], Builder]:  # fmt: skip
    """Decorator: the function below builds the model `name`. The arguments are those of `Entry`.

    Where the models of a file are one class with other numbers, what builds them is `partial(TheClass, the, numbers)`: the keyword
    arguments of the class that are left are the options of the model.

    Raises ValueError where the name is taken.
    """
    def decorate(build: Builder) -> Builder:
        if name in _entries:
            raise ValueError(f"name: the model {name!r} is registered already, by {_entries[name].paper}")
        _entries[name] = Entry(
            name, build, input_shape, parameters, macs, recipes, paper, small or {}, small_input or input_shape, accuracy
        )
        return build
    return decorate


def entry(name: str) -> Entry:
    """What the registry knows of the model `name`. Raises ValueError, naming the models there are, where it is unknown."""
    check_choice("model", name, list_models())
    return _entries[name]


def create(name: str, *, weights: str | PathLike[str] | None = None, **options: Any) -> Module:
    """The model `name`, its first weights drawn from the current random state (`minitorch_cv.manual_seed`), or those of a file.

    weights: None; or the path of a file, .safetensors or PyTorch's .pth; or "imagenet", the published weights (`models.published`), which
        are downloaded once and bring the options that they were trained with. Where `num_classes` is not that of the weights, the
        classifier is new; a UserWarning names all that is new or left out.
    Raises ValueError for an unknown name, TypeError for an option that the model does not have or a value of another type, ValueError for a
    value that makes no sense, WeightsError (a ValueError) for weights that cannot be read or do not suit the model, DataError where a
    download fails.
    """
    build = entry(name).build
    known = inspect.signature(build).parameters
    if unknown := [option for option in options if option not in known]:
        raise TypeError(f"options: {name} has no option {', '.join(unknown)}; it has {', '.join(known)}")
    for option, value in options.items():
        _check_option(option, value, known[option].default)
    if weights is None:
        return build(**options)
    first = initial(name, weights)
    model = build(**{**(first.published.options if first.published else {}), **options})
    num_classes = options.get("num_classes", known["num_classes"].default)
    transfer = load_into(model, first.read(), num_classes)
    if transfer.sentence():
        warnings.warn(f"{name}: {transfer.sentence()}", stacklevel=2)
    return model


def classifier(name: str, weights: str | PathLike[str] = IMAGENET) -> tuple[Module, Preprocessing, Sequence[str]]:
    """(model, preprocessing, names of the classes): all that it takes to classify photographs with the model `name`, ready for evaluation.

    weights: as for `create`. The number of classes is that of the weights; the names are ImageNet's where it is 1,000, else numbers.
    Preprocessing is that of the published weights, also for a file of one's own; the usual one for the model's size where none are
    published. Errors are those of `create`.
    """
    known = entry(name)
    first = initial(name, weights)
    state = first.read()
    options = dict(first.published.options) if first.published else {}
    with device("meta"):
        shapes = create(name, **options)
    default = inspect.signature(known.build).parameters["num_classes"].default
    num_classes = classes_of(shapes, state, default)
    model = known.build(**options, num_classes=num_classes)
    load_into(model, state)
    names = imagenet_classes() if num_classes == 1000 else [str(label) for label in range(num_classes)]
    usual = first.published or (published(name) if versions(name) else None)
    return model.eval(), usual.preprocessing if usual else Preprocessing.usual(known.input_shape[1]), names


def list_models() -> list[str]:
    """The names of all models, numbers in their names in numerical order."""
    _import_all()
    return sorted(_entries, key=lambda name: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)])


def load_run(run_dir: str | PathLike[str], checkpoint: str = "last") -> Module:
    """The model that was trained in the run folder `run_dir`, with its weights, ready for evaluation (`model.eval()`).

    checkpoint: "last", or "best" where the run put training images aside to choose it by (`--validation`).
    Raises `RunError`, with a sentence naming the file, where the folder holds no run or a checkpoint is missing or
    damaged.
    """
    folder = RunFolder(run_dir)
    config = folder.read_config()
    state = load_checkpoint(folder.checkpoints, checkpoint)
    try:
        model = create(config.model, **config.model_options)
    except (TypeError, KeyError, ValueError, RuntimeError) as error:
        raise RunError(f"{folder.config_file}: the model {config.model} cannot be made: {error}") from error
    try:
        model.load_state_dict(state.model)
    except (TypeError, KeyError, ValueError, RuntimeError, AttributeError) as error:
        raise RunError(f"the checkpoint {checkpoint!r} in {folder.checkpoints} does not suit the model {config.model}: {error}") from error
    return model.eval()


def _check_option(option: str, value: Any, default: Any) -> None:
    """Raise TypeError where a value is of another type than the option's default, ValueError where it is not what its name asks for.

    Here for all models, so that "cifar=no" on a command line, a word and therefore true, does not pass, and errors name the option.
    """
    for kind, (types, expected) in KINDS.items():
        if type(default) is kind and not (isinstance(value, types) and isinstance(value, bool) == (kind is bool)):
            raise TypeError(f"{option}: got {value!r}, expected {expected}")
    if option in POSITIVE and not 0 < value < math.inf:
        raise ValueError(f"{option}: got {value}, expected a positive number")
    if option in PROBABILITIES and not 0 <= value <= 1:
        raise ValueError(f"{option}: got {value}, expected a probability between 0 and 1")


@cache
def _import_all() -> None:
    # Importing a file is what registers its models.
    package = __name__.rpartition(".")[0]
    for module in pkgutil.iter_modules(import_module(package).__path__):
        import_module(f"{package}.{module.name}")

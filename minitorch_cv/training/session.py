"""A training from beginning to end: from what was asked for to a configuration, and from a configuration to a finished run.

Models come in from above, as an entry of their registry and as the function that creates them: this floor knows nothing
of `models`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import minitorch_cv as mt
from kernels.backend import BACKENDS, current_backend
from kernels.backend import backend as use_backend
from minitorch_cv.data import list_datasets
from minitorch_cv.nn import Module
from minitorch_cv.nn.utils import freeze
from minitorch_cv.training import environment
from minitorch_cv.training.augmentation import augmentations
from minitorch_cv.training.choices import check_choice
from minitorch_cv.training.config import Config, absolute
from minitorch_cv.training.errors import RunError
from minitorch_cv.training.evaluation import evaluate
from minitorch_cv.training.execution import ON_CPU, Execution, resolved
from minitorch_cv.training.images import Images, evaluation_loader, load_images, load_part, make_loaders
from minitorch_cv.training.loop import Trainer
from minitorch_cv.training.recipe import Recipe
from minitorch_cv.training.reporting import Reporter
from minitorch_cv.training.run_folder import RunFolder

RECIPE_OPTIONS = (
    "epochs", "batch_size", "optimizer", "lr", "momentum", "weight_decay", "schedule", "ema", "augment", "augmentation",
    "label_smoothing", "auxiliary_weight", "image_size", "model_options",
)  # fmt: skip


class ModelEntry(Protocol):
    """What the training needs to know of a model before it exists; `models.entry(name)` is one."""

    name: str
    input_shape: tuple[int, int, int]
    recipes: Mapping[str, Recipe]
    default_data: str

    def recipe(self, data: str, weights: str | None = None) -> Recipe: ...


@dataclass
class Session:
    """A run that is ready to begin, or to go on."""

    config: Config
    images: Images
    folder: RunFolder
    create_model: Callable[..., Module]
    report: Reporter
    execution: Execution = ON_CPU

    def run(self) -> None:
        """Train to the last epoch. Raises RunError where another process is at it; see `Trainer.fit` for what else."""
        from kernels.jit import compile_notices

        config = self.config
        if self.images.train.note:
            self.report.warn(self.images.train.note)
        with self.folder.lock(), use_backend(config.backend), compile_notices(self.report.compiling):
            mt.manual_seed(config.seed)
            weights = None if self.folder.has_checkpoint() else config.weights  # which is to be restored over all that
            try:
                model = _create(self.create_model, config.model, config.model_options, weights, self.report)
                freeze(model, config.freeze)
            except (TypeError, KeyError, ValueError, RuntimeError) as error:
                raise RunError(f"{self.folder.config_file}: the model {config.model} cannot be made: {error}") from error
            loaders = make_loaders(config, self.images)
            trainer = Trainer(model, config.recipe, loaders, self.folder, self.report, self.execution)
            trainer.restore()
            trainer.fit()
            self.report.say(f"finished: {self.folder.path}")


def new_session(
    entry: ModelEntry, given: Mapping[str, Any], folder: RunFolder | None, create_model: Callable[..., Module], report: Reporter
) -> Session:
    """Begin a run of the model `entry` with the options `given` (by their names on the command line; None: not given), in a new folder."""
    data = given["data"] or entry.default_data
    _check(data, given)
    weights, frozen = given.get("weights"), tuple(given.get("freeze") or ())
    recipe = entry.recipe(data, weights).with_options(**{name: given.get(name) for name in RECIPE_OPTIONS})
    if data not in entry.recipes and weights is None:
        report.say(f"{entry.name} has no recipe for {data}: the one for {entry.default_data} is used")
    execution = Execution(resolved(given.get("device")), given.get("precision") or "float32", bool(given.get("cuda_graph")))
    folder = folder or _default_folder(entry.name, data)
    folder.require_no_run()
    threads = given["threads"] or mt.get_num_threads()
    mt.set_num_threads(threads)
    data_dir = absolute(given["data_dir"]) if given["data_dir"] is not None else None
    image_size = recipe.image_size or entry.input_shape[1:]
    images = load_images(data, data_dir, image_size, given["limit"], given["validation"])
    augmentations(recipe, images.train)  # raises what is wrong with them before there is a folder
    of_data = {"in_channels": images.train.image_shape[0], "num_classes": len(images.train.classes)}
    if fixed := of_data.keys() & recipe.model_options.keys():
        raise ValueError(f"--option: got {', '.join(sorted(fixed))}, which the images of {data} settle: leave it out")
    model_options = {**of_data, **recipe.model_options}
    _check_model(create_model, entry.name, model_options, image_size, frozen, images.train.has_masks)
    if weights is not None:
        _create(create_model, entry.name, model_options, weights, Reporter())  # raises what is wrong with them before there is a folder
    config = Config(
        model=entry.name, model_options=model_options,
        image_size=image_size, classes=images.train.classes, data=data, data_dir=data_dir, limit=given["limit"],
        validation=given["validation"], images=images.facts(), recipe=recipe, seed=given["seed"] or 0, threads=threads,
        backend=given["backend"] or current_backend(), environment=environment.describe(threads, execution.device),
        weights=weights, freeze=frozen, device=str(execution.device), precision=execution.precision.name, cuda_graph=execution.cuda_graph,
    )  # fmt: skip
    folder.create(config)
    report.say(f"{entry.name} on {data}: {describe(config)}")
    report.say(f"run folder: {folder.path}")
    return Session(config, images, folder, create_model, report, execution)


def resumed_session(folder: RunFolder, given: Mapping[str, Any], create_model: Callable[..., Module], report: Reporter) -> Session:
    """Go on with the run in `folder`, on another device where one is given.

    Raises RunError where another option that was given contradicts it, or its data changed.
    """
    config = folder.read_config()
    config.require_no_contradiction(given)
    threads = use_threads(config.threads)
    device = resolved(given["device"]) if given.get("device") else config.device
    on_gpu = device != "cpu"
    execution = Execution(device, config.precision if on_gpu else "float32", config.cuda_graph and on_gpu)
    differing = environment.differences(config.environment, environment.describe(threads, execution.device))
    if differing:
        report.warn(f"the run began in another environment: {', '.join(differing)}; its last bits may differ from those of an unbroken run")
    images = load_images(config.data, config.data_dir, config.image_size, config.limit, config.validation)
    if images.facts() != config.images:
        raise RunError(f"the images of {config.data} are not those that the run began with: now {images.facts()}, then {config.images}")
    now = replace(config, device=str(execution.device), precision=execution.precision.name, cuda_graph=execution.cuda_graph)
    report.say(f"going on with {config.model} on {config.data}: {describe(now)}")
    return Session(config, images, folder, create_model, report, execution)


def evaluate_run(
    run_dir: str | os.PathLike[str], model: Module, data_dir: str | os.PathLike[str] | None = None, device: str = "cpu"
) -> dict[str, Any]:
    """`model`, which comes from the run folder, on the test images of its data set: what `metrics.jsonl` says of them."""
    execution = Execution(resolved(device))
    config = RunFolder(run_dir).read_config()
    use_threads(config.threads)
    place = absolute(os.fspath(data_dir)) if data_dir is not None else config.data_dir
    test = load_part(config.data, place, config.image_size, train=False)
    if test.classes != config.classes:
        raise RunError(f"the data in {place} has other classes than the run: {len(test.classes)} of them, {len(config.classes)} in the run")
    with use_backend(config.backend), execution.current():
        metrics = evaluate(model.to(execution.device), evaluation_loader(config, test), execution=execution)
    return {"model": config.model, "data": config.data, "test_images": len(test), **metrics.facts("test")}


def _create(
    create_model: Callable[..., Module], name: str, options: Mapping[str, Any], weights: str | None, report: Reporter
) -> Module:
    """The model with its first weights; what is new in it though there were `weights` is a warning of the report."""
    if weights is None:
        return create_model(name, **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        model = create_model(name, **options, weights=weights)
    for warning in caught:
        report.warn(str(warning.message))
    return model


def _check_model(
    create_model: Callable[..., Module], name: str, options: Mapping[str, Any], image_size: tuple[int, int], frozen: tuple[str, ...],
    masks: bool,
) -> None:  # fmt: skip
    """Raise ValueError where the model cannot be made with these options, cannot take such images, would have nothing to train, or
    segments images that have one label each, or the reverse (masks: whether the labels are masks).

    Found out by shapes alone.
    """
    try:
        with mt.device("meta"):
            model = create_model(name, **options)
    except (TypeError, ValueError) as error:
        raise ValueError(f"--option: {name} cannot be made with {dict(options)}: {error}") from error
    try:
        output = model(mt.empty(2, options["in_channels"], *image_size, device="meta"))
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"--image-size: {name} cannot take images of {image_size[0]} x {image_size[1]}: {error}") from error
    made = (output[0] if isinstance(output, tuple) else output).shape[2:]
    wanted = image_size if masks else ()
    if made != wanted:
        gives, has = (f"labels for {places} pixels" if places else "one label for an image" for places in (made, wanted))
        raise ValueError(f"--data: {name} gives {gives}, but the data has {has}")
    try:
        freeze(model, frozen)
    except ValueError as error:
        raise ValueError(f"--freeze: {error}") from error
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError(f"--freeze: {' '.join(frozen)} leaves nothing of {name} to train")


def use_threads(wanted: int) -> int:
    """Use as many threads as a run did, or as many as this machine allows; returns how many."""
    from numba.core import config as numba_config

    threads = min(wanted, numba_config.NUMBA_NUM_THREADS)
    mt.set_num_threads(threads)
    return threads


def describe(config: Config) -> str:
    """A configuration in one line, for the beginning of a training."""
    r = config.recipe
    counts = ", ".join(f"{count} {name}" for name, count in config.images.items() if name != "crc32")
    begun = f", weights from {config.weights}" if config.weights is not None else ""
    begun += f", frozen: {' '.join(config.freeze)}" if config.freeze else ""
    momentum = f" momentum {r.momentum:g}" if r.momentum else ""
    decay = f" weight decay {r.weight_decay:g}" if r.weight_decay else ""
    averaged = f", averaged with decay {r.ema:g}" if r.ema is not None else ""
    smoothed = f", labels smoothed by {r.label_smoothing:g}" if r.label_smoothing else ""
    form = "".join(f", {name}={value}" for name, value in r.model_options.items())
    changes = ", ".join(name for name, value in r.augmentation.items() if value) if r.augment else ""
    augmented = f", augmented ({changes})" if changes else ""
    return (
        f"{counts} images; {r.epochs} epochs, batches of {r.batch_size}, {r.optimizer} lr {r.lr:g}{momentum}{decay}, "
        f"schedule {r.schedule}{averaged}{smoothed}{augmented}{form}{begun}; seed {config.seed}, {_machine(config)}"
    )


def _machine(config: Config) -> str:
    if config.device == "cpu":
        return f"{config.threads} threads, {config.backend}"
    return f"{config.device}, {config.precision}" + (", steps recorded as a CUDA graph" if config.cuda_graph else "")


def _check(data: str, given: Mapping[str, Any]) -> None:
    check_choice("--data", data, list_datasets())
    if given["backend"] is not None:
        check_choice("--backend", given["backend"], BACKENDS)
    for name, lowest in (("limit", 1), ("threads", 1)):
        if given[name] is not None and given[name] < lowest:
            raise ValueError(f"--{name}: got {given[name]}, expected at least {lowest}")
    if given["seed"] is not None and not 0 <= given["seed"] < 2**64:
        raise ValueError(f"--seed: got {given['seed']}, expected 0 to 2**64 - 1")
    if given["validation"] is not None and not 0 < given["validation"] < 1:
        raise ValueError(f"--validation: got {given['validation']}, expected a part of the training images between 0 and 1")
    if data == "folder" and given["data_dir"] is None:
        raise ValueError("--data folder: say which folder, by --data-dir DIR")
    if data in ("digits", "digit_scenes") and given["data_dir"] is not None:
        raise ValueError("--data-dir: the digits come with scikit-learn and lie nowhere else; name another data set by --data")


def _default_folder(model: str, data: str) -> RunFolder:
    stem = Path("runs") / f"{model}-{data}-{datetime.now():%Y%m%d-%H%M%S}"
    path, number = stem, 1
    while path.exists():
        path, number = stem.with_name(f"{stem.name}-{number}"), number + 1
    return RunFolder(path)

"""Checkpoints: everything a training needs to go on, bit for bit.

A checkpoint is a pair: the arrays in a safetensors file, all else in a JSON file beside it, which names the arrays'
file and its checksum:

    checkpoints/last.json                    where the training stands, numbers of the optimiser and the schedule, ...
    checkpoints/last-00000470.safetensors    weights, running statistics, momentum

The arrays are written first, under a name not in use; then the JSON file is replaced in one step; then the arrays of
before are deleted. Whenever the process dies, `last.json` names a complete file of arrays.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minitorch_cv.device import host
from minitorch_cv.files import sync_folder, write_atomically, write_durably
from minitorch_cv.training.errors import RunError

FORMAT = 1
ARRAY = "$array"  # {"$array": NAME} in the JSON file stands for the array NAME of the safetensors file
PAIRS = "$pairs"  # {"$pairs": [[key, value], ...]}: a dictionary whose keys are not strings


@dataclass
class Checkpoint:
    """The state of a training.

    model: the model's `state_dict`, as arrays. optimizer, schedule: theirs.
    progress: numbers and text only: epoch, step, sums of the running epoch, ...
    scaler: the state of the loss scaler, in a training that has one.
    ema: None, or in a training that averages weights the state of its `EMA`, with model and averages exchanged: the averages are what the
    model is used with, so they stand under `model`, and the weights that the training goes on with stand here.
    """

    model: dict[str, np.ndarray]
    optimizer: dict[str, Any]
    schedule: dict[str, Any]
    progress: dict[str, Any]
    ema: dict[str, Any] | None = None
    scaler: dict[str, Any] | None = None


def save_checkpoint(folder: Path, name: str, checkpoint: Checkpoint, step: int) -> None:
    """Write `checkpoint` as `folder/<name>.json` and `folder/<name>-<step>.safetensors`; a crash in between leaves the one of before."""
    import safetensors.numpy

    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, np.ndarray] = {}
    state = {
        "format": FORMAT,
        "model": _take_out(checkpoint.model, "model", arrays),
        "optimizer": _take_out(checkpoint.optimizer, "optimizer", arrays),
        "schedule": _take_out(checkpoint.schedule, "schedule", arrays),
        "ema": _take_out(checkpoint.ema, "ema", arrays),
        "scaler": checkpoint.scaler,
        "progress": checkpoint.progress,
    }
    content = safetensors.numpy.save(arrays)
    path = _unused(folder, f"{name}-{step:08d}")
    write_durably(path, content)
    sync_folder(folder)
    state["arrays"] = {"file": path.name, "bytes": len(content), "crc32": zlib.crc32(content)}
    write_atomically(folder / f"{name}.json", json.dumps(state, indent=1).encode())
    for old in folder.glob(f"{name}-*.safetensors"):
        if old != path:
            old.unlink()


def load_checkpoint(folder: Path, name: str = "last") -> Checkpoint:
    """The checkpoint `name` of a folder. Raises RunError where it is missing, damaged, or of another format."""
    path = folder / f"{name}.json"
    if not path.is_file():
        there = ", ".join(sorted(found.stem for found in folder.glob("*.json"))) or "none"
        hint = "; only a training with --validation chooses a best one" if name == "best" else ""
        raise RunError(f"there is no checkpoint {name!r} in {folder} (there: {there}){hint}")
    try:
        state = json.loads(path.read_bytes())
        version, about = state["format"], state["arrays"]
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} is damaged: not a checkpoint's JSON ({error}); restore it from a copy, or train again") from error
    if version != FORMAT:
        raise RunError(f"{path} has format {version}, this version of minitorch_cv reads format {FORMAT}")
    try:
        arrays = _read_arrays(folder / about["file"], about)
        parts = {part: _put_back(state[part], arrays) for part in ("model", "optimizer", "schedule")}
        checkpoint = Checkpoint(progress=state["progress"], ema=_put_back(state.get("ema"), arrays), scaler=state.get("scaler"), **parts)
    except KeyError as error:
        raise RunError(f"{path} is damaged: it lacks {error}; restore it from a copy, or train again") from error
    except (TypeError, AttributeError, ValueError) as error:
        raise RunError(f"{path} is damaged: {error}; restore it from a copy, or train again") from error
    if not all(isinstance(part, dict) for name, part in vars(checkpoint).items() if name not in ("ema", "scaler") or part is not None):
        raise RunError(f"{path} is damaged: a part of it is not an object; restore it from a copy, or train again")
    return checkpoint


def _read_arrays(path: Path, about: Mapping[str, Any]) -> dict[str, np.ndarray]:
    import safetensors
    import safetensors.numpy

    try:
        content = path.read_bytes()
    except OSError as error:
        raise RunError(f"{path}, the arrays of a checkpoint, cannot be read: {error.strerror}") from error
    if len(content) != about["bytes"]:
        raise RunError(f"{path} is damaged: {len(content)} bytes, {about['bytes']} expected; restore it from a copy, or train again")
    if zlib.crc32(content) != about["crc32"]:
        raise RunError(f"{path} is damaged: its checksum differs from the one in the checkpoint; restore it from a copy, or train again")
    try:
        return safetensors.numpy.load(content)
    except (safetensors.SafetensorError, KeyError) as error:
        raise RunError(f"{path} is damaged: {error}; restore it from a copy, or train again") from error


def _take_out(value: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """`value` as JSON can hold it; every array in it, of whatever device, goes to `arrays`."""
    value = host(value)
    if isinstance(value, np.ndarray):
        arrays[name] = np.array(value, order="C")  # safetensors writes memory as it lies
        return {ARRAY: name}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        inner = {key: _take_out(item, f"{name}.{key}", arrays) for key, item in value.items()}
        return inner if all(isinstance(key, str) for key in inner) else {PAIRS: [[key, item] for key, item in inner.items()]}
    if isinstance(value, list | tuple):
        return [_take_out(item, f"{name}.{place}", arrays) for place, item in enumerate(value)]
    return value


def _put_back(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """The reverse of `_take_out`; tuples come back as lists."""
    if isinstance(value, dict):
        if ARRAY in value:
            return arrays[value[ARRAY]]
        if PAIRS in value:
            return {key: _put_back(item, arrays) for key, item in value[PAIRS]}
        return {key: _put_back(item, arrays) for key, item in value.items()}
    if isinstance(value, list):
        return [_put_back(item, arrays) for item in value]
    return value


def _unused(folder: Path, stem: str) -> Path:
    path, number = folder / f"{stem}.safetensors", 1
    while path.exists():
        path, number = folder / f"{stem}-{number}.safetensors", number + 1
    return path

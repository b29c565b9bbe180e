"""What the tests of the architectures share: outside numbers, deterministic weights and images, counts of multiply-adds.

tests/golden/README.md says where the numbers come from and how weights and images are made.
"""

import gzip
import json
import zlib
from collections.abc import Iterable, Mapping
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

import minitorch_cv as mt
import models
from minitorch_cv import nn

FOLDER = Path(__file__).parent.parent / "golden"
RANDOM_LAYERS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout, nn.StochasticDepth)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)

Listing = list[tuple[str, list[int], str]]  # of a state_dict: key, shape, dtype


@cache
def references() -> dict[str, dict[str, Any]]:
    """Name of a reference -> model, options, params, macs, input, state_dict_entries, and state_dict where its listing is known."""
    return json.loads((FOLDER / "architectures.json").read_text(encoding="utf-8"))["models"]


@cache
def _listings() -> dict[str, Listing]:
    with gzip.open(FOLDER / "state_dicts.json.gz", "rt", encoding="utf-8") as file:
        return json.load(file)


def listing(reference: str) -> Listing | None:
    """The ordered entries of the state_dict of a reference; None where they are not known."""
    return _listings().get(references()[reference].get("state_dict", ""))


def on_meta(name: str, options: Mapping[str, Any] | None = None) -> nn.Module:
    """The model for its shapes alone."""
    with mt.device("meta"):
        return models.create(name, **options or {})


def count_macs(model: nn.Module, input_shape: Iterable[int]) -> int:
    """Multiply-adds of all convolutions and linear layers that one batch runs through, in evaluation mode; `model` is on meta."""
    total = 0

    def count(module: nn.Module, args: tuple, output: Any) -> None:
        nonlocal total
        weight = module.weight  # (OC, C/groups, KH, KW), (OUT, IN), or of a transposed convolution (C, OC/groups, KH, KW)
        places = args[0] if isinstance(module, nn.ConvTranspose2d) else output
        total += prod(places.shape) * prod(weight.shape[1:])

    layers = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear | nn.ConvTranspose2d)]
    handles = [layer.register_forward_hook(count) for layer in layers]
    try:
        model.eval()(mt.empty(*input_shape, device="meta"))
    finally:
        for handle in handles:
            handle.remove()
    return total


def child_shapes(model: nn.Module, *input_shape: int) -> dict[str, tuple[int, ...]]:
    """Name of each child -> the shape of what it returns; `model` is on meta."""
    found: dict[str, tuple[int, ...]] = {}
    for name, child in model.named_children():
        child.register_forward_hook(lambda module, args, output, name=name: found.update({name: tuple(output.shape)}))
    model(mt.empty(*input_shape, device="meta"))
    return found


# --- The deterministic weights and images of the golden numbers ---


def generator(text: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(text.encode("ascii")))


def entry(key: str, shape: tuple[int, ...], gain: float) -> np.ndarray:
    """The value of one entry of a state_dict: a function of its key and shape alone, drawn in float64, rounded to float32."""
    last = key.rpartition(".")[2]
    if last == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    g = generator(key)
    if last == "running_var":
        value = 0.5 + g.random(shape)
    elif last in ("running_mean", "bias"):
        value = 0.1 * g.standard_normal(shape)
    elif last in ("layer_scale", "gamma") or len(shape) < 2:
        value = 1 + 0.1 * g.standard_normal(shape)
    else:
        value = g.standard_normal(shape) * np.sqrt(gain / prod(shape[1:]))
    return np.asarray(value).astype(np.float32)


def image(kind: str, H: int, W: int, N: int = 2) -> np.ndarray:
    """(N, 3, H, W) float32. "noise": standard normal; "block": an 8x8 grid of constant colours, and half of that noise."""
    noise = np.random.default_rng(0).standard_normal((N, 3, H, W))
    if kind == "noise":
        return noise.astype(np.float32)
    grid = np.random.default_rng(1).standard_normal((N, 3, 8, 8))
    rows, columns = np.arange(H) * 8 // H, np.arange(W) * 8 // W
    return (grid[:, :, rows][:, :, :, columns] + 0.5 * noise).astype(np.float32)


def probe(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The direction that a gradient is projected on."""
    return generator(f"probe:{name}").standard_normal(shape)


def without_chance(model: nn.Module) -> nn.Module:
    """The model with dropout and stochastic depth of probability 0."""
    for module in model.modules():
        if isinstance(module, RANDOM_LAYERS):
            module.p = 0.0
    return model


def outputs_of(result: Any) -> tuple[mt.Tensor, ...]:
    """(logits, auxiliary logits...), whether or not a model has auxiliary classifiers."""
    return result if isinstance(result, tuple) else (result,)

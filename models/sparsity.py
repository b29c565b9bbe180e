"""Sparse layers whose pattern changes while they train: dynamic sparsity.

D. Mocanu et al.: Scalable Training of Artificial Neural Networks with Adaptive Sparse Connectivity Inspired by Network Science. Nature
Communications 9 (2018), arXiv:1707.04780: prune the smallest weights, grow as many new ones at random, train on.
U. Evci, T. Gale, J. Menick, P. Castro, E. Elsen: Rigging the Lottery: Making All Tickets Winners. ICML 2020, arXiv:1911.11134: how many
weights each layer keeps (Erdos-Renyi kernel).
N. Lee, T. Ajanthan, P. Torr: SNIP: Single-Shot Network Pruning Based on Connection Sensitivity. ICLR 2019, arXiv:1810.02340: how many, by
what one batch says of each weight.

A sparse layer has a `mask` of zeros and ones beside its weight and computes with their product, so that a weight that is masked gets no
gradient. That saves no time here: the kernels multiply zeros too.
"""

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

import minitorch_cv as mt
import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn, random
from minitorch_cv.autograd import no_grad


class SparseConv2d(nn.Conv2d):
    """A convolution with `weight * mask`; the mask is all ones at first. State: mask, uint8, of the weight's shape."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.register_buffer("mask", mt.ones_like(self.weight, dtype=np.uint8))

    def forward(self, input: Tensor) -> Tensor:
        return F.conv2d(input, effective_weight(self), self.bias, self.stride, self.padding, self.dilation, self.groups)


class SparseLinear(nn.Linear):
    """A linear layer with `weight * mask`; the mask is all ones at first. State: mask, uint8, of the weight's shape."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.register_buffer("mask", mt.ones_like(self.weight, dtype=np.uint8))

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, effective_weight(self), self.bias)


SparseLayer = SparseConv2d | SparseLinear


def sparse_layers(model: nn.Module) -> Iterator[SparseLayer]:
    """The layers with masks, in order."""
    return (module for module in model.modules() if isinstance(module, SparseLayer))


def effective_weight(layer: nn.Module) -> Tensor:
    """The weight that a layer computes with: all of it, or what its mask leaves."""
    return layer.weight * layer.mask if isinstance(layer, SparseLayer) else layer.weight


def effective_parameters(model: nn.Module) -> int:
    """How many parameters the model has without those that are masked."""
    masked = sum(layer.weight.numel() - int(layer.mask.sum()) for layer in sparse_layers(model))
    return sum(parameter.numel() for parameter in model.parameters()) - masked


# --- How many weights each layer keeps ---


def erdos_renyi_densities(shapes: Sequence[tuple[int, ...]], density: float) -> list[float]:
    """The part of its weights that each layer keeps: proportional to sum(shape) / prod(shape), at most 1, and `density` over all.

    Large layers become sparser than small ones. The factor of proportion is found by making layers dense that would have to keep more
    than all their weights, until there is none.
    Errors: ValueError for a density that is not above 0 and at most 1.
    """
    _check_density(density)
    sizes, raw = [prod(shape) for shape in shapes], [sum(shape) / prod(shape) for shape in shapes]
    dense: set[int] = set()
    while len(dense) < len(shapes):
        rest = [i for i in range(len(shapes)) if i not in dense]
        to_keep = density * sum(sizes) - sum(sizes[i] for i in dense)
        factor = to_keep / sum(raw[i] * sizes[i] for i in rest)
        crowded = {i for i in rest if factor * raw[i] > 1}
        if not crowded:
            return [1.0 if i in dense else factor * raw[i] for i in range(len(shapes))]
        dense |= crowded
    return [1.0] * len(shapes)


def _check_density(density: float) -> None:
    if not 0 < density <= 1:
        raise ValueError(f"density: got {density}, expected above 0 and at most 1")


def snip_densities(model: nn.Module, images: Tensor, labels: Tensor, density: float) -> list[float]:
    """The part of its weights that each sparse layer keeps, if of all weights those stay to which the loss of a batch is most sensitive.

    The sensitivity is |weight * gradient| while no weight is masked; afterwards the masks are what they were.
    Errors: ValueError for a density that is not above 0 and at most 1.
    """
    _check_density(density)
    layers = list(sparse_layers(model))
    masks = [layer.mask.numpy() != 0 for layer in layers]
    try:
        draw_masks(model, [1.0] * len(layers))
        loss = F.cross_entropy(model(images), labels)
        gradients = mt.autograd.grad(loss, [layer.weight for layer in layers])
    finally:
        for layer, mask in zip(layers, masks, strict=True):
            _set_mask(layer, mask)
    sensitivity = [np.abs(layer.weight.numpy() * gradient.numpy()).ravel() for layer, gradient in zip(layers, gradients, strict=True)]
    sizes = [values.size for values in sensitivity]
    total = max(1, round(density * sum(sizes)))
    kept = np.argpartition(-np.concatenate(sensitivity), total - 1)[:total]
    counts, _ = np.histogram(kept, np.cumsum([0, *sizes]))  # of which layer each is
    return [count / size for count, size in zip(counts.tolist(), sizes, strict=True)]


# --- Which ---


def draw_masks(model: nn.Module, densities: Sequence[float]) -> None:
    """New masks at random, with so many ones: a density for each sparse layer, in order."""
    for layer, density in zip(sparse_layers(model), densities, strict=True):
        if not layer.mask.is_meta:
            size = layer.mask.numel()
            ones = np.arange(size) < max(1, round(density * size))
            _set_mask(layer, random.generator("sparsity").permutation(ones))


def prune_and_grow(model: nn.Module, fraction: float) -> None:
    """Every sparse layer loses this fraction of its weights, those nearest to zero, and gets as many others, at random, which start at 0.

    Errors: ValueError for a fraction that is not between 0 and 1.
    """
    if not 0 <= fraction <= 1:
        raise ValueError(f"fraction: got {fraction}, expected 0 to 1")
    for layer in sparse_layers(model):
        mask, weight = layer.mask.numpy().ravel() != 0, layer.weight.numpy().ravel()
        kept, free = np.flatnonzero(mask), np.flatnonzero(~mask)
        count = min(round(fraction * kept.size), free.size)
        if count == 0:
            continue
        pruned = kept[np.argpartition(np.abs(weight[kept]), count - 1)[:count]]
        grown = random.generator("sparsity").choice(free, count, replace=False)
        mask[pruned], mask[grown] = False, True
        fresh = np.ones(mask.size, weight.dtype)
        fresh[grown] = 0
        with no_grad():
            layer.weight.mul_(mt.from_numpy(fresh.reshape(layer.weight.shape)).to(layer.weight.device))
        _set_mask(layer, mask)


def _set_mask(layer: SparseLayer, mask: np.ndarray) -> None:
    with no_grad():
        layer.mask.copy_(mt.from_numpy(mask.astype(np.uint8).reshape(layer.mask.shape)).to(layer.mask.device))

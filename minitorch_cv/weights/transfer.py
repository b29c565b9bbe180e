"""Weights into a model that is not quite theirs: another number of classes, auxiliary classifiers that only one of the two has."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from minitorch_cv.nn import Module
from minitorch_cv.tensor import Tensor
from minitorch_cv.weights.errors import WeightsError

Shapes = Mapping[str, tuple[int, ...]]

# Names in files that were written for older definitions of a model: DenseNet's layers were "norm.1" where they are "norm1" now.
RENAMED = ((re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\."), r"\1\2."),)
SHOWN = 8  # names in an error


@dataclass(frozen=True)
class Transfer:
    """What `load_into` did not copy.

    classes: how many the weights are for, where the model has another number; else None.
    new: tensors of the model that keep the values they had: the classifier, if it is for other classes, or auxiliary classifiers.
    left_out: entries of the weights that the model has no place for: auxiliary classifiers.
    """

    classes: int | None = None
    new: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def sentence(self) -> str:
        """What was not copied, in words; empty where everything was."""
        parts = []
        if self.new:
            why = f" (the weights are for {self.classes} classes)" if self.classes is not None else ""
            parts.append(f"new, not from the weights: {', '.join(self.new)}{why}")
        if self.left_out:
            heads = sorted({name.partition(".")[0] for name in self.left_out})
            parts.append(f"left out of the weights: the auxiliary classifiers {', '.join(heads)}")
        return "; ".join(parts)


def load_into(model: Module, state: Mapping[str, Tensor | np.ndarray], num_classes: int | None = None) -> Transfer:
    """Copy `state` into `model`, and say what was not copied.

    num_classes: the model's number of classes. Tensors that differ from those of `state` in their first dimension only, which is
    `num_classes` in the model and one other number in `state`, are its classifiers for other classes: they stay as they are. None for a
    model whose classes are those of the weights.

    Auxiliary classifiers, whose names begin with "aux", may be missing on either side, and so may counters of batches, which files from
    before PyTorch 0.4.1 lack. Anything else that is missing, left over or of another shape is a WeightsError, and nothing is copied.
    """
    own = {name: tensor.shape for name, tensor in model.state_dict().items()}
    arrays = {_renamed(name, own): value for name, value in state.items()}
    classes, classifier = _classifier(own, {name: value.shape for name, value in arrays.items()}, num_classes)
    left_out = tuple(name for name in arrays if name not in own)
    missing = [name for name in own if name not in arrays and not name.endswith(".num_batches_tracked")]
    if wrong := [name for name in left_out if not _auxiliary(name)]:
        raise WeightsError(f"the weights do not suit {type(model).__name__}, which has no {_some(wrong)}")
    if wrong := [name for name in missing if not _auxiliary(name)]:
        raise WeightsError(f"the weights do not suit {type(model).__name__}: they lack {_some(wrong)}")
    try:
        model.load_state_dict({name: value for name, value in arrays.items() if name in own and name not in classifier}, strict=False)
    except (RuntimeError, TypeError) as error:
        raise WeightsError(" ".join(str(error).split())) from error
    return Transfer(classes, (*classifier, *missing), left_out)


def classes_of(model: Module, state: Mapping[str, Tensor | np.ndarray], num_classes: int) -> int:
    """For how many classes the weights are, by the shape of their classifier; `model`, shape-only tensors will do, has `num_classes`."""
    own = {name: tensor.shape for name, tensor in model.state_dict().items()}
    classes, _ = _classifier(own, {_renamed(name, own): value.shape for name, value in state.items()}, num_classes)
    return num_classes if classes is None else classes


def _classifier(own: Shapes, shapes: Shapes, num_classes: int | None) -> tuple[int | None, tuple[str, ...]]:
    """(how many classes the weights have, the names of the tensors that differ for that reason); (None, ()) where all shapes agree."""
    differing = tuple(name for name in own if name in shapes and shapes[name] != own[name])
    counts = set()
    for name in differing:
        ours, theirs = own[name], shapes[name]
        if num_classes is None or not ours or not theirs or ours[0] != num_classes or ours[1:] != theirs[1:]:
            raise WeightsError(f"the weights do not suit the model: {name} has shape {theirs}, expected {ours}{_more(differing)}")
        counts.add(theirs[0])
    if len(counts) > 1:
        raise WeightsError(f"the weights do not suit the model: {_some(differing)} have other shapes")
    return (counts.pop() if counts else None), differing


def _renamed(name: str, own: Shapes) -> str:
    """`name` as the model calls it."""
    if name not in own:
        for pattern, replacement in RENAMED:
            name = pattern.sub(replacement, name)
    return name


def _auxiliary(name: str) -> bool:
    return name.lower().startswith("aux")


def _some(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _more(names: tuple[str, ...]) -> str:
    return f", and {len(names) - 1} more of other shapes" if len(names) > 1 else ""

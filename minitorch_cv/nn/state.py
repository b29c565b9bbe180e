"""state_dict and load_state_dict: a network's numbers, by path.

Loading looks at everything first and writes only if all of it fits: a failed load leaves the network as it was.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kernels.dtypes import is_floating, is_number
from kernels.meta import as_array, is_meta
from minitorch_cv.autograd import no_grad
from minitorch_cv.tensor import Tensor

if TYPE_CHECKING:
    from minitorch_cv.nn.module import Module


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` found to differ, in order."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def state_dict(module: "Module", prefix: str, keep_vars: bool) -> dict[str, Tensor]:
    """See `Module.state_dict`. Unlike in `named_parameters`, a shared parameter stands under each of its paths."""
    result: dict[str, Tensor] = {}
    for name, tensor in (*module._parameters.items(), *module._buffers.items()):
        if tensor is not None and name not in module._unsaved_buffers:
            result[prefix + name] = tensor if keep_vars else tensor.detach()
    for name, child in module._modules.items():
        if child is not None:
            result.update(state_dict(child, f"{prefix}{name}.", keep_vars))
    return result


def load_state_dict(module: "Module", state: Mapping[str, Tensor | np.ndarray], strict: bool, assign: bool) -> IncompatibleKeys:
    """See `Module.load_state_dict`."""
    if not isinstance(state, Mapping):
        raise TypeError(f"state_dict: got {type(state).__name__}, expected a mapping from names to Tensors or arrays")
    own = module.state_dict(keep_vars=True)
    missing = [key for key in own if key not in state]
    unexpected = [key for key in state if key not in own]
    values = {key: _array(state[key]) for key in own if key in state}
    unfit = [problem for key, value in values.items() if (problem := _unfit(key, value, own[key], assign)) is not None]

    problems = []
    if strict and missing:
        problems.append("missing: " + ", ".join(missing))
    if strict and unexpected:
        problems.append("unexpected: " + ", ".join(map(str, unexpected)))
    problems.extend(unfit)
    if problems:
        raise RuntimeError(f"state_dict does not fit {type(module).__name__}, and nothing was loaded:\n  " + "\n  ".join(problems))

    with no_grad():
        for key, value in values.items():
            if assign:
                own[key].data = value
                own[key].mark_changed()
            else:
                own[key].copy_(Tensor(value))
    return IncompatibleKeys(missing, unexpected)


def _array(value: Tensor | np.ndarray) -> np.ndarray:
    return value.data if isinstance(value, Tensor) else as_array(value)


def _unfit(key: str, value: np.ndarray, own: Tensor, assign: bool) -> str | None:
    """Why `value` cannot be copied into `own`, or with `assign` take its place; or None."""
    if value.shape != own.shape:
        return f"{key}: got shape {value.shape}, expected {own.shape}"
    if not is_number(value.dtype) or (is_floating(value.dtype) and not is_floating(own.dtype)):
        return f"{key}: got dtype {value.dtype}, expected one that converts to {own.dtype}"
    if assign and value.dtype.kind != own.dtype.kind:
        return f"{key}: got dtype {value.dtype}, expected one like {own.dtype}, which it is to replace"
    if own.is_meta and not assign:
        return f"{key}: is a shape-only tensor (device 'meta'), which cannot hold values; pass assign=True, or call to_empty first"
    if is_meta(value) and not assign:
        return f"{key}: got a shape-only tensor (device 'meta'), which has no values"
    return None

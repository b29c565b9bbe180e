"""Running one case of an operator, given as plain arrays, through a library: minitorch_cv, or PyTorch itself.

Both follow the same names, so the same few lines drive both: what is tested is also that a call written for PyTorch means the same here.
"""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

FOLDER = Path(__file__).parent.parent / "golden"


class Case(NamedTuple):
    """One case of operator `op`. In `arrays`: inputs x, w, b, ..., the upstream gradient gy; and expected results y, gx, gw, ..."""

    op: str
    number: int
    label: str
    params: dict[str, Any]
    arrays: dict[str, np.ndarray]

    def wanted(self) -> list[str]:
        """The inputs whose gradients are known."""
        return [name for name in self.arrays if name != "y" and f"g{name}" in self.arrays]


@cache
def cases() -> list[Case]:
    """All committed cases, as tests/golden/README.md describes them."""
    found = []
    for op, entries in json.loads((FOLDER / "cases.json").read_text(encoding="utf-8")).items():
        with np.load(FOLDER / f"{op}.npz") as stored:
            everything = dict(stored)
        for entry in entries:
            prefix = f"c{entry['case']:03d}."
            arrays = {name.removeprefix(prefix): array for name, array in everything.items() if name.startswith(prefix)}
            params = {name: tuple(value) if isinstance(value, list) else value for name, value in entry["params"].items()}
            found.append(Case(op, entry["case"], entry["label"], params, arrays))
    return found


def run(library: ModuleType, case: Case, dtype: type, wanted: list[str] | None = None) -> dict[str, np.ndarray]:
    """The results of `case` computed by `library` in `dtype`: y, whatever else the operator returns or changes, and a gradient
    g<name> for each input in `wanted` (by default, those whose gradients the case knows)."""
    wanted = case.wanted() if wanted is None else wanted
    tensors = {
        name: library.tensor(array if array.dtype.kind in "iu" else array.astype(dtype), requires_grad=name in wanted)
        for name, array in case.arrays.items()
    }
    results = OPERATORS[case.op](library, tensors, case.params)
    if wanted:
        results["y"].backward(tensors.get("gy"))
        results |= {f"g{name}": tensors[name].grad for name in wanted}
    return {name: np.asarray(tensor.detach().numpy()) for name, tensor in results.items()}


def _functional(library: ModuleType) -> ModuleType:
    return library.nn.functional if library.__name__ == "torch" else library.functional


def _conv2d(library: ModuleType, t: dict, p: dict) -> dict:
    options = {name: p[name] for name in ("stride", "padding", "dilation", "groups")}
    return {"y": _functional(library).conv2d(t["x"], t["w"], t.get("b"), **options)}


def _conv_transpose2d(library: ModuleType, t: dict, p: dict) -> dict:
    options = {name: p[name] for name in ("stride", "padding", "output_padding", "groups", "dilation")}
    return {"y": _functional(library).conv_transpose2d(t["x"], t["w"], t.get("b"), **options)}


def _max_pool2d(library: ModuleType, t: dict, p: dict) -> dict:
    y, indices = _functional(library).max_pool2d(
        t["x"], p["kernel"], p["stride"], p["padding"], p["dilation"], ceil_mode=p["ceil_mode"], return_indices=True
    )
    return {"y": y, "indices": indices}


def _avg_pool2d(library: ModuleType, t: dict, p: dict) -> dict:
    options = {name: p[name] for name in ("stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")}
    return {"y": _functional(library).avg_pool2d(t["x"], p["kernel"], **options)}


def _adaptive_pool2d(library: ModuleType, t: dict, p: dict) -> dict:
    return {"y": getattr(_functional(library), f"adaptive_{p['kind']}_pool2d")(t["x"], p["output"])}


def _batch_norm(library: ModuleType, t: dict, p: dict) -> dict:
    if "x0" in t:
        return _three_steps(library, t, p)
    y = _functional(library).batch_norm(
        t["x"], t.get("rm"), t.get("rv"), t.get("w"), t.get("b"), training=p["training"], momentum=p["momentum"], eps=p["eps"]
    )
    return {"y": y} | ({"rm_after": t["rm"], "rv_after": t["rv"]} if "rm" in t else {})


def _three_steps(library: ModuleType, t: dict, p: dict) -> dict:
    """Three batches through the layer in training, which moves its running statistics, then one in evaluation."""
    layer = library.nn.BatchNorm2d(t["x0"].shape[1], eps=p["eps"], momentum=p["momentum"]).to(t["x0"].dtype)
    results = {f"y{i}": layer(t[f"x{i}"]) for i in range(3)}
    layer.eval()
    state = {"rm_after": layer.running_mean, "rv_after": layer.running_var, "num_batches": layer.num_batches_tracked}
    return results | {"y_eval": layer(t["x0"])} | state


def _norms(library: ModuleType, t: dict, p: dict) -> dict:
    F, options = _functional(library), {name: value for name, value in p.items() if name not in ("op", "normalized_shape", "groups")}
    if p["op"] == "layer_norm":
        return {"y": F.layer_norm(t["x"], p["normalized_shape"], t.get("w"), t.get("b"), **options)}
    if p["op"] == "group_norm":
        return {"y": F.group_norm(t["x"], p["groups"], t.get("w"), t.get("b"), **options)}
    return {"y": getattr(F, {"l2_normalize": "normalize"}.get(p["op"], p["op"]))(t["x"], **options)}


def _activations(library: ModuleType, t: dict, p: dict) -> dict:
    if p["op"] in ("abs", "square"):
        return {"y": getattr(library, p["op"])(t["x"])}
    # "leaky_relu_0.01" is leaky_relu with that argument, and so on.
    name, *options = p["op"].split("_") if p["op"].startswith(("gelu", "softplus")) else p["op"].rsplit("_0", 1)
    F = _functional(library)
    if name == "prelu":
        return {"y": F.prelu(t["x"], t["w"])}
    if name == "softplus":
        return {"y": F.softplus(t["x"], beta=2, threshold=5)}
    if name == "gelu":
        return {"y": F.gelu(t["x"], approximate={"exact": "none"}.get(options[0], options[0]))}
    return {"y": getattr(F, name)(t["x"], *[float(f"0{option}") for option in options])}


def _softmax(library: ModuleType, t: dict, p: dict) -> dict:
    x = t["x"] / p["temperature"] if "temperature" in p else t["x"]
    return {"y": getattr(_functional(library), p["op"])(x, dim=p["dim"])}


def _losses(library: ModuleType, t: dict, p: dict) -> dict:
    F, options = _functional(library), {name: p[name] for name in ("reduction", "label_smoothing", "ignore_index") if name in p}
    if p["op"] == "cross_entropy":
        return {"y": F.cross_entropy(t["x"], t["target"], weight=t.get("weight"), **options)}
    if p["op"] == "bce_with_logits":
        return {"y": F.binary_cross_entropy_with_logits(t["x"], t["target"], pos_weight=t["pos_weight"], **options)}
    if p["op"] == "huber_0.5":
        return {"y": F.huber_loss(t["x"], t["target"], delta=0.5, **options)}
    return {"y": getattr(F, f"{p['op']}_loss")(t["x"], t["target"], **options)}


def _interpolate(library: ModuleType, t: dict, p: dict) -> dict:
    if "r" in p:
        return {"y": getattr(_functional(library), p["mode"])(t["x"], p["r"])}
    return {"y": _functional(library).interpolate(t["x"], **p)}


def _pad(library: ModuleType, t: dict, p: dict) -> dict:
    return {"y": _functional(library).pad(t["x"], p["pad"], p["mode"], p["value"])}


def _misc(library: ModuleType, t: dict, p: dict) -> dict:
    F = _functional(library)
    if p["op"] == "linear":
        return {"y": F.linear(t["x"], t["w"], t.get("b"))}
    if p["op"] == "se":  # squeeze and excitation (Hu et al. 2018): each channel is weighed by a small network that sees all means
        squeezed = F.relu(F.conv2d(F.adaptive_avg_pool2d(t["x"], 1), t["w1"], t["b1"]))
        return {"y": t["x"] * library.sigmoid(F.conv2d(squeezed, t["w2"], t["b2"]))}
    # Option A of He et al., the shortcut without weights: every second pixel, and as many channels of zeros again.
    return {"y": F.pad(t["x"][:, :, ::2, ::2], (0, 0, 0, 0, 0, t["x"].shape[1]))}


OPERATORS: dict[str, Callable[[ModuleType, dict, dict], dict]] = {
    "conv2d": _conv2d,
    "conv_transpose2d": _conv_transpose2d,
    "max_pool2d": _max_pool2d,
    "avg_pool2d": _avg_pool2d,
    "adaptive_pool2d": _adaptive_pool2d,
    "batch_norm": _batch_norm,
    "norms": _norms,
    "activations": _activations,
    "softmax": _softmax,
    "losses": _losses,
    "interpolate": _interpolate,
    "pad": _pad,
    "misc": _misc,
}

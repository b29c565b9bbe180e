"""Makes outputs.npz and outputs.json anew, with torchvision and timm as the judges: logits, losses and gradients of architectures.

    python tests/golden/remake_outputs.py [NAME...]      # needs torch, torchvision and timm; nothing is downloaded

Not part of the tests, which compare with the committed numbers. README.md describes the formulas.
"""

import json
import sys
import zlib
from pathlib import Path

import numpy as np
import timm
import torch
import torchvision

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent / "helpers"))
import zoo  # noqa: E402

# The variance of weights is gain / fan_in: 2 for plain networks (He), less where residual branches add up.
GAINS = {
    "resnet18": 1.25, "resnet50": 1.0, "timm_inception_resnet_v2": 1.5, "timm_legacy_xception": 1.0, "timm_repvgg_a0": 0.25,
    "efficientnet_b0": 2.25,
}  # fmt: skip
FAMILY_GAINS = {
    "resnet": 1.0, "wide": 1.0, "resnext": 1.0, "convnext": 1.0, "regnet": 1.25, "efficientnet": 1.0, "timm_repvgg": 0.25,
    "timm_seresnet": 1.5, "timm_senet": 1.5, "timm_resnetv2": 1.0, "timm_inception_v4": 2.0,
}  # fmt: skip
ALL_SIZES = {  # whose logits are kept for six images: three sizes, two kinds
    "alexnet", "densenet121", "efficientnet_b0", "googlenet_noaux", "inception_v3", "mobilenet_v2", "resnet18", "resnet50", "squeezenet1_1",
    "timm_inception_resnet_v2", "timm_legacy_xception", "timm_repvgg_a0",
}  # fmt: skip
LARGE = ("inception", "timm_inception", "timm_legacy_xception")  # whose smallest image is 128 x 128 here
TRAINED_ON = {  # where the smallest image leaves batch norm too few values, or auxiliary classifiers none
    "inception_v3": ("noise", 299, 299), "timm_inception_v4": ("noise", 171, 171), "timm_inception_resnet_v2": ("noise", 171, 171),
}  # fmt: skip
MANY_GRADIENTS = {"resnet18", "mobilenet_v2", "densenet121", "googlenet"}
TRAINED_AT_MOST = 62_000_000  # parameters: larger networks add time, but no other kind of layer
STRIDE = 10  # of the classes, where not all logits are kept
PICKED = 12  # gradients of so many parameters, evenly spread, where not all are kept


def gain_of(reference: str) -> float:
    family = max((name for name in FAMILY_GAINS if reference.startswith(name)), key=len, default="")
    return GAINS.get(reference, FAMILY_GAINS.get(family, 2.0))


def build(reference: str) -> torch.nn.Module:
    section, name = zoo.references()[reference]["source"].split()
    if section == "timm":
        return timm.create_model(name)
    options = {"aux_logits": False} if name.endswith("_noaux") else {}
    if name.startswith(("googlenet", "inception")):
        options |= {"init_weights": False, "transform_input": False}
    return torchvision.models.get_model(name.removesuffix("_noaux"), **options)


def deterministic(model: torch.nn.Module, gain: float) -> dict[str, torch.Tensor]:
    state = model.state_dict()  # changed in place: some models note a version in it
    for key, value in state.items():
        state[key] = torch.from_numpy(zoo.entry(key, tuple(value.shape), gain))
    return state


def without_chance(model: torch.nn.Module) -> torch.nn.Module:
    for module in model.modules():
        if "Drop" in type(module).__name__ or type(module).__name__ == "StochasticDepth":
            for attribute in ("p", "drop_prob", "drop_rate"):
                if hasattr(module, attribute):
                    setattr(module, attribute, 0.0)
    return model


def inputs_of(reference: str) -> dict[str, tuple[str, int, int]]:
    large = reference.startswith(LARGE)
    sizes = [(128, 128), (299, 299), (139, 107)] if large else [(64, 64), (224, 224), (70, 93)]
    found = {}
    for kind in ("noise", "block"):
        for H, W in sizes[: 3 if reference in ALL_SIZES else 1]:
            if kind == "noise" or (reference in ALL_SIZES and H == W):
                found[f"{kind}_{H}" if H == W else f"{kind}_{H}x{W}"] = (kind, H, W)
    return found


def logits(reference: str, gain: float) -> tuple[dict, dict[str, np.ndarray]]:
    model = build(reference).eval()
    state = deterministic(model, gain)
    crc = 0
    for value in state.values():
        crc = zlib.crc32(value.numpy().tobytes(), crc)
    entries, arrays = {}, {}
    for key, (kind, H, W) in inputs_of(reference).items():
        image = torch.from_numpy(zoo.image(kind, H, W))
        with torch.no_grad():
            model.float().load_state_dict(state)
            single = model(image).double().numpy()
            model.double().load_state_dict(state)
            exact = model(image.double()).numpy()
        stride = 1 if reference in ALL_SIZES and key.startswith("noise") and (H, W) in ((64, 64), (128, 128)) else STRIDE
        arrays[f"{reference}.{key}"] = exact[:, ::stride]
        entries[key] = {
            "kind": kind, "H": H, "W": W, "stride": stride, "std": float(exact.std()),
            "float32": float(f"{np.abs(single - exact).max() / exact.std():.2e}"),
        }  # fmt: skip
    return {"gain": gain, "weights_crc32": crc, "inputs": entries}, arrays


def training(reference: str, gain: float) -> dict:
    """Loss and gradients in training mode, in float64, for the smallest noise image and labels [1, 2]."""
    model = without_chance(build(reference)).double().train()
    model.load_state_dict(deterministic(model, gain))
    kind, H, W = TRAINED_ON.get(reference) or next(iter(inputs_of(reference).values()))
    image = torch.from_numpy(zoo.image(kind, H, W)).double().requires_grad_()
    result = model(image)
    labels = torch.tensor([1, 2])
    outputs = result if isinstance(result, tuple) else (result,)
    loss = sum(weight * torch.nn.functional.cross_entropy(output, labels) for weight, output in zip([1.0, 0.3, 0.3], outputs, strict=False))
    loss.backward()
    named = dict(model.named_parameters())
    if reference not in MANY_GRADIENTS:
        named = {name: named[name] for name in list(named)[:: max(1, len(named) // PICKED)]}
    named = {"input": image, **named}
    columns = {name: [rounded(x) for x in norm_and_projection(name, tensor.grad.numpy())] for name, tensor in named.items()}
    some = list(model.named_buffers())[:: 1 if reference == "resnet18" else 25]
    buffers = {name: rounded(np.linalg.norm(buffer.double().numpy())) for name, buffer in some}
    return {"kind": kind, "H": H, "W": W, "loss": loss.item(), "grad": columns, "buffers": buffers}


def norm_and_projection(name: str, gradient: np.ndarray) -> tuple[float, float]:
    return float(np.linalg.norm(gradient)), float((gradient * zoo.probe(name, gradient.shape)).sum())


def rounded(number: float) -> float:
    return float(f"{number:.10g}")


def main(names: list[str]) -> None:
    everything, arrays = {}, {}
    if names:
        everything = json.loads((FOLDER / "outputs.json").read_text(encoding="utf-8"))["models"]
        with np.load(FOLDER / "outputs.npz") as stored:
            arrays = dict(stored)
    for reference in names or [name for name, row in zoo.references().items() if not row["source"].startswith("cifar")]:
        gain = gain_of(reference)
        row, values = logits(reference, gain)
        if zoo.references()[reference]["params"] <= TRAINED_AT_MOST:
            row["training"] = training(reference, gain)
        everything[reference] = row
        arrays |= values
        print(reference, gain, {key: (round(value["std"], 3), value["float32"]) for key, value in row["inputs"].items()}, flush=True)
        write(everything, arrays)


def write(everything: dict, arrays: dict[str, np.ndarray]) -> None:
    versions = {"torch": torch.__version__, "torchvision": torchvision.__version__, "timm": timm.__version__}
    text = json.dumps({"versions": versions, "models": dict(sorted(everything.items()))}, separators=(",", ":"))
    (FOLDER / "outputs.json").write_text(text.replace('},"', '},\n"') + "\n", encoding="utf-8")
    np.savez_compressed(FOLDER / "outputs.npz", **dict(sorted(arrays.items())))


if __name__ == "__main__":
    torch.set_num_threads(2)
    main(sys.argv[1:])

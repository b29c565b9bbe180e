"""What the layers inside a network compute for given images."""

import difflib
from typing import Any, overload

from minitorch_cv import nn
from minitorch_cv.tensor import Tensor


class _Done(Exception):
    """Everything that was asked for has been seen."""


@overload
def features(model: nn.Module, images: Tensor, layer: str) -> Tensor: ...
@overload
def features(model: nn.Module, images: Tensor, layer: list[str] | tuple[str, ...]) -> dict[str, Tensor]: ...
def features(model: nn.Module, images: Tensor, layer: str | list[str] | tuple[str, ...]) -> Any:
    """The output of the layer called `layer`, or of each of several by name, for images (N, C, H, W).

    A name is a path in the model: "layer4", "features.0", "layer1.0.conv2" (`model.named_modules()` lists them). The model runs as far as
    the last of these layers and no further, in the mode it is in (`model.eval()` first, for what prediction sees), with gradients
    unless they are switched off. Of a layer that runs several times, it is the first output.

    Raises ValueError for a name that the model does not have, with those that resemble it, and for a layer that does not run.
    """
    names = [layer] if isinstance(layer, str) else list(layer)
    layers = {name: _layer(model, name) for name in names}
    found: dict[str, Any] = {}

    def keep(name: str) -> Any:
        def hook(module: nn.Module, args: tuple, output: Any) -> None:
            found.setdefault(name, output)
            if len(found) == len(layers):
                raise _Done

        return hook

    handles = [module.register_forward_hook(keep(name)) for name, module in layers.items()]
    try:
        model(images)
    except _Done:
        pass
    finally:
        for handle in handles:
            handle.remove()
    if missing := [name for name in names if name not in found]:
        mode = "training" if model.training else "evaluation"
        raise ValueError(f"layer: got {', '.join(missing)}, which does not run for these images in {mode} mode")
    return found[layer] if isinstance(layer, str) else {name: found[name] for name in names}


def _layer(model: nn.Module, name: str) -> nn.Module:
    known = dict(model.named_modules(remove_duplicate=False))
    if name in known:
        return known[name]
    near = difflib.get_close_matches(str(name), list(known), n=3) or list(known)[1:6]
    hint = f"there is {', '.join(near)}" if near else "it has no layers"
    raise ValueError(f"layer: got {name!r}, which is no layer of {type(model).__name__}; {hint}")

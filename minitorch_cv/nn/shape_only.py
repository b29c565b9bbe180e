"""A model for its shapes alone: what it does with an image can be found out without computing anything."""

import copy
from typing import Any

from minitorch_cv.nn.module import Module
from minitorch_cv.nn.parameter import Parameter


def shape_only_copy(model: Module) -> Module:
    """A copy of the model on the device "meta"; no parameter is copied, and the model stays as it is.

    Of the hooks, those stay that are methods of modules: they are part of how the model computes. Others watch, and are left out.
    """
    memo: dict[int, Any] = {id(parameter): Parameter(parameter.detach().to("meta")) for parameter in model.parameters()}
    memo |= {id(buffer): buffer.detach().to("meta") for buffer in model.buffers()}
    twin = copy.deepcopy(model, memo)
    for module in twin.modules():
        for hooks in (module._forward_hooks, module._forward_pre_hooks):
            for number, hook in list(hooks.items()):
                if not isinstance(getattr(hook, "__self__", None), Module):
                    del hooks[number]
    return twin.to("meta")

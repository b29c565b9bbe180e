"""What a model does with an image, layer by layer, found out without computing anything.

A copy of the model runs once on an image that has a shape and no values, in evaluation mode. Hooks say which layer is running; autograd's
observer shows every function that it calls.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

import minitorch_cv as mt
from kernels.dtypes import is_floating
from minitorch_cv import nn
from minitorch_cv.autograd import Function
from minitorch_cv.autograd.modes import switched
from minitorch_cv.functional.activation import Straight
from minitorch_cv.nn.shape_only import shape_only_copy
from minitorch_cv.study.operations import Count, count
from minitorch_cv.study.receptive_field import Fields, ReceptiveFields
from minitorch_cv.tensor import Tensor

FLOAT32 = 4  # bytes


@dataclass(frozen=True)
class Row:
    """One call of a layer (a module without parts), or of a function that a larger module calls itself.

    path, type: "layer1.0.conv1", "Conv2d"; of a function, the path of the module that calls it, and its name, "adaptive_avg_pool2d".
    output_shape: (N, C, H, W) or another one.
    parameters: of the layer, where this is its first call; shared ones count once.
    macs, flops: multiply-adds of convolutions and linear layers; all floating-point operations (`minitorch_cv.study.operations`).
    activation_bytes: of the output in float32; 0 where it lies in the memory of the input.
    receptive_field: {"height": ..., "width": ...}, each with size, stride, offset in pixels and `whole` (`study.field.Field.described`);
        None where the output does not depend on the image.
    """

    path: str
    type: str
    output_shape: tuple[int, ...]
    parameters: int
    macs: int
    flops: int
    activation_bytes: int
    receptive_field: dict[str, dict[str, Any]] | None


def trace(model: nn.Module, input_shape: Sequence[int]) -> list[Row]:
    """All rows, in the order of execution, for images of `input_shape` (N, C, H, W) in evaluation mode."""
    dtype = next((parameter.dtype for parameter in model.parameters() if is_floating(parameter.dtype)), np.float32)
    image = mt.empty(*input_shape, dtype=dtype, device="meta").requires_grad_()
    tracer = _Tracer(shape_only_copy(model).eval(), image)
    with mt.device("meta"), switched(grad=True, observer=tracer.observe):
        tracer.model(image)
    return tracer.rows


def _function_name(node: Function) -> str:
    """As users call it: MaxPool2d -> "max_pool2d"."""
    if isinstance(node, Straight):  # ReLU6, hard sigmoid, ...: one function for all of them
        return "piecewise_linear"
    return re.sub(r"(?<=[a-z]{2})(?=[A-Z])", "_", type(node).__name__).lower()


class _Tracer:
    """Collects the rows while `model` runs on `image`."""

    def __init__(self, model: nn.Module, image: Tensor) -> None:
        self.model = model
        self.rows: list[Row] = []
        self.fields = ReceptiveFields(image)
        self.running: list[tuple[str, nn.Module]] = []
        self.nodes: list[Function] = []  # of the layer that is running
        self.counted: set[int] = set()
        for path, module in model.named_modules():
            module.register_forward_pre_hook(self._before(path))
            module.register_forward_hook(self._after)

    def _before(self, path: str) -> Any:
        def enter(module: nn.Module, args: tuple) -> None:
            self.running.append((path, module))
            self.nodes = []

        return enter

    def observe(self, node: Function) -> None:
        """A function has run."""
        self.fields.observe(node)
        path, module = self.running[-1]
        if not node.outputs:
            return
        if not module._modules:
            self.nodes.append(node)
        elif not node.is_view:
            shape = node.outputs[0][0]
            self._add(path, _function_name(node), module, shape, [node], self.fields.of_node(node))

    def _after(self, module: nn.Module, args: tuple, output: Any) -> None:
        path, _ = self.running.pop()
        result = output[0] if isinstance(output, tuple) and output else output
        if not module._modules and isinstance(result, Tensor):
            self._add(path, type(module).__name__, module, result.shape, self.nodes, self.fields.of(result))
        self.nodes = []

    def _add(self, path: str, kind: str, module: nn.Module, shape: tuple[int, ...], nodes: list[Function], fields: Fields | None) -> None:
        own = [parameter for parameter in module.parameters(recurse=False) if id(parameter) not in self.counted]
        self.counted |= {id(parameter) for parameter in own}
        operations = sum((count(node) for node in nodes), Count())
        field = None if fields is None else dict(zip(("height", "width"), [line.described() for line in fields], strict=True))
        memory = 0 if all(node.is_view for node in nodes) else FLOAT32 * prod(shape)
        self.rows.append(Row(path, kind, shape, sum(p.numel() for p in own), operations.macs, operations.flops, memory, field))

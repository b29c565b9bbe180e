"""The receptive fields of everything that a network computes, followed through its functions one by one.

Networks are graphs: branches, shortcuts and gates meet again. Every result of a function sees the union of what its inputs see, each
through the function's windows; so it is enough to know, for every kind of function, where its results look. RULES says it. A function
that is not in this table is taken to look everywhere.

All channels together: a position sees what any of its channels sees.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import kernels
from kernels.geometry import pair
from minitorch_cv.autograd import Function
from minitorch_cv.autograd.function import edge_of
from minitorch_cv.functional.activation import ReLU, Smooth, Straight
from minitorch_cv.functional.choose import Choice, Clamp, Where
from minitorch_cv.functional.conv import Conv2d, Conv2dInput
from minitorch_cv.functional.convert import Clone, Move, To
from minitorch_cv.functional.gates import PReLU
from minitorch_cv.functional.index import GetItem
from minitorch_cv.functional.join import Cat
from minitorch_cv.functional.layer_norm import LayerNorm
from minitorch_cv.functional.linear import Linear
from minitorch_cv.functional.math import Add, Div, Mul, Neg, Power, PowerOfTensors, Sub
from minitorch_cv.functional.matmul import MatMul
from minitorch_cv.functional.norm import BatchNormEval
from minitorch_cv.functional.padding import Pad
from minitorch_cv.functional.pool import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d
from minitorch_cv.functional.reduce import Extreme, Sum
from minitorch_cv.functional.resample import Resample2d
from minitorch_cv.functional.response_norm import LocalResponseNorm
from minitorch_cv.functional.shape import Contiguous, Expand, Permute, Reshape
from minitorch_cv.functional.shuffle import Rearrange
from minitorch_cv.functional.softmax import LogSoftmax, Softmax
from minitorch_cv.functional.unary import Abs, Unary
from minitorch_cv.study.field import Field, of_image, union
from minitorch_cv.study.window import Window, adaptive, resampled, sliding, table, transposed
from minitorch_cv.tensor import Tensor

Shape = tuple[int, ...]
Fields = tuple[Field, Field]  # along the height and along the width of the image


class Call(NamedTuple):
    """A call of a function, along one line of the image."""

    options: dict[str, Any]
    fields: list[Field]  # of the inputs that come from the image
    shapes: list[Shape]  # of the same
    numbers: list[int]  # which inputs these are
    all_shapes: list[Shape | None]  # of all inputs, parameters included; None where one was left out, or is a constant
    out: Shape  # of the result
    line: int  # 0 for the height, 1 for the width


Rule = Callable[[Call], Field]


def everywhere(call: Call) -> Field:
    """Every result looks at everything."""
    return union([field.collapsed() for field in call.fields])


def pointwise(call: Call) -> Field:
    """A result looks at the same place of each input; inputs are broadcast, which adds dimensions at the front."""
    return union([moved(field, len(call.out) - len(shape)) for field, shape in zip(call.fields, call.shapes, strict=True)])


def moved(field: Field, added: int) -> Field:
    """The field of a tensor that has got `added` dimensions at the front."""
    return field.at(None if field.place is None else (field.place[0] + added, field.place[1]))


def all_along(dims: Callable[[Call], tuple[int, ...]], kept: Callable[[Call], bool] = lambda call: True) -> Rule:
    """Everything along some dimensions, and the same place of the others. kept: whether these dimensions are still there afterwards."""

    def rule(call: Call) -> Field:
        ((field,), (shape,)) = call.fields, call.shapes
        seen = [dim % len(shape) for dim in dims(call)]
        if field.place is None or field.place[0] in seen:
            return field.collapsed()
        return field if kept(call) else moved(field, -sum(dim < field.place[0] for dim in seen))

    return rule


def through(make: Callable[[Call, int, int], Window | None]) -> Rule:
    """A layer for images (N, C, H, W). make(call, size, length) is its window, from `size` to `length` positions; None for everything."""

    def rule(call: Call) -> Field:
        dim = 2 + call.line
        size = call.shapes[0][dim]
        field, window = call.fields[0].along(dim, size), make(call, size, call.out[dim])
        return everywhere(call) if field is None or window is None else field.through(window)

    return rule


def convolution(call: Call, size: int, length: int) -> Window:
    kernel_size = call.all_shapes[1][2 + call.line]  # type: ignore[index]
    return sliding(length, kernel_size, *(call.options[name][call.line] for name in ("stride", "padding", "dilation")))


def transposed_convolution(call: Call, size: int, length: int) -> Window:
    kernel_size = call.all_shapes[1][2 + call.line]  # type: ignore[index]
    return transposed(length, kernel_size, *(call.options[name][call.line] for name in ("stride", "padding", "dilation")))


def pooling(call: Call, size: int, length: int) -> Window | None:
    if "output_size" in call.options:
        return None if length == 1 else adaptive(length, size)
    options = call.options
    kernel_size = pair(options["kernel_size"], "kernel_size", 1)
    stride = kernel_size if options["stride"] is None else pair(options["stride"], "stride", 1)
    padding, dilation = pair(options["padding"], "padding", 0), pair(options.get("dilation", 1), "dilation", 1)
    return sliding(length, *(both[call.line] for both in (kernel_size, stride, padding, dilation)))


def resampling(call: Call, size: int, length: int) -> Window:
    return resampled(call.options["columns" if call.line else "rows"])


def rearrangement(call: Call) -> Field:
    """Channels in another order, or blocks of pixels made channels, and back."""
    kernel, factor = call.options["there"]
    if kernel is kernels.channel_shuffle:
        return pointwise(call)

    def blocks(_: Call, size: int, length: int) -> Window:
        return sliding(length, factor, factor) if kernel is kernels.pixel_unshuffle else table(np.arange(length)[:, None] // factor, size)

    return through(blocks)(call)


def padding(call: Call) -> Field:
    """A border of a constant, which sees nothing; or cut off."""
    (field,) = call.fields
    if field.place is None or (len(field) == 1 and call.out == call.shapes[0]):
        return field
    dim = field.place[0]
    whole = field.along(dim, call.shapes[0][dim])
    before = call.options["widths"][dim][0]
    if whole is None:
        return field if call.options["widths"][dim] == (0, 0) else everywhere(call)
    return whole.through(sliding(call.out[dim], 1, padding=before))


def indexing(call: Call) -> Field:
    """Slices, numbers, new dimensions, and one list of positions, as of mirrored borders; everything for other arrays."""
    ((field,), (shape,)) = call.fields, call.shapes
    if field.place is None:
        return field
    index = call.options["index"]
    parts = list(index) if isinstance(index, tuple) else [index]
    lists = [part for part in parts if _is_list(part)]
    if len(lists) > 1 or not all(part is None or part is Ellipsis or _is_list(part) or isinstance(part, PLAIN) for part in parts):
        return everywhere(call)
    if lists and any(isinstance(part, int | np.integer) for part in parts):  # NumPy moves dimensions then
        return everywhere(call)
    rest = [slice(None)] * (len(shape) - sum(part is not None and part is not Ellipsis for part in parts))
    at = next((place for place, part in enumerate(parts) if part is Ellipsis), len(parts))
    dim = out_dim = 0
    for part in [*parts[:at], *rest, *parts[at + 1 :]]:
        if part is None:
            out_dim += 1
            continue
        if dim == field.place[0]:
            return _picked(call, field, part, dim, out_dim)
        dim += 1
        out_dim += not isinstance(part, int | np.integer)
    return everywhere(call)


PLAIN = slice | int | np.integer


def _is_list(part: Any) -> bool:
    """Whether a part of an index is an array of positions along one dimension."""
    return isinstance(part, np.ndarray) and part.ndim == 1 and part.dtype.kind in "iu"


def _picked(call: Call, field: Field, part: Any, dim: int, out_dim: int) -> Field:
    size = call.shapes[0][dim]
    if isinstance(part, slice) and part == slice(None):
        return field.at((out_dim, field.place[1]))  # type: ignore[index]
    line = field.along(dim, size)
    positions = np.arange(size)[part]
    if line is None or positions.size == 0:
        return everywhere(call)
    picked = line.through(table(positions.reshape(-1, 1), size))
    return picked.at(None if isinstance(part, int | np.integer) else (out_dim, 1))


def reshaping(call: Call) -> Field:
    """A line stays one where its elements still lie in one dimension, at equal distances."""
    ((field,), (shape,)) = call.fields, call.shapes
    if field.place is None:
        return field
    dim, inner = field.place
    distance = inner * int(np.prod(shape[dim + 1 :], dtype=np.int64))  # of two positions in memory, in C order
    for new in range(len(call.out)):
        step = int(np.prod(call.out[new + 1 :], dtype=np.int64))
        if distance % step == 0 and distance * len(field) <= step * call.out[new]:
            return field.at((new, distance // step))
    return field.at(None) if len(field) == 1 else everywhere(call)


def permutation(call: Call) -> Field:
    (field,) = call.fields
    return field.at(None if field.place is None else (call.options["dims"].index(field.place[0]), field.place[1]))


def joining(call: Call) -> Field:
    """Side by side in a dimension that has no line of the image."""
    dim = call.options["dim"]
    return everywhere(call) if any(len(f) > 1 and f.place is not None and f.place[0] == dim for f in call.fields) else union(call.fields)


def product(call: Call) -> Field:
    """Matrices x @ y: a row of the one, a column of the other."""
    seen = []
    for field, shape, number in zip(call.fields, call.shapes, call.numbers, strict=True):
        summed = len(shape) - 2 if number else len(shape) - 1
        seen.append(field.collapsed() if field.place is None or field.place[0] == summed else moved(field, len(call.out) - len(shape)))
    return union(seen)


last_dim = all_along(lambda call: (-1,))
reduction = all_along(lambda call: call.options["dims"], kept=lambda call: call.options["keepdim"])

# The first that a function's class is, or inherits from.
RULES: dict[type[Function], Rule] = {
    Conv2d: through(convolution),
    Conv2dInput: through(transposed_convolution),
    MaxPool2d: through(pooling),
    AvgPool2d: through(pooling),
    AdaptiveAvgPool2d: through(pooling),
    Resample2d: through(resampling),
    Rearrange: rearrangement,
    Pad: padding,
    GetItem: indexing,
    Reshape: reshaping,
    Permute: permutation,
    Cat: joining,
    Sum: reduction,
    Extreme: reduction,
    Linear: last_dim,
    Softmax: last_dim,
    LogSoftmax: last_dim,
    LayerNorm: all_along(lambda call: tuple(range(-call.options["dims"], 0))),
    MatMul: product,
    **dict.fromkeys((
        Add, Sub, Mul, Div, Neg, Power, PowerOfTensors, Abs, Unary, Clamp, Choice, Where, ReLU, Smooth, Straight, PReLU, BatchNormEval,
        LocalResponseNorm, Expand, Contiguous, Clone, To, Move,
    ), pointwise),
}  # fmt: skip


def rule_of(function: type[Function]) -> Rule:
    """The rule for a class of functions."""
    return next((RULES[base] for base in function.__mro__ if base in RULES), everywhere)


class ReceptiveFields:
    """The fields of all tensors that are computed from an image, which must require a gradient: they are found by their nodes.

    Show it every node in the order of computation (`observe`); then ask (`of`).
    """

    def __init__(self, image: Tensor) -> None:
        H, W = image.shape[-2:]
        self.known = {id(image): (of_image(image.ndim - 2, H), of_image(image.ndim - 1, W))}
        self.kept: list[Any] = [image]  # what the numbers in `known` stand for lives on

    def observe(self, node: Function) -> None:
        """Follow the fields through a call of a function."""
        shapes = [shape_of(edge) for edge in node.edges]
        fields = {i: self.known[_key(edge)] for i, edge in enumerate(node.edges) if _key(edge) in self.known}
        if not fields or not node.outputs:
            return
        seen: list[Any] = [shapes[i] for i in fields]
        rule, out = rule_of(type(node)), node.outputs[0][0]
        height, width = (
            rule(Call(node.options, [both[line] for both in fields.values()], seen, list(fields), shapes, out, line)) for line in (0, 1)
        )
        self.known[id(node)] = height, width
        self.kept.append(node)

    def of(self, tensor: Tensor) -> Fields | None:
        """What `tensor` sees along height and width; None where it does not depend on the image."""
        return self.known.get(_key(edge_of(tensor)))

    def of_node(self, node: Function) -> Fields | None:
        """What the results of a call see."""
        return self.known.get(id(node))


def _key(edge: Any) -> int:
    return id(edge[0] if isinstance(edge, tuple) else edge)


def shape_of(edge: Any) -> Shape | None:
    """The shape of the input that an edge of the graph leads to."""
    if edge is None:
        return None
    return edge[0].outputs[edge[1]][0] if isinstance(edge, tuple) else edge.shape

"""A classifier at every place of a larger image, for little more than the cost of one: its linear layers run as convolutions.

A linear layer that sees a map of C x h x w is a convolution with a kernel of h x w that fits at one place only; on a larger map it fits
at many, and there are as many results. Neighbouring results share nearly all of their computation.

    network = convolutionize(models.create("alexnet", weights="imagenet"), (224, 224)).eval()
    network(images)  # (N, 3, 224, 224) -> (N, 1000, 1, 1);  (N, 3, 480, 640) -> (N, 1000, 9, 14)

P. Sermanet, D. Eigen, X. Zhang, M. Mathieu, R. Fergus, Y. LeCun: OverFeat: Integrated Recognition, Localization and Detection using
Convolutional Networks. ICLR 2014, arXiv:1312.6229, section 3. J. Long, E. Shelhamer, T. Darrell: Fully Convolutional Networks for Semantic
Segmentation. CVPR 2015, arXiv:1411.4038, section 3.1.
"""

import copy
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

import minitorch_cv.functional as F
from kernels.geometry import Pair, pair
from minitorch_cv import empty, nn
from minitorch_cv.autograd import no_grad
from minitorch_cv.data.pixels import image_size
from minitorch_cv.nn.shape_only import shape_only_copy
from minitorch_cv.tensor import Tensor

Array = TypeVar("Array", Tensor, np.ndarray)
Model = TypeVar("Model", bound=nn.Module)
POOLINGS = (nn.MaxPool2d, nn.AvgPool2d)


def as_convolution(weight: Array, kernel_size: Pair) -> Array:
    """The weight (OUT, C*h*w) of a linear layer as that of the convolution that does the same to maps C x h x w: (OUT, C, h, w)."""
    return weight.reshape(weight.shape[0], -1, *kernel_size)


def convolutionize(model: Model, input_size: int | Pair, dense: bool = False) -> Model:
    """A classifier of images of `input_size` as a network for larger images: (N, C, H, W) -> a map of logits (N, K, OH, OW).

    On images of `input_size` the map has one place, with the logits that the classifier gives. The weights are shared with `model`, which
    stays as it is; names of modules and keys of the state_dict stay, too.
    input_size: a number, or (height, width).
    dense: OverFeat's dense evaluation. The last pooling is done at all of its offsets, and the results are interleaved: the map has as many
        places as there were before the pooling. It is computed at once: by pooling with stride 1, and a convolution whose taps are as far
        apart as the stride was.

    The model may be any whose forward flattens maps and goes on with linear layers, with nothing between those but what works on each
    number alone (ReLU, dropout). An adaptive mean pooling before becomes a mean over windows as large as it sees on images of `input_size`.
    Errors: ValueError, saying why, for models of another form.
    """
    window = image_size(input_size, "input_size")
    trace = _trace(model, window)
    # The structure is copied, parameters and buffers are not.
    result = copy.deepcopy(model, {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())})
    stride = _replace_poolings(result, trace, dense)
    first = trace.linear[0]
    layers: dict[str, Any] = dict(result.named_modules())
    converted = {name: _Convolution(layers[name], size) for name, size in trace.kernel_sizes.items()}
    converted[first].dilation = stride
    for name, layer in converted.items():
        result.set_submodule(name, layer)
    result.get_submodule(trace.source).register_forward_hook(converted[first].remember)
    _check(result, trace, dense)
    result.window = window
    return result


def dense_predict(
    model: nn.Module, images: Tensor, scales: Sequence[float] = (1.0,), *, input_size: int | Pair | None = None, flip: bool = False,
    places: str = "mean",
) -> Tensor:  # fmt: skip
    """The probabilities (N, K) of the classes of images (N, C, H, W), from all places at all scales; without gradients.

    At each scale the images are resized, and the probabilities of all places become one number for each class. Those of all scales are
    averaged.
    model: a classifier in evaluation mode, or what `convolutionize` made of one. input_size: of a classifier, in pixels; it is then
        evaluated densely. scales: factors of H and W. flip: the mirrored images too. places: "mean", after which the sum over the classes
        is 1 (Simonyan and Zisserman 2015, section 3.2); or "max", OverFeat's, after which it is at least 1.
    Errors: ValueError, also where a scale makes the images smaller than the classifier's.
    """
    if places not in ("mean", "max"):
        raise ValueError(f"places: got {places!r}, expected 'mean' or 'max'")
    if not len(scales) or not all(0 < scale < math.inf for scale in scales):
        raise ValueError(f"scales: got {scales}, expected at least one, and positive numbers only")
    if images.ndim != 4:
        raise ValueError(f"images: got shape {images.shape}, expected (N, C, H, W)")
    if input_size is not None:
        model = convolutionize(model, input_size, dense=True)
    window = getattr(model, "window", None)
    if window is None:
        raise ValueError("input_size: got None for a classifier, expected the size of its images")
    H, W = images.shape[2:]
    maps = []
    with no_grad():
        for scale in scales:
            size = round(H * scale), round(W * scale)
            if size[0] < window[0] or size[1] < window[1]:
                raise ValueError(f"scales: got {scale}, which makes images of {size}, expected at least {window}, the classifier's")
            resized = images if size == (H, W) else F.interpolate(images, size, mode="bilinear", antialias=True)
            maps += [F.softmax(model(view), 1) for view in ([resized, F.flip(resized, [3])] if flip else [resized])]
        reduce = F.mean if places == "mean" else F.amax
        return F.stack([reduce(probabilities, (2, 3)) for probabilities in maps]).mean(0)  # (N, K)


class _Convolution(nn.Conv2d):
    """A linear layer that takes maps, or maps that have been flattened, of any size; its parameters are those of the linear layer."""

    def __init__(self, linear: nn.Linear, kernel_size: Pair) -> None:
        super().__init__(1, 1, kernel_size)
        self.in_channels, self.out_channels = linear.in_features // math.prod(kernel_size), linear.out_features
        self.weight = nn.Parameter(as_convolution(linear.weight.detach(), kernel_size), linear.weight.requires_grad)
        self.bias = linear.bias
        self.training = linear.training
        self.seen: tuple[int, ...] = ()

    def remember(self, module: nn.Module, args: tuple, output: Any) -> None:
        """As a hook of the module whose output is flattened: note the size of its map."""
        self.seen = output.shape

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input if input.ndim == 4 else input.reshape(*self.seen))


# --- What the classifier looks like, found out by shapes alone ---


@dataclass(frozen=True)
class _Call:
    """That a module without children was called, and with which shapes."""

    name: str
    module: nn.Module
    input: tuple[int, ...]
    output: tuple[int, ...]


@dataclass(frozen=True)
class _Trace:
    """The calls before the first linear layer, in their order, and the linear layers with the sizes of the kernels that they become.

    source: the module whose map (1, C, h, w) is flattened. images: of the model's input.
    """

    before: list[_Call]
    kernel_sizes: dict[str, Pair]
    source: str
    images: Tensor

    @property
    def linear(self) -> list[str]:
        return list(self.kernel_sizes)


def _trace(model: nn.Module, window: Pair) -> _Trace:
    shadow = shape_only_copy(model).eval()
    convolutions = [module for module in shadow.modules() if isinstance(module, nn.Conv2d)]
    if not convolutions:
        raise ValueError("model: it has no convolution, expected a classifier of images")
    first_weight = convolutions[0].weight
    images = empty(1, convolutions[0].in_channels, *window, dtype=first_weight.dtype, device="meta")
    with _calls(shadow) as calls, no_grad():
        shadow(images)
    places = [place for place, call in enumerate(calls) if isinstance(call.module, nn.Linear)]
    if not places:
        raise ValueError("model: it has no linear layer, expected a classifier that ends in linear layers")
    before = calls[: places[0]]
    maps = [call for call in before if len(call.output) == 4]
    first = calls[places[0]]
    if not maps or math.prod(maps[-1].output[1:]) != first.input[-1]:
        raise ValueError(
            f"model: what its first linear layer, {first.name}, sees is not the map of a module, flattened: "
            f"{first.input[-1]} numbers, after a map of shape {maps[-1].output if maps else None}"
        )
    sizes: dict[str, Pair] = {calls[place].name: (1, 1) for place in places}
    sizes[first.name] = (maps[-1].output[2], maps[-1].output[3])
    return _Trace(before, sizes, maps[-1].name, images)


@contextmanager
def _calls(model: nn.Module) -> Iterator[list[_Call]]:
    """The calls of modules without children that happen inside the block, one after the other."""
    calls: list[_Call] = []
    names = {module: name for name, module in model.named_modules() if not list(module.children())}

    def note(module: nn.Module, args: tuple, output: Any) -> None:
        if isinstance(output, Tensor):
            calls.append(_Call(names[module], module, args[0].shape, output.shape))

    handles = [module.register_forward_hook(note) for module in names]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


# --- The new network ---


def _replace_poolings(model: nn.Module, trace: _Trace, dense: bool) -> Pair:
    """Make the adaptive pooling after the last convolution one with fixed windows, and with `dense` the last pooling one of stride 1.

    Returns the stride that the last pooling had, (1, 1) where it keeps it.
    """
    after = [call for call in trace.before if not isinstance(call.module, nn.Dropout)]
    while any(isinstance(call.module, nn.Conv2d) for call in after):
        after.pop(0)
    exact = True
    for call in after:
        if isinstance(call.module, nn.AdaptiveAvgPool2d):
            exact = call.input == call.output
            model.set_submodule(call.name, nn.Identity() if exact else _fixed_mean(call))
    pooled = [call for call in after if isinstance(call.module, POOLINGS)]
    if not dense or not pooled:
        return 1, 1
    if not exact:
        raise ValueError(f"dense: the pooling {pooled[-1].name} is followed by an adaptive one, expected linear layers")
    last = pooled[-1]
    channels = [call.input[1] for call in trace.before if call.name == last.name]
    if channels.count(last.input[1]) > 1:
        raise ValueError(f"dense: the pooling {last.name} is used {len(channels)} times, expected one of its own before the linear layers")
    pooling: Any = model.get_submodule(last.name)
    model.set_submodule(last.name, _LastPooling(pooling, last.input[1]))
    return pair(pooling.stride, "stride", 1)


class _LastPooling(nn.Module):
    """A pooling that has stride 1 for maps of so many channels. A model may use one layer several times, as LeNet does."""

    def __init__(self, pooling: Any, channels: int) -> None:
        super().__init__()
        self.usual, self.everywhere, self.channels = pooling, copy.copy(pooling), channels
        self.everywhere.stride = 1

    def forward(self, input: Tensor) -> Tensor:
        return (self.everywhere if input.shape[1] == self.channels else self.usual)(input)


def _fixed_mean(call: _Call) -> nn.Module:
    """A mean over windows that does to the map of `call` what adaptive pooling did."""
    lengths, counts = call.input[2:], call.output[2:]
    if any(length % count for length, count in zip(lengths, counts, strict=True)):
        raise ValueError(
            f"input_size: the adaptive pooling {call.name} makes {counts} windows of a map of {lengths}, which are not equally large"
        )
    height, width = (length // count for length, count in zip(lengths, counts, strict=True))
    # One window, the mean of the whole map: it can move by one. Several, side by side: they have to stay so.
    return nn.AvgPool2d((height, width), stride=(1 if counts[0] == 1 else height, 1 if counts[1] == 1 else width))


def _check(model: nn.Module, trace: _Trace, dense: bool) -> None:
    """Raise ValueError unless images of the window's size give a map with one place."""
    shadow = shape_only_copy(model).eval()
    try:
        with no_grad():
            shape = shadow(trace.images).shape
    except (ValueError, RuntimeError, TypeError, AttributeError) as error:
        raise ValueError(f"model: it does not work with convolutions for linear layers: {error}") from error
    if len(shape) != 4 or (shape[2:] != (1, 1) and not dense):
        raise ValueError(f"model: with convolutions for linear layers it gives an output of shape {shape}, expected (1, K, 1, 1)")

"""The table of layers: one entry for each class of `minitorch_cv.nn`, which says what it is tested on.

A layer stands for a function, and the table of functions draws calls of that: what is an input there is the layer's input, the other
arguments are what the layer is made with. So most entries name no more than the function; `options` says what only the constructor
wants to know. All that follows is the same for every layer and written once, in tests/minitorch_cv/nn/test_layer_table.py. A layer
without an entry fails the suite.
"""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any, NamedTuple

from numpy.random import Generator
from table import ROWS
from table.row import ANY, Call, Row, Values, call, either, some_pair, some_shape

import minitorch_cv as mt
from minitorch_cv import nn
from minitorch_cv.testing import Domain

Arguments = dict[str, Any]

EXEMPT = {
    "Module": "computes nothing",
    "ModuleDict": "computes nothing",
    "ModuleList": "computes nothing",
    "Sequential": "computes what is in it",
    "Parameter": "a tensor",
}
BEYOND = {"temperature", "antialias", "weight"}  # arguments of functions that some of their layers do without


class Case(NamedTuple):
    """A layer and its input; float64 arrays stand for tensors."""

    options: Arguments  # of the constructor
    inputs: tuple  # of `forward`
    arguments: Arguments  # of the function; the layer's state takes the place of weights in it


@dataclass(frozen=True)
class Layer:
    """One layer, or one of several ways to use it.

    name: its name in `minitorch_cv.nn`. function: the one it stands for, by its name in `minitorch_cv.functional`.
    options: arguments of the constructor that are not among the function's, or mean something else there, from the function's.
    refuses: the shape of an input that it cannot take, where it takes some; None if every shape will do.
    draw, domain: calls of the function, as in a Row, where the rows of the function will not do.
    takes: which arguments of the function are the layer's inputs; none for the first alone.
    stands: whether the layer computes the function; a variant may compute more.
    random: whether it draws random numbers in training. torch: whether PyTorch has it.
    differs: arguments of the constructor whose default is not PyTorch's: there `dim` may be left out, and is guessed, with a warning.
    tolerance: how far values may be from PyTorch's.
    """

    name: str
    function: str
    options: Callable[[Arguments], Arguments] = lambda a: {}
    refuses: tuple[int, ...] | None = None
    draw: Callable[[Generator, Values], Call] | None = None
    domain: Domain = ANY
    takes: tuple[str, ...] = ()
    variant: str = ""
    stands: bool = True
    random: bool = False
    torch: bool = True
    differs: tuple[str, ...] = ()
    tolerance: float = 1e-10

    def __str__(self) -> str:
        return f"{self.name}-{self.variant}" if self.variant else self.name

    def input_names(self) -> tuple[str, ...]:
        """What the function calls the layer's inputs."""
        return self.takes or tuple(signature(getattr(mt.functional, self.function)).parameters)[:1]

    def parameters(self) -> dict[str, Parameter]:
        """The constructor's arguments; `*args` and `**kwargs` are none."""
        found = signature(getattr(nn, self.name)).parameters.values()
        return {p.name: p for p in found if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}

    def drawn(self, seed: int) -> Case:
        """Case number `seed`."""
        rows = [Row(self.function, self.draw, self.domain)] if self.draw else [row for row in ROWS if row.name == self.function]
        args, options = rows[seed % len(rows)].drawn(seed)
        bound = signature(getattr(mt.functional, self.function)).bind(*args, **options).arguments
        given = {name: bound.pop(name) for name in self.input_names() if name in bound}
        made_with = {name: value for name, value in bound.items() if name in self.parameters()} | self.options(given | bound)
        kept = {name: value for name, value in bound.items() if name in made_with or name not in BEYOND}
        return Case(made_with, tuple(given.values()), kept)


# --- what constructors want to know, from the arguments of the function


def _conv2d(a: Arguments) -> Arguments:
    OC, C, *kernel_size = a["weight"].shape
    return {"in_channels": C * a["groups"], "out_channels": OC, "kernel_size": tuple(kernel_size), "bias": a["bias"] is not None}


def _conv_transpose2d(a: Arguments) -> Arguments:
    C, OC, *kernel_size = a["weight"].shape
    return {"in_channels": C, "out_channels": OC * a["groups"], "kernel_size": tuple(kernel_size), "bias": a["bias"] is not None}


def _linear(a: Arguments) -> Arguments:
    out_features, in_features = a["weight"].shape
    return {"in_features": in_features, "out_features": out_features, "bias": a["bias"] is not None}


def _running(a: Arguments) -> Arguments:
    affine = {"affine": a["weight"] is not None, "bias": a["bias"] is not None}
    return {"num_features": a["input"].shape[1], "track_running_stats": a["running_mean"] is not None} | affine


def _layer_norm(a: Arguments) -> Arguments:
    return {"elementwise_affine": a["weight"] is not None, "bias": a["bias"] is not None}


def _group_norm(a: Arguments) -> Arguments:
    return {"num_channels": a["input"].shape[1], "affine": a["weight"] is not None, "bias": a["bias"] is not None}


def _border(a: Arguments) -> Arguments:
    widths = a["pad"]
    return {"padding": widths[0] if len(set(widths)) == 1 else widths} | ({"value": a["value"]} if a["mode"] == "constant" else {})


# --- calls that the table of functions has not, or not in the right shape


def _running_norm(*shapes: tuple[int, ...]) -> Callable[[Generator, Values], Call]:
    """Of the shapes, C channels after the first length; running statistics, weight and bias or none."""

    def draw(rng: Generator, values: Values) -> Call:
        C, (N, *rest) = int(rng.integers(1, 5)), either(rng, *shapes)
        running, weight, bias = (values(C) if rng.random() < 0.7 else None for _ in range(3))
        options = {"momentum": either(rng, 0.1, 0.3), "eps": either(rng, 1e-5, 1e-3)}
        return call(values(N, C, *rest), running, running, weight, bias, **options)

    return draw


def _layer_norm_2d(rng: Generator, values: Values) -> Call:
    C = int(rng.integers(3, 6))
    return call(values(2, C, *some_pair(rng, 1, 4)), (C,), *either(rng, (None, None), (values(C), values(C))), eps=either(rng, 1e-5, 1e-3))


def _padded_conv2d(rng: Generator, values: Values) -> Call:
    groups = int(rng.integers(1, 3))
    x, weight = values(2, 2 * groups, *(int(n) for n in rng.integers(4, 7, 2))), values(2 * groups, 2, *some_pair(rng, 1, 3))
    stride, padding = either(rng, (some_pair(rng, 1, 2), some_pair(rng, 0, 3)), (1, "same"), (2, "valid"))
    return call(x, weight, values(2 * groups), stride, padding, either(rng, 1, (1, 2)) if padding == "same" else 1, groups)


def _flatten(rng: Generator, values: Values) -> Call:
    return call(values(*some_shape(rng, 2, 5)), int(rng.integers(0, 2)), either(rng, -1, 1))


def _softmax_2d(rng: Generator, values: Values) -> Call:
    return call(values(*some_shape(rng, 3, 4)), -3)


def _pad(mode: str, cut: int) -> Callable[[Generator, Values], Call]:
    """A border of 0 to 3 pixels, all the same or not; `cut`: how many the image may lose instead."""

    def draw(rng: Generator, values: Values) -> Call:
        widths = either(rng, (int(rng.integers(0, 4)),) * 4, tuple(int(width) for width in rng.integers(-cut, 4, 4)))
        return call(values(*some_shape(rng, 2, 2), 4, 5), widths, mode, either(rng, 0.0, -1.5) if mode == "constant" else None)

    return draw


def _zero_pad(rng: Generator, values: Values) -> Call:
    return call(*_pad("reflect", 1)(rng, values).args[:2], "constant")


def _upsampling(mode: str) -> Callable[[Generator, Values], Call]:
    def draw(rng: Generator, values: Values) -> Call:
        size = either(rng, {"size": some_pair(rng, 1, 7)}, {"size": 5}, {"scale_factor": 2}, {"scale_factor": (1.5, 3)})
        corners = {"align_corners": True} if mode == "bilinear" else {}
        return call(values(2, 3, *some_pair(rng, 1, 4)), **size, mode=mode, **corners)

    return draw


def _anything(rng: Generator, values: Values) -> Call:
    return call(values(*some_shape(rng)))


FLAT, IMAGES = (2, 3), (2, 3, 4, 4)
PAIR, VECTORS = ("input", "target"), ("x1", "x2")
STATISTIC = Domain(0.5, 2)
SIZES = {1: ((3,), (5,)), 2: ((2, 3), (3, 2)), 3: ((2, 1, 3), (1, 2, 3))}
FEATURES = (5,)  # a batch without any size


def _average(a: Arguments) -> Arguments:
    return _running(a) | {"momentum": None}


def _elementwise(*names: str) -> list[Layer]:
    return [Layer(name, name.lower()) for name in names]


def _norms(dims: int) -> list[Layer]:
    """Batch and instance normalisation over so many dimensions."""
    samples = [(2, *size) for size in SIZES[dims]]
    batches = [FEATURES, *samples] if dims == 1 else samples
    return [
        Layer(f"BatchNorm{dims}d", "batch_norm", _running, (3,), _running_norm(*batches), STATISTIC),
        Layer(f"BatchNorm{dims}d", "batch_norm", _average, (3,), _running_norm(*batches), STATISTIC, variant="average", stands=False),
        Layer(f"InstanceNorm{dims}d", "instance_norm", _running, (3,), _running_norm(*samples), STATISTIC),
    ]


LAYERS = [
    *_elementwise("ReLU", "ReLU6", "SELU", "SiLU", "Mish", "Hardswish", "Tanh", "Sigmoid", "LogSigmoid", "Softsign"),
    *_elementwise("Tanhshrink", "ELU", "CELU", "Hardtanh", "Threshold", "GELU", "Softplus", "Softshrink", "Hardshrink"),
    Layer("LeakyReLU", "leaky_relu"),
    Layer("Hardsigmoid", "hardsigmoid", tolerance=1e-7),  # PyTorch's gradient is 1/6 as float32 has it
    Layer("RReLU", "rrelu", random=True),
    Layer("PReLU", "prelu", lambda a: {"num_parameters": a["weight"].size, "init": a["weight"].size / 8}, ()),
    Layer("GLU", "glu", refuses=(3, 3, 3)),
    *[Layer(name, function, refuses=(), differs=("dim",)) for name, function in
      (("Softmax", "softmax"), ("LogSoftmax", "log_softmax"), ("Softmin", "softmin"))],
    Layer("Softmax2d", "softmax", refuses=FLAT, draw=_softmax_2d),

    Layer("Conv2d", "conv2d", _conv2d, FLAT),
    *[Layer("Conv2d", "conv2d", lambda a, mode=mode: _conv2d(a) | {"padding_mode": mode}, FLAT, _padded_conv2d, variant=mode, stands=False)
      for mode in ("reflect", "replicate", "circular")],
    Layer("ConvTranspose2d", "conv_transpose2d", _conv_transpose2d, FLAT),
    Layer("Linear", "linear", _linear, (2, 99)),
    Layer("Identity", "flatten", draw=_anything, stands=False),
    Layer("Flatten", "flatten", refuses=(3,), draw=_flatten),
    Layer("Unflatten", "unflatten", lambda a: {"unflattened_size": a["sizes"]}, ()),
    Layer("Unfold", "unfold", refuses=FLAT),
    Layer("Fold", "fold", refuses=IMAGES),

    *_norms(1), *_norms(2), *_norms(3),
    Layer("LayerNorm", "layer_norm", _layer_norm, (2, 99)),
    Layer("LayerNorm2d", "layer_norm", _layer_norm, FLAT, _layer_norm_2d, stands=False, torch=False),
    Layer("RMSNorm", "rms_norm", lambda a: {"elementwise_affine": a["weight"] is not None}, (2, 99)),
    Layer("GroupNorm", "group_norm", _group_norm, (3,)),
    Layer("GRN", "global_response_norm", lambda a: {"dim": a["weight"].size}, FLAT, torch=False),
    Layer("LocalResponseNorm", "local_response_norm", refuses=FLAT),

    Layer("MaxPool2d", "max_pool2d", refuses=FLAT),
    Layer("AvgPool2d", "avg_pool2d", refuses=FLAT),
    Layer("LPPool2d", "lp_pool2d", refuses=FLAT),
    Layer("MaxUnpool2d", "max_unpool2d", refuses=FLAT, takes=("input", "indices", "output_size")),
    Layer("AdaptiveAvgPool2d", "adaptive_avg_pool2d", refuses=FLAT),
    Layer("AdaptiveMaxPool2d", "adaptive_max_pool2d", refuses=FLAT),
    Layer("Upsample", "interpolate", refuses=FLAT),
    Layer("UpsamplingNearest2d", "interpolate", refuses=FLAT, draw=_upsampling("nearest")),
    Layer("UpsamplingBilinear2d", "interpolate", refuses=FLAT, draw=_upsampling("bilinear")),
    Layer("PixelShuffle", "pixel_shuffle", refuses=FLAT),
    Layer("PixelUnshuffle", "pixel_unshuffle", refuses=FLAT),
    Layer("ChannelShuffle", "channel_shuffle", refuses=FLAT),
    Layer("ZeroPad2d", "pad", lambda a: _border(a | {"mode": ""}), (3,), _zero_pad),
    Layer("ConstantPad2d", "pad", _border, (3,), _pad("constant", 1)),
    Layer("ReflectionPad2d", "pad", _border, FLAT, _pad("reflect", 1)),
    Layer("ReplicationPad2d", "pad", _border, FLAT, _pad("replicate", 1)),
    Layer("CircularPad2d", "pad", _border, FLAT, _pad("circular", 0)),

    Layer("Dropout", "dropout", random=True),
    Layer("Dropout1d", "dropout1d", refuses=(3,), random=True),
    Layer("Dropout2d", "dropout2d", refuses=FLAT, random=True),
    Layer("Dropout3d", "dropout3d", refuses=FLAT, random=True),
    Layer("AlphaDropout", "alpha_dropout", random=True),
    Layer("FeatureAlphaDropout", "feature_alpha_dropout", refuses=(3,), random=True),
    Layer("StochasticDepth", "stochastic_depth", refuses=(), random=True, torch=False),

    Layer("CrossEntropyLoss", "cross_entropy", refuses=(), takes=PAIR),
    Layer("NLLLoss", "nll_loss", refuses=(), takes=PAIR),
    Layer("BCELoss", "binary_cross_entropy", refuses=(9, 9), takes=PAIR),
    Layer("BCEWithLogitsLoss", "binary_cross_entropy_with_logits", refuses=(9, 9), takes=PAIR),
    Layer("MSELoss", "mse_loss", refuses=(9, 9), takes=PAIR),
    Layer("L1Loss", "l1_loss", refuses=(9, 9), takes=PAIR),
    Layer("SmoothL1Loss", "smooth_l1_loss", refuses=(9, 9), takes=PAIR),
    Layer("HuberLoss", "huber_loss", refuses=(9, 9), takes=PAIR),
    Layer("KLDivLoss", "kl_div", refuses=(9, 9), takes=PAIR),
    Layer("SoftMarginLoss", "soft_margin_loss", refuses=(9, 9), takes=PAIR),
    Layer("CosineEmbeddingLoss", "cosine_embedding_loss", refuses=(9, 9), takes=("input1", "input2", "target")),
    Layer("TripletMarginLoss", "triplet_margin_loss", refuses=(9, 9), takes=("anchor", "positive", "negative")),
    Layer("CosineSimilarity", "cosine_similarity", refuses=(9, 9), takes=VECTORS),
    Layer("PairwiseDistance", "pairwise_distance", refuses=(9, 9), takes=VECTORS),
]  # fmt: skip

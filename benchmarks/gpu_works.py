"""Which kernels are measured on a GPU, on which problems, and against what of PyTorch's.

Every row is a function of the arrays that both sides are given, which returns what is timed. Gradients are PyTorch's autograd's, of a
value that was computed before, by itself.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from gpu_kernels import Array, Work, elements

import kernels
from kernels.resample.taps import table

ALL_TYPES = ("float32", "tf32", "float16", "bfloat16")
BYTES_OF_INDEX = 8


def works(shrink: int = 1) -> dict[str, Work]:
    """All kernels that are measured, by name. shrink: divides batches, channels and sizes, to try them out."""
    size = Size(shrink)
    return {
        **activations(size), **normalisations(size), **pooling(size), **moving(size), **losses(size), **optimizers(size),
        **products(size), **convolutions(size),
    }  # fmt: skip


class Size:
    """The sizes of the problems, those of an ImageNet network's layers with a batch of 128, or smaller ones to try them out."""

    def __init__(self, shrink: int) -> None:
        self.shrink = shrink
        self.N = self.of(128)
        self.maps = (self.N, self.of(64, 8), self.side(56), self.side(56))  # the first stage of a ResNet: 26 million numbers
        self.half = (*self.maps[:2], self.maps[2] // 2, self.maps[3] // 2)
        self.coarse = (self.N, self.of(256), 13, 13)
        self.tokens = (self.of(128 * 196), self.of(384))
        self.scores = (self.of(32768), self.of(1000, 10))

    def of(self, number: int, least: int = 1) -> int:
        """A number of images, channels, ..."""
        return max(least, number // self.shrink)

    def side(self, pixels: int) -> int:
        """The side of an image."""
        return pixels if self.shrink == 1 else max(6, pixels // 16 * 2)


# --- how rows are made


def forward(function: Callable[..., Any]) -> Callable[..., Callable[[], Any]]:
    """A side that prepares nothing: the function of the arrays, or of `torch` and the arrays, is what is timed."""
    return lambda *arrays: partial(function, *arrays)


def gradient(function: Callable[..., Any], wanted: tuple[int, ...] = (0,)) -> Callable[..., Callable[[], Any]]:
    """PyTorch's gradient of function(torch, *inputs), of the inputs with the numbers `wanted`; the first array is gy."""

    def prepare(torch: Any, gy: Any, *inputs: Any) -> Callable[[], Any]:
        leaves = [inputs[number].requires_grad_() for number in wanted]
        y = function(torch, *inputs)
        return lambda: torch.autograd.grad(y, leaves, gy, retain_graph=True)

    return prepare


def given(*shapes: tuple[int, ...], channels: int = 0, features: tuple[int, ...] | None = None) -> tuple[Array, ...]:
    """Arrays of these shapes, and so many `channels` arrays of one number for each channel of the last, or of the shape `features`."""
    per_channel = Array(features or shapes[-1][1:2], "channel")
    return (*[Array(shape) for shape in shapes], *[per_channel] * channels)


# --- the rows


def activations(size: Size) -> dict[str, Work]:
    maps, count = size.maps, elements(size.maps)

    def gelu(torch: Any, x: Any) -> Any:
        return torch.nn.functional.gelu(x)

    return {
        "relu": Work("activation", given(maps), forward(kernels.relu), forward(lambda torch, x: torch.relu(x)), 2 * count),
        "relu, gradient": Work(
            "activation", given(maps, maps), lambda gy, x: partial(kernels.relu_backward, gy, kernels.relu(x)),
            gradient(lambda torch, x: torch.relu(x)), 3 * count,
        ),
        "gelu": Work("activation", given(maps), forward(partial(kernels.smooth, "gelu")), forward(gelu), 2 * count),
        "gelu, gradient": Work(
            "activation", given(maps, maps), forward(partial(kernels.smooth_backward, "gelu")), gradient(gelu), 3 * count
        ),
        "add": Work("add", given(maps, maps), forward(kernels.add), forward(lambda torch, x, y: x + y), 3 * count),
        "channel sum": Work(
            "channel_sum", given(maps), forward(kernels.channel_sum), forward(lambda torch, x: x.sum((0, 2, 3))), count
        ),
    }  # fmt: skip


def normalisations(size: Size) -> dict[str, Work]:
    maps, tokens, count = size.maps, size.tokens, elements(size.maps)
    features = tokens[1:]

    def batch_norm(torch: Any, x: Any, w: Any, b: Any) -> Any:
        return torch.nn.functional.batch_norm(x, None, None, w, b, training=True)

    def block_end(torch: Any, x: Any, residual: Any, w: Any, b: Any) -> Any:
        return torch.relu(batch_norm(torch, x, w, b) + residual)

    def layer_norm(torch: Any, x: Any, w: Any, b: Any) -> Any:
        return torch.nn.functional.layer_norm(x, features, w.to(x.dtype), b.to(x.dtype))

    def group_norm(torch: Any, x: Any, w: Any, b: Any) -> Any:
        return torch.nn.functional.group_norm(x, 8, w.to(x.dtype), b.to(x.dtype))

    def response_norm(torch: Any, x: Any, w: Any, b: Any) -> Any:
        norm = torch.linalg.vector_norm(x, dim=(2, 3), keepdim=True)
        w, b = (v.to(x.dtype).view(1, -1, 1, 1) for v in (w, b))
        return x + w * (x * (norm / (norm.mean(1, keepdim=True) + 1e-6))) + b

    def local_norm(torch: Any, x: Any) -> Any:
        return torch.nn.functional.local_response_norm(x, 5)

    def our_batch_norm_gradient(gy: Any, x: Any, w: Any, b: Any) -> Callable[[], Any]:
        _, mean, var = kernels.batch_norm_train(x, w, b)
        return lambda: kernels.batch_norm_backward(gy, x, mean, var, w)[:3]

    def our_block_end_gradient(gy: Any, x: Any, residual: Any, w: Any, b: Any) -> Callable[[], Any]:
        y, mean, var = kernels.batch_norm_train(x, w, b, 1e-5, residual, True)
        return lambda: kernels.batch_norm_backward(gy, x, mean, var, w, 1e-5, y, True)

    def our_layer_norm_gradient(gy: Any, x: Any, w: Any, b: Any) -> Callable[[], Any]:
        _, mean, var = kernels.layer_norm(x, 1, w, b)
        return lambda: kernels.layer_norm_backward(gy, x, mean, var, 1, w)

    def our_group_norm_gradient(gy: Any, x: Any, w: Any, b: Any) -> Callable[[], Any]:
        _, mean, var = kernels.group_norm(x, 8, w, b)
        return lambda: kernels.group_norm_backward(gy, x, mean, var, 8, w)

    everything = (0, 1, 2)
    # Batch norm reads x twice: its statistics must be known before the first result is, and x is larger than any cache.
    return {
        "batch norm": Work(
            "batch_norm", given(maps, channels=2), forward(lambda x, w, b: kernels.batch_norm_train(x, w, b)[0]),
            forward(batch_norm), 3 * count, numba=True,
        ),
        "batch norm, gradient": Work(
            "batch_norm", given(maps, maps, channels=2), our_batch_norm_gradient, gradient(batch_norm, everything), 5 * count, numba=True
        ),
        "batch norm + residual + relu": Work(
            "batch_norm", given(maps, maps, channels=2), forward(lambda x, r, w, b: kernels.batch_norm_train(x, w, b, 1e-5, r, True)[0]),
            forward(block_end), 4 * count, numba=True,
        ),
        "batch norm + residual + relu, gradient": Work(
            "batch_norm", given(maps, maps, maps, channels=2), our_block_end_gradient, gradient(block_end, (0, 2, 3, 1)), 8 * count,
            numba=True,
        ),
        "layer norm": Work(
            "layer_norm", given(tokens, channels=2, features=features), forward(lambda x, w, b: kernels.layer_norm(x, 1, w, b)[0]),
            forward(layer_norm), 2 * elements(tokens),
        ),
        "layer norm, gradient": Work(
            "layer_norm", given(tokens, tokens, channels=2, features=features), our_layer_norm_gradient, gradient(layer_norm, everything),
            3 * elements(tokens),
        ),
        "group norm, 8 groups": Work(
            "group_norm", given(maps, channels=2), forward(lambda x, w, b: kernels.group_norm(x, 8, w, b)[0]), forward(group_norm),
            2 * count,
        ),
        "group norm, 8 groups, gradient": Work(
            "group_norm", given(maps, maps, channels=2), our_group_norm_gradient, gradient(group_norm, everything), 3 * count
        ),
        "global response norm": Work(
            "global_response_norm", given(maps, channels=2), forward(lambda x, w, b: kernels.global_response_norm(x, w, b)[0]),
            forward(response_norm), 2 * count,
        ),
        "local response norm": Work(
            "local_response_norm", given(maps), forward(lambda x: kernels.local_response_norm(x, 5)), forward(local_norm), 2 * count
        ),
    }  # fmt: skip


def pooling(size: Size) -> dict[str, Work]:
    maps, half, coarse = size.maps, size.half, size.coarse
    six, one = (*coarse[:2], 6, 6), (*maps[:2], 1, 1)
    window: dict[str, Any] = {"kernel_size": 3, "stride": 2, "padding": 1}

    def max_pool(torch: Any, x: Any) -> Any:
        return torch.nn.functional.max_pool2d(x, **window)

    def avg_pool(torch: Any, x: Any) -> Any:
        return torch.nn.functional.avg_pool2d(x, 2)

    def adaptive_max(torch: Any, x: Any) -> Any:
        return torch.nn.functional.adaptive_max_pool2d(x, 6)

    def adaptive_avg(torch: Any, x: Any) -> Any:
        return torch.nn.functional.adaptive_avg_pool2d(x, 6)

    def mean(torch: Any, x: Any) -> Any:
        return torch.nn.functional.adaptive_avg_pool2d(x, 1)

    def our_max_gradient(gy: Any, x: Any) -> Callable[[], Any]:
        return partial(kernels.max_pool2d_backward, gy, kernels.max_pool2d(x, **window)[1], maps[2:], **window)

    def our_adaptive_max_gradient(gy: Any, x: Any) -> Callable[[], Any]:
        return partial(kernels.max_pool2d_backward, gy, kernels.adaptive_max_pool2d(x, 6)[1], coarse[2:], output_size=6)

    def row(arrays: tuple, ours: Callable, theirs: Callable, moved: int, indices: int = 0, numba: bool = False) -> Work:
        return Work("pool2d", given(*arrays), ours, theirs, moved, fixed=BYTES_OF_INDEX * indices, numba=numba)

    less, few, small = elements(maps, half), elements(coarse, six), elements(maps, one)
    # The maximum's places are part of what is written, and of what its gradient reads.
    return {
        "max pooling 3x3/2": row(
            (maps,), forward(lambda x: kernels.max_pool2d(x, **window)[0]), forward(max_pool), less, elements(half), numba=True
        ),
        "max pooling 3x3/2, gradient": row((half, maps), our_max_gradient, gradient(max_pool), less, elements(half), numba=True),
        "average pooling 2x2": row((maps,), forward(lambda x: kernels.avg_pool2d(x, 2)), forward(avg_pool), less, numba=True),
        "average pooling 2x2, gradient": row(
            (half, maps), forward(lambda gy, x: kernels.avg_pool2d_backward(gy, maps[2:], 2)), gradient(avg_pool), less
        ),
        "adaptive maximum, 13 to 6": row(
            (coarse,), forward(lambda x: kernels.adaptive_max_pool2d(x, 6)[0]), forward(adaptive_max), few, elements(six)
        ),
        "adaptive maximum, 13 to 6, gradient": row(
            (six, coarse), our_adaptive_max_gradient, gradient(adaptive_max), few, elements(six)
        ),
        "adaptive mean, 13 to 6": row(
            (coarse,), forward(lambda x: kernels.adaptive_avg_pool2d(x, 6)), forward(adaptive_avg), few
        ),
        "adaptive mean, 13 to 6, gradient": row(
            (six, coarse), forward(lambda gy, x: kernels.adaptive_avg_pool2d_backward(gy, coarse[2:])), gradient(adaptive_avg), few
        ),
        "mean of maps": row((maps,), forward(kernels.global_avg_pool2d), forward(mean), small),
        "mean of maps, gradient": row(
            (one, maps), forward(lambda gy, x: kernels.global_avg_pool2d_backward(gy, maps[2:])), gradient(mean), small
        ),
    }  # fmt: skip


def moving(size: Size) -> dict[str, Work]:
    """Resampling, shuffles, windows as columns, pieces of images, random numbers."""
    maps, half, side = size.maps, size.half, size.maps[2]
    N, C, H, W = half
    taps = table("bilinear", H, side, H / side, False, False)
    images, pieces = (size.of(50000), 3, 32, 32), (size.of(8192), 3, 32, 32)
    windows = (N, 9 * C, H * W)

    def bilinear(torch: Any, x: Any) -> Any:
        return torch.nn.functional.interpolate(x, (side, side), mode="bilinear")

    def unfold(torch: Any, x: Any) -> Callable[[], Any]:
        x = x.contiguous()  # PyTorch would copy to this layout first, each time
        return lambda: torch.nn.functional.unfold(x, 3, padding=1)

    def our_augment(images: Any, places: Any, values: Any) -> Callable[[], Any]:
        picks = places * 1
        picks[:, 1:3] %= 9
        picks[:, 1:3] -= 4
        picks[:, 3] %= 2
        return partial(kernels.augment, images, picks, 32, values)

    def our_uniform(x: Any, place: Any) -> Callable[[], Any]:
        return partial(kernels.uniform, place.astype("uint64"), 1, 2, x.shape)

    def our_dropout(x: Any) -> Callable[[], Any]:
        import minitorch_cv as mt

        return lambda: mt.functional.dropout(mt.Tensor(x), 0.5, training=True).data

    return {
        "bilinear, twice the size": Work(
            "resample", given(half), forward(lambda x: kernels.resample2d(x, taps, taps)), forward(bilinear), elements(half, maps)
        ),
        "bilinear, twice the size, gradient": Work(
            "resample", given(maps, half), forward(lambda gy, x: kernels.resample2d(gy, taps.adjoint, taps.adjoint)), gradient(bilinear),
            elements(half, maps),
        ),
        "channel shuffle, 4 groups": Work(
            "shuffle", given(maps), forward(lambda x: kernels.channel_shuffle(x, 4)),
            forward(lambda torch, x: torch.nn.functional.channel_shuffle(x, 4)), 2 * elements(maps),
        ),
        "pixel shuffle by 2": Work(
            "shuffle", given(maps), forward(lambda x: kernels.pixel_shuffle(x, 2)),
            forward(lambda torch, x: torch.nn.functional.pixel_shuffle(x, 2)), 2 * elements(maps),
        ),
        "windows as columns 3x3": Work(
            "unfold", given(half), forward(lambda x: kernels.unfold(x, 3, padding=1)), unfold, elements(half, windows)
        ),
        "crop, flip, normalise bytes": Work(
            "augment", (Array(images, "byte"), Array((pieces[0], 4), "integer", images[0]), Array((3, 256))), our_augment, None,
            elements(pieces), fixed=elements(pieces),
        ),
        "uniform random numbers": Work(
            "random", (Array(maps), Array((3,), "integer", 1 << 31)), our_uniform,
            lambda torch, x, place: partial(torch.rand, tuple(maps), device=x.device), elements(maps), dtypes=("float32",), same=False,
        ),
        "dropout": Work(
            "random", given(maps), our_dropout, forward(lambda torch, x: torch.nn.functional.dropout(x, 0.5, training=True)),
            2 * elements(maps), same=False,
        ),
    }  # fmt: skip


def losses(size: Size) -> dict[str, Work]:
    scores, classes = size.scores, size.scores[1]
    rows, count, targets = scores[:1], elements(size.scores), Array(size.scores[:1], "integer", classes)

    def softmax(torch: Any, x: Any) -> Any:
        return torch.softmax(x, 1)

    def cross_entropy(torch: Any, x: Any, t: Any) -> Any:
        return torch.nn.functional.cross_entropy(x, t, reduction="none")

    def their_cross_entropy_gradient(torch: Any, gy: Any, x: Any, t: Any) -> Callable[[], Any]:
        return gradient(cross_entropy)(torch, gy.to(x.dtype), x, t)

    def our_cross_entropy_gradient(gy: Any, x: Any, t: Any) -> Callable[[], Any]:
        probabilities = kernels.softmax_cross_entropy(x, t)[1]
        return lambda: kernels.softmax_cross_entropy_backward(gy, probabilities, t, dtype=x.dtype)

    # Probabilities are float32 in every type.
    return {
        "softmax": Work("softmax", given(scores), forward(kernels.softmax), forward(softmax), 2 * count),
        "softmax, gradient": Work(
            "softmax", given(scores, scores), lambda gy, x: partial(kernels.softmax_backward, gy, kernels.softmax(x)), gradient(softmax),
            3 * count,
        ),
        "cross-entropy": Work(
            "softmax", (Array(scores), targets), forward(lambda x, t: kernels.softmax_cross_entropy(x, t)[0]),
            forward(cross_entropy), count, fixed=4 * count,
        ),
        "cross-entropy, gradient": Work(
            "softmax", (Array(rows, "channel"), Array(scores), targets), our_cross_entropy_gradient, their_cross_entropy_gradient, count,
            fixed=4 * count,
        ),
    }  # fmt: skip


def optimizers(size: Size) -> dict[str, Work]:
    """One step of all of ResNet-50's parameters, which are float32 in every training, against PyTorch's two ways."""
    shapes = [tuple(max(1, length // size.shrink) for length in shape) for shape in resnet50_shapes()[:: size.shrink]]
    K, count = len(shapes), elements(*shapes)
    arrays = tuple(Array(shape, "channel") for shape in (*shapes, *shapes))  # parameters, gradients

    def ours(adam: bool) -> Callable[..., Callable[[], Any]]:
        def prepare(*arrays: Any) -> Callable[[], Any]:
            params, grads = arrays[:K], arrays[K:]
            states = [[p * 0 for p in params] for _ in range(2 if adam else 1)]

            def step() -> Any:
                if adam:
                    kernels.adam_step(params, grads, *states, None, [1] * K, 1e-3)
                else:
                    kernels.sgd_step(params, grads, *states, 0.1, 0.9, 0.0, 5e-4, True)
                return params

            return step

        return prepare

    def theirs(adam: bool, way: str) -> Callable[..., Callable[[], Any]]:
        def prepare(torch: Any, *tensors: Any) -> Callable[[], Any]:
            params = tensors[:K]
            for p, grad in zip(params, tensors[K:], strict=True):
                p.grad = grad
            on_gpu = params[0].is_cuda
            if adam:
                optimizer = torch.optim.Adam(params, 1e-3, **{way: True}, capturable=on_gpu)
            else:
                optimizer = torch.optim.SGD(params, 0.1, 0.9, weight_decay=5e-4, nesterov=True, **{way: True})

            def step() -> Any:
                optimizer.step()
                return params

            return step

        return prepare

    return {
        f"{name} of ResNet-50, theirs {way}": Work(
            "optimizer", arrays, ours(name == "Adam"), theirs(name == "Adam", way), moved * count, dtypes=("float32",)
        )
        for name, moved in (("SGD", 5), ("Adam", 7))
        for way in ("fused", "foreach")
    }


@cache
def resnet50_shapes() -> tuple[tuple[int, ...], ...]:
    """Those of its parameters."""
    import minitorch_cv as mt
    import models

    with mt.device("meta"):
        return tuple(tuple(p.shape) for p in models.create("resnet50").parameters())


def products(size: Size) -> dict[str, Work]:
    """Matrix products. Called from Python they are cuBLAS's where CuPy has it; graphs cannot record that, and hold our own."""

    def row(M: int, K: int, N: int, numba: bool = False) -> Work:
        a, b, bias = (size.of(M, 32), size.of(K, 32)), (size.of(K, 32), size.of(N, 32)), (size.of(N, 32),)
        moved = elements(a, b, (a[0], b[1]))
        return Work(
            "matmul", (Array(a, "filter"), Array(b, "filter"), Array(bias, "filter")), forward(kernels.matmul),
            forward(lambda torch, a, b, bias: torch.addmm(bias, a, b)), moved, operations=2 * moved_products(a, b),
            dtypes=ALL_TYPES, goal=None, numba=numba,
        )  # fmt: skip

    return {
        "product 4096 x 4096 x 4096": row(4096, 4096, 4096, numba=True),
        "product 25088 x 384 x 1536": row(25088, 384, 1536),
        "product 128 x 2048 x 1000": row(128, 2048, 1000),
    }


def moved_products(a: tuple[int, int], b: tuple[int, int]) -> int:
    """How many products of numbers a product of matrices has."""
    return a[0] * a[1] * b[1]


def convolutions(size: Size) -> dict[str, Work]:
    N, few = size.N, min(size.shrink, 8)

    def of(C: int, side: int, OC: int, K: int, **options: Any) -> Work:
        return conv(N, size.of(C, 2), size.side(side), size.of(OC, 2), K, **options)

    def each(C: int, side: int, K: int, gradient: str = "") -> Work:
        C = size.of(C, 2)
        return conv(N, C, size.side(side), C, K, groups=C, gradient=gradient, goal="copy", numba=True)

    def three(name: str, make: Callable[..., Work]) -> dict[str, Work]:
        """A convolution and its gradients."""
        return {name: make(), f"{name}, input": make(gradient="input"), f"{name}, weight": make(gradient="weight")}

    return {
        **three("depthwise 3x3, 128 at 56", partial(each, 128, 56, 3)),
        **three("depthwise 7x7, 96 at 56", partial(each, 96, 56, 7)),
        **three("grouped 3x3, 32 of 4 at 56", partial(conv, N, 128 // few, size.side(56), 128 // few, 3, groups=32 // few, goal=None)),
        **three("conv 7x7/2, 3 to 64 at 224", partial(conv, N, 3, size.side(224), size.of(64, 2), 7, stride=2)),
        **three("conv 3x3, 16 at 32", partial(of, 16, 32, 16, 3)),
        **three("conv 3x3, 64 at 56", partial(of, 64, 56, 64, 3, numba=True)),
        **three("conv 3x3, 128 at 28", partial(of, 128, 28, 128, 3)),
        **three("conv 3x3, 256 at 14", partial(of, 256, 14, 256, 3)),
        **three("conv 3x3, 512 at 7", partial(of, 512, 7, 512, 3)),
        **three("conv 3x3/2, 128 at 56", partial(of, 128, 56, 128, 3, stride=2)),
        **three("conv 1x1, 256 to 64 at 56", partial(of, 256, 56, 64, 1)),
        **three("conv 1x1/2, 256 to 512 at 56", partial(of, 256, 56, 512, 1, stride=2)),
    }


def conv(
    N: int, C: int, H: int, OC: int, K: int, stride: int = 1, groups: int = 1, gradient: str = "", goal: str | None = "cuDNN",
    numba: bool = False,
) -> Work:  # fmt: skip
    """A convolution with same padding, or one of its gradients: "input" or "weight"."""
    padding, OH = K // 2, -(-H // stride)
    x, w, y = (N, C, H, H), (OC, C // groups, K, K), (N, OC, OH, OH)
    options = {"stride": stride, "padding": padding, "groups": groups}
    ours: dict[str, Callable[..., Any]] = {
        "": lambda gy, x, w: kernels.conv2d(x, w, **options),
        "input": lambda gy, x, w: kernels.conv2d_input(gy, w, (H, H), **options),
        "weight": lambda gy, x, w: kernels.conv2d_weight(x, gy, (K, K), **options),
    }

    def theirs(torch: Any, gy: Any, x: Any, w: Any) -> Any:
        if not gradient:
            return torch.nn.functional.conv2d(x, w, **options)
        wanted = [gradient == "input", gradient == "weight", False]
        sizes = [[stride] * 2, [padding] * 2, [1, 1], False, [0, 0], groups]
        return torch.ops.aten.convolution_backward(gy, x, w, None, *sizes, wanted)[0 if wanted[0] else 1]

    depthwise = groups == C > 1
    return Work(
        "depthwise" if depthwise else "conv2d", (Array(y), Array(x), Array(w, "filter")), forward(ours[gradient]), forward(theirs),
        elements(x, w, y), operations=2 * elements(y) * (C // groups) * K * K, plain=depthwise,
        dtypes=tuple(dtype for dtype in ALL_TYPES if not (depthwise and dtype == "tf32")), goal=goal, numba=numba,
    )  # fmt: skip

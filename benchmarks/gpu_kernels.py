"""Kernels on an NVIDIA GPU, against PyTorch's (cuDNN, cuBLAS) and against what the GPU could do: `python benchmarks/gpu.py kernels`.

A kernel that moves memory cannot be faster than a copy, one that multiplies not faster than a large matrix product. Both rates are
measured here, on this GPU; a kernel's "of the limit" is the time that the larger of its two needs would take at these rates, divided by
the time that it took.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import kernels
from kernels.gpu.precision import tf32

Arrays = tuple[Any, ...]


class Work(NamedTuple):
    """One kernel on one problem.

    shapes: of the arrays, images (N, C, H, W) among them. ours: a function of these arrays. theirs: one of `torch` and these arrays.
    moved: how many elements must at least be read or written. operations: additions and multiplications.
    dtypes: what it is measured in, "tf32" being float32 on tensor cores.
    """

    shapes: tuple[tuple[int, ...], ...]
    ours: Callable[..., Any]
    theirs: Callable[..., Any]
    moved: int
    operations: int = 0
    dtypes: tuple[str, ...] = ("float32", "float16")
    wide: tuple[int, ...] = ()  # the numbers of arrays that stay float32: one number for each channel


def elements(*shapes: tuple[int, ...]) -> int:
    return sum(int(np.prod(shape)) for shape in shapes)


def conv(N: int, C: int, H: int, OC: int, K: int, stride: int = 1, groups: int = 1, gradient: str = "") -> Work:
    """A convolution with same padding, or one of its gradients: "input" or "weight"."""
    padding, OH = K // 2, -(-H // stride)
    x, w, y = (N, C, H, H), (OC, C // groups, K, K), (N, OC, OH, OH)
    options = {"stride": stride, "padding": padding, "groups": groups}
    operations = 2 * elements(y) * (C // groups) * K * K
    everything = ("float32", "tf32", "float16", "bfloat16")
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

    return Work((y, x, w), ours[gradient], theirs, elements(x, w, y), operations, everything)


def batch_norm(shape: tuple[int, ...], relu: bool) -> Work:
    """Batch normalisation in training, by itself or with the addition and the ReLU of a residual block."""
    C = (shape[1],)

    def theirs(torch: Any, x: Any, w: Any, b: Any, residual: Any) -> Any:
        y = torch.nn.functional.batch_norm(x, None, None, w, b, training=True)
        return torch.relu(y + residual) if relu else y

    return Work(
        (shape, C, C, shape), lambda x, w, b, r: kernels.batch_norm_train(x, w, b, 1e-5, r if relu else None, relu)[0], theirs,
        # x is read twice: its statistics must be known before the first result is.
        (4 if relu else 3) * elements(shape), wide=(1, 2),
    )  # fmt: skip


def works(shrink: int = 1) -> dict[str, Work]:
    """All kernels that are measured, by name; shrink: divides batches and channels, to try them out."""
    N = max(1, 128 // shrink)

    def c(channels: int) -> int:
        return max(1, channels // shrink)

    def of(C: int, size: int, OC: int, K: int, **options: Any) -> Work:
        return conv(N, c(C), size, c(OC), K, **options)

    def each(C: int, size: int, K: int, **options: Any) -> Work:
        return conv(N, c(C), size, c(C), K, groups=c(C), **options)

    maps, half = (N, c(64), 56, 56), (N, c(64), 28, 28)  # what the first stage of a ResNet sees: 26 million numbers
    tokens, scores = (25088 // shrink**2, c(384)), (32768 // shrink**2, 1000)
    return {
        "relu": Work((maps,), kernels.relu, lambda torch, x: torch.relu(x), 2 * elements(maps)),
        "add": Work((maps, maps), kernels.add, lambda torch, x, y: x + y, 3 * elements(maps)),
        "gelu": Work((maps,), lambda x: kernels.smooth("gelu", x), lambda torch, x: torch.nn.functional.gelu(x), 2 * elements(maps)),
        "batch norm, training": batch_norm(maps, relu=False),
        "batch norm + residual + relu": batch_norm(maps, relu=True),
        "layer norm": Work(
            (tokens, tokens[1:], tokens[1:]), lambda x, w, b: kernels.layer_norm(x, 1, w, b)[0],
            lambda torch, x, w, b: torch.nn.functional.layer_norm(x, tokens[1:], w, b), 2 * elements(tokens), wide=(1, 2),
        ),
        "max pooling 3x3/2": Work(
            (maps,), lambda x: kernels.max_pool2d(x, 3, 2, 1)[0], lambda torch, x: torch.nn.functional.max_pool2d(x, 3, 2, 1),
            elements(maps, half),
        ),
        "average pooling 2x2": Work(
            (maps,), lambda x: kernels.avg_pool2d(x, 2), lambda torch, x: torch.nn.functional.avg_pool2d(x, 2), elements(maps, half),
        ),
        "channel sum": Work((maps,), kernels.channel_sum, lambda torch, x: x.sum((0, 2, 3)), elements(maps)),
        "softmax": Work((scores,), kernels.softmax, lambda torch, x: torch.softmax(x, 1), 2 * elements(scores)),
        "depthwise 3x3": each(128, 56, 3),
        "depthwise 7x7": each(96, 56, 7),
        "depthwise 3x3, input": each(128, 56, 3, gradient="input"),
        "depthwise 3x3, weight": each(128, 56, 3, gradient="weight"),
        "grouped 3x3, 32 groups of 4": conv(N, 128 // min(shrink, 8), 56, 128 // min(shrink, 8), 3, groups=32 // min(shrink, 8)),
        "conv 3x3, 64 at 56": of(64, 56, 64, 3),
        "conv 3x3, 128 at 28": of(128, 28, 128, 3),
        "conv 3x3, 256 at 14": of(256, 14, 256, 3),
        "conv 3x3, 512 at 7": of(512, 7, 512, 3),
        "conv 3x3/2, 64 to 128": of(64, 56, 128, 3, stride=2),
        "conv 1x1, 256 to 64 at 56": of(256, 56, 64, 1),
        "conv 7x7/2, 3 to 64 at 224": conv(N, 3, 224 // min(shrink, 4), c(64), 7, stride=2),
        "conv 3x3, 128 at 28, input": of(128, 28, 128, 3, gradient="input"),
        "conv 3x3, 128 at 28, weight": of(128, 28, 128, 3, gradient="weight"),
        "conv 3x3, 16 at 32": of(16, 32, 16, 3),
        "conv 3x3, 16 at 32, weight": of(16, 32, 16, 3, gradient="weight"),
    }  # fmt: skip


WORKS = works()


def storage(dtype: str) -> str:
    """The type in memory of what is measured as `dtype`."""
    return "float32" if dtype == "tf32" else dtype


def arrays(work: Work, dtype: str) -> Arrays:
    """Arrays of the work's shapes on the GPU, images channels-last."""
    import cupy

    generator = np.random.default_rng(0)
    made = []
    for number, shape in enumerate(work.shapes):
        kind = "float32" if number in work.wide else storage(dtype)
        if len(shape) == 4:
            N, C, H, W = shape
            values = cupy.asarray(generator.standard_normal((N, H, W, C), np.float32)).astype(_dtype(kind)).transpose(0, 3, 1, 2)
        else:
            values = cupy.asarray(generator.standard_normal(shape, np.float32)).astype(_dtype(kind))
        made.append(values)
    return tuple(made)


def _dtype(name: str) -> np.dtype:
    if name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)


def our_task(work: Work, dtype: str, given: Arrays) -> Callable[[], Any]:
    """What is timed, of ours."""

    def run() -> Any:
        with tf32(dtype == "tf32"):
            return work.ours(*given)

    return run


def their_task(work: Work, dtype: str, given: Arrays) -> Callable[[], Any] | None:
    """What is timed, of PyTorch: the same function of the same numbers. None where PyTorch with CUDA is not installed."""
    try:
        import torch
    except ImportError:
        return None
    if not torch.cuda.is_available():
        return None
    kind = getattr(torch, storage(dtype))
    tensors = [torch.from_dlpack(array.astype(np.float32, copy=False)).to(kind) for array in given]

    def run() -> Any:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = dtype == "tf32"
        torch.backends.cudnn.benchmark = True
        with torch.no_grad():
            return work.theirs(torch, *tensors)

    return run


def bytes_of(work: Work, dtype: str) -> int:
    """What must be moved at least."""
    return _dtype(storage(dtype)).itemsize * work.moved


def limit_seconds(work: Work, dtype: str, rates: dict[str, float]) -> float:
    """The time that the work needs at the rates measured: bytes per second of a copy, operations per second of a matrix product."""
    seconds = bytes_of(work, dtype) / rates["copy"]
    return max(seconds, work.operations / rates[dtype]) if work.operations else seconds

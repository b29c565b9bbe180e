"""Mixed precision: functions that gain by 16 bits compute in them, and functions that would lose by them in float32.

    with mt.autocast("bfloat16"):
        loss = F.cross_entropy(model(images), labels)
    loss.backward()

Parameters stay float32. A convolution makes 16-bit copies of its image and of its weights, multiplies these on the GPU's tensor cores with
float32 sums, and gives a 16-bit image. Converting has a gradient, which converts back: so a float32 weight has a float32 gradient.
Backward computes in the dtypes that forward had, and it does not matter whether it is called inside the block ("tf32": call it inside).

RULES says which function computes in what. One that is not in it follows its inputs: normalisations take 16-bit images beside float32
parameters and compute in float32 in between; activations and pooling keep the dtype; an operator between two dtypes takes the wider.
(Micikevicius et al. 2018, "Mixed precision training".)
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from kernels import dtypes
from kernels.gpu.precision import tf32
from minitorch_cv.autograd.modes import current_mode, switched
from minitorch_cv.tensor import Tensor

PRECISIONS = ("float32", "tf32", "float16", "bfloat16")
FLOAT32 = np.dtype(np.float32)

LOW = "low"  # the inputs become float16 or bfloat16, whichever was asked for
WIDE = "wide"  # the inputs become float32
WIDEST = "widest"  # the inputs become what the widest of them is

_BY_RULE = {
    # products of matrices, which the tensor cores compute
    LOW: "conv2d conv_transpose2d linear matmul einsum",
    # results that are large or small beside the inputs, sums of many terms, and everything that a loss is made of
    WIDE: """
        exp exp2 expm1 log log2 log10 log1p rsqrt reciprocal tan sinh cosh asin acos acosh atanh pow square
        sum prod var std norm cumsum cumprod logsumexp softmax log_softmax softmin softplus logsigmoid
        cosine_similarity normalize pairwise_distance
        binary_cross_entropy binary_cross_entropy_with_logits cosine_embedding_loss cross_entropy huber_loss kl_div l1_loss mse_loss
        nll_loss smooth_l1_loss soft_margin_loss triplet_margin_loss
    """,
    WIDEST: "cat stack",
}
RULES: dict[str, str] = {name: rule for rule, names in _BY_RULE.items() for name in names.split()}

AnyFunction = TypeVar("AnyFunction", bound=Callable)


@contextmanager
def autocast(precision: str) -> Iterator[None]:
    """Compute in `precision` inside the block, as far as a function gains by it: "float32", "tf32", "float16" or "bfloat16".

    "tf32" keeps float32 everywhere, and lets a GPU's tensor cores round the factors of products to 10 bits. The two of 16 bits are for
    tensors on a GPU; for a CPU they would be slow, and the functions refuse. "float32" ends an outer block's effect.
    Errors: ValueError for another name, ImportError where bfloat16 needs the package ml_dtypes.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision: got {precision!r}, expected one of {', '.join(PRECISIONS)}")
    low = {"float16": lambda: np.dtype(np.float16), "bfloat16": dtypes.bfloat16}.get(precision, lambda: None)()
    with switched(autocast=low), tf32(precision == "tf32"):
        yield


def autocasts(function: AnyFunction) -> AnyFunction:
    """`function`, which inside `autocast` computes in what its rule says."""
    rule = RULES[function.__name__]

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        low = current_mode().autocast
        if low is None:
            return function(*args, **options)
        wanted = FLOAT32 if rule == WIDE else low
        if rule == WIDEST and FLOAT32 in {x.dtype for x in _tensors((args, options))}:
            wanted = FLOAT32
        if rule == LOW and any(x.device == "cpu" for x in _tensors((args, options))):
            raise ValueError(f"autocast: got {low} with tensors on the CPU, where 16 bits are slow; move them to a GPU, or use float32")
        return function(*_cast(args, wanted), **_cast(options, wanted))

    return call  # type: ignore[return-value]


def _cast(value: Any, dtype: np.dtype) -> Any:
    """`value` with the tensors in it, unless they are float64, converted to `dtype`."""
    if isinstance(value, Tensor):
        castable = value.dtype != np.float64 and value.is_floating_point()
        return value.to(dtype) if castable else value
    if type(value) in (tuple, list):
        return type(value)([_cast(item, dtype) for item in value])
    return {name: _cast(item, dtype) for name, item in value.items()} if type(value) is dict else value


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors of floating-point numbers in `value`."""
    if isinstance(value, Tensor):
        if value.is_floating_point():
            yield value
    elif type(value) in (tuple, list, dict):
        for item in value.values() if type(value) is dict else value:
            yield from _tensors(item)

"""Differentiable functions: a file for each family, where a Function (an operation and its derivative) stands beside its lowercase name."""

from minitorch_cv.functional.activation import log_softmax, relu, softmax, tanh
from minitorch_cv.functional.compare import (
    eq,
    ge,
    gt,
    isfinite,
    isnan,
    le,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    ne,
)  # fmt: skip
from minitorch_cv.functional.conv import conv2d, conv_transpose2d
from minitorch_cv.functional.convert import clone, to
from minitorch_cv.functional.dropout import dropout
from minitorch_cv.functional.index import gather, getitem, setitem
from minitorch_cv.functional.inplace import add_, copy_, div_, fill_, mul_, pow_, sub_, zero_
from minitorch_cv.functional.linear import linear
from minitorch_cv.functional.loss import cross_entropy
from minitorch_cv.functional.math import (
    abs,
    add,
    clamp,
    cos,
    div,
    exp,
    log,
    maximum,
    minimum,
    mul,
    neg,
    pow,
    sigmoid,
    sin,
    sqrt,
    square,
    sub,
    where,
)  # fmt: skip
from minitorch_cv.functional.matmul import matmul
from minitorch_cv.functional.norm import batch_norm
from minitorch_cv.functional.pool import adaptive_avg_pool2d, avg_pool2d, max_pool2d
from minitorch_cv.functional.reduce import (
    all,
    amax,
    amin,
    any,
    argmax,
    argmin,
    logsumexp,
    max,
    mean,
    min,
    prod,
    std,
    sum,
    sum_to_shape,
    var,
)  # fmt: skip
from minitorch_cv.functional.shape import (
    broadcast_to,
    cat,
    contiguous,
    flatten,
    pad,
    permute,
    reshape,
    squeeze,
    stack,
    transpose,
    unsqueeze,
)  # fmt: skip

__all__ = [
    "abs", "adaptive_avg_pool2d", "add", "add_", "all", "amax", "amin", "any", "argmax", "argmin", "avg_pool2d", "batch_norm",
    "broadcast_to", "cat", "clamp", "clone", "contiguous", "conv2d", "conv_transpose2d", "copy_", "cos", "cross_entropy", "div",
    "div_", "dropout", "eq", "exp", "fill_", "flatten", "gather", "ge", "getitem", "gt", "isfinite", "isnan", "le", "linear", "log",
    "log_softmax", "logical_and", "logical_not", "logical_or", "logical_xor", "logsumexp", "lt", "matmul", "max", "max_pool2d",
    "maximum", "mean", "min", "minimum", "mul", "mul_", "ne", "neg", "pad", "permute", "pow", "pow_", "prod", "relu", "reshape",
    "setitem", "sigmoid", "sin", "softmax", "sqrt", "square", "squeeze", "stack", "std", "sub", "sub_", "sum", "sum_to_shape", "tanh",
    "to", "transpose", "unsqueeze", "var", "where", "zero_",
]  # fmt: skip

"""Differentiable functions: a file for each family, where a Function (an operation and its derivative) stands beside its lowercase name."""

from minitorch_cv.functional.activation import log_softmax, relu, softmax, tanh
from minitorch_cv.functional.choose import clamp, masked_fill, maximum, minimum, where
from minitorch_cv.functional.compare import eq, ge, gt, isfinite, isnan, le, logical_and, logical_not, logical_or, logical_xor, lt, ne
from minitorch_cv.functional.conv import conv2d, conv_transpose2d
from minitorch_cv.functional.convert import clone, to
from minitorch_cv.functional.dropout import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
    stochastic_depth,
)
from minitorch_cv.functional.index import gather, getitem, setitem
from minitorch_cv.functional.inplace import add_, copy_, div_, fill_, mul_, pow_, sub_, zero_
from minitorch_cv.functional.linear import linear
from minitorch_cv.functional.loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cosine_embedding_loss,
    cross_entropy,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
    soft_margin_loss,
    triplet_margin_loss,
)  # fmt: skip
from minitorch_cv.functional.math import add, addcdiv, addcmul, div, floor_divide, lerp, mul, neg, pow, remainder, sigmoid, square, sub
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
from minitorch_cv.functional.unary import (
    abs,
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atanh,
    ceil,
    cos,
    cosh,
    exp,
    exp2,
    expm1,
    floor,
    log,
    log10,
    log1p,
    log2,
    reciprocal,
    round,
    rsqrt,
    sign,
    sin,
    sinh,
    sqrt,
    tan,
    trunc,
)  # fmt: skip

__all__ = [
    "abs", "acos", "acosh", "adaptive_avg_pool2d", "add", "add_", "addcdiv", "addcmul", "all", "alpha_dropout", "amax", "amin", "any",
    "argmax", "argmin", "asin", "asinh", "atan", "atanh", "avg_pool2d", "batch_norm", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "broadcast_to", "cat", "ceil", "clamp", "clone", "contiguous", "conv2d", "conv_transpose2d",
    "copy_", "cos", "cosh", "cosine_embedding_loss", "cross_entropy", "div", "div_", "dropout", "dropout1d", "dropout2d", "dropout3d",
    "eq", "exp", "exp2", "expm1", "feature_alpha_dropout", "fill_", "flatten", "floor", "floor_divide", "gather", "ge", "getitem", "gt",
    "huber_loss", "isfinite", "isnan", "kl_div", "l1_loss", "le", "lerp", "linear", "log", "log10", "log1p", "log2", "log_softmax",
    "logical_and", "logical_not", "logical_or", "logical_xor", "logsumexp", "lt", "masked_fill", "matmul", "max", "max_pool2d",
    "maximum", "mean", "min", "minimum", "mse_loss", "mul", "mul_", "ne", "neg", "nll_loss", "pad", "permute", "pow", "pow_", "prod",
    "reciprocal", "relu", "remainder", "reshape", "round", "rsqrt", "setitem", "sigmoid", "sign", "sin", "sinh", "smooth_l1_loss",
    "soft_margin_loss", "softmax", "sqrt", "square", "squeeze", "stack", "std", "stochastic_depth", "sub", "sub_", "sum",
    "sum_to_shape", "tan", "tanh", "to", "transpose", "triplet_margin_loss", "trunc", "unsqueeze", "var", "where", "zero_",
]  # fmt: skip

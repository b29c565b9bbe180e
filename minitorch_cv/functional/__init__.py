"""Differentiable functions: a file for each family, where a Function (an operation and its derivative) stands beside its lowercase name."""

from minitorch_cv.functional.activation import log_softmax, relu, softmax, tanh
from minitorch_cv.functional.choose import clamp, masked_fill, maximum, minimum, where
from minitorch_cv.functional.compare import eq, ge, gt, isfinite, isnan, le, logical_and, logical_not, logical_or, logical_xor, lt, ne
from minitorch_cv.functional.conv import conv2d, conv_transpose2d
from minitorch_cv.functional.convert import clone, to
from minitorch_cv.functional.cumulate import cumprod, cumsum
from minitorch_cv.functional.dropout import alpha_dropout, dropout, dropout1d, dropout2d, dropout3d, feature_alpha_dropout, stochastic_depth
from minitorch_cv.functional.index import gather, getitem, setitem
from minitorch_cv.functional.inplace import add_, copy_, div_, fill_, mul_, pow_, sub_, zero_
from minitorch_cv.functional.join import cat, chunk, meshgrid, narrow, repeat, repeat_interleave, split, stack, tile, unbind
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
from minitorch_cv.functional.rearrange import diag, diag_embed, diagonal, flip, roll, tril, triu
from minitorch_cv.functional.reduce import (
    all,
    amax,
    amin,
    any,
    argmax,
    argmin,
    count_nonzero,
    logsumexp,
    max,
    mean,
    min,
    norm,
    prod,
    std,
    sum,
    sum_to_shape,
    var,
)  # fmt: skip
from minitorch_cv.functional.shape import (
    broadcast_to,
    contiguous,
    flatten,
    movedim,
    pad,
    permute,
    reshape,
    squeeze,
    t,
    transpose,
    unflatten,
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
    log1p,
    log2,
    log10,
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
    "binary_cross_entropy_with_logits", "broadcast_to", "cat", "ceil", "chunk", "clamp", "clone", "contiguous", "conv2d",
    "conv_transpose2d", "copy_", "cos", "cosh", "cosine_embedding_loss", "count_nonzero", "cross_entropy", "cumprod", "cumsum", "diag",
    "diag_embed", "diagonal", "div", "div_", "dropout", "dropout1d", "dropout2d", "dropout3d", "eq", "exp", "exp2", "expm1",
    "feature_alpha_dropout", "fill_", "flatten", "flip", "floor", "floor_divide", "gather", "ge", "getitem", "gt", "huber_loss", "isfinite",
    "isnan", "kl_div", "l1_loss", "le", "lerp", "linear", "log", "log1p", "log2", "log10", "log_softmax", "logical_and", "logical_not",
    "logical_or", "logical_xor", "logsumexp", "lt", "masked_fill", "matmul", "max", "max_pool2d", "maximum", "mean", "meshgrid", "min",
    "minimum", "movedim", "mse_loss", "mul", "mul_", "narrow", "ne", "neg", "nll_loss", "norm", "pad", "permute", "pow", "pow_", "prod",
    "reciprocal", "relu", "remainder", "repeat", "repeat_interleave", "reshape", "roll", "round", "rsqrt", "setitem", "sigmoid", "sign",
    "sin", "sinh", "smooth_l1_loss", "soft_margin_loss", "softmax", "split", "sqrt", "square", "squeeze", "stack", "std",
    "stochastic_depth", "sub", "sub_", "sum", "sum_to_shape", "t", "tan", "tanh", "tile", "to", "transpose", "tril", "triplet_margin_loss",
    "triu", "trunc", "unbind", "unflatten", "unsqueeze", "var", "where", "zero_",
]  # fmt: skip

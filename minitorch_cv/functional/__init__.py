"""Differentiable functions: a file for each family, where a Function (an operation and its derivative) stands beside its lowercase name."""

from minitorch_cv.functional.activation import (
    celu,
    elu,
    erf,
    gelu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    logsigmoid,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softplus,
    softshrink,
    softsign,
    tanh,
    tanhshrink,
    threshold,
)
from minitorch_cv.functional.choose import clamp, masked_fill, maximum, minimum, where
from minitorch_cv.functional.compare import (
    allclose,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    eq,
    ge,
    gt,
    isclose,
    isfinite,
    isinf,
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
from minitorch_cv.functional.cumulate import cumprod, cumsum
from minitorch_cv.functional.distance import cosine_similarity, normalize, pairwise_distance
from minitorch_cv.functional.dropout import alpha_dropout, dropout, dropout1d, dropout2d, dropout3d, feature_alpha_dropout, stochastic_depth
from minitorch_cv.functional.einsum import einsum
from minitorch_cv.functional.fold import fold, unfold
from minitorch_cv.functional.gates import glu, prelu, rrelu
from minitorch_cv.functional.group_norm import group_norm, instance_norm
from minitorch_cv.functional.index import getitem, setitem
from minitorch_cv.functional.inplace import (
    add_,
    clamp_,
    copy_,
    div_,
    fill_,
    floor_divide_,
    masked_fill_,
    mul_,
    pow_,
    remainder_,
    sub_,
    zero_,
)  # fmt: skip
from minitorch_cv.functional.join import cat, chunk, meshgrid, narrow, repeat, repeat_interleave, split, stack, tile, unbind
from minitorch_cv.functional.layer_norm import layer_norm, rms_norm
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
from minitorch_cv.functional.math import add, addcdiv, addcmul, div, floor_divide, lerp, mul, neg, pow, remainder, square, sub
from minitorch_cv.functional.matmul import bmm, dot, matmul, mm, mv, outer
from minitorch_cv.functional.norm import batch_norm
from minitorch_cv.functional.padding import pad
from minitorch_cv.functional.pick import (
    bincount,
    gather,
    index_select,
    masked_select,
    nonzero,
    one_hot,
    scatter,
    scatter_add,
    take_along_dim,
)  # fmt: skip
from minitorch_cv.functional.pool import adaptive_avg_pool2d, adaptive_max_pool2d, avg_pool2d, lp_pool2d, max_pool2d, max_unpool2d
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
from minitorch_cv.functional.resample import interpolate
from minitorch_cv.functional.response_norm import global_response_norm, local_response_norm
from minitorch_cv.functional.shape import (
    broadcast_to,
    contiguous,
    flatten,
    movedim,
    permute,
    reshape,
    squeeze,
    t,
    transpose,
    unflatten,
    unsqueeze,
)  # fmt: skip
from minitorch_cv.functional.shuffle import channel_shuffle, pixel_shuffle, pixel_unshuffle
from minitorch_cv.functional.softmax import log_softmax, softmax, softmin
from minitorch_cv.functional.sort import argsort, sort, topk
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
    "abs", "acos", "acosh", "adaptive_avg_pool2d", "adaptive_max_pool2d", "add", "add_", "addcdiv", "addcmul", "all", "allclose",
    "alpha_dropout", "amax", "amin", "any", "argmax", "argmin", "argsort", "asin", "asinh", "atan", "atanh", "avg_pool2d", "batch_norm",
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "bincount", "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor",
    "bmm", "broadcast_to", "cat", "ceil", "celu", "channel_shuffle", "chunk", "clamp", "clamp_", "clone", "contiguous", "conv2d",
    "conv_transpose2d", "copy_", "cos", "cosh", "cosine_embedding_loss", "cosine_similarity", "count_nonzero", "cross_entropy", "cumprod",
    "cumsum", "diag", "diag_embed", "diagonal", "div", "div_", "dot", "dropout", "dropout1d", "dropout2d", "dropout3d", "einsum", "elu",
    "eq", "erf", "exp", "exp2", "expm1", "feature_alpha_dropout", "fill_", "flatten", "flip", "floor", "floor_divide", "floor_divide_",
    "fold", "gather", "ge", "gelu", "getitem", "global_response_norm", "glu", "group_norm", "gt", "hardshrink", "hardsigmoid", "hardswish",
    "hardtanh", "huber_loss", "index_select", "instance_norm", "interpolate", "isclose", "isfinite", "isinf", "isnan", "kl_div", "l1_loss",
    "layer_norm", "le", "leaky_relu", "lerp", "linear", "local_response_norm", "log", "log1p", "log2", "log10", "log_softmax",
    "logical_and", "logical_not", "logical_or", "logical_xor", "logsigmoid", "logsumexp", "lp_pool2d", "lt", "masked_fill", "masked_fill_",
    "masked_select", "matmul", "max", "max_pool2d", "max_unpool2d", "maximum", "mean", "meshgrid", "min", "minimum", "mish", "mm",
    "movedim", "mse_loss", "mul", "mul_", "mv", "narrow", "ne", "neg", "nll_loss", "nonzero", "norm", "normalize", "one_hot", "outer",
    "pad", "pairwise_distance", "permute", "pixel_shuffle", "pixel_unshuffle", "pow", "pow_", "prelu", "prod", "reciprocal", "relu",
    "relu6", "remainder", "remainder_", "repeat", "repeat_interleave", "reshape", "rms_norm", "roll", "round", "rrelu", "rsqrt", "scatter",
    "scatter_add", "selu", "setitem", "sigmoid", "sign", "silu", "sin", "sinh", "smooth_l1_loss", "soft_margin_loss", "softmax", "softmin",
    "softplus", "softshrink", "softsign", "sort", "split", "sqrt", "square", "squeeze", "stack", "std", "stochastic_depth", "sub", "sub_",
    "sum", "sum_to_shape", "t", "take_along_dim", "tan", "tanh", "tanhshrink", "threshold", "tile", "to", "topk", "transpose", "tril",
    "triplet_margin_loss", "triu", "trunc", "unbind", "unflatten", "unfold", "unsqueeze", "var", "where", "zero_",
]  # fmt: skip

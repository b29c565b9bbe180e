"""Kernels of minitorch_cv: arrays in, arrays out. No autograd, no state, no Tensor."""

from kernels.activation import (
    Pieces,
    piecewise,
    piecewise_backward,
    prelu,
    prelu_backward,
    relu,
    relu_backward,
    smooth,
    smooth_backward,
)
from kernels.add import add
from kernels.augment import augment
from kernels.backend import BACKENDS, GPU_BACKENDS, backend, choose, current_backend, current_gpu_backend
from kernels.batch_norm import batch_norm_backward, batch_norm_eval, batch_norm_train
from kernels.channel_sum import channel_sum
from kernels.conv2d import conv2d, conv2d_input, conv2d_weight
from kernels.global_response_norm import global_response_norm, global_response_norm_backward
from kernels.group_norm import group_norm, group_norm_backward
from kernels.layer_norm import layer_norm, layer_norm_backward
from kernels.local_response_norm import local_response_norm, local_response_norm_backward
from kernels.matmul import batched_matmul, matmul
from kernels.optimizer import (
    RecordedSteps,
    adam_step,
    all_finite,
    array_norms,
    non_finite_count,
    rule_step,
    scale,
    sgd_step,
    squared_norm,
    sum_of_squares,
    unscale,
)
from kernels.pool2d import (
    adaptive_avg_pool2d,
    adaptive_avg_pool2d_backward,
    adaptive_max_pool2d,
    avg_pool2d,
    avg_pool2d_backward,
    global_avg_pool2d,
    global_avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
    max_pool2d_gather,
)
from kernels.random import set_place, uniform
from kernels.resample import resample2d
from kernels.shuffle import channel_shuffle, pixel_shuffle, pixel_unshuffle
from kernels.softmax import (
    log_softmax,
    log_softmax_backward,
    softmax,
    softmax_backward,
    softmax_cross_entropy,
    softmax_cross_entropy_backward,
)
from kernels.unfold import fold, unfold

MINITORCH_CV_PACKAGE = "minitorch_cv"  # marks this package as ours: other distributions are called `kernels` too

__all__ = [
    "BACKENDS",
    "GPU_BACKENDS",
    "Pieces",
    "RecordedSteps",
    "adam_step",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool2d_backward",
    "adaptive_max_pool2d",
    "add",
    "all_finite",
    "array_norms",
    "augment",
    "avg_pool2d",
    "avg_pool2d_backward",
    "backend",
    "batch_norm_backward",
    "batch_norm_eval",
    "batch_norm_train",
    "batched_matmul",
    "channel_shuffle",
    "channel_sum",
    "choose",
    "conv2d",
    "conv2d_input",
    "conv2d_weight",
    "current_backend",
    "current_gpu_backend",
    "fold",
    "global_avg_pool2d",
    "global_avg_pool2d_backward",
    "global_response_norm",
    "global_response_norm_backward",
    "group_norm",
    "group_norm_backward",
    "layer_norm",
    "layer_norm_backward",
    "local_response_norm",
    "local_response_norm_backward",
    "log_softmax",
    "log_softmax_backward",
    "matmul",
    "max_pool2d",
    "max_pool2d_backward",
    "max_pool2d_gather",
    "non_finite_count",
    "piecewise",
    "piecewise_backward",
    "pixel_shuffle",
    "pixel_unshuffle",
    "prelu",
    "prelu_backward",
    "relu",
    "relu_backward",
    "resample2d",
    "rule_step",
    "scale",
    "set_place",
    "sgd_step",
    "smooth",
    "smooth_backward",
    "softmax",
    "softmax_backward",
    "softmax_cross_entropy",
    "softmax_cross_entropy_backward",
    "squared_norm",
    "sum_of_squares",
    "unfold",
    "uniform",
    "unscale",
]

"""Layers and networks; names, arguments, defaults and state_dict keys are those of `torch.nn`."""

from minitorch_cv.nn import init
from minitorch_cv.nn.activation import ReLU, Softmax, Tanh
from minitorch_cv.nn.containers import ModuleDict, ModuleList, Sequential
from minitorch_cv.nn.conv import Conv2d, ConvTranspose2d
from minitorch_cv.nn.dropout import AlphaDropout, Dropout, Dropout1d, Dropout2d, Dropout3d, FeatureAlphaDropout, StochasticDepth
from minitorch_cv.nn.linear import Flatten, Identity, Linear
from minitorch_cv.nn.loss import (
    BCELoss,
    BCEWithLogitsLoss,
    CosineEmbeddingLoss,
    CrossEntropyLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
    SoftMarginLoss,
    TripletMarginLoss,
)
from minitorch_cv.nn.module import Module
from minitorch_cv.nn.norm import BatchNorm1d, BatchNorm2d
from minitorch_cv.nn.parameter import Parameter
from minitorch_cv.nn.pool import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d

__all__ = [
    "AdaptiveAvgPool2d",
    "AlphaDropout",
    "AvgPool2d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "Conv2d",
    "ConvTranspose2d",
    "CosineEmbeddingLoss",
    "CrossEntropyLoss",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "FeatureAlphaDropout",
    "Flatten",
    "HuberLoss",
    "Identity",
    "KLDivLoss",
    "L1Loss",
    "Linear",
    "MSELoss",
    "MaxPool2d",
    "Module",
    "ModuleDict",
    "ModuleList",
    "NLLLoss",
    "Parameter",
    "ReLU",
    "Sequential",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "Softmax",
    "StochasticDepth",
    "Tanh",
    "TripletMarginLoss",
    "init",
]

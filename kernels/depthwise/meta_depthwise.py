"""Shapes of depthwise convolutions, which are those of any convolution."""

from kernels.conv2d.meta_conv2d import conv2d, conv2d_input, conv2d_weight

__all__ = ["conv2d", "conv2d_input", "conv2d_weight"]

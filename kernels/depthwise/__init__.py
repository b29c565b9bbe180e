"""Depthwise convolution: every channel has a kernel of its own and sees no other channel.

    y[n, c, h, w] = bias[c] + sum_{i, j} x[n, c, h*s + i*d - p, w*s + j*d - p] * weight[c, 0, i, j]

This is `kernels.conv2d` with groups = C = OC, and is reached through it: there is no sum over channels that a matrix
product could use, so the fast versions multiply vectors of channels instead. The contract (shapes, errors, the two
gradients) is that of `kernels.conv2d`.
"""

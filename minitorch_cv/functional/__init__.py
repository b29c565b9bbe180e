"""Differentiable functions: each family in a file of its own, where a Function (the operation and its derivative) stands beside its lowercase function."""

from minitorch_cv.functional.math import add, clone, matmul, mul, neg, sub, to
from minitorch_cv.functional.reduce import sum, sum_to_shape
from minitorch_cv.functional.shape import broadcast_to, permute, reshape, squeeze, transpose, unsqueeze

__all__ = [
    "add", "broadcast_to", "clone", "matmul", "mul", "neg", "permute", "reshape", "squeeze", "sub", "sum", "sum_to_shape", "to", "transpose",
    "unsqueeze",
]  # fmt: skip

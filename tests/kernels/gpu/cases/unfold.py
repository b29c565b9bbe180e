"""Windows as columns, and columns added up."""

import numpy as np

import kernels
from cases import Case

WINDOWS = {"kernel_size": (3, 2), "dilation": (1, 2), "padding": (2, 1), "stride": (2, 1)}


def columns(rng: np.random.Generator) -> tuple:
    return rng.standard_normal((2, 3 * 6, 4 * 6)), (6, 6)


CASES = [
    Case(kernels.unfold, lambda rng: (rng.standard_normal((2, 3, 6, 7)),), WINDOWS, "im2col"),
    Case(kernels.fold, columns, WINDOWS, "col2im"),
]

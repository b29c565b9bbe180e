"""Windows as rows of a matrix, and convolution by a product with them."""

import numpy as np

import kernels
from cases import Case
from kernels.conv2d import cuda_im2col, numpy_conv2d

OPTIONS = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)}
SIZE, OUT = (7, 9), (4, 9)  # for a kernel of 3 x 3


def images(rng: np.random.Generator, channels: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    return rng.standard_normal((2, *size, channels)).transpose(0, 3, 1, 2)


def windows(rng: np.random.Generator, channels: int) -> np.ndarray:
    return rng.standard_normal((2, *OUT, channels, 3, 3))


def weight(rng: np.random.Generator, groups: int = 1) -> np.ndarray:
    return rng.standard_normal((6, 4 // groups, 3, 3))


def im2col(channels: int, name: str) -> Case:
    def arguments(rng: np.random.Generator) -> tuple:
        return images(rng, channels), (3, 3)

    return Case(cuda_im2col.im2col, arguments, OPTIONS, "im2col", definition=numpy_conv2d.im2col, name=name)


CASES = [
    im2col(8, "im2col_packs"),
    im2col(3, "im2col_ragged"),
    im2col(300, "im2col_many_channels"),
    Case(cuda_im2col.col2im, lambda rng: (windows(rng, 8).transpose(0, 1, 2, 5, 3, 4).reshape(2, *OUT, 8, 3, 3), SIZE), OPTIONS, "col2im",
         definition=numpy_conv2d.col2im, name="col2im_channels_first"),
    Case(cuda_im2col.col2im, lambda rng: (rng.standard_normal((2, *OUT, 3, 3, 8)).transpose(0, 1, 2, 5, 3, 4), SIZE), OPTIONS, "col2im",
         definition=numpy_conv2d.col2im, name="col2im_taps_first"),
    *[
        case
        for groups in (1, 2)
        for case in [
            Case(cuda_im2col.conv2d, lambda rng, g=groups: (images(rng, 4), weight(rng, g), rng.standard_normal(6)),
                 {**OPTIONS, "groups": groups}, "im2col", definition=numpy_conv2d.conv2d),
            Case(cuda_im2col.conv2d_input, lambda rng, g=groups: (images(rng, 6, OUT), weight(rng, g), SIZE),
                 {**OPTIONS, "groups": groups}, "col2im", definition=numpy_conv2d.conv2d_input),
            Case(cuda_im2col.conv2d_weight, lambda rng: (images(rng, 4), images(rng, 6, OUT), (3, 3)),
                 {**OPTIONS, "groups": groups}, "im2col", definition=numpy_conv2d.conv2d_weight),
        ]
    ],
    *[
        Case(function, arguments, {**OPTIONS, "groups": groups}, numba_cuda=names, dtypes=("float32",), name=f"{function.__name__}{groups}")
        for groups in (1, 2)
        for function, arguments, names in [
            (kernels.conv2d, lambda rng, g=groups: (images(rng, 4), weight(rng, g), rng.standard_normal(6)), "copy_windows multiply"),
            (kernels.conv2d_input, lambda rng, g=groups: (images(rng, 6, OUT), weight(rng, g), SIZE), "multiply collect_windows"),
            (kernels.conv2d_weight, lambda rng: (images(rng, 4), images(rng, 6, OUT), (3, 3)), "copy_windows multiply"),
        ]
    ],
]  # fmt: skip

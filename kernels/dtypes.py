"""Which numbers are floating-point numbers.

NumPy knows float16, float32 and float64. bfloat16, the upper half of a float32, is a dtype of the package ml_dtypes, and to NumPy
something foreign: its `kind` is "V", that of raw bytes. So ask `is_floating`, not `dtype.kind`.
"""

from typing import Any

import numpy as np

INSTALL = "pip install 'minitorch_cv[cuda13]' (or [cuda12], or ml_dtypes alone)"


def is_floating(dtype: Any) -> bool:
    """Whether `dtype`, a NumPy dtype, is one of floating-point numbers, bfloat16 among them."""
    return dtype.kind == "f" or (dtype.kind == "V" and dtype.name == "bfloat16")


def is_number(dtype: Any) -> bool:
    """Whether `dtype` is one that tensors can have: floating-point numbers, integers and booleans."""
    return dtype.kind in "fiub" or is_floating(dtype)


def bfloat16() -> np.dtype:
    """The dtype. ImportError, with what to install, where ml_dtypes is missing."""
    try:
        from ml_dtypes import bfloat16
    except ImportError as error:
        raise ImportError(f"dtype: got bfloat16, which needs the package ml_dtypes: {INSTALL}") from error
    return np.dtype(bfloat16)

"""`cupy.lib`: the functions on strides."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from . import core, creation
from .namespace import module_function


def as_strided(x: "core.Array", shape: Any = None, strides: Any = None) -> "core.Array":
    """A view with any shape and strides, unchecked as CuPy's, but inside the memory of `x` and its guards."""
    host = np.lib.stride_tricks.as_strided(x._host, shape, strides)
    return creation.view_of(x, host)


stride_tricks = SimpleNamespace(as_strided=as_strided, sliding_window_view=module_function("lib.stride_tricks", "sliding_window_view"))

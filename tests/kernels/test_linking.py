"""Compiled just now or found in the cache, a kernel gives the same bits."""

import os
import subprocess
import sys
from pathlib import Path

# Updates of four arrays, so much rounding that two ways of fusing a*b + c*d cannot agree everywhere; and all helpers in play.
PROGRAM = """
import zlib
import numpy as np
import kernels
from kernels.jit import compile_notices

rng = np.random.default_rng(0)
params, grads, buffers = ([rng.standard_normal(n).astype(np.float32) for n in (150, 2400, 16, 48000)] for _ in range(3))
compiled = []
with compile_notices(compiled.append):
    kernels.sgd_step(params, grads, buffers, 0.05, 0.9, 0.0, 0.01, True, False)
print(len(compiled), [zlib.crc32(array.tobytes()) for array in params + buffers])
"""


def test_compiled_and_cached_code_agree_to_the_last_bit(tmp_path: Path) -> None:
    def run() -> list[str]:
        environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
        done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True, capture_output=True, text=True)
        return done.stdout.split(maxsplit=1)

    (first, compiled), (second, cached) = run(), run()
    assert first != "0"
    assert second == "0"
    assert compiled == cached


CLOSURES = """
import numpy as np
from kernels import conv2d, smooth
from kernels.jit import compile_notices

with compile_notices(print):
    x = np.ones((2, 3, 8, 8), np.float32)
    w = np.ones((4, 3, 3, 3), np.float32)
    conv2d(x, w)
    smooth("silu", x)
"""


def test_kernels_that_captured_compiled_functions_are_found_in_the_cache(tmp_path: Path) -> None:
    def run() -> str:
        environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
        return subprocess.run([sys.executable, "-c", CLOSURES], env=environment, check=True, capture_output=True, text=True).stdout

    compiled = run()
    assert "convolve" in compiled
    assert "activation.rules._silu" in compiled  # and with it the worker that loops over it
    assert run() == ""

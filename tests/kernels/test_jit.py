"""Compilation: announced, kept on disk, and never stale."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import kernels
from kernels import jit

PROGRAM = """
import sys
import numpy as np
from kernels import conv2d
from kernels.jit import compile_notices

with compile_notices(lambda name: print("compiling", name)):
    y = conv2d(np.zeros((1, 2, 4, 4)), np.ones((2, 1, 3, 3)), None, 1, 1, 1, 2)
print("corner", y[0, 0, 0, 0])
"""


def run(folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": str(folder / "cache")}
    environment.pop("MINITORCH_CV_BACKEND", None)
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_code_is_cached_and_a_changed_helper_in_another_file_is_noticed(tmp_path: Path) -> None:
    shutil.copytree(Path(kernels.__file__).parent, tmp_path / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    first = run(tmp_path)
    assert "compiling depthwise.numba_depthwise._convolve" in first
    assert first.endswith("corner 0.0\n")
    assert run(tmp_path) == "corner 0.0\n", "the second process compiles nothing"

    bands = tmp_path / "kernels" / "conv2d" / "bands.py"
    before = bands.stat()
    changed = bands.read_text().replace("zero = tile_zero(y, 1, 1)", "zero = tile_fill(1.0, 1, 1)").replace("tile_zero\n", "tile_fill\n")
    bands.write_text(changed)
    os.utime(bands, ns=(before.st_atime_ns, before.st_mtime_ns))  # not even the time of the file tells
    third = run(tmp_path)
    assert "compiling" in third
    assert third.endswith("corner 5.0\n"), "the padding is 1 now, and a corner sees five pixels of it"


def test_the_users_own_cache_setting_is_left_alone() -> None:
    import numba

    before = numba.config.CACHE_DIR
    jit.jit(lambda x: x + 1)
    assert before == numba.config.CACHE_DIR
    assert Path(jit.cache_folder()).name == f"kernels-{jit.source_hash()}"


@pytest.mark.parametrize("threads", [0, -1, 10_000])
def test_impossible_thread_counts(threads: int) -> None:
    with pytest.raises(ValueError, match=f"threads: got {threads}, expected 1 to"):
        jit.set_num_threads(threads)

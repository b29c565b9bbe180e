"""How a backend is chosen."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import kernels
from kernels.backend import implementation


def test_scoped_nested_and_restored_after_an_exception() -> None:
    outside = kernels.current_backend()
    with kernels.backend("numpy"):
        with kernels.backend("numba"):
            assert kernels.current_backend() == "numba"
        assert kernels.current_backend() == "numpy"
        with pytest.raises(KeyError), kernels.backend("numba"):
            raise KeyError
        assert kernels.current_backend() == "numpy"
    assert kernels.current_backend() == outside


def test_each_thread_has_its_own() -> None:
    seen = []
    with kernels.backend("numpy"):
        thread = threading.Thread(target=lambda: seen.append(kernels.current_backend()))
        thread.start()
        thread.join()
    assert seen == [os.environ.get("MINITORCH_CV_BACKEND", "numba")]


def test_the_array_decides_where_numba_has_nothing() -> None:
    with kernels.backend("numba"):
        names = [implementation("pool2d", "max_pool2d", np.zeros(1, dtype)).__module__ for dtype in ("f", "d", "i", "e")]
    assert [name.rpartition(".")[2] for name in names] == ["numba_pool2d", "numba_pool2d", "numpy_pool2d", "numpy_pool2d"]


@pytest.mark.parametrize(
    ("value", "answer"), [("numpy", "numpy"), ("numba", "numba"), ("", "numba"), ("cuda", "MINITORCH_CV_BACKEND: got 'cuda'")]
)
def test_environment(value: str, answer: str) -> None:
    program = "import kernels; print(kernels.current_backend())"
    run = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "MINITORCH_CV_BACKEND": value}, capture_output=True, text=True, check=False
    )
    assert answer in run.stdout + run.stderr


def test_unknown_name() -> None:
    with pytest.raises(ValueError, match="backend: got 'torch', expected one of numpy, numba"), kernels.backend("torch"):
        pass


def test_choosing_among_ones_own_versions() -> None:
    x = np.ones(2, np.float32)

    def plain(x: np.ndarray) -> np.ndarray:
        return x

    def fast(x: np.ndarray) -> np.ndarray:
        return +x

    assert kernels.choose(x, numpy=plain, numba=fast) is fast
    assert kernels.choose(x.astype(np.int64), numpy=plain, numba=fast) is plain
    assert kernels.choose(x, numpy=plain) is plain
    with kernels.backend("numpy"):
        assert kernels.choose(x, numpy=plain, numba=fast) is plain
    with pytest.raises(ValueError, match="versions: got numba, expected at least numpy"):
        kernels.choose(x, numba=fast)
    with pytest.raises(ValueError, match="versions: got fortran, expected some of numpy, numba, cuda, numba_cuda, meta"):
        kernels.choose(x, numpy=plain, fortran=fast)

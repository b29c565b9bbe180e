"""What can be asked about GPUs, and what is said where something is missing."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

import minitorch_cv as mt
from minitorch_cv.cli.devices import devices
from minitorch_cv.testing.emulation import emulated_gpu, missing


@pytest.fixture
def gpu() -> Iterator[None]:
    if missing():
        pytest.skip(missing())
    with emulated_gpu():
        yield


@pytest.mark.usefixtures("gpu")
def test_questions_about_gpus() -> None:
    assert mt.cuda.is_available()
    assert mt.cuda.device_count() == 2
    assert mt.cuda.get_device_capability(1) >= (7, 5)
    assert mt.cuda.get_device_name("cuda:1")
    free, total = mt.cuda.mem_get_info()
    assert 0 < free <= total
    before = mt.cuda.memory_allocated()
    kept = mt.zeros(1000, device="cuda")
    assert mt.cuda.memory_allocated() >= before + kept.nbytes <= mt.cuda.memory_reserved() + before + kept.nbytes
    mt.cuda.set_device(1)
    assert mt.cuda.current_device() == 1
    mt.cuda.set_device("cuda:0")
    mt.cuda.synchronize()
    mt.cuda.empty_cache()
    with pytest.raises(ValueError, match="expected a GPU"):
        mt.cuda.synchronize("cpu")
    with pytest.raises(ValueError, match="expected cuda:0 to cuda:1"):
        mt.cuda.set_device(2)


WITHOUT_CUPY = """
import sys
sys.modules["cupy"] = None  # importing it fails, as where it is not installed
import minitorch_cv as mt
"""


def run(program: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", WITHOUT_CUPY + program], capture_output=True, text=True, check=False)


def test_without_cupy_a_sentence_says_what_to_install() -> None:
    program = """
assert not mt.cuda.is_available() and mt.cuda.device_count() == 0
from kernels.gpu import GpuUnavailableError
for make in (lambda: mt.zeros(3, device="cuda"), lambda: mt.zeros(3).cuda(), lambda: mt.nn.Linear(2, 2).to("cuda"), mt.cuda.synchronize):
    try:
        make()
    except GpuUnavailableError as error:
        print(error)
"""
    result = run(program)
    lines = result.stdout.splitlines()
    assert (result.returncode, len(lines)) == (0, 4), result.stderr
    assert all("device 'cuda' needs CuPy" in line and "pip install 'minitorch_cv[cuda13]'" in line for line in lines)


def test_without_ml_dtypes_a_sentence_says_what_to_install() -> None:
    program = """
sys.modules["ml_dtypes"] = None
makers = [lambda: mt.zeros(3, dtype="bfloat16"), lambda: mt.zeros(3).bfloat16(), lambda: mt.bfloat16, lambda: mt.nn.Linear(1, 1).bfloat16()]
for make in makers:
    try:
        make()
    except ImportError as error:
        print(error)
"""
    result = run(program)
    sentence = "dtype: got bfloat16, which needs the package ml_dtypes: pip install"
    assert [line[: len(sentence)] for line in result.stdout.splitlines()] == [sentence] * 4, result.stderr


def test_devices_without_cupy() -> None:
    result = run("from minitorch_cv.cli import main; sys.argv = ['minitorch-cv', 'devices']; main()")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("cpu ")
    assert "pip install 'minitorch_cv[cuda13]'" in result.stdout


@pytest.mark.usefixtures("gpu")
def test_devices_with_gpus(capsys: pytest.CaptureFixture) -> None:
    devices()
    text = capsys.readouterr().out
    assert [part for part in ("cuda:0 ", "cuda:1 ", "compute capability 9.0", "\nCUDA 13.0") if part not in text] == []
    devices(as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert [gpu["device"] for gpu in found["gpus"]] == ["cuda:0", "cuda:1"]
    assert found["cpu"]["threads"] == mt.get_num_threads()

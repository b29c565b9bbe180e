"""Every `.cu` file, compiled for every type and architecture as on a GPU; and whether the tool that does so sees what is wrong."""

from pathlib import Path

import pytest

from minitorch_cv.testing.emulation.compile_cuda import FOLDER, Job, Kernel, compile_all, compiled, jobs, macro_sets, missing, read_log

LOG = """\
ptxas info    : 4 bytes gmem
ptxas info    : Compiling entry function 'second' for 'sm_90'
ptxas info    : Function properties for second
ptxas         .     48 bytes stack frame, 20 bytes spill stores, 24 bytes spill loads
ptxas info    : Used 32 registers, used 1 barriers, 2112 bytes smem, 384 bytes cmem[0]
ptxas info    : Compiling entry function 'first' for 'sm_90'
ptxas info    : Function properties for first
ptxas         .     0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 255 registers, used 0 barriers
"""
# 100 numbers that are all needed until the end, and 1024 threads to share 65536 registers.
SPILLING = """\
#include "types.cuh"
extern "C" __global__ void __launch_bounds__(1024) hoard(const Real* x, Real* y)
{
    Wide values[100];
    for (int i = 0; i < 100; ++i) values[i] = x[threadIdx.x + 1024 * i];
    __syncthreads();
    for (int round = 0; round < 2; ++round)
        for (int i = 0; i < 100; ++i) values[i] = values[i] * values[(i + 37) % 100] + values[(i + 11) % 100];
    for (int i = 0; i < 100; ++i) y[threadIdx.x + 1024 * i] = Real(values[i]);
}
"""


@pytest.fixture
def nvrtc() -> None:
    if sentence := missing():
        pytest.skip(sentence)


def test_the_report_is_read() -> None:
    second, first = read_log(LOG)
    assert second == Kernel("second", registers=32, stack=48, spill_stores=20, spill_loads=24, shared=2112)
    assert first == Kernel("first", registers=255)
    assert (second.spills, first.spills) == (True, False)


def test_macros_of_a_file() -> None:
    assert macro_sets("// nothing\n") == [()]
    assert macro_sets("// compile with: A=1 B=20\nint x;\n// compile with: A=0\n") == [(("A", 1), ("B", 20)), (("A", 0),)]


def test_all_files_are_there() -> None:
    assert {job.path for job in jobs()} == {*FOLDER.rglob("*.cu")} != set()
    assert len({job.dtype for job in jobs()}) * len({job.arch for job in jobs()}) == 16


@pytest.mark.full
@pytest.mark.usefixtures("nvrtc")
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("y[0] = undefined_name;", "undefined_name"),
        ("int unused; y[0] = x[0];", "never referenced"),
        ("y[0] = x[0];", ""),
    ],
)
def test_errors_and_warnings_are_seen(tmp_path: Path, body: str, words: str) -> None:
    path = tmp_path / "planted.cu"
    path.write_text(f'#include "types.cuh"\nKERNEL planted(const Real* x, Real* y) {{ {body} }}\n')
    fault = compiled(Job(path, "float16", "sm_90")).fault
    assert words in fault
    assert bool(words) == bool(fault)


@pytest.mark.full
@pytest.mark.usefixtures("nvrtc")
def test_spills_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "spilling.cu"
    path.write_text(SPILLING)
    assert "hoard spills" in compiled(Job(path, "float32", "sm_90")).fault


@pytest.mark.full
@pytest.mark.usefixtures("nvrtc")
def test_every_file_compiles_without_warnings_and_spills() -> None:
    faults = [f"{result.title}:\n{result.fault}" for result in compile_all(jobs()) if result.fault]
    assert not faults, "\n".join(faults)

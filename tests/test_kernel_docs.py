"""What the pages about kernels and GPUs say is true: excerpts are the sources' own lines, programs run, tables are complete."""

import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import gpu
import numpy as np
import pytest
from table import ROWS
from table.libraries import tensors
from table.row import Row
from test_cases import run_in_all_orders

import kernels
import minitorch_cv as mt
from kernels.gpu.gemm import parts_for, tiles_for
from minitorch_cv.testing.emulation import emulated_gpu
from minitorch_cv.testing.function import tensors_in

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "kernels" / "README.md"
TEXT = PAGE.read_text(encoding="utf-8")
CUTS = ("...", "// ...")  # a line that stands for lines left out
needs_gpu = pytest.mark.skipif(gpu.REASON is not None, reason=str(gpu.REASON))


class Block(NamedTuple):
    """A block of code: its language, its text, and the last line of text before it."""

    language: str
    code: str
    before: str


def blocks(text: str) -> list[Block]:
    found, before = [], ""
    for part in re.split(r"(^```\w*\n.*?^```$)", text, flags=re.DOTALL | re.MULTILINE):
        if fenced := re.fullmatch(r"```(\w*)\n(.*?)```", part, re.DOTALL):
            found.append(Block(fenced[1], fenced[2], before))
        elif part.strip():
            before = part.strip().splitlines()[-1]
    return found


def chapter(title: str) -> str:
    (text,) = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE)
    return text


JOURNEY, FOUR_WAYS = "How a convolution travels from Python to the GPU", "One family four ways"
EXCERPTS = [
    block for title in (JOURNEY, FOUR_WAYS) for block in blocks(chapter(title)) if block.language and not block.code.startswith("import ")
]


def is_excerpt(code: str, source: str) -> bool:
    """Whether the lines of `code` stand in `source`, one after another; where `code` has a cut, lines may be missing."""
    pieces, lines = [[]], source.splitlines()
    for line in code.splitlines():
        if line.strip() in CUTS:
            pieces.append([])
        else:
            pieces[-1].append(line)
    at = 0
    for piece in filter(None, pieces):
        found = [i for i in range(at, len(lines) - len(piece) + 1) if lines[i : i + len(piece)] == piece]
        if not found:
            return False
        at = found[0] + len(piece)
    return True


def test_there_are_excerpts_of_all_four_ways() -> None:
    assert len(EXCERPTS) > 12
    assert {block.language for block in EXCERPTS} == {"python", "cuda"}
    named = " ".join(block.before for block in EXCERPTS)
    for file in ("numpy_pool2d.py", "numba_pool2d.py", "numba_cuda_pool2d.py", "pool2d.cu", "gemm.cuh", "tensor_core.cuh"):
        assert f"/{file})" in named


@pytest.mark.parametrize("block", EXCERPTS, ids=[str(i) for i in range(len(EXCERPTS))])
def test_an_excerpt_is_the_source(block: Block) -> None:
    """Of the file that the line before it names last."""
    file = PAGE.parent / re.findall(r"\]\(([^)]+)\):?", block.before)[-1]
    assert is_excerpt(block.code, file.read_text(encoding="utf-8")), f"{file.name} no longer has the lines\n{block.code}"


def test_an_excerpt_that_is_none_is_found() -> None:
    source = "a\n  b\nc\nd\n"
    assert is_excerpt("a\n  b\n", source)
    assert is_excerpt("a\n  ...\nd\n", source)
    assert not is_excerpt("a\nb\n", source)
    assert not is_excerpt("a\nc\n", source)
    assert not is_excerpt("d\n...\na\n", source)


def test_the_numbers_of_the_example() -> None:
    """128 images of 64 channels, 32x32, by 128 filters of 3x3, in bfloat16: what the launchers make of them."""
    text = chapter(JOURNEY)
    N, C, H, W, OC, taps = 128, 64, 32, 32, 128, 9
    M, K, number_bytes = N * H * W, taps * C, 2
    with emulated_gpu():
        array = gpu.to_gpu(np.zeros(8, np.float16))  # of 16 bits too
        tiles, small = tiles_for(M, OC, array, True), tiles_for(K, OC, array, True)
    assert (tiles.M, tiles.N, tiles.tensor) == (128, 128, True)
    depth, warp = 64 // number_bytes, (tiles.M // 2) * (tiles.N // 2)
    parts, _ = parts_for(small.count(K, OC), M, K * OC * 4)
    for said in (
        f"has {M:,} pixels", f"in {tiles.count(M, OC):,} blocks, of {tiles.threads} threads and {tiles.shared_memory:,} bytes",
        f"a matrix of {M:,} x {K} (im2col)", f"one of {K} x {OC}", f"in {K // depth} slices of {depth}",
        f"{warp // 32} in the registers of a thread", f"a warp does so {warp // (16 * 8) * K // 16:,} times",
        f"Its {small.count(K, OC)} tiles", f"cut into {parts} parts",
    ):  # fmt: skip
        assert said in re.sub(r"\s+", " ", text), said


def programs(text: str) -> list[str]:
    return [block.code for block in blocks(text) if block.language == "python" and block.code.startswith(("import ", "from "))]


def printed_by(code: str, folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def check_printed(code: str, told: str) -> None:
    """What stands as a comment behind each `print(...)` is what was printed."""
    claimed = [line.split("  # ")[1] for line in code.splitlines() if line.lstrip().startswith("print(") and "  # " in line]
    assert claimed
    assert [line for line in told.splitlines() if line in claimed] == claimed


@needs_gpu
def test_the_journey_comes_to_the_kernels_that_it_names(tmp_path: Path) -> None:
    (program,) = programs(chapter(JOURNEY))
    check_printed(program, printed_by(program, tmp_path))


@needs_gpu
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_the_new_kernel_runs(dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of `tint`, as a family among the others, and its row through the tests of all kernels."""
    rows = ""
    for block in blocks(TEXT):
        named = re.match(r"(?://|#) ((?:kernels|tests)/\S+)\n", block.code)
        if named and named[1].startswith("kernels/"):
            file = tmp_path / named[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.code)
        elif named:
            rows = block.code
    monkeypatch.setattr(kernels, "__path__", [*kernels.__path__, str(tmp_path / "kernels")])
    before = set(sys.modules)
    lookup = importlib.import_module("kernels.backend")._lookup
    try:
        monkeypatch.setattr(kernels, "tint", importlib.import_module("kernels.tint").tint, raising=False)
        table: dict = {}
        exec(rows, table)
        (case,) = table["CASES"]
        with gpu.gpu_here():
            run_in_all_orders(case, dtype, case.launches)
            if dtype in ("float32", "float64"):
                with kernels.backend("numba_cuda"):
                    run_in_all_orders(case, dtype, case.numba_cuda)
    finally:
        lookup.cache_clear()
        for name in set(sys.modules) - before:
            del sys.modules[name]


def test_the_tables_name_every_family_and_every_shared_file() -> None:
    folder = PAGE.parent
    families = {path.parent.name for path in folder.glob("*/numpy_*.py")}
    tables, gpu_table = TEXT.split("## What is compiled, and what is plain NumPy")[0].split("And on a GPU:")
    assert {family for family in families if f"]({family}/__init__.py)" not in tables} == set()
    assert {path.name for path in folder.glob("*.py") if path.name != "__init__.py" and f"]({path.name})" not in tables} == set()
    shared = [path for path in (folder / "gpu").iterdir() if path.suffix in (".py", ".cuh")]
    assert {path.name for path in shared if f"](gpu/{path.name})" not in gpu_table} == set()


def test_which_families_have_versions_for_a_gpu() -> None:
    folder = PAGE.parent
    families = {path.parent.name for path in folder.glob("*/numpy_*.py")}
    assert {family for family in families if not (folder / family / f"cuda_{family}.py").exists()} == set()
    (told,) = re.findall(r"Kernels in Numba CUDA have (.*?):", TEXT.replace("\n", " "))
    assert set(re.findall(r"\]\((\w+)/numba_cuda_\w+\.py\)", told)) == {path.parent.name for path in folder.glob("*/numba_cuda_*.py")}
    assert "in five families" in TEXT


# --- docs/gpu.md

GPU_TEXT = (ROOT / "docs" / "gpu.md").read_text(encoding="utf-8")


@needs_gpu
@pytest.mark.full
def test_the_page_about_gpus_runs(tmp_path: Path) -> None:
    """All its blocks as one program, in which there is a GPU, an emulated one if need be."""
    code = "\n".join(block.code for block in blocks(GPU_TEXT) if block.language == "python")
    there_is_one = "from minitorch_cv.testing import emulation\nhere = emulation.emulated_gpu()\nhere.__enter__()\n"
    told = printed_by(code if gpu.GPU == "real" else there_is_one + code, tmp_path)
    check_printed(code, told)
    assert re.search(r"^loss \d\.\d+ on cuda:0, weights float32$", told, re.MULTILINE)


def test_what_the_page_says_of_a_machine_without_cupy() -> None:
    program = "import sys\nsys.modules['cupy'] = None\nfrom kernels.gpu import problem\nprint(problem())"
    told = printed_by(program, ROOT)
    shown = GPU_TEXT.split("device 'cuda' needs CuPy, ")[1].split("\n")[0]
    assert told.split(": pip")[1].strip() == shown.split(": pip")[1].strip()


def test_commands_of_the_pages_have_options_that_there_are() -> None:
    text = GPU_TEXT + (ROOT / "README.md").read_text(encoding="utf-8")
    for command in ("train", "eval"):
        program = f"import sys\nfrom minitorch_cv.cli import main\nsys.argv = ['minitorch-cv', '{command}', '--help']\nmain()"
        helped = printed_by(program, ROOT)
        lines = [line.split("#")[0] for line in text.splitlines() if line.startswith(f"minitorch-cv {command} ")]
        assert lines
        assert {option for line in lines for option in re.findall(r"--[a-z-]+", line) if option not in helped} == set()


@pytest.mark.full
@pytest.mark.skipif(gpu.GPU == "real" or gpu.REASON is not None, reason="counts what the emulated GPU copies")
def test_functions_that_wait_for_the_gpu_are_listed() -> None:
    """Called on tensors on a GPU, forward and backward, all other functions copy nothing to the computer's memory, and wait for nothing."""
    (listed,) = re.findall(r"looks at its arguments for errors:\n(.*?)\. Not in every case", GPU_TEXT, re.DOTALL)
    with emulated_gpu():
        waiting = {row.name for row in ROWS if any(waits(row, seed) for seed in range(3))}
    assert waiting - set(re.findall(r"`(\w+)`", listed)) == set()
    assert "nonzero" in waiting
    assert "conv2d" not in waiting


def waits(row: Row, seed: int) -> bool:
    """At a second call; the first one may copy tables."""
    from minitorch_cv.testing.emulation.cupy_stand_in import transfers

    for _ in range(2):
        args, options = tensors(mt, row.drawn(seed))
        args, options = on_gpu(args), on_gpu(options)
        transfers.reset()
        joined = [y for y in tensors_in(row.function()(*args, **options)) if y.requires_grad]
        if joined:
            mt.autograd.backward(joined, [mt.ones_like(y) for y in joined])
    return transfers.to_host + transfers.synchronizations > 0


def on_gpu(value: Any) -> Any:
    if isinstance(value, mt.Tensor):
        return value.detach().cuda().requires_grad_(value.requires_grad)
    if isinstance(value, dict):
        return {key: on_gpu(item) for key, item in value.items()}
    return type(value)([on_gpu(item) for item in value]) if type(value) in (list, tuple) else value

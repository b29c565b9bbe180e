"""Every `.cu` file compiled as CuPy would on a GPU, without one: errors, warnings, registers, spills.

    python -m minitorch_cv.testing.emulation.compile_cuda                          # all of kernels/
    python -m minitorch_cv.testing.emulation.compile_cuda kernels/pool2d/pool2d.cu --arch sm_90 --dtype float16 --json

For each storage type and each architecture. Needs NVIDIA's compiler library, not a driver: `pip install 'minitorch_cv[cuda-compile]'`.
A file that some launcher compiles with macros says so in a line of its own for each set, and is compiled with each:

    // compile with: TENSOR_CORES=1 TILE=64

Registers that do not suffice are spilled to memory, which is slow, and here an error; so is a warning.
"""

import hashlib
import importlib
import json
import os
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

import kernels
from kernels.gpu.launch import OPTIONS, REALS, source_text

ARCHITECTURES = ("sm_75", "sm_80", "sm_90", "sm_100")  # Turing, Ampere, Hopper, Blackwell
FOLDER = Path(kernels.__file__).parent
Macros = tuple[tuple[str, int], ...]

_COMPILE_WITH = re.compile(r"^// compile with:(.*)$", re.MULTILINE)
_LINE = re.compile(
    r"Compiling entry function '(?P<kernel>\w+)'"
    r"|(?P<stack>\d+) bytes stack frame, (?P<stores>\d+) bytes spill stores, (?P<loads>\d+) bytes spill loads"
    r"|Used (?P<registers>\d+) registers(?:.*?(?P<shared>\d+) bytes smem)?"
)


class Job(NamedTuple):
    """One run of the compiler."""

    path: Path
    dtype: str
    arch: str
    macros: Macros = ()


@dataclass
class Kernel:
    """What the assembler made of a kernel; sizes in bytes, registers for each thread, shared memory without the dynamic part."""

    name: str
    registers: int = 0
    stack: int = 0
    spill_stores: int = 0
    spill_loads: int = 0
    shared: int = 0

    @property
    def spills(self) -> bool:
        return self.spill_stores + self.spill_loads > 0


@dataclass
class Result:
    """What came of a Job: the kernels, or the compiler's words."""

    file: str
    dtype: str
    arch: str
    macros: dict[str, int]
    kernels: list[Kernel]
    problem: str = ""

    @property
    def title(self) -> str:
        return " ".join([self.file, self.dtype, self.arch, *[f"{name}={value}" for name, value in self.macros.items()]])

    @property
    def fault(self) -> str:
        """What is wrong, in words; empty where all is well."""
        spilled = [f"{k.name} spills {k.spill_stores} bytes of stores, {k.spill_loads} of loads" for k in self.kernels if k.spills]
        return "\n".join(filter(None, [self.problem, *spilled]))


def missing() -> str | None:
    """Why nothing can be compiled here, in a sentence; None where it can."""
    try:
        importlib.import_module("cuda.bindings.nvrtc").nvrtcVersion()
    except Exception as error:  # ImportError, or what cuda-bindings raises where it finds no library
        reason = str(error).splitlines()[0]
        return f"CUDA kernels are compiled by NVRTC, which cannot be loaded ({reason}): pip install 'minitorch_cv[cuda-compile]'"
    return None


def jobs(
    paths: Iterable[Path] = (), dtypes: Sequence[str] = tuple(REALS), architectures: Sequence[str] = ARCHITECTURES,
) -> list[Job]:  # fmt: skip
    """All combinations for the files `paths`, or for all of kernels/."""
    chosen = sorted(paths) or sorted(FOLDER.rglob("*.cu"))
    return [
        Job(path, dtype, arch, macros)
        for path, dtype, arch in product(chosen, dtypes, architectures)
        for macros in macro_sets(path.read_text(encoding="utf-8"))
    ]


def macro_sets(text: str) -> list[Macros]:
    """The sets of macros that a file is compiled with: of its lines `// compile with: NAME=1`, or one empty set."""
    lines = [tuple(pair.split("=") for pair in line.split()) for line in _COMPILE_WITH.findall(text)]
    return [tuple((name, int(value)) for name, value in line) for line in lines] or [()]


def compiled(job: Job) -> Result:
    """Compile. Errors of the compiler are part of the result."""
    log, failed = _kept(source_text(job.path, job.dtype, job.macros), job.path.name, options(job.arch))
    name = str(job.path.resolve().relative_to(FOLDER)) if job.path.resolve().is_relative_to(FOLDER) else str(job.path)
    warned = failed or "warning" in log
    return Result(name, job.dtype, job.arch, dict(job.macros), [] if failed else read_log(log), log.strip() if warned else "")


def options(arch: str) -> list[str]:
    """CuPy's options: ours, and those that it adds (14.2; cupy/cuda/compiler.py). Its include paths are left out: we include nothing."""
    return [*OPTIONS, "-ftz=true", f"-arch={arch}", "--device-as-default-execution-space", "--ptxas-options=-v"]


def read_log(log: str) -> list[Kernel]:
    """The kernels that the assembler reports on with `-v`."""
    found: list[Kernel] = []
    for match in _LINE.finditer(log):
        if match["kernel"]:
            found.append(Kernel(match["kernel"]))
        elif match["stack"] and found:  # of the kernel, or of a function that was not put into it
            found[-1].stack += int(match["stack"])
            found[-1].spill_stores += int(match["stores"])
            found[-1].spill_loads += int(match["loads"])
        elif match["registers"] and found:
            found[-1].registers, found[-1].shared = int(match["registers"]), int(match["shared"] or 0)
    return found


def _kept(source: str, name: str, chosen: list[str]) -> tuple[str, bool]:
    """What `_nvrtc` answered when it was asked the same before, on this machine."""
    version = importlib.import_module("cuda.bindings.nvrtc").nvrtcVersion()
    key = hashlib.sha256(repr((source, name, chosen, version)).encode()).hexdigest()[:24]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "minitorch_cv" / "compile_cuda"
    try:
        log, failed = json.loads((folder / f"{key}.json").read_text())
    except (OSError, ValueError):
        log, failed = _nvrtc(source, name, chosen)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{key}.json").write_text(json.dumps((log, failed)))
    return log, failed


def _nvrtc(source: str, name: str, chosen: list[str]) -> tuple[str, bool]:
    """What the compiler has to say, and whether it failed."""
    nvrtc: Any = importlib.import_module("cuda.bindings.nvrtc")

    def checked(answer: tuple) -> Any:
        if answer[0] != nvrtc.nvrtcResult.NVRTC_SUCCESS:
            raise RuntimeError(f"NVRTC: {nvrtc.nvrtcGetErrorString(answer[0])[1].decode()}")
        return answer[1] if len(answer) > 1 else None

    program = checked(nvrtc.nvrtcCreateProgram(source.encode(), name.encode(), 0, [], []))
    (status,) = nvrtc.nvrtcCompileProgram(program, len(chosen), [option.encode() for option in chosen])
    log = bytes(checked(nvrtc.nvrtcGetProgramLogSize(program)))  # NVRTC writes into it
    checked(nvrtc.nvrtcGetProgramLog(program, log))
    checked(nvrtc.nvrtcDestroyProgram(program))
    return log.decode().rstrip("\0 \n"), status != nvrtc.nvrtcResult.NVRTC_SUCCESS


def compile_all(work: list[Job], processes: int = 2) -> list[Result]:
    """The results, in the order of `work`."""
    with ProcessPoolExecutor(processes) as pool:
        return list(pool.map(compiled, work, chunksize=4))


def print_table(results: list[Result]) -> None:
    """A line for each kernel and type: registers for each architecture; of the others the largest."""
    from rich.console import Console
    from rich.table import Table

    architectures = list(dict.fromkeys(result.arch for result in results))
    rows: dict[tuple[str, str, str], dict[str, Kernel]] = {}
    for result in results:
        macros = "".join(f" {name}={value}" for name, value in result.macros.items())
        for kernel in result.kernels:
            rows.setdefault((result.file, kernel.name + macros, result.dtype), {})[result.arch] = kernel
    table = Table("file", "kernel", "dtype", caption="Registers of a thread on each architecture; bytes, the largest of all architectures")
    for name in (*architectures, "shared", "stack", "spilled"):
        table.add_column(name, justify="right")
    for (file, name, dtype), made in rows.items():
        registers = [str(made[arch].registers) if arch in made else "" for arch in architectures]
        sizes = [max(size) for size in zip(*[(k.shared, k.stack, k.spill_stores + k.spill_loads) for k in made.values()], strict=True)]
        table.add_row(Path(file).name, name, dtype, *registers, *map(str, sizes), style="red" if sizes[-1] else "")
    console = Console()
    if not console.is_terminal:
        console.width = 140
    console.print(table)


def main(
    paths: Annotated[list[Path] | None, typer.Argument(help="`.cu` files; all of kernels/ where none are given.")] = None,
    arch: Annotated[list[str] | None, typer.Option(help="An architecture; may be repeated.")] = None,
    dtype: Annotated[list[str] | None, typer.Option(help="A storage type; may be repeated.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output in place of a table.")] = False,
) -> None:
    """Compile CUDA kernels without a GPU; fails on an error, a warning or a spill."""
    if sentence := missing():
        raise SystemExit(sentence)
    results = compile_all(jobs(paths or (), dtype or tuple(REALS), arch or ARCHITECTURES))
    if as_json:
        print(json.dumps([asdict(result) for result in results], indent=1))
    else:
        print_table(results)
    faults = [f"{result.title}:\n{result.fault}" for result in results if result.fault]
    typer.echo("\n".join([*faults, f"{len(results)} compilations, {len(faults)} with errors, warnings or spills"]), err=True)
    raise typer.Exit(1 if faults else 0)


if __name__ == "__main__":
    typer.run(main)

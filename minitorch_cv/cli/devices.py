"""`minitorch-cv devices`: what there is to compute on, and what is missing for more."""

import json
import os
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer

from minitorch_cv.cli.common import errors_as_sentences

PACKAGES = {"cupy": ("cupy-cuda13x", "cupy-cuda12x", "cupy"), "numba-cuda": ("numba-cuda",), "ml_dtypes": ("ml_dtypes",)}
NEEDED_FOR = {
    "numba-cuda": "numba-cuda is not installed: the kernels in Numba CUDA, which are for reading and comparing, cannot run",
    "ml_dtypes": "ml_dtypes is not installed: there is no bfloat16",
}


@dataclass
class Cpu:
    """name: what its maker calls it. cores: that it shows to programs. threads: that kernels use. vector_bytes: of a register."""

    name: str
    cores: int
    threads: int
    vector_bytes: int


@dataclass
class Gpu:
    """device: its name for `--device`. compute_capability: the generation. Memory in bytes."""

    device: str
    name: str
    compute_capability: str
    memory_total: int
    memory_free: int


def devices(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """The CPU, the GPUs, the versions of what is used with them, and what is missing."""
    with errors_as_sentences():
        found = describe()
        if as_json:
            print(json.dumps(found))
        else:
            print("\n".join(_lines(found)))


def describe() -> dict[str, Any]:
    """All that the command tells: {"cpu", "gpus", "cuda": versions or None, "packages": versions or None, "missing": sentences}."""
    import minitorch_cv as mt
    from kernels import gpu, simd
    from minitorch_cv.training import environment

    threads = mt.get_num_threads()
    cpu = Cpu(environment.describe(threads)["cpu_model"], os.cpu_count() or 1, threads, simd.VECTOR_BYTES)
    problem = gpu.problem()
    packages = {name: _version(distributions) for name, distributions in PACKAGES.items()}
    if problem is None:
        packages["cupy"] = gpu.cupy().__version__  # whatever its package is called
    missing = [] if problem is None else [problem]
    if problem is None or packages["cupy"]:  # without CuPy the first sentence says all
        missing += [f"{sentence}: {gpu.INSTALL}" for name, sentence in NEEDED_FOR.items() if packages[name] is None]
    return {
        "cpu": asdict(cpu),
        "gpus": [asdict(_gpu(index)) for index in range(mt.cuda.device_count())],
        "cuda": None if problem else _cuda(),
        "packages": packages,
        "missing": missing,
    }


def _gpu(index: int) -> Gpu:
    import minitorch_cv as mt

    free, total = mt.cuda.mem_get_info(index)
    capability = ".".join(map(str, mt.cuda.get_device_capability(index)))
    return Gpu(f"cuda:{index}", mt.cuda.get_device_name(index), capability, total, free)


def _cuda() -> dict[str, str]:
    """The versions of CUDA: the newest that the driver can run, and that of the libraries that CuPy uses."""
    from kernels import gpu

    runtime = gpu.cupy().cuda.runtime
    return {"driver": _cuda_version(runtime.driverGetVersion()), "runtime": _cuda_version(runtime.runtimeGetVersion())}


def _cuda_version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"  # 13020 is 13.2


def _version(distributions: tuple[str, ...]) -> str | None:
    for name in distributions:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return None


def _lines(found: dict[str, Any]) -> list[str]:
    cpu = found["cpu"]
    lines = [f"cpu     {cpu['name']}, {cpu['cores']} cores, {cpu['threads']} threads used, vectors of {cpu['vector_bytes']} bytes"]
    for gpu in found["gpus"]:
        memory = f"{gpu['memory_total'] / 2**30:.1f} GiB of memory, {gpu['memory_free'] / 2**30:.1f} free"
        lines.append(f"{gpu['device']}  {gpu['name']}, compute capability {gpu['compute_capability']}, {memory}")
    if found["cuda"]:
        versions = [f"{name} {number}" for name, number in found["packages"].items() if number]
        cuda = found["cuda"]
        lines.append(f"CUDA {cuda['runtime']}, the driver is for up to {cuda['driver']}; {', '.join(versions)}")
    return [*lines, *found["missing"]]

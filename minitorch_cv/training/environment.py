"""Where a run was made: what the last bits of its numbers depend on, beside seed and thread count."""

import platform
import sys
from pathlib import Path
from typing import Any

from kernels import gpu
from minitorch_cv import cuda

# Names of environment entries that change bits, in words for the warning at resume.
DECISIVE = {
    "cpu": "type of CPU",
    "cpu_features": "vector instructions",
    "numpy": "NumPy",
    "numba": "Numba",
    "llvmlite": "llvmlite",
    "blas": "BLAS",
    "threads": "threads",
    "gpu": "GPU",
    "cupy": "CuPy",
    "cuda": "CUDA",
}


def describe(threads: int, device: Any = "cpu") -> dict[str, Any]:
    """Versions, CPU and BLAS of this process, as `config.json` holds them; `threads` is the number in use; of a GPU, its name too."""
    import llvmlite
    import llvmlite.binding as llvm
    import numba
    import numpy as np
    from numba.core import config as numba_config

    import minitorch_cv

    features = " ".join(sorted(name for name, present in llvm.get_host_cpu_features().items() if present))
    return {
        "minitorch_cv": minitorch_cv.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "llvmlite": llvmlite.__version__,
        "platform": platform.platform(),
        "cpu": numba_config.CPU_NAME or llvm.get_host_cpu_name(),
        "cpu_model": _cpu_model(),
        "cpu_features": numba_config.CPU_FEATURES or features,
        "blas": _blas(),
        "threads": threads,
        **(_gpu(device) if str(device) != "cpu" else {}),
    }


def _gpu(device: Any) -> dict[str, Any]:
    cupy = gpu.cupy()
    runtime = cupy.cuda.runtime
    return {
        "gpu": cuda.get_device_name(device),
        "cupy": cupy.__version__,
        "cuda": runtime.runtimeGetVersion(),
        "driver": runtime.driverGetVersion(),
    }


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What differs between two environments and can change bits, in words: "NumPy (2.4.6, was 2.4.5)"."""
    return [
        name if "features" in key else f"{name} ({now.get(key)}, was {before.get(key)})"
        for key, name in DECISIVE.items()
        if before.get(key) != now.get(key)
    ]


def _blas() -> str:
    """NumPy's BLAS; other libraries in the process may bring their own, which no result depends on."""
    import numpy as np
    from threadpoolctl import threadpool_info

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    package = Path(np.__file__).resolve().parent
    folders = (package, package.with_name("numpy.libs"))
    own = [pool for pool in pools if any(Path(pool["filepath"]).resolve().is_relative_to(folder) for folder in folders)]
    # A NumPy that is not from a wheel has its BLAS elsewhere.
    names = {f"{pool['internal_api']} {pool['version']} {pool.get('architecture') or ''}".strip() for pool in own or pools}
    return "; ".join(sorted(names)) or "unknown"


def _cpu_model() -> str:
    if sys.platform.startswith("linux"):
        try:
            with open("/proc/cpuinfo", encoding="utf-8") as file:
                for line in file:
                    if line.startswith("model name"):
                        return line.partition(":")[2].strip()
        except OSError:
            pass
    return platform.processor() or platform.machine()

"""The GPU's kernels under NVIDIA's compute-sanitizer, tool by tool: `python tests/sanitize.py`. Exit status 1 where one finds something.

    memcheck     reads and writes outside of arrays
    racecheck    shared memory that two threads use without a barrier between them
    initcheck    reads of device memory that nobody wrote
"""

import os
import shutil
import subprocess
import sys

TOOLS = ("memcheck", "racecheck", "initcheck")
TESTS = ("-q", "-x", "-p", "no:cacheprovider", "tests/kernels/gpu/test_cases.py")


def main() -> int:
    sanitizer = shutil.which("compute-sanitizer")
    if sanitizer is None:
        print("compute-sanitizer is not installed (it comes with the CUDA toolkit): memcheck, racecheck and initcheck were not run")
        return 0
    # CuPy's pool hands out pieces of larger allocations, and the sanitizer sees the edges of allocations alone.
    environment = {**os.environ, "MINITORCH_CV_TEST_GPU": "1", "MINITORCH_CV_NO_POOL": "1"}
    found = []
    for tool in TOOLS:
        print(f"=== compute-sanitizer --tool {tool}", flush=True)
        command = [sanitizer, "--tool", tool, "--error-exitcode", "1", sys.executable, "-m", "pytest", *TESTS]
        if subprocess.run(command, env=environment, check=False).returncode:
            found.append(tool)
    print(f"compute-sanitizer: {', '.join(found) or 'nothing'} found" if found else "compute-sanitizer: clean")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

"""What a run notes of its environment."""

from pathlib import Path

import numpy as np
import pytest
import threadpoolctl

from minitorch_cv.training import environment


def test_only_the_blas_of_numpy_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    package = Path(np.__file__).resolve().parent

    def pool(path: Path, version: str) -> dict[str, str]:
        return {"user_api": "blas", "internal_api": "openblas", "version": version, "filepath": str(path), "architecture": "Zen"}

    own, other = pool(package.with_name("numpy.libs") / "lib.so", "1"), pool(package.with_name("scipy.libs") / "lib.so", "2")
    for pools, expected in (([own, other], "openblas 1 Zen"), ([own], "openblas 1 Zen"), ([other], "openblas 2 Zen"), ([], "unknown")):
        monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda pools=pools: pools)
        assert environment.describe(1)["blas"] == expected

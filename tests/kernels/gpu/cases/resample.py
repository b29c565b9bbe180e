"""Resampling: every kind of table, and the way back through the transposed ones."""

import numpy as np

import kernels
from cases import Case
from kernels.resample.taps import Taps, identity, picked, table


def case(name: str, rows: Taps, columns: Taps, N: int = 2, C: int = 8) -> list[Case]:
    def there(rng: np.random.Generator) -> tuple:
        return rng.standard_normal((N, C, rows.size, columns.size)), rows, columns

    def back(rng: np.random.Generator) -> tuple:
        return rng.standard_normal((N, C, rows.out_size, columns.out_size)), rows.adjoint, columns.adjoint

    launches = "resample2d" if N and C else ""
    return [Case(kernels.resample2d, f, launches=launches, name=name + tail) for f, tail in ((there, ""), (back, "_back"))]


CASES = [
    *case("bilinear", table("bilinear", 5, 9, 5 / 9, False, False), table("bilinear", 6, 4, 6 / 4, True, False)),
    *case("bicubic", table("bicubic", 5, 9, 5 / 9, False, False), table("bicubic", 6, 11, 6 / 11, False, False), C=3),
    *case("antialiased", table("bicubic", 12, 3, 4, False, True), table("bilinear", 9, 4, 9 / 4, False, True)),
    *case("nearest", table("nearest", 3, 7, 3 / 7, False, False), table("nearest-exact", 5, 2, 5 / 2, False, False), C=5),
    *case("reflected", picked(4, np.array([2, 1, 0, 1, 2, 3, 2])), identity(3), C=70),
    *case("without taps", picked(2, np.array([1, 1])), picked(3, np.array([0]))),
    *case("no images", identity(3), identity(2), N=0),
]

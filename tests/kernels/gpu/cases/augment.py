"""Pieces of images: rows that are whole packs and others, one channel and so many that the table does not fit into shared memory."""

import numpy as np

import kernels
from cases import Case

EXACT = {"float32": 0.0, "float64": 0.0, "float16": 0.0, "bfloat16": 0.0}


def case(name: str, N: int, C: int, H: int, W: int, size: tuple[int, int], B: int = 5, fill: int = 0) -> Case:
    def arguments(rng: np.random.Generator) -> tuple:
        images = rng.integers(0, 256, (N, H, W, C), np.uint8).transpose(0, 3, 1, 2)
        top, left = rng.integers([[-3], [-2]], [[H], [W]], (2, B))
        picks = np.stack([rng.integers(0, max(N, 1), B), top, left, rng.integers(0, 2, B)], axis=1)
        return images, picks, size, rng.standard_normal((C, 256)), fill

    return Case(kernels.augment, arguments, launches="augment" if B else "", tolerance=EXACT, name=name)


CASES = [
    case("colours", 4, 3, 9, 8, (8, 8)),
    case("odd rows", 3, 3, 6, 7, (5, 7), fill=128),
    case("grey", 2, 1, 5, 5, (7, 9)),
    case("many channels", 2, 70, 3, 4, (3, 5), B=2),
    case("none", 2, 3, 4, 4, (4, 4), B=0),
]

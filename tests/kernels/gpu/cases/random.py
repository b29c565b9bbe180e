"""Random numbers: bit for bit those of NumPy, in whole blocks and not, with words whose highest bit is set."""

import numpy as np

import kernels
from cases import Case

LARGE = 2**64 - 2
BITS = {"float32": 0.0, "float64": 0.0}


def place(*words: int) -> np.ndarray:
    return np.array(words, np.uint64)


def case(name: str, words: tuple[int, int, int], stream: int, draw: int, *shape: int, dtype: str = "float32") -> Case:
    launches = "philox_uniform" if 0 not in shape else ""
    return Case(kernels.uniform, lambda rng: (place(*words), stream, draw, shape), {"dtype": dtype}, launches=launches, dtypes=(dtype,),
                tolerance=BITS, name=f"{name}-{dtype}")  # fmt: skip


CASES = [
    *[case("whole", (7, 1, 2), 99, 0, 4, 4, dtype=dtype) for dtype in BITS],
    *[case("tail", (LARGE, LARGE, LARGE), LARGE, LARGE, 3, 111, 5, dtype=dtype) for dtype in BITS],
    *[case("one", (0, 0, 0), 0, 0, dtype=dtype) for dtype in BITS],
    *[case("none", (0, 0, 0), 0, 0, 3, 0, dtype=dtype) for dtype in BITS],
    Case(kernels.set_place, lambda rng: (place(1, 2, 3), LARGE, 5, 2**63), launches="philox_place", dtypes=("float32",), changes=(0,)),
]

"""The safetensors format: 8 bytes, how long the header is; the header, JSON with the type, shape and place of each tensor; the numbers.

The library checks that every tensor lies in the file, that none overlap, and that nothing is left over. Added here are
the types that NumPy lacks, and tensors of one name, of which the library keeps the last.
"""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minitorch_cv.weights.errors import WeightsError
from minitorch_cv.weights.tensors import BFLOAT16, numbers

KINDS: Mapping[str, str] = {
    "F16": "f2", "BF16": BFLOAT16, "F32": "f4", "F64": "f8", "I8": "i1", "I16": "i2", "I32": "i4", "I64": "i8", "U8": "u1", "U16": "u2",
    "U32": "u4", "U64": "u8", "BOOL": "?",
}  # fmt: skip
MOST_DIMENSIONS = 32


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """The tensors of the file at `path`; bfloat16 comes as float32. Raises WeightsError."""
    import safetensors  # here, because `import minitorch_cv` must be quick

    try:
        content = path.read_bytes()
        tensors = safetensors.deserialize(content)
        _refuse_repeated_names(content)
    except (OSError, ValueError, RecursionError, safetensors.SafetensorError) as error:
        raise WeightsError(f"{path} is damaged, or no safetensors file: {error}") from error
    result = {}
    for name, tensor in tensors:
        kind, shape = KINDS.get(tensor["dtype"]), tensor["shape"]
        if kind is None or len(shape) > MOST_DIMENSIONS:
            raise WeightsError(f"{path}: {name} is {tensor['dtype']} of {len(shape)} dimensions, expected {', '.join(KINDS)}, at most 32")
        result[name] = numbers(np.frombuffer(tensor["data"], np.uint8), kind).reshape(shape)
    order = {name: place for place, name in enumerate(_names(content))}
    return dict(sorted(result.items(), key=lambda item: order[item[0]]))


def _names(content: bytes) -> list[str]:
    (length,) = struct.unpack("<Q", content[:8])
    return [name for name in json.loads(content[8 : 8 + length]) if name != "__metadata__"]


def _refuse_repeated_names(content: bytes) -> None:
    def names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("two entries of its header have the same name")
        return found

    (length,) = struct.unpack("<Q", content[:8])
    json.loads(content[8 : 8 + length], object_pairs_hook=names)


def write_safetensors(state: Mapping[str, np.ndarray]) -> bytes:
    """`state` as the content of a safetensors file."""
    import safetensors.numpy

    # The library writes memory as it lies. "pt" tells readers that the names are those of PyTorch.
    return safetensors.numpy.save({name: np.array(array, order="C") for name, array in state.items()}, {"format": "pt"})

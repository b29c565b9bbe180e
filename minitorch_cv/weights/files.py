"""Which format a file of weights has, and the dictionary of weights in what it holds."""

import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minitorch_cv.device import DeviceLike, host, moved
from minitorch_cv.files import write_atomically
from minitorch_cv.nn import Module
from minitorch_cv.tensor import Tensor
from minitorch_cv.weights.errors import WeightsError
from minitorch_cv.weights.safetensors_file import read_safetensors, write_safetensors
from minitorch_cv.weights.tensors import STORAGES
from minitorch_cv.weights.torch_legacy import BEGINNING, read_legacy
from minitorch_cv.weights.torch_zip import read_zip, write_zip

Writer = Callable[[Mapping[str, np.ndarray]], bytes]

WRITERS: Mapping[str, Writer] = {".safetensors": write_safetensors, ".pth": write_zip, ".pt": write_zip}
KNOWN_ENTRIES = ("state_dict", "model_state_dict", "model", "net", "network", "weights")  # of checkpoints, in the order of trial
PREFIXES = ("module.", "_orig_mod.")  # what DataParallel and torch.compile put before every name
WRITABLE = {np.dtype(kind) for name, kind in STORAGES.items() if name != "BFloat16Storage"}


def read(path: str | os.PathLike[str]) -> Any:
    """All that a file holds, tensors as arrays: nothing in it is executed.

    Of a safetensors file that is a dictionary of arrays; of a .pth or .pt file whatever was given to `torch.save`, so far as it is made of
    tensors, dictionaries, lists, tuples, strings, numbers and None. Arrays that shared memory there share it here. bfloat16 comes as
    float32.

    Raises WeightsError, a ValueError, with one sentence, where the file is missing, damaged, holds anything else, or is of another format.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            beginning = file.read(512)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}") from error
    if beginning.startswith(BEGINNING):
        return read_legacy(path)
    if beginning.startswith(b"PK\x03\x04") or (path.suffix.lower() in (".pth", ".pt") and zipfile.is_zipfile(path)):
        return read_zip(path)
    if path.suffix.lower() == ".safetensors" or beginning[8:9] == b"{":
        return read_safetensors(path)
    if beginning[257:262] == b"ustar":
        raise WeightsError(f"{path} has PyTorch's format of before 0.1.10, a tar archive: save it again with a newer PyTorch")
    raise WeightsError(f"{path} is neither safetensors nor a file of torch.save (it begins with {beginning[:8]!r})")


def load(path: str | os.PathLike[str], entry: str | None = None, device: DeviceLike = "cpu") -> dict[str, np.ndarray]:
    """The weights in a file: name -> array, for `Module.load_state_dict`, `weights.load_into` or `models.create(name, weights=path)`.

    A checkpoint that holds more is searched for them: a dictionary of arrays under a usual name ("state_dict", "model", ...), or under
    `entry`. The prefix "module.", which PyTorch's DataParallel puts before every name, is taken off.
    device: where the arrays are to be. It need not be the model's: loading into a model copies to where that is.

    The formats, and WeightsError, are those of `read`; a file without a dictionary of arrays is an error too.
    """
    found = read(path)
    if entry is not None:
        if not isinstance(found, dict) or entry not in found:
            raise WeightsError(f"{path}: entry: got {entry!r}, but the file holds {_described(found)}")
        found = found[entry]
    else:
        for _ in range(2):  # {"model": {"state_dict": ...}} exists too
            names = [name for name in KNOWN_ENTRIES if isinstance(found, dict) and isinstance(found.get(name), dict)]
            if not _is_state(found) and names:
                found = found[names[0]]
    if not _is_state(found):
        raise WeightsError(f"{path} holds no dictionary of tensors, but {_described(found)}; name the entry that is one by `entry`")
    state = {name.decode("latin-1") if isinstance(name, bytes) else name: array for name, array in found.items()}
    if len(state) != len(found):
        raise WeightsError(f"{path} holds two tensors of the same name, one from Python 2 and one from Python 3")
    return {name: moved(array, device) for name, array in _without_prefix(state).items()}


def save(path: str | os.PathLike[str], model: Module | Mapping[str, Tensor | np.ndarray]) -> None:
    """Write the weights of a module, or a dictionary of tensors or arrays, in one step: a crash leaves the old file or the new one.

    Where they lie, on the CPU or a GPU, is not written.

    The suffix says how: ".safetensors" for `safetensors.torch.load_file`, ".pth" or ".pt" for `torch.load`, also with weights_only=True.

    Raises ValueError for another suffix and for a dtype that PyTorch's files do not have, TypeError for what is no tensor.
    """
    path = Path(path)
    write = WRITERS.get(path.suffix.lower())
    if write is None:
        raise ValueError(f"path: got {str(path)!r}, expected a name that ends in {', '.join(WRITERS)}")
    state = model.state_dict() if isinstance(model, Module) else model
    arrays = {name: _array(name, value) for name, value in state.items()}
    write_atomically(path, write(arrays))


def _array(name: Any, value: Any) -> np.ndarray:
    array = host(value.data if isinstance(value, Tensor) else value)
    if not isinstance(name, str) or not isinstance(array, np.ndarray):
        raise TypeError(f"model: {name!r} is {type(value).__name__}, expected names with a Tensor or an array each")
    if array.dtype.newbyteorder("=") not in WRITABLE:
        raise ValueError(f"model: {name} has dtype {array.dtype}, expected one of {', '.join(sorted(map(str, WRITABLE)))}")
    return array


def _is_state(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(
        isinstance(name, bytes | str) and isinstance(array, np.ndarray) for name, array in value.items()
    )


def _without_prefix(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    for prefix in PREFIXES:
        if all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): array for name, array in state.items()}
    return state


def _described(value: Any) -> str:
    if isinstance(value, dict):
        names = [name[:30] for name in value if isinstance(name, bytes | str)]
        some = ", ".join(f"{name!r}: {type(value[name]).__name__}" for name in names[:5] if name in value)
        return f"a dictionary of {len(value)} entries{f' ({some}, ...)' if some else ''}" if value else "an empty dictionary"
    return f"a {type(value).__name__}"

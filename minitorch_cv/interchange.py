"""Tensors of other libraries, without copies: DLPack, the protocol that PyTorch, JAX, CuPy, NumPy and many others speak.

    x = mt.from_dlpack(torch_tensor)        # the same memory: what changes one changes the other
    y = torch.from_dlpack(x)

It works on the CPU and on a GPU. Autograd sees nothing of what happens on the other side.
"""

from typing import Any

import numpy as np

from kernels import gpu
from minitorch_cv.tensor import Tensor, method

ON_CPU, ON_GPU, PINNED, MANAGED = 1, 2, 3, 13  # DLPack's numbers of kinds of memory; pinned and managed memory both sides can read


@method("__dlpack__")
def dlpack(x: Tensor, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: Any = None) -> Any:
    """The capsule that `from_dlpack` of another library asks for; the arguments are those of the protocol.

    Errors: BufferError for a tensor that requires a gradient, has no values, is read-only where the asking library does not know such
    a thing, or has a dtype that NumPy cannot export (bfloat16 on the CPU).
    """
    if x.requires_grad:
        raise BufferError("__dlpack__: the tensor requires a gradient, which others cannot see; export its detach()")
    _device(x)
    if not x.is_cuda:
        if not x.data.flags.writeable and (max_version is None or max_version[0] < 1):
            raise BufferError("__dlpack__: the tensor is read-only, which the asking library would not know; export a clone()")
        if x.data.dtype.kind == "V":
            raise BufferError(f"__dlpack__: NumPy cannot export {x.dtype}; export x.float(), or a tensor on a GPU")
    asked = {"stream": stream, "max_version": max_version, "dl_device": dl_device, "copy": copy}
    return x.data.__dlpack__(**{name: value for name, value in asked.items() if value is not None})


@method("__dlpack_device__")
def _device(x: Tensor) -> tuple[int, int]:
    """(kind of memory, number of the device) as DLPack counts them."""
    if x.is_meta:
        raise BufferError("__dlpack__: a shape-only tensor (device 'meta') has no memory to share")
    return x.data.__dlpack_device__()


def from_dlpack(x: Any) -> Tensor:
    """A tensor in the memory of `x`, an array or tensor of any library that speaks DLPack: what changes one changes the other.

    Errors: TypeError for what does not speak it, ValueError for memory that is neither the CPU's nor an NVIDIA GPU's, GpuUnavailableError
    where a GPU's memory would need CuPy, and whatever `x` raises, as PyTorch does for a tensor that requires a gradient.
    """
    if not hasattr(x, "__dlpack__") or not hasattr(x, "__dlpack_device__"):
        raise TypeError(f"x: got {type(x).__name__}, expected an array or a tensor with __dlpack__")
    if isinstance(x, Tensor):
        return x.detach()
    kind = int(x.__dlpack_device__()[0])
    if kind in (ON_GPU, MANAGED):
        return Tensor(gpu.cupy().from_dlpack(x))
    if kind not in (ON_CPU, PINNED):
        raise ValueError(f"x: got memory of kind {kind} in DLPack's count, expected the CPU's ({ON_CPU}) or an NVIDIA GPU's ({ON_GPU})")
    return Tensor(np.from_dlpack(x))

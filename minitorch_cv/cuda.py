"""What there is to ask and to tell about GPUs, under PyTorch's names.

    if mt.cuda.is_available():
        model.cuda()
        print(mt.cuda.get_device_name(), mt.cuda.memory_allocated())

A GPU works behind the program's back: calls return as soon as their work is queued. `synchronize` waits for it, which measuring needs.
"""

from kernels import gpu
from minitorch_cv.device import Device, DeviceLike, computing_on


def is_available() -> bool:
    """Whether tensors can be on a GPU: CuPy is there, and a GPU with its driver. `minitorch-cv devices` says what is missing."""
    return gpu.problem() is None


def device_count() -> int:
    """How many GPUs there are; 0 where none can be used."""
    return gpu.cupy().cuda.runtime.getDeviceCount() if is_available() else 0


def current_device() -> int:
    """The number of the GPU that computes, and that "cuda" alone does not mean: that is always the first."""
    gpu.cupy()
    return gpu.current_device()


def set_device(device: int | DeviceLike) -> None:
    """Make that GPU the one that computes. Rather use `with mt.device("cuda:1"):`, which also creates tensors there, and ends."""
    with computing_on(_gpu(device)):
        pass
    gpu.cupy().cuda.runtime.setDevice(_gpu(device).index)


def get_device_name(device: int | DeviceLike = None) -> str:
    """What the GPU is called: "NVIDIA H200"."""
    name = gpu.cupy().cuda.runtime.getDeviceProperties(_gpu(device).index)["name"]
    return name.decode() if isinstance(name, bytes) else name


def get_device_capability(device: int | DeviceLike = None) -> tuple[int, int]:
    """The compute capability, which tells a GPU's generation: (9, 0) for an H200."""
    properties = gpu.cupy().cuda.runtime.getDeviceProperties(_gpu(device).index)
    return properties["major"], properties["minor"]


def mem_get_info(device: int | DeviceLike = None) -> tuple[int, int]:
    """(free, total) bytes of a GPU's memory, whoever uses it."""
    with computing_on(_gpu(device)):
        return gpu.cupy().cuda.runtime.memGetInfo()


def memory_allocated(device: int | DeviceLike = None) -> int:
    """Bytes that arrays use now."""
    with computing_on(_gpu(device)):
        return gpu.cupy().get_default_memory_pool().used_bytes()


def memory_reserved(device: int | DeviceLike = None) -> int:
    """Bytes that CuPy holds: those in use, and those that it keeps for the next arrays."""
    with computing_on(_gpu(device)):
        return gpu.cupy().get_default_memory_pool().total_bytes()


def empty_cache() -> None:
    """Give back the memory that CuPy keeps for the next arrays; other programs may need it."""
    gpu.cupy().get_default_memory_pool().free_all_blocks()


def synchronize(device: int | DeviceLike = None) -> None:
    """Wait until a GPU has done all that it was told."""
    with computing_on(_gpu(device)):
        gpu.cupy().cuda.runtime.deviceSynchronize()


def _gpu(device: int | DeviceLike) -> Device:
    """The argument `device`: a number, a device, or None for the GPU that computes."""
    found = Device("cuda", current_device() if device is None else device) if device is None or isinstance(device, int) else Device(device)
    if found.type != "cuda":
        raise ValueError(f"device: got '{found}', expected a GPU: a number, or cuda, cuda:1, ...")
    return found

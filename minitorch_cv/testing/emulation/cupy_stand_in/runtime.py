"""`cupy.cuda.runtime`: the part that asks about devices."""

from typing import Any

from .device import PROPERTIES, TOTAL_MEMORY, current_device_id, device_count, set_device
from .errors import CUDARuntimeError
from .streams import synchronize_device

__all__ = ["CUDARuntimeError"]

streamCaptureModeGlobal, streamCaptureModeThreadLocal, streamCaptureModeRelaxed = 0, 1, 2
memcpyHostToDevice, memcpyDeviceToHost, memcpyDeviceToDevice = 1, 2, 3
is_hip = False


def getDeviceCount() -> int:
    if device_count() == 0:
        raise CUDARuntimeError("cudaErrorNoDevice", 100, "no CUDA-capable device is detected")
    return device_count()


def getDevice() -> int:
    return current_device_id()


def setDevice(device: int) -> None:
    set_device(device)


def getDeviceProperties(device: int) -> dict[str, Any]:
    if not 0 <= device < device_count():
        raise CUDARuntimeError("cudaErrorInvalidDevice", 101, "invalid device ordinal")
    return dict(PROPERTIES, pciBusID=device)


def deviceSynchronize() -> None:
    synchronize_device(current_device_id())


def driverGetVersion() -> int:
    return 13000


def runtimeGetVersion() -> int:
    return 13000


def memGetInfo() -> tuple[int, int]:
    """(free, total) bytes of the current device."""
    return TOTAL_MEMORY // 2, TOTAL_MEMORY


def deviceCanAccessPeer(device: int, peerDevice: int) -> int:
    return 0

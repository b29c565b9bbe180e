"""Devices: how many there are, which one is current in a thread, and what they say of themselves."""

import threading
from typing import Any

from .errors import CUDARuntimeError

_local = threading.local()
_count = 2


def set_device_count(count: int) -> None:
    """How many devices are emulated from now on; 2 at first."""
    global _count
    _count = count


def device_count() -> int:
    return _count


def current_device_id() -> int:
    return getattr(_local, "device", 0)


def set_device(device_id: int) -> None:
    if not 0 <= device_id < _count:
        raise CUDARuntimeError("cudaErrorInvalidDevice", 101, "invalid device ordinal")
    _local.device = device_id


class Device:
    """A device by its number, the current one without. `with Device(1):` makes it the current one of the thread."""

    def __init__(self, device: "int | Device | None" = None) -> None:
        self.id = current_device_id() if device is None else int(device)
        self._before: list[int] = []

    def __int__(self) -> int:
        return self.id

    def __enter__(self) -> "Device":
        self._before.append(current_device_id())
        set_device(self.id)
        return self

    def __exit__(self, *exception: object) -> None:
        set_device(self._before.pop())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"

    def use(self) -> None:
        set_device(self.id)

    def synchronize(self) -> None:
        from .streams import synchronize_device

        synchronize_device(self.id)

    @property
    def compute_capability(self) -> str:
        return "90"

    @property
    def mem_info(self) -> tuple[int, int]:
        """(free, total) bytes."""
        return TOTAL_MEMORY // 2, TOTAL_MEMORY

    @property
    def attributes(self) -> dict[str, Any]:
        of = PROPERTIES
        return {"MultiProcessorCount": of["multiProcessorCount"], "MaxSharedMemoryPerBlockOptin": of["sharedMemPerBlockOptin"]}

    @property
    def pci_bus_id(self) -> str:
        return f"0000:{self.id:02X}:00.0"


TOTAL_MEMORY = 16 * 2**30
PROPERTIES: dict[str, Any] = {
    "name": b"Emulated GPU",
    "totalGlobalMem": TOTAL_MEMORY,
    "sharedMemPerBlock": 48 * 1024,
    "sharedMemPerBlockOptin": 227 * 1024,
    "sharedMemPerMultiprocessor": 228 * 1024,
    "regsPerBlock": 65536,
    "warpSize": 32,
    "maxThreadsPerBlock": 1024,
    "maxThreadsDim": (1024, 1024, 64),
    "maxGridSize": (2**31 - 1, 65535, 65535),
    "maxThreadsPerMultiProcessor": 2048,
    "multiProcessorCount": 4,
    "clockRate": 1_000_000,
    "memoryClockRate": 1_000_000,
    "memoryBusWidth": 256,
    "l2CacheSize": 4 * 2**20,
    "major": 9,
    "minor": 0,
    "integrated": 0,
    "concurrentKernels": 1,
    "asyncEngineCount": 2,
    "unifiedAddressing": 1,
    "canMapHostMemory": 1,
}

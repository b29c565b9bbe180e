"""`cupy.cuda`."""

from . import memory as memory
from . import runtime as runtime
from . import streams
from .capture import Graph as Graph
from .device import Device as Device
from .device import current_device_id, device_count
from .memory import Memory as Memory
from .memory import MemoryPointer as MemoryPointer
from .memory import MemoryPool as MemoryPool
from .memory import alloc as alloc
from .memory import get_allocator as get_allocator
from .memory import set_allocator as set_allocator
from .memory import using_allocator as using_allocator
from .pinned import PinnedMemoryPointer as PinnedMemoryPointer
from .pinned import PinnedMemoryPool as PinnedMemoryPool
from .pinned import alloc_pinned_memory as alloc_pinned_memory
from .streams import Event as Event
from .streams import Stream as Stream
from .streams import get_current_stream as get_current_stream
from .streams import get_elapsed_time as get_elapsed_time

stream = streams


def is_available() -> bool:
    return device_count() > 0


def get_device_id() -> int:
    return current_device_id()

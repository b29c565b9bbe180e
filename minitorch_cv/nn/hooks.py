"""Forward hooks: functions of the user that a Module calls before or after its forward."""

from collections.abc import Callable
from itertools import count

_numbers = count()


class RemovableHandle:
    """What registering a hook returns: `remove()` takes the hook away again, and so does leaving a `with` block over the handle."""

    def __init__(self, hooks: dict[int, Callable], hook: Callable) -> None:
        self._hooks = hooks
        self._number = next(_numbers)
        hooks[self._number] = hook  # a dict keeps the order of registration

    def remove(self) -> None:
        """Take the hook away; a second time does nothing."""
        self._hooks.pop(self._number, None)

    def __enter__(self) -> "RemovableHandle":
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()

"""Switches that change what running a function does.

Each belongs to the thread (exactly: to the context) that set it, and ends with its `with` block.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from minitorch_cv.autograd.checkpoint import Segment


class Mode(NamedTuple):
    """The state of all switches."""

    grad: bool = True  # functions are recorded, so that backward can pass them
    debug: bool = False  # nodes remember their line, values are checked
    segment: "Segment | None" = None  # the checkpointed stretch that is running: it takes care of what nodes save
    recomputing: bool = False  # this is a checkpointed stretch's second run
    autocast: Any = None  # the dtype of 16 bits that functions compute in which gain by it: see `autocast`
    observer: Callable[[Any], None] | None = None  # is shown every node as soon as its function has run


_mode: ContextVar[Mode] = ContextVar("minitorch_cv_mode", default=Mode())  # noqa: B039 (a NamedTuple is immutable)
current_mode = _mode.get


@contextmanager
def switched(**changes: Any) -> Iterator[None]:
    """Change the named fields of the mode inside the block."""
    token = _mode.set(_mode.get()._replace(**changes))
    try:
        yield
    finally:
        _mode.reset(token)


def no_grad() -> Any:
    """Inside `with no_grad():`, or in a function decorated with `@no_grad()`, nothing is recorded, and nothing kept for gradients."""
    return switched(grad=False)


def enable_grad() -> Any:
    """The opposite of `no_grad`: record, also inside a `no_grad` block."""
    return switched(grad=True)


def is_grad_enabled() -> bool:
    """Whether functions are being recorded."""
    return current_mode().grad


def is_recomputing() -> bool:
    """True while `checkpoint` runs a function for the second time: what must happen once (running statistics) is not to be done again."""
    return current_mode().recomputing

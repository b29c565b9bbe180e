"""Checkpointing: a stretch of computation forgets what its backward will need, and computes it again when its time comes.

Forward, the nodes of the stretch are made as always, so the graph is the one that it would be without a checkpoint; but each is
emptied of what it saved. When the walk reaches the first of them, the function runs a second time: it calls the same functions in
the same order, and what the k-th call saves now goes into the k-th node of the first run. The rest of autograd knows nothing of all
this: parameters that the function only refers to, several outputs, and gradients of gradients work as everywhere.

Chen, Xu, Zhang, Guestrin: Training Deep Nets with Sublinear Memory Cost (2016).
"""

from collections.abc import Callable
from typing import Any
from weakref import ref

from minitorch_cv import random
from minitorch_cv.autograd.function import Function, edge_of
from minitorch_cv.autograd.modes import current_mode, is_grad_enabled, switched
from minitorch_cv.tensor import Tensor


def checkpoint(function: Callable, *inputs: Any) -> Any:
    """function(*inputs), without keeping what lies between: backward computes it again, and only the inputs stay in memory.

    The second run draws the same random numbers; functions that must act only once ask `is_recomputing()`. The function must do the
    same both times, and the tensors that it uses must not be changed in place before backward.
    """
    if not is_grad_enabled():
        return function(*inputs)
    with switched(segment=Segment(function, inputs)):
        return function(*inputs)


class Segment:
    """A checkpointed stretch of the graph: how to run it again, and the nodes that wait for it."""

    def __init__(self, function: Callable, inputs: tuple) -> None:
        self.function = function
        self.inputs = [_Input(x) if isinstance(x, Tensor) else x for x in inputs]
        self.random_state = random.get_state()
        self.autocast = current_mode().autocast
        # Weak, since a node refers to its segment: otherwise the graph would contain a circle, which only the garbage collector could free.
        self.nodes: list[ref[Function]] = []

    def take(self, node: Function) -> None:
        """The stretch has called a function: empty its node."""
        node.empty()
        node.segment = self
        self.nodes.append(ref(node))

    def refill(self) -> None:
        """Run the stretch again, and give every node back what it had saved."""
        again = _SecondRun(self.nodes)
        inputs = [x.tensor() if isinstance(x, _Input) else x for x in self.inputs]
        before = random.get_state()
        random.set_state(self.random_state)
        try:
            with switched(grad=True, recomputing=True, segment=again, autocast=self.autocast):
                self.function(*inputs)
        finally:
            random.set_state(before)
        if again.count != len(self.nodes):
            raise RuntimeError(f"checkpoint: {len(self.nodes)} functions were called the first time, and {again.count} the second")


class _SecondRun:
    """Takes the place of a segment while it runs again."""

    def __init__(self, nodes: "list[ref[Function]]") -> None:
        self.nodes = nodes
        self.count = 0

    def take(self, node: Function) -> None:
        waiting = self.nodes[self.count]() if self.count < len(self.nodes) else None
        self.count += 1
        if waiting is not None:
            if type(waiting) is not type(node):
                raise RuntimeError(f"checkpoint: call {self.count} was {waiting!r} the first time, and {type(node).__name__} the second")
            waiting.refill_from(node)


class _Input:
    """An input as it was: what happens to the tensor later, happens to another."""

    def __init__(self, x: Tensor) -> None:
        self.data, self.version, self.changes = x.data, x._version, x._version.changes[0]
        self.edge = edge_of(x) if x.requires_grad else None

    def tensor(self) -> Tensor:
        if self.version.changes[0] != self.changes:
            raise RuntimeError(f"checkpoint: an input of shape {self.data.shape} was changed in place before the function could run again")
        x = Tensor(self.data)
        x._version, x._recorded = self.version, self.version.recorded
        x._edge, x._requires_grad = self.edge, self.edge is not None
        return x

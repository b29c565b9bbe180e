"""Function: a differentiable operation, and the node of the graph that one use of it leaves behind.

The class is the operation, an instance is one call of it, which the methods know as `ctx`. It remembers where its inputs came from (`edges`) and
what its gradient will need. The graph is nothing but these instances, each pointing to those that made its inputs:

    loss -> Sum -> Mul -> Add -> x (a leaf)
                       -> w (a leaf)

A node never holds the tensors it made. So a graph that nobody looks at any more goes at once, without the garbage collector.
"""

from typing import Any

import numpy as np

from minitorch_cv.autograd import debug
from minitorch_cv.autograd.modes import current_mode
from minitorch_cv.tensor import Tensor, Version


class Function:
    """Base class of differentiable operations.

    A subclass has two static methods. `forward(ctx, *arrays, **options)` computes arrays from arrays. `backward(ctx, *gradients)` gets a Tensor for
    each output, the gradient of the loss with respect to it, and returns a Tensor (or None: no gradient) for each input. It computes with
    differentiable functions of Tensors; that is why gradients have gradients.

        class Square(Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_inputs(0)
                return x * x

            @staticmethod
            def backward(ctx, gy):
                (x,) = ctx.saved_inputs
                return 2 * gy * x

        y = Square.apply(x)
    """

    __slots__ = ("__weakref__", "_inputs", "_saved_inputs", "_saved_outputs", "_undifferentiable", "edges", "line", "needs", "options", "outputs", "segment")

    broadcasts = False  # the inputs are broadcast against each other: the walk sums each gradient back to its input's shape
    is_view = False  # the output may share memory with the first input

    edges: list  # for each input, where its gradient goes: a leaf, (node, number of its output), or None
    needs: list[bool]  # for each input, whether a gradient is needed
    options: dict[str, Any]  # the keyword arguments
    outputs: tuple[tuple[tuple[int, ...], np.dtype], ...] | None  # shape and dtype of each output; None once the node is used up
    line: str | None  # "file.py:12", where the user called the function; known in debug mode
    segment: Any  # the checkpointed stretch that has what forward saved, or None

    @staticmethod
    def forward(ctx: Any, *inputs: Any, **options: Any) -> Any:
        """Compute the output array (or a tuple of them) from the input arrays."""
        raise NotImplementedError("a Function must define forward")

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Compute the gradients of the inputs from those of the outputs."""
        raise NotImplementedError("a Function must define backward")

    @classmethod
    def apply(cls, *inputs: Any, **options: Any) -> Any:
        """Run the function on Tensors (None for one that is left out; arrays and numbers are constants), and record it if gradients are needed."""
        mode = current_mode()
        ctx = cls()
        arrays, edges, needs = [], [], []
        for x in inputs:
            if isinstance(x, Tensor):
                needed = x._requires_grad and mode.grad
                arrays.append(x.data)
                edges.append(_current_edge(x, cls) if needed else None)
                needs.append(needed)
            else:
                arrays.append(None if x is None else np.asarray(x))
                edges.append(None)
                needs.append(False)
        ctx.needs, ctx.edges, ctx.options = needs, edges, options
        ctx.outputs = ctx._saved_inputs = ctx._saved_outputs = ctx._undifferentiable = ()
        ctx.line = ctx.segment = None
        ctx._inputs = inputs
        results = cls.forward(ctx, *arrays, **options)
        ctx._inputs = None
        if type(results) is tuple:
            outputs: Any = tuple([ctx._output(i, array) for i, array in enumerate(results)])
        else:
            outputs = ctx._output(0, results)
        if ctx._saved_outputs:
            ctx._keep_outputs(outputs)
        if cls.is_view:
            _share_version(outputs, inputs[0])
        if mode.debug:
            debug.check_forward(ctx, outputs)
        if mode.segment is not None and True in needs:
            mode.segment.take(ctx)
        return outputs

    def _output(self, i: int, array: Any) -> Tensor:
        """Output number i as a Tensor with its place in the graph."""
        y = Tensor(array)
        if True in self.needs:
            shape_and_dtype = y.data.shape, y.data.dtype
            self.outputs = (*self.outputs, shape_and_dtype) if i else (shape_and_dtype,)
            if y.data.dtype.kind == "f" and i not in self._undifferentiable:
                y._requires_grad = True
                y._edge = (self, i)
        return y

    # --- what forward keeps for backward

    def save_inputs(self, *indices: int | None) -> None:
        """Keep these inputs (by position) for backward, which finds them, in this order, in `saved_inputs`. None stands for one that is not needed."""
        if True in self.needs:
            inputs = self._inputs
            self._saved_inputs = tuple([None if i is None else _save(inputs[i], i) for i in indices])

    def save_outputs(self, *indices: int) -> None:
        """Keep these outputs for backward, in `saved_outputs`."""
        if True in self.needs:
            self._saved_outputs = indices

    def mark_non_differentiable(self, *indices: int) -> None:
        """These outputs have no gradients (outputs that are not floating point never have)."""
        self._undifferentiable = indices

    def _keep_outputs(self, outputs: Any) -> None:
        kept = [(i, outputs[i] if type(outputs) is tuple else outputs) for i in self._saved_outputs]
        # The arrays, not the tensors: those refer to this node, and it must not refer to them.
        self._saved_outputs = tuple([(i, y.data, y._version, y._version.changes) for i, y in kept])

    @property
    def saved_inputs(self) -> tuple:
        """The inputs that forward saved: Tensors that stand in the graph where the inputs stood."""
        return tuple([s and self._restored(s, self.edges[s[0]]) for s in self._saved_inputs])

    @property
    def saved_outputs(self) -> tuple:
        """The outputs that forward saved, as Tensors that this node made."""
        return tuple([self._restored(s, (self, s[0])) for s in self._saved_outputs])

    def _restored(self, saved: tuple[int, np.ndarray, Version, int], edge: Any) -> Tensor | None:
        index, array, version, changes = saved
        if version is not None and version.changes != changes:
            raise RuntimeError(
                f"{self}: a tensor that its gradient needs (of shape {array.shape}) was changed in place after it was used; "
                "change a clone() of it, or change it before"
            )
        if array is None:
            return None
        tensor = Tensor(array)
        tensor._edge = edge
        tensor._requires_grad = edge is not None
        return tensor

    def zero_gradient(self, i: int) -> Tensor | None:
        """Zeros like output number i, for a gradient that did not arrive; None for an output that has no gradients."""
        shape, dtype = self.outputs[i]
        return None if i in self._undifferentiable or dtype.kind != "f" else Tensor(np.zeros(shape, dtype))

    def release(self) -> None:
        """Forget everything: backward has passed."""
        self._saved_inputs = self._saved_outputs = ()
        self.edges = []
        self.outputs = self.segment = None
        self.options = {}
        self.__dict__.clear()

    # --- checkpointing

    def empty(self) -> None:
        """Forget the arrays that forward saved, and its attributes; `refill_from` will bring them back."""
        self._saved_inputs = tuple([s and (s[0], None, s[2], s[3]) for s in self._saved_inputs])
        self._saved_outputs = ()
        self.__dict__.clear()

    def refill_from(self, other: "Function") -> None:
        """Take what another call of the same function with the same inputs saved."""
        pairs = zip(self._saved_inputs, other._saved_inputs, strict=True)
        # A tensor that both calls used must not have changed in between: the first call's count of its changes is kept.
        self._saved_inputs = tuple([new and (*new[:3], old[3] if old[2] is new[2] else new[3]) for old, new in pairs])
        self._saved_outputs = other._saved_outputs
        self.__dict__.update(other.__dict__)
        self.segment = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}, called at {self.line}" if self.line else type(self).__name__


def edge_of(x: Tensor) -> Any:
    """Where the gradient of `x` goes."""
    return x if x._edge is None else x._edge


def _current_edge(x: Tensor, function: type) -> Any:
    if x._recorded != x._version.recorded:
        raise RuntimeError(
            f"{function.__name__}: got a tensor of shape {x.shape} whose memory was changed in place through another tensor (a view of it, or "
            "what it is a view of), so that its history is no longer true; write into a clone(), or make the view again after the change"
        )
    return x if x._edge is None else x._edge


def _save(x: Any, index: int) -> tuple:
    if isinstance(x, Tensor):
        return index, x.data, x._version, x._version.changes
    return index, None if x is None else np.asarray(x), None, 0


def _share_version(view: Tensor, base: Tensor) -> None:
    if isinstance(base, Tensor) and np.may_share_memory(view.data, base.data):
        view._version, view._recorded = base._version, base._recorded

"""Function: a differentiable operation, and the node of the graph that one call of it leaves behind.

The class is the operation; an instance is one call of it, which its methods know as `ctx`. It remembers where its inputs came from
(`edges`) and what its gradient will need. The graph is nothing but these instances, each pointing to those that made its inputs.
After loss = ((x + w) * w).sum():

    loss --> Sum --> Mul --> Add --> x
                      |       +----> w
                      +------------> w

x and w are leaves: tensors that were not computed. A node never holds the tensors that it made, so there are no circles: a graph
that nobody looks at any more goes at once, without waiting for the garbage collector.
"""

from typing import Any

import numpy as np

from kernels import meta
from kernels.dtypes import is_floating
from kernels.gpu import is_gpu
from minitorch_cv.autograd import debug
from minitorch_cv.autograd.modes import current_mode
from minitorch_cv.device import CPU, at_work, full_array, together
from minitorch_cv.tensor import Tensor, Version


class Function:
    """Base class of differentiable operations.

    A subclass has two static methods. `forward(ctx, *arrays, **options)` computes arrays from arrays. `backward(ctx, *gradients)`
    gets, for each output, the gradient of the loss with respect to it, and returns one for each input: Tensors, or None where there
    is none or `ctx.needs` says that nobody needs it. It computes with differentiable functions, and therefore gradients have
    gradients.

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

    __slots__ = (
        "__weakref__", "_inputs", "_saved_inputs", "_saved_outputs", "_undifferentiable", "device", "edges", "line", "needs", "options",
        "outputs", "released", "segment",
    )  # fmt: skip

    broadcasts = False  # the inputs are broadcast against each other: the walk sums each gradient back to its input's shape
    is_view = False  # the output may share memory with the first input

    def __init__(self, inputs: tuple, edges: list, needs: list[bool], options: dict[str, Any]) -> None:
        self.edges = edges  # for each input, where its gradient goes: a leaf, or (node, number of its output); None where it is not needed
        self.needs = needs  # for each input, whether its gradient is needed
        self.options = options  # the keyword arguments
        self.outputs: tuple[tuple[tuple[int, ...], np.dtype], ...] = ()  # shape and dtype of each output
        self.line: str | None = None  # "file.py:12", where the user called the function; known in debug mode
        self.segment: Any = None  # the checkpointed stretch that will compute again what forward saved
        self.released = False  # backward has passed, and what forward saved is gone
        self.device = CPU  # where the inputs are, and so outputs and gradients too
        self._inputs: tuple = inputs  # while forward runs
        self._saved_inputs: tuple = ()  # for each: None, or (position, array, version of its memory, number of changes so far)
        self._saved_outputs: tuple = ()  # the same
        self._undifferentiable: tuple[int, ...] = ()

    @staticmethod
    def forward(ctx: Any, *inputs: Any, **options: Any) -> Any:
        """Compute the output array (or a tuple of them) from the input arrays."""
        raise NotImplementedError(f"{type(ctx).__name__} does not define forward")

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Compute the gradients of the inputs from those of the outputs."""
        raise NotImplementedError(f"{type(ctx).__name__} does not define backward")

    @classmethod
    def apply(cls, *inputs: Any, **options: Any) -> Any:
        """Run the function on Tensors, and record the call if gradients are needed.

        None stands for an input that is left out; arrays and numbers are constants. Options are passed by keyword.
        """
        mode = current_mode()
        arrays: list[np.ndarray | None] = []
        edges, needs = [], []
        recording, elsewhere = mode.grad, False
        for x in inputs:
            if isinstance(x, Tensor):
                if recording and x._recorded != x._version.recorded:
                    raise _untrue(x, cls.__name__)
                needed = recording and x._requires_grad
                arrays.append(x.data)
                edges.append(edge_of(x) if needed else None)
                needs.append(needed)
            else:
                arrays.append(None if x is None else meta.as_array(x))
                edges.append(None)
                needs.append(False)
            if type(arrays[-1]) is not np.ndarray and arrays[-1] is not None:
                elsewhere = True
        ctx = cls(inputs, edges, needs, options)
        if elsewhere:
            # Constants go where the tensors are; tensors stay where they are, but for numbers that need no gradient.
            fixed = [isinstance(x, Tensor) and (needed or x.data.ndim > 0) for x, needed in zip(inputs, needs, strict=True)]
            ctx.device, arrays = together(cls.__name__, arrays, fixed)
            with at_work(ctx.device):
                results = cls.forward(ctx, *arrays, **options)
        else:
            results = cls.forward(ctx, *arrays, **options)
        ctx._inputs = ()
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
        if mode.observer is not None:
            mode.observer(ctx)
        return outputs

    def _output(self, i: int, array: Any) -> Tensor:
        """Output number i as a Tensor with its place in the graph."""
        if not isinstance(array, (np.ndarray, np.generic)) and not is_gpu(array):
            raise TypeError(f"forward of {type(self).__name__}: output {i} is {type(array).__name__}, expected an array")
        y = Tensor(array)
        if True in self.needs:
            shape_and_dtype = y.data.shape, y.data.dtype
            self.outputs += (shape_and_dtype,)
            if is_floating(y.data.dtype) and i not in self._undifferentiable:
                y._requires_grad = True
                y._edge = (self, i)
        return y

    # --- what forward keeps for backward

    def save_inputs(self, *indices: int | None) -> None:
        """Keep the inputs at these positions for backward, which finds them in `saved_inputs`. None in place of one that is not needed."""
        if True in self.needs:
            self._saved_inputs = tuple([None if i is None else _saved(i, self._inputs[i]) for i in indices])

    def save_outputs(self, *indices: int) -> None:
        """Keep the outputs at these positions for backward, which finds them in `saved_outputs`."""
        if True in self.needs:
            self._saved_outputs = indices

    def mark_non_differentiable(self, *indices: int) -> None:
        """These outputs have no gradients (outputs that are not floating point never have)."""
        self._undifferentiable = indices

    def _keep_outputs(self, outputs: Any) -> None:
        # Their arrays: the tensors refer to this node, and it must not refer to them.
        self._saved_outputs = tuple([_saved(i, outputs[i] if type(outputs) is tuple else outputs) for i in self._saved_outputs])

    @property
    def saved_inputs(self) -> tuple:
        """The inputs that forward saved: Tensors that stand in the graph where the inputs stood."""
        return tuple([saved and self._restored(saved, self.edges[saved[0]]) for saved in self._saved_inputs])

    @property
    def saved_outputs(self) -> tuple:
        """The outputs that forward saved: Tensors that stand in the graph where the outputs stood, as results of this node."""
        return tuple([self._restored(saved, (self, saved[0])) for saved in self._saved_outputs])

    def _restored(self, saved: tuple[int, np.ndarray | None, Version, int], edge: Any) -> Tensor | None:
        _, array, version, changes = saved
        if array is None:
            return None
        if version.changes[0] != changes:
            raise RuntimeError(
                f"{self!r}: a tensor of shape {array.shape} that its gradient needs was changed in place after its use; change a clone()"
            )
        tensor = Tensor(array)
        tensor._version, tensor._recorded = version, version.recorded
        tensor._edge, tensor._requires_grad = edge, edge is not None
        return tensor

    def zero_gradient(self, i: int) -> Tensor | None:
        """Zeros like output number i, for a gradient that did not arrive; None for an output that has no gradients."""
        shape, dtype = self.outputs[i]
        if i in self._undifferentiable or not is_floating(dtype):
            return None
        return Tensor(full_array(shape, 0, dtype, self.device))

    def release(self) -> None:
        """Let go of everything that only backward needed."""
        self.released = True
        self._saved_inputs = self._saved_outputs = ()
        self.options = {}
        self.segment = None
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


def require_true_history(x: Tensor, user: str) -> None:
    """Raise RuntimeError where the memory of `x` was changed through another tensor: `user` cannot trust its place in the graph."""
    if x._recorded != x._version.recorded:
        raise _untrue(x, user)


def _untrue(x: Tensor, user: str) -> RuntimeError:
    return RuntimeError(
        f"{user}: got a tensor of shape {x.shape} whose memory was changed in place through another one (a view of it, or "
        "what it is a view of), so that its history is no longer true; write x[i, j] = value, not x[i][j] = value, and make views later"
    )


def _saved(index: int, x: Any) -> tuple[int, np.ndarray | None, Version, int]:
    if not isinstance(x, Tensor):
        return index, None if x is None else meta.as_array(x), Version(), 0
    return index, x.data, x._version, x._version.changes[0]


def _share_version(view: Tensor, base: Tensor) -> None:
    if isinstance(base, Tensor) and np.may_share_memory(view.data, base.data):
        view._version, view._recorded = base._version, base._recorded

"""The walk back through the graph: `backward`, `grad`, `vjp`.

Gradients meet in a dictionary whose keys are *edges*: a leaf tensor, or (node, number of its output). A node's turn comes when all
its users have had theirs, so that its gradient is complete; then its backward turns the gradients of its outputs into gradients of
its inputs. With loss = ((x + w) * w).sum():

    {(Sum, 0): 1}  ->  {(Mul, 0): ...}  ->  {(Add, 0): ..., w: ...}  ->  {x: ..., w: ...}

and when only leaves are left, they keep what arrived.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from kernels.meta import as_array
from minitorch_cv.autograd import debug
from minitorch_cv.autograd.function import Function, edge_of, require_true_history
from minitorch_cv.autograd.modes import current_mode, enable_grad, switched
from minitorch_cv.device import at_work, full_array
from minitorch_cv.tensor import Tensor, method

Gradients = dict[Any, Tensor]  # from edges to gradients
Needs = dict[Function, list[bool]]  # for each node, which of its inputs' gradients are needed
Tensors = Tensor | Sequence[Tensor]


@method()
def backward(outputs: Tensors, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False) -> None:
    """Add the gradient of `outputs` to `.grad` of every leaf that they were computed from.

    gradient: the gradient of the loss with respect to each output, of its shape; for a scalar it may be left out: 1.
    retain_graph: keep what the nodes saved, for another backward (default: as create_graph).
    create_graph: record the backward, so that the gradients can be differentiated. (`grad` is better for that: here a leaf's `grad` has a
    history that contains the leaf, a circle that only the garbage collector can free.)
    Either all leaves get their gradient or, when a function raises, none.
    """
    for leaf, arrived in _walk(_start(outputs, gradient), retain_graph, create_graph).items():
        _accumulate(leaf, arrived, create_graph)


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Any, ...]:
    """The gradients of `outputs` with respect to `inputs` (leaves or not), as a tuple; no `.grad` is touched.

    Only functions between the two run. An input that the outputs do not depend on is an error; with `allow_unused` its gradient is None.
    The other arguments are those of `backward`.
    """
    inputs = _as_tuple(inputs)
    for i, x in enumerate(inputs):
        if not isinstance(x, Tensor) or not x.requires_grad:
            raise RuntimeError(f"inputs: number {i} does not require a gradient")
    edges = [edge_of(x) for x in inputs]
    gradients = _walk(_start(outputs, grad_outputs), retain_graph, create_graph, ends=frozenset(edges))
    for i, edge in enumerate(edges):
        if edge not in gradients and not allow_unused:
            raise RuntimeError(f"inputs: the outputs do not depend on number {i}; with allow_unused=True its gradient is None")
    return tuple(gradients.get(edge) for edge in edges)


def vjp(function: Callable, inputs: Sequence[Tensor | None], output_grads: Any) -> tuple[Tensor | None, ...]:
    """The gradients of sum(function(*inputs) * output_grads) with respect to those inputs that require one (None for the others).

    For the backward of a fused kernel whose own derivative has no kernel: `function` says the same in plain differentiable functions. The
    result can be differentiated again wherever gradients are being recorded.
    """
    create_graph = current_mode().grad
    with enable_grad():
        # Each input becomes one of its own: if y = x * x and both are inputs, the gradient of x must not also flow through y.
        fresh = [x if x is None or not x.requires_grad else _Fresh.apply(x) if create_graph else Tensor(x.data, True) for x in inputs]
        outputs = _as_tuple(function(*fresh))
    # An output may depend on none of the inputs that require a gradient: it contributes nothing.
    joined = [(y, gy) for y, gy in zip(outputs, _as_tuple(output_grads), strict=True) if y.requires_grad]
    edges = [None if x is None or not x.requires_grad else edge_of(x) for x in fresh]
    ends = frozenset(edges) - {None}
    start = _start([y for y, _ in joined], [gy for _, gy in joined])
    gradients = _walk(start, None, create_graph, ends, stop_at_ends=True) if ends else {}
    return tuple(gradients.get(edge) for edge in edges)


class _Fresh(Function):
    """The same values at a new place in the graph."""

    is_view = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        return x

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return gy


# --- the walk


@np.errstate(all="ignore")  # infinity and NaN are gradients like others: no warnings
def _walk(
    gradients: Gradients, retain_graph: bool | None, create_graph: bool, ends: frozenset | None = None, stop_at_ends: bool = False
) -> Gradients:
    """Carry `gradients` of outputs back to the leaves, or to the edges `ends` only; return those that arrived there.

    stop_at_ends: what lies behind the nodes of `ends` need not be looked at.
    """
    retain = create_graph if retain_graph is None else retain_graph
    order = _users_first(gradients, {edge[0] for edge in ends or () if type(edge) is tuple} if stop_at_ends else set())
    needs = {node: node.needs for node in order} if ends is None else _needs_towards(ends, order)
    for node in needs:
        if node.released:
            raise RuntimeError(
                f"backward: this graph was walked before, and {type(node).__name__} has let go of what it saved; pass retain_graph=True "
                "the first time, or add up the losses and walk once"
            )
    debugging = current_mode().debug
    with switched(grad=create_graph, debug=False, autocast=None):
        for node in order:
            if node in needs:
                _pass(node, needs[node], gradients, ends or frozenset(), debugging)
                if not retain:
                    node.release()
    return gradients


def _users_first(roots: Iterable, stops: set[Function]) -> list[Function]:
    """All nodes that a gradient from the edges `roots` can reach, each after every node that uses its outputs."""
    uses = {edge[0]: 0 for edge in roots if type(edge) is tuple}
    found = list(uses)
    for node in found:  # which grows meanwhile
        for edge in node.edges:
            if type(edge) is tuple and edge[0] not in stops:
                if edge[0] not in uses:
                    uses[edge[0]] = 0
                    found.append(edge[0])
                uses[edge[0]] += 1
    order = [node for node in found if uses[node] == 0]
    for node in order:  # which grows meanwhile
        for edge in node.edges:
            if type(edge) is tuple and edge[0] not in stops:
                uses[edge[0]] -= 1
                if uses[edge[0]] == 0:
                    order.append(edge[0])
    return order


def _needs_towards(ends: frozenset, order: list[Function]) -> Needs:
    """For the nodes that a gradient passes on its way to `ends`: the inputs through which it goes."""
    needs: Needs = {}
    for node in reversed(order):
        towards = [edge is not None and (edge in ends or (type(edge) is tuple and edge[0] in needs)) for edge in node.edges]
        if True in towards:
            needs[node] = towards
    return needs


def _pass(node: Function, needs: list[bool], gradients: Gradients, ends: frozenset, debugging: bool) -> None:
    """Turn the gradients of the outputs of `node` into gradients of its inputs, and add those to `gradients`."""
    arrived = []
    for i in range(len(node.outputs)):
        edge = (node, i)
        arrived.append(gradients.get(edge) if edge in ends else gradients.pop(edge, None))
    if all(gradient is None for gradient in arrived):
        return  # a function before this one found that there is none
    results = _call_backward(node, needs, arrived)
    if debugging or node.line:
        debug.check_backward(node, results)
    for i, gradient in enumerate(results):
        if needs[i] and gradient is not None:
            edge = node.edges[i]
            gradient = _fitted(gradient, node, i)
            previous = gradients.get(edge)
            gradients[edge] = gradient if previous is None else previous + gradient


def _call_backward(node: Function, needs: list[bool], arrived: list[Tensor | None]) -> tuple:
    before, node.needs = node.needs, needs
    try:
        if node.segment is not None:
            node.segment.refill()
        with at_work(node.device):
            results = node.backward(node, *[node.zero_gradient(i) if g is None else g for i, g in enumerate(arrived)])
    except Exception as error:
        error.add_note(f"This happened in the backward of {node!r}.")
        raise
    finally:
        node.needs = before
    if type(results) is not tuple:
        results = (results,)
    if len(results) != len(node.edges):
        raise RuntimeError(f"backward of {node!r}: returned {len(results)} gradients for {len(node.edges)} inputs")
    return results


def _fitted(gradient: Tensor, node: Function, i: int) -> Tensor:
    """The gradient as input number i has it: broadcasting is undone here, and nowhere else."""
    edge = node.edges[i]
    shape, dtype = edge[0].outputs[edge[1]] if type(edge) is tuple else (edge.data.shape, edge.data.dtype)
    if not isinstance(gradient, Tensor):
        raise TypeError(f"backward of {node!r}: the gradient of input {i} is {type(gradient).__name__}, expected a Tensor or None")
    if gradient.data.shape != shape:
        if not node.broadcasts:
            raise RuntimeError(f"backward of {node!r}: the gradient of input {i} has shape {gradient.shape}, expected {shape}")
        gradient = gradient.sum_to_shape(shape)
    return gradient if gradient.data.dtype is dtype else gradient.to(dtype)


# --- where it starts and ends


def _start(outputs: Tensors, gradients: Any) -> Gradients:
    """The edges of `outputs` with the gradients that the walk starts from."""
    outputs = _as_tuple(outputs)
    gradients = (None,) * len(outputs) if gradients is None else _as_tuple(gradients)
    if len(gradients) != len(outputs):
        raise ValueError(f"gradient: got {len(gradients)} of them, expected one for each of {len(outputs)} outputs")
    start: Gradients = {}
    for i, (y, gradient) in enumerate(zip(outputs, gradients, strict=True)):
        if not y.requires_grad:
            raise RuntimeError(f"backward: output {i} has no history: nothing that it was computed from requires a gradient")
        require_true_history(y, "backward")
        if gradient is None:
            if y.data.size != 1:
                raise RuntimeError(f"gradient: needed for output {i}, of shape {y.shape}; only that of a single number may be left out")
            gradient = Tensor(full_array(y.shape, 1, y.dtype, y.device))
        elif not isinstance(gradient, Tensor):
            gradient = Tensor(as_array(gradient)).to(y.dtype).to(y.device)
        if gradient.shape != y.shape:
            raise ValueError(f"gradient: got shape {gradient.shape} for output {i}, of shape {y.shape}")
        edge = edge_of(y)
        gradient = gradient if gradient.dtype == y.dtype else gradient.to(y.dtype)
        start[edge] = start[edge] + gradient if edge in start else gradient
    return start


@np.errstate(all="ignore")
def _accumulate(leaf: Tensor, gradient: Tensor, create_graph: bool) -> None:
    """leaf.grad += gradient. The array in `grad` is the leaf's own: what arrives may be shared with other leaves, or a view of anything."""
    if create_graph:
        leaf.grad = gradient.clone() if leaf.grad is None else leaf.grad + gradient
        return
    with at_work(leaf.device):
        if leaf.grad is None:
            array = np.empty_like(leaf.data)
            np.copyto(array, gradient.data)
            leaf.grad = Tensor(array)
        else:
            np.add(leaf.grad.data, gradient.data, out=leaf.grad.data)
            leaf.grad.mark_changed()


def _as_tuple(tensors: Any) -> tuple:
    return tuple(tensors) if isinstance(tensors, (tuple, list)) else (tensors,)

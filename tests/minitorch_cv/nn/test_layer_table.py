"""What holds for every layer, by the table in tests/helpers/layer_table.py: see there."""

import copy
import inspect
import re
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from layer_table import EXEMPT, LAYERS, Case, Layer
from table.libraries import found_in, tensors
from table.row import Call

import minitorch_cv as mt
from minitorch_cv import nn, random
from minitorch_cv.testing import assert_close

CASES = 5
AGAINST_TORCH = 20
DEPRECATED = {"size_average", "reduce", "min_value", "max_value"}  # arguments that PyTorch has deprecated, and that are not here
PLACE = {"device", "dtype"}

layers = pytest.mark.parametrize("entry", LAYERS, ids=str)
layers_of_torch = pytest.mark.parametrize("entry", [entry for entry in LAYERS if entry.torch], ids=str)


def made(entry: Layer, case: Case, library: ModuleType = mt, **place: Any) -> Any:
    """The layer, without place: of float64 where it has parameters, their values drawn, so that no two are alike."""
    place = place or {"dtype": np.float64 if library is mt else library.float64}
    options = {name: constant(library, value) for name, value in case.options.items()}
    return getattr(library.nn, entry.name)(**options, **{name: value for name, value in place.items() if name in entry.parameters()})


def constant(library: ModuleType, value: Any) -> Any:
    """An argument of a constructor: its tensors have no gradients."""
    return library.tensor(np.array(value.numpy())) if isinstance(value, mt.Tensor) else value


def filled(layer: nn.Module, seed: int = 0) -> nn.Module:
    """The layer, its parameters and buffers drawn at random: all positive, as variances are."""
    rng = np.random.default_rng(seed)
    for tensor in layer.state_dict().values():
        if tensor.dtype.kind == "f":
            tensor.copy_(mt.tensor(rng.uniform(0.5, 1.5, tensor.shape)))
    return layer


def inputs_of(case: Case, library: ModuleType = mt) -> tuple:
    return tensors(library, Call(case.inputs, {}))[0]


def run(layer: Any, inputs: tuple, library: ModuleType = mt) -> list:
    """The outputs; random numbers are the same each time."""
    random.manual_seed(3)
    return found_in(library, layer(*inputs))


def same(found: list, expected: list, tolerance: float = 0) -> None:
    assert len(found) == len(expected)
    for i, (y, wanted) in enumerate(zip(found, expected, strict=True)):
        assert y.dtype == wanted.dtype
        assert_close(y.detach(), wanted.detach(), tolerance, f"output {i}")


def backward(library: ModuleType, outputs: list) -> None:
    """Gradients of all leaves, for cotangents of a fixed seed."""
    rng = np.random.default_rng(1)
    joined = [y for y in outputs if y.requires_grad]
    if joined:
        library.autograd.backward(joined, [library.tensor(rng.standard_normal(tuple(y.shape))) for y in joined])


def test_every_layer_has_an_entry() -> None:
    classes = {name for name in nn.__all__ if isinstance(getattr(nn, name), type)}
    assert {entry.name for entry in LAYERS} | set(EXEMPT) == classes
    assert len({str(entry) for entry in LAYERS}) == len(LAYERS)


@layers
def test_a_layer_is_its_function(entry: Layer) -> None:
    """In training and in evaluation, with the state it has; all parameters get a gradient."""
    for seed in range(CASES):
        case = entry.drawn(seed)
        layer, inputs = filled(made(entry, case)), inputs_of(case)
        for mode in (True, False):
            twin = copy.deepcopy(layer.train(mode))
            found = run(layer, inputs)
            assert all(np.isfinite(y.numpy()).all() for y in found)
            if entry.stands:
                same(found, run(partial(function_of, entry, case, twin), inputs))
                same([*layer.buffers()][:2], [*twin.buffers()][:2])  # running statistics, where there are any
            backward(mt, found)
            for name, parameter in layer.named_parameters():
                assert parameter.grad is not None, name
                assert np.isfinite(parameter.grad.numpy()).all(), name


def function_of(entry: Layer, case: Case, layer: nn.Module, *inputs: Any) -> Any:
    """What the layer stands for, with the layer's state and mode."""
    function = getattr(mt.functional, entry.function)
    names = inspect.signature(function).parameters
    state = {name: value for name, value in (layer._parameters | layer._buffers).items() if name in names}
    training = layer.training or not getattr(layer, "track_running_stats", True)
    mode = {name: training for name in ("training", "use_input_stats") if name in names}
    return function(**(case.arguments | dict(zip(entry.input_names(), inputs, strict=False)) | state | mode))


@layers
def test_state_goes_to_another_layer(entry: Layer) -> None:
    for seed in range(CASES):
        case = entry.drawn(seed)
        layer, other, inputs = filled(made(entry, case)).eval(), made(entry, case).eval(), inputs_of(case)
        expected = run(layer, inputs)
        assert list(layer.state_dict()) == list(other.state_dict())
        other.load_state_dict(layer.state_dict())
        same(run(other, inputs), expected)
        copied = copy.deepcopy(layer)
        filled(layer, seed=1)
        same(run(copied, inputs), expected)


@layers
def test_text(entry: Layer) -> None:
    """One line, from which the layer's class can be told, and what it was made with."""
    for seed in range(CASES):
        layer = made(entry, entry.drawn(seed))
        assert repr(layer) == f"{entry.name}({layer.extra_repr()})"
        assert "\n" not in repr(layer)
        assert "nonsense" not in repr(layer)


@layers
def test_dtype(entry: Layer) -> None:
    """Parameters are float32 where nothing else is asked for, and a float32 input stays one."""
    case = entry.drawn(0)
    for dtype in (np.float32, np.float64):
        place = {"device": None} if dtype == np.float32 else {"dtype": dtype}
        layer = made(entry, case, **place).to(dtype) if "dtype" not in entry.parameters() else made(entry, case, **place)
        assert {tensor.dtype for tensor in layer.state_dict().values() if tensor.dtype.kind == "f"} <= {np.dtype(dtype)}
        inputs = [x.detach().to(dtype) if isinstance(x, mt.Tensor) and x.dtype.kind == "f" else x for x in inputs_of(case)]
        assert {y.dtype for y in run(layer, tuple(inputs)) if y.dtype.kind == "f"} == {np.dtype(dtype)}


@layers
def test_shapes_alone(entry: Layer) -> None:
    """Made on "meta", it has the same state and gives the same shapes, forward and backward, and nothing of it is anywhere."""
    for seed in range(CASES):
        case = entry.drawn(seed)
        real, inputs = made(entry, case), inputs_of(case)
        shadows = tuple(x.detach().to("meta").requires_grad_(x.requires_grad) if isinstance(x, mt.Tensor) else x for x in inputs)
        expected = run(real, inputs)
        with mt.device("meta"):
            within = made(entry, case)
        asked = made(entry, case, device="meta", dtype=np.float64)
        for layer in (within, asked.to("meta")):
            found = run(layer, shadows)
            state = layer.state_dict()
            assert all(tensor.is_meta for tensor in (*found, *state.values()))
            assert [(y.shape, y.dtype) for y in found] == [(y.shape, y.dtype) for y in expected]
            assert {k: (v.shape, v.dtype) for k, v in state.items()} == {k: (v.shape, v.dtype) for k, v in real.state_dict().items()}
            joined = [y for y in found if y.requires_grad]
            if joined:
                mt.autograd.backward(joined, [mt.ones_like(y) for y in joined])
            for leaf in (*layer.parameters(), *(x for x in found_in(mt, shadows) if x.requires_grad)):
                assert leaf.grad is not None
                assert leaf.grad.is_meta
                assert leaf.grad.shape == leaf.shape


@pytest.mark.filterwarnings("ignore:target")  # losses that broadcast
@layers
def test_wrong_inputs_are_named(entry: Layer) -> None:
    """A shape that it refuses, and a string, give an error that names the input; a layer that refuses none takes every shape."""
    refused = 0
    for seed in range(2 * CASES):
        case = entry.drawn(seed)
        layer, (first, *rest) = made(entry, case), inputs_of(case)
        if entry.name != "Identity":
            with pytest.raises((TypeError, ValueError), match=rf"^({entry.input_names()[0]}|input)\b.*: got "):
                layer("nonsense", *rest)
        for shape in ANY if entry.refuses is None else [entry.refuses]:
            message = complaint(layer, mt.ones(*shape, dtype=first.dtype), *rest)
            refused += message != ""
            assert not message or re.match(rf"({'|'.join((*entry.input_names(), *NAMED))})\b.*: got ", message), message
    assert (refused > 0) == (entry.refuses is not None)


ANY = [(), (3,), (2, 1, 2, 1, 2)]
NAMED = ("input", "columns", "dim", "start_dim", "end_dim", "pad", "weight")  # what an input does not fit may be named instead


def complaint(function: Callable, *args: Any) -> str:
    """What error a call ends with."""
    try:
        function(*args)
    except (TypeError, ValueError, IndexError) as error:
        return str(error)
    return ""


@layers
def test_nonsense_is_named(entry: Layer) -> None:
    """A string in the place of a constructor's argument, unless that is a switch: an error that names it."""
    case = entry.drawn(1)
    stateless = not made(entry, case).state_dict()
    for name, parameter in entry.parameters().items():
        if parameter.annotation in (bool, bool | None) or (name in PLACE and stateless):
            continue
        with pytest.raises((TypeError, ValueError), match=rf"^{name}\b.*: got ('nonsense'|str)"):
            called(entry, {**case.options, name: "nonsense"}, inputs_of(case) if parameter.annotation is str else None)


@layers
def test_unlikely_numbers_are_named(entry: Layer) -> None:
    """Numbers that are too small or none, and tuples that hold something else: either they will do, or an error names the argument."""
    case = entry.drawn(1)
    for name, parameter in entry.parameters().items():
        if parameter.annotation in (bool, bool | None) or name in PLACE:
            continue
        for value in (-1, 0, float("nan"), (1, 2, 3), ("a", "b"), None):
            message = complaint(partial(called, entry, {**case.options, name: value}), inputs_of(case))
            assert not message or re.match(r"\w+\b.*: got ", message), (name, value, message)


def called(entry: Layer, options: dict[str, Any], inputs: tuple | None) -> None:
    """Make the layer and, given inputs, call it: which strings there are, the function may know."""
    layer = getattr(nn, entry.name)(**options)
    if inputs is not None:
        layer(*inputs)


@pytest.mark.full
@layers_of_torch
def test_signature_of_torch(entry: Layer) -> None:
    """Names, order and defaults of the arguments of the constructor and of `forward`; attributes of the constructor's names."""
    torch = pytest.importorskip("torch")
    theirs = inspect.signature(getattr(torch.nn, entry.name)).parameters.values()
    wanted = [(p.name, p.default) for p in theirs if p.name not in DEPRECATED | PLACE and p.kind.name[:3] != "VAR"]
    found = [(p.name, p.default) for p in entry.parameters().values() if p.name not in PLACE]
    assert [name for name, _ in found] == [name for name, _ in wanted]
    assert [pair for pair in found if pair[0] not in entry.differs] == [pair for pair in wanted if pair[0] not in entry.differs]
    assert (PLACE <= set(entry.parameters())) == (PLACE <= {p.name for p in theirs})
    called = [list(inspect.signature(getattr(library.nn, entry.name).forward).parameters) for library in (mt, torch)]
    assert called[0][: len(called[1])] == called[1]
    layers = [made(entry, entry.drawn(0), library) for library in (mt, torch)]
    assert hasattr(layers[0], "reset_parameters") == hasattr(layers[1], "reset_parameters")
    for name, _ in wanted:
        ours, theirs = (getattr(layer, name, None) for layer in layers)
        assert hasattr(ours, "shape") or ours == theirs, name


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
@layers_of_torch
def test_against_torch(entry: Layer) -> None:
    """Text, state, values, gradients, and the state after a batch in training are PyTorch's."""
    torch = pytest.importorskip("torch")
    for seed in range(AGAINST_TORCH):
        case = entry.drawn(100 + seed)
        ours, theirs = made(entry, case), made(entry, case, torch)
        assert repr(ours) == repr(theirs)
        for name, value in theirs.state_dict().items():
            if value.numel() > 1 and value.min() == value.max():  # a constant, not drawn at random
                assert_close(ours.state_dict()[name], value, 0, name)
        state = filled(ours).state_dict()
        assert [(k, v.shape, str(v.dtype)) for k, v in state.items()] == [
            (k, tuple(v.shape), str(v.dtype).removeprefix("torch.")) for k, v in theirs.state_dict().items()
        ]
        theirs.load_state_dict({name: torch.tensor(value.numpy()) for name, value in state.items()})
        for mode in [False] if entry.random else [True, True, False]:
            both = []
            for library, layer in ((mt, ours.train(mode)), (torch, theirs.train(mode))):
                layer.zero_grad()
                inputs = inputs_of(case, library)
                outputs = run(layer, inputs, library)
                backward(library, outputs)
                leaves = [*(x for x in found_in(library, inputs) if x.requires_grad), *layer.parameters()]
                gradients = [np.zeros(tuple(x.shape)) if x.grad is None else x.grad.numpy() for x in leaves]
                both.append([y.detach().numpy() for y in outputs] + gradients + [v.numpy() for v in layer.state_dict().values()])
            assert len(both[0]) == len(both[1])
            for i, (found, wanted) in enumerate(zip(*both, strict=True)):
                assert found.dtype == wanted.dtype
                assert_close(found, wanted, entry.tolerance, f"result {i} of {case}, training {mode}")

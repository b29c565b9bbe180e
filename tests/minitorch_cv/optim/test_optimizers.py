"""What the optimisers share: groups, state, errors, and parameters of every form."""

import copy
import inspect
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitorch_cv as mt
from minitorch_cv import optim
from minitorch_cv.optim import SGD, Adam, AdamW, Optimizer
from minitorch_cv.tensor import Tensor

MAKERS = [
    pytest.param(lambda params: SGD(params, lr=0.1), id="sgd"),
    pytest.param(lambda params: SGD(params, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01), id="nesterov"),
    pytest.param(lambda params: SGD(params, lr=0.1, momentum=0.9, dampening=0.5, maximize=True), id="dampening"),
    pytest.param(lambda params: Adam(params, lr=0.1, weight_decay=0.01), id="adam"),
    pytest.param(lambda params: AdamW(params, lr=0.1, amsgrad=True), id="adamw-amsgrad"),
    pytest.param(lambda params: optim.RMSprop(params, lr=0.1, momentum=0.5, centered=True, weight_decay=0.01), id="rmsprop"),
    pytest.param(lambda params: optim.Adagrad(params, lr=0.1, lr_decay=0.1, initial_accumulator_value=0.1), id="adagrad"),
    pytest.param(lambda params: optim.Adadelta(params, maximize=True), id="adadelta"),
    pytest.param(lambda params: optim.Adamax(params, lr=0.1, weight_decay=0.01), id="adamax"),
    pytest.param(lambda params: optim.NAdam(params, lr=0.1, weight_decay=0.01, decoupled_weight_decay=True), id="nadam"),
    pytest.param(lambda params: optim.RAdam(params, lr=0.1, betas=(0.9, 0.7)), id="radam"),
    pytest.param(lambda params: optim.Rprop(params, lr=0.1), id="rprop"),
    pytest.param(lambda params: optim.ASGD(params, lr=0.1, lambd=0.01, t0=1, weight_decay=0.01), id="asgd"),
    pytest.param(lambda params: optim.LARS(params, weight_decay=0.01, trust_coefficient=0.1), id="lars"),
    pytest.param(lambda params: optim.LAMB(params, lr=0.1, weight_decay=0.01), id="lamb"),
]


def param(*shape: int, seed: int = 0, dtype: type = np.float32) -> Tensor:
    return Tensor(np.random.default_rng(seed).standard_normal(shape).astype(dtype), requires_grad=True)


def give_grads(params: list[Tensor], seed: int) -> None:
    rng = np.random.default_rng(seed)
    for tensor in params:
        tensor.grad = Tensor(rng.standard_normal(tensor.shape).astype(tensor.dtype))


def train(optimizer: Optimizer, params: list[Tensor], first: int, last: int) -> None:
    for step in range(first, last):
        give_grads(params, step)
        optimizer.step()


@pytest.mark.parametrize("make", MAKERS)
def test_memory_order_makes_no_difference(make: Any, backend: str) -> None:
    """Parameters and gradients as transposed, channels-last or strided views: the same numbers as contiguous ones."""
    values = np.random.default_rng(5).standard_normal((4, 3, 2, 5))
    forms = [
        lambda x: x.copy(),
        lambda x: np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
        lambda x: np.asfortranarray(x),
        lambda x: np.repeat(x, 2, axis=3)[..., ::2],
        lambda x: x[::-1].copy()[::-1],
    ]
    results = []
    for form in forms:
        for grad_form in forms:
            tensor = Tensor(form(values), requires_grad=True)
            optimizer = make([tensor])
            for step in range(3):
                tensor.grad = Tensor(grad_form(np.random.default_rng(step).standard_normal(values.shape)))
                optimizer.step()
            results.append(tensor.data)
    for result in results[1:]:
        np.testing.assert_allclose(result, results[0], rtol=0, atol=1e-14)


@pytest.mark.parametrize("make", MAKERS)
def test_many_shapes_and_dtypes_at_once(make: Any, backend: str) -> None:
    """All parameters together move as each alone: also scalars, empty ones, and two dtypes."""
    def fresh() -> list[Tensor]:
        shapes = [(), (1,), (3, 4), (0, 5), (1000,), (2, 3, 4, 5)]
        return [param(*shape, seed=i, dtype=(np.float32, np.float64)[i % 2]) for i, shape in enumerate(shapes)]

    together, alone = fresh(), fresh()
    grads = [np.random.default_rng(9).standard_normal(tensor.shape).astype(tensor.dtype) for tensor in together]
    optimizer, optimizers = make(together), [make([tensor]) for tensor in alone]
    for _ in range(3):
        for params in (together, alone):
            for tensor, grad in zip(params, grads, strict=True):
                tensor.grad = Tensor(grad)
        optimizer.step()
        for one in optimizers:
            one.step()
    for a, b, original in zip(together, alone, fresh(), strict=True):
        np.testing.assert_array_equal(a.data, b.data)
        assert a.dtype == original.dtype
        assert a.shape == original.shape
        assert a.data.size == 0 or not np.array_equal(a.data, original.data)


@pytest.mark.parametrize("make", MAKERS)
def test_parameters_without_gradient_are_skipped(make: Any) -> None:
    a, b = param(3), param(3, seed=1)
    before = b.data.copy()
    optimizer = make([a, b])
    a.grad = Tensor(np.ones(3, np.float32))
    optimizer.step()
    np.testing.assert_array_equal(b.data, before)
    assert b not in optimizer.state
    make([param(3)]).step()  # none at all has one
    late = copy.deepcopy(b)
    b.grad = late.grad = Tensor(np.ones(3, np.float32))
    optimizer.step()
    other = make([late])
    other.step()
    np.testing.assert_array_equal(b.data, late.data)  # its first step is a first step, however late it comes


@pytest.mark.parametrize("make", MAKERS)
def test_updates_in_place_and_follows_replaced_arrays(make: Any) -> None:
    tensor = param(4)
    array = tensor.data
    optimizer = make([tensor])
    give_grads([tensor], 0)
    optimizer.step()
    assert tensor.data is array
    before = array.copy()
    tensor.data = np.ones(4, np.float32)  # as loading a checkpoint may do
    give_grads([tensor], 1)
    optimizer.step()
    np.testing.assert_array_equal(array, before)
    assert not np.array_equal(tensor.data, np.ones(4))


def test_a_step_is_a_change_in_place() -> None:
    """What was computed before the step cannot be differentiated after it: autograd notices."""
    tensor = param(3)
    y = tensor * tensor
    tensor.grad = Tensor(np.ones(3, np.float32))
    SGD([tensor], lr=0.1).step()
    with pytest.raises(RuntimeError, match="in place"):
        y.sum().backward()


def test_zero_grad() -> None:
    a, b = param(3), param(2)
    optimizer = SGD([{"params": [a]}, {"params": b}])
    give_grads([a], 0)
    optimizer.zero_grad(set_to_none=False)
    np.testing.assert_array_equal(a.grad.data, np.zeros(3))
    assert b.grad is None
    optimizer.zero_grad()
    assert a.grad is None


def test_closure() -> None:
    tensor = param(3)
    optimizer = SGD([tensor], lr=0.5)
    before = tensor.data.copy()

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (tensor * tensor).sum()
        loss.backward()
        return loss

    loss = optimizer.step(closure)
    assert loss.item() == pytest.approx(float((before**2).sum()), rel=1e-6)
    np.testing.assert_allclose(tensor.data, np.zeros(3), atol=1e-7)
    assert SGD([tensor]).step() is None


# --- groups


def test_groups_have_their_own_hyperparameters() -> None:
    a, b, c = (Tensor(np.ones(1), requires_grad=True) for _ in range(3))
    optimizer = SGD([{"params": [a], "lr": 0.5}, {"params": iter([b]), "name": "slow"}], lr=0.25)
    optimizer.add_param_group({"params": c, "maximize": True})
    for tensor in (a, b, c):
        tensor.grad = Tensor(np.ones(1))
    optimizer.step()
    assert (a.item(), b.item(), c.item()) == (0.5, 0.75, 1.25)
    optimizer.param_groups[1]["lr"] = 1.0
    optimizer.step()
    assert (a.item(), b.item(), c.item()) == (0.0, -0.25, 1.5)
    assert "Parameter Group 1: 1 parameters\n" in repr(optimizer)
    assert "name: slow" in repr(optimizer)


def test_bad_parameters() -> None:
    tensor = param(3)
    with pytest.raises(ValueError, match="params: got no parameters"):
        SGD([])
    with pytest.raises(ValueError, match="params: got no parameters"):
        SGD(iter(()))
    with pytest.raises(TypeError, match="params: got a single tensor"):
        SGD(tensor)
    with pytest.raises(TypeError, match=r"params: got Tensors, expected tensors, such as the parameters\(\) of a module"):
        SGD(type("Tensors", (), {})())
    with pytest.raises(TypeError, match="params: number 1 is ndarray"):
        SGD([tensor, np.ones(3)])
    with pytest.raises(TypeError, match="params: got a set"):
        SGD([{"params": {tensor}}])
    with pytest.raises(ValueError, match=r"params: number 1, of shape \(3,\), is in the list"):
        SGD([tensor, tensor])
    with pytest.raises(ValueError, match="params: number 0 is the result of a computation"):
        SGD([tensor * 2])
    optimizer = SGD([tensor])
    with pytest.raises(ValueError, match="another group"):
        optimizer.add_param_group({"params": [param(2), tensor]})
    assert len(optimizer.param_groups) == 1
    with pytest.raises(TypeError, match="expected a dictionary with an entry 'params'"):
        optimizer.add_param_group({"lr": 0.1})
    with pytest.raises(ValueError, match="unknown hyperparameter 'learning_rate'"):
        SGD([{"params": [tensor], "learning_rate": 0.1}])
    equal = [param(3), param(3)]
    SGD(equal)  # equal values are not the same tensor


@pytest.mark.parametrize(
    ("make", "options", "says"),
    [
        (SGD, {"lr": -0.1}, "lr: got -0.1"),
        (SGD, {"lr": float("nan")}, "lr: got nan"),
        (SGD, {"momentum": -1}, "momentum: got -1"),
        (SGD, {"weight_decay": -1}, "weight_decay: got -1"),
        (SGD, {"nesterov": True}, "momentum: got 0, expected a positive number with nesterov"),
        (SGD, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "dampening: got 0.1, expected 0 with nesterov"),
        (Adam, {"lr": -1}, "lr: got -1"),
        (Adam, {"eps": -1e-8}, "eps: got"),
        (Adam, {"betas": (1.0, 0.9)}, "betas: got"),
        (Adam, {"betas": (0.9, -0.1)}, "betas: got"),
        (Adam, {"betas": (0.9,)}, "betas: got"),
        (AdamW, {"weight_decay": -0.1}, "weight_decay: got"),
        (optim.RMSprop, {"alpha": 1.1}, "alpha: got 1.1"),
        (optim.RMSprop, {"momentum": -0.1}, "momentum: got -0.1"),
        (optim.Adagrad, {"lr_decay": -0.1}, "lr_decay: got -0.1"),
        (optim.Adagrad, {"initial_accumulator_value": -0.1}, "initial_accumulator_value: got -0.1"),
        (optim.Adadelta, {"rho": -0.1}, "rho: got -0.1"),
        (optim.Adamax, {"betas": (0.9, 1.0)}, "betas: got"),
        (optim.NAdam, {"momentum_decay": -0.1}, "momentum_decay: got -0.1"),
        (optim.RAdam, {"eps": float("nan")}, "eps: got nan"),
        (optim.Rprop, {"etas": (0.5, 1.0)}, "etas: got"),
        (optim.Rprop, {"step_sizes": (1.0, 0.5)}, "step_sizes: got"),
        (optim.ASGD, {"lambd": -0.1}, "lambd: got -0.1"),
        (optim.LARS, {"trust_coefficient": 0}, "trust_coefficient: got 0"),
        (optim.LAMB, {"weight_decay": -0.1}, "weight_decay: got -0.1"),
    ],
)
def test_bad_hyperparameters(make: Any, options: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make([param(3)], **options)
    with pytest.raises(ValueError, match=says):
        make([{"params": [param(3)], **options}])


@pytest.mark.parametrize(("make", "options"), [(SGD, {"lr": "0.1"}), (Adam, {"betas": 0.9}), (optim.RMSprop, {"eps": None})])
def test_hyperparameters_that_are_no_numbers(make: Any, options: dict) -> None:
    ((name, value),) = options.items()
    with pytest.raises(TypeError, match=f"group: got .*{name}={value!r}.*, expected numbers"):
        make([param(3)], **options)


def test_an_optimizer_of_ones_own() -> None:
    class SignSGD(optim.Optimizer):
        def __init__(self, params: Any, lr: float = 0.5) -> None:
            super().__init__(params, {"lr": lr})

        def update(self, group: Any, params: Any, grads: Any) -> None:
            for tensor, grad in zip(params, grads, strict=True):
                tensor.data -= group["lr"] * np.sign(grad)

    x = mt.tensor([1.0, -1.0], requires_grad=True)
    optimizer = SignSGD([x])
    (x * mt.tensor([3.0, -2.0])).sum().backward()
    optimizer.step()
    assert x.tolist() == [0.5, -0.5]
    base = optim.Optimizer([x], {"lr": 0.1})
    with pytest.raises(NotImplementedError, match="Optimizer does not define update"):
        base.step()


def test_mismatched_gradients_leave_no_trace() -> None:
    for make in (lambda p: SGD(p, momentum=0.9), Adam, optim.RMSprop, optim.NAdam, optim.LARS, optim.LAMB):
        for wrong in (np.ones(4, np.float32), np.ones(3)):
            tensor = param(3)
            before = tensor.data.copy()
            optimizer = make([tensor])
            tensor.grad = Tensor(wrong)
            with pytest.raises((TypeError, ValueError), match=r"grads\[0\]"):
                optimizer.step()
            np.testing.assert_array_equal(tensor.data, before)
            assert optimizer.state == {}


def test_defaults_are_pytorchs() -> None:
    assert SGD([param(1)]).defaults == {
        "lr": 1e-3, "momentum": 0, "dampening": 0, "weight_decay": 0, "nesterov": False, "maximize": False,
    }  # fmt: skip
    adam = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0, "amsgrad": False, "maximize": False}
    assert Adam([param(1)]).defaults == adam | {"decoupled_weight_decay": False}
    assert AdamW([param(1)]).defaults == adam | {"weight_decay": 1e-2, "decoupled_weight_decay": True}


# --- saving and loading


def fresh_pair() -> list[Tensor]:
    return [param(3, 4), Tensor(np.asfortranarray(param(5, 2, seed=1, dtype=np.float64).data), requires_grad=True), param(2, seed=2)]


@pytest.mark.parametrize("make", MAKERS)
def test_going_on_from_a_saved_state_is_exact(make: Any) -> None:
    straight = fresh_pair()
    optimizer = make(straight)
    train(optimizer, straight[:2], 0, 3)  # the third never has a gradient
    saved, values = optimizer.state_dict(), [tensor.data.copy() for tensor in straight]
    reference = copy.deepcopy(saved)
    train(optimizer, straight[:2], 3, 6)

    assert repr(saved) == repr(reference)  # copies: what is saved does not move on
    resumed = [Tensor(value, requires_grad=True) for value in values]
    other = make(resumed)
    other.load_state_dict(saved)
    train(other, resumed[:2], 3, 6)
    for a, b in zip(straight, resumed, strict=True):
        np.testing.assert_array_equal(a.data, b.data)
    assert repr(saved) == repr(reference)
    assert repr(other.state_dict()) == repr(optimizer.state_dict())


def test_hyperparameters_come_with_the_state() -> None:
    a = Adam([{"params": [param(2)], "lr": 0.3, "name": "body"}, {"params": [param(3)]}], lr=0.1, betas=(0.8, 0.9))
    b = Adam([{"params": [param(2)]}, {"params": [param(3)]}])
    b.load_state_dict(json.loads(json.dumps(a.state_dict())))  # tuples became lists, and numbers strings
    for group, expected in zip(b.param_groups, a.param_groups, strict=True):
        assert {k: v for k, v in group.items() if k != "params"} == {k: v for k, v in expected.items() if k != "params"}


def test_state_is_numbered_through_the_groups() -> None:
    tensors = fresh_pair()
    optimizer = SGD([{"params": tensors[:1]}, {"params": tensors[1:]}], momentum=0.9)
    give_grads(tensors[1:], 0)
    optimizer.step()
    state = optimizer.state_dict()
    assert list(state["state"]) == [1, 2]
    assert [group["params"] for group in state["param_groups"]] == [[0], [1, 2]]
    assert state["state"][1]["momentum_buffer"].shape == (5, 2)


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    tensors = fresh_pair()
    optimizer = SGD(tensors, momentum=0.9)
    train(optimizer, tensors, 0, 2)
    before = repr(optimizer.state_dict())
    other = SGD([param(3, 4)], momentum=0.9)
    with pytest.raises(ValueError, match="state_dict: has 1 parameters in group 0, this optimiser 3"):
        optimizer.load_state_dict(other.state_dict())
    with pytest.raises(ValueError, match="state_dict: has 2 parameter groups, this optimiser 1"):
        optimizer.load_state_dict(SGD([{"params": tensors[:1]}, {"params": tensors[1:]}]).state_dict())
    reordered = [tensors[1], tensors[0], tensors[2]]
    wrong = SGD(reordered, lr=0.7, momentum=0.9)
    train(wrong, reordered, 0, 1)
    with pytest.raises(ValueError, match=r"'momentum_buffer' of parameter 0 has shape \(5, 2\), the parameter \(3, 4\)"):
        optimizer.load_state_dict(wrong.state_dict())
    adam = Adam(tensors)
    train(adam, tensors, 0, 1)
    with pytest.raises(ValueError, match="it has step, exp_avg, exp_avg_sq, while SGD keeps momentum_buffer"):
        optimizer.load_state_dict(adam.state_dict())
    with pytest.raises(ValueError, match="it has momentum_buffer, while Adam keeps step"):
        adam.load_state_dict(optimizer.state_dict())
    bad = optimizer.state_dict()
    bad["param_groups"][0]["lr"] = -1
    with pytest.raises(ValueError, match="lr: got -1"):
        optimizer.load_state_dict(bad)
    assert repr(optimizer.state_dict()) == before


# --- against PyTorch itself

BETAS = [(0.9, 0.999), (0.5, 0.6), (0.0, 0.9)]
DECAY = [0, 0.05]
# What is drawn for each optimiser, beside lr and maximize.
OPTIONS: dict[str, dict[str, list]] = {
    "SGD": {"weight_decay": DECAY, "momentum": [0, 0.5, 0.9], "dampening": [0, 0.3], "nesterov": [False, True]},
    "Adam": {"weight_decay": DECAY, "betas": BETAS, "eps": [1e-8, 1e-2], "amsgrad": [False, True]},
    "AdamW": {"weight_decay": DECAY, "betas": BETAS, "eps": [1e-8, 1e-2], "amsgrad": [False, True]},
    "RMSprop": {"weight_decay": DECAY, "alpha": [0.99, 0.5], "eps": [1e-8, 1e-2], "momentum": [0, 0.9], "centered": [False, True]},
    "Adagrad": {"weight_decay": DECAY, "lr_decay": [0, 0.1], "initial_accumulator_value": [0, 0.3], "eps": [1e-10, 1e-2]},
    "Adadelta": {"weight_decay": DECAY, "rho": [0.9, 0.3], "eps": [1e-6, 1e-2]},
    "Adamax": {"weight_decay": DECAY, "betas": BETAS, "eps": [1e-8, 1e-2]},
    "NAdam": {"weight_decay": DECAY, "betas": BETAS, "eps": [1e-8, 1e-2], "momentum_decay": [4e-3, 0.5],
              "decoupled_weight_decay": [False, True]},
    "RAdam": {"weight_decay": DECAY, "betas": [*BETAS, (0.9, 0.8)], "eps": [1e-8, 1e-2], "decoupled_weight_decay": [False, True]},
    "Rprop": {"etas": [(0.5, 1.2), (0.1, 3.0)], "step_sizes": [(1e-6, 50), (0.01, 0.05)]},
    "ASGD": {"weight_decay": DECAY, "lambd": [1e-4, 0.3], "alpha": [0.75, 0.1], "t0": [1e6, 2]},
}  # fmt: skip


@pytest.fixture(scope="module")
def torch() -> Any:
    """PyTorch, with its own numbers in float64 too: the learning rate of ASGD, the product of NAdam."""
    torch = pytest.importorskip("torch")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield torch
    torch.set_default_dtype(before)


@pytest.mark.full
@given(data=st.data(), kind=st.sampled_from(list(OPTIONS)), lr=st.floats(1e-4, 0.5), maximize=st.booleans(), skipped=st.integers(0, 5),
       seed=st.integers(0, 1000))  # fmt: skip
def test_against_pytorch(data: Any, kind: str, lr: float, maximize: bool, skipped: int, seed: int, backend: str, torch: Any) -> None:
    """Random hyperparameters; one of the two parameters lacks its gradient at one step."""
    options = {"lr": lr, "maximize": maximize, **{name: data.draw(st.sampled_from(values), name) for name, values in OPTIONS[kind].items()}}
    if options.get("nesterov") and (not options["momentum"] or options["dampening"]):
        del options["nesterov"]
    ours = [param(3, 4, seed=seed, dtype=np.float64), param(7, seed=seed + 1, dtype=np.float64)]
    theirs = [torch.tensor(tensor.data.copy(), requires_grad=True) for tensor in ours]
    optimizer, reference = getattr(optim, kind)(ours, **options), getattr(torch.optim, kind)(theirs, **options)
    for step in range(8):
        give_grads(ours, seed + step)
        for place, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            b.grad = torch.tensor(a.grad.data)
            if step == skipped and place == 1:
                a.grad = b.grad = None
        optimizer.step()
        reference.step()
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a.data, b.detach().numpy(), rtol=1e-10, atol=1e-11)


@pytest.mark.full
@pytest.mark.parametrize("kind", list(OPTIONS))
def test_names_and_defaults_are_pytorchs(kind: str, torch: Any) -> None:
    theirs = getattr(torch.optim, kind)([torch.zeros(1)]).defaults
    ours = getattr(optim, kind)([param(1)]).defaults
    assert ours == {name: theirs[name] for name in theirs.keys() - {"foreach", "fused", "capturable", "differentiable"}}
    mine, known = (inspect.signature(getattr(module, kind)).parameters for module in (optim, torch.optim))
    assert [name for name in known if name in mine] == list(mine)

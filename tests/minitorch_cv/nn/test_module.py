"""Module: registration, walks over the tree, modes, hooks, state, text."""

import copy
import pickle

import numpy as np
import pytest

import minitorch_cv as mt
from minitorch_cv import nn


class Block(nn.Module):
    """A little tree: a layer, a parameter and two buffers of its own, and a nested container."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.scale = nn.Parameter(np.ones(4, np.float32))
        self.register_buffer("count", mt.tensor(np.array(7)))
        self.register_buffer("scratch", mt.tensor(np.zeros(2, np.float32)), persistent=False)
        self.rest = nn.Sequential(nn.ReLU(), nn.BatchNorm1d(4))

    def forward(self, x: mt.Tensor) -> mt.Tensor:
        return self.rest(self.first(x) * self.scale)


PARAMETERS = ["scale", "first.weight", "first.bias", "rest.1.weight", "rest.1.bias"]
STATE = ["scale", "count", "first.weight", "first.bias", *(f"rest.1.{n}" for n in (
    "weight", "bias", "running_mean", "running_var", "num_batches_tracked"))]  # fmt: skip


def ones(*shape: int) -> mt.Tensor:
    return mt.tensor(np.ones(shape, np.float32))


class TestRegistration:
    def test_attributes_are_found_by_path(self) -> None:
        block = Block()
        assert [name for name, _ in block.named_parameters()] == PARAMETERS
        assert [name for name, _ in block.named_buffers()] == ["count", "scratch", *(STATE[-3:])]
        assert [name for name, _ in block.named_modules()] == ["", "first", "rest", "rest.0", "rest.1"]
        assert [name for name, _ in block.named_children()] == ["first", "rest"]
        assert list(block.named_parameters(prefix="net"))[1][0] == "net.first.weight"
        assert [name for name, _ in block.named_parameters(recurse=False)] == ["scale"]
        assert next(block.parameters()) is block.scale
        assert len(list(block.modules())) == 5
        assert list(block.children()) == [block.first, block.rest]
        assert "first" in dir(block)
        assert "scale" in dir(block)

    def test_shared_parts_come_once(self) -> None:
        net = nn.Module()
        net.a = nn.Linear(2, 2)
        net.b = net.a
        net.c = nn.Linear(2, 2)
        net.c.weight = net.a.weight
        assert [name for name, _ in net.named_modules()] == ["", "a", "c"]
        assert [name for name, _ in net.named_modules(remove_duplicate=False)] == ["", "a", "b", "c"]
        assert [name for name, _ in net.named_parameters()] == ["a.weight", "a.bias", "c.bias"]
        assert len(list(net.named_parameters(remove_duplicate=False))) == 6
        # The state has every path, so that it fits networks that do not share.
        assert list(net.state_dict()) == [f"{m}.{p}" for m in "abc" for p in ("weight", "bias")]

    def test_replacing_keeps_the_place_and_deleting_removes(self) -> None:
        block = Block()
        block.first = nn.Linear(3, 4, bias=False)
        assert [name for name, _ in block.named_children()] == ["first", "rest"]
        del block.scale
        assert "scale" not in dict(block.named_parameters())
        assert not hasattr(block, "scale")
        block.note = "plain"
        del block.note, block.rest
        assert not hasattr(block, "note")
        with pytest.raises(AttributeError, match="rest"):
            del block.rest

    def test_none_and_kinds_that_change(self) -> None:
        module = nn.Module()
        module.layer = None  # a plain attribute for now
        module.layer = nn.ReLU()
        assert list(dict(module.named_children())) == ["layer"]
        module.layer = nn.Parameter(np.ones(2))
        assert list(dict(module.named_children())) == []
        assert list(dict(module.named_parameters())) == ["layer"]
        module.layer = None
        assert module.layer is None
        assert list(module.parameters()) == []

    def test_a_registered_name_takes_only_its_kind(self) -> None:
        block = Block()
        with pytest.raises(TypeError, match=r"scale: got Tensor, expected a Parameter"):
            block.scale = ones(4)
        with pytest.raises(TypeError, match=r"count: got int, expected a Tensor"):
            block.count = 3
        with pytest.raises(TypeError, match=r"first: got int, expected a Module"):
            block.first = 3
        block.count = mt.tensor(np.array(8))
        assert int(block.get_buffer("count")) == 8

    @pytest.mark.parametrize("value", [nn.Parameter(np.ones(1)), nn.ReLU()])
    def test_assigning_before_super_init(self, value: object) -> None:
        class Hasty(nn.Module):
            def __init__(self) -> None:
                self.part = value

        with pytest.raises(AttributeError, match=r"'part' was assigned before Hasty.__init__ called super\(\)"):
            Hasty()

    def test_reading_before_super_init(self) -> None:
        class Lazy(nn.Module):
            def __init__(self) -> None:
                """Forgets super().__init__()."""

        with pytest.raises(AttributeError, match=r"has not called super\(\)"):
            Lazy()(1)

    @pytest.mark.parametrize("name", ["", "a.b", 3])
    def test_bad_names(self, name: object) -> None:
        for register in (nn.Module().register_parameter, nn.Module().register_buffer, nn.Module().add_module):
            with pytest.raises(ValueError, match="name: got"):
                register(name, None)  # type: ignore[arg-type]

    def test_name_that_is_taken(self) -> None:
        with pytest.raises(ValueError, match="'forward', which is an attribute"):
            nn.Module().add_module("forward", nn.ReLU())
        with pytest.raises(ValueError, match="'first', which is an attribute"):
            Block().register_buffer("first", ones(1))

    def test_wrong_types(self) -> None:
        with pytest.raises(TypeError, match="got Tensor, expected a Parameter"):
            nn.Module().register_parameter("p", ones(1))  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="got ndarray, expected a Tensor"):
            nn.Module().register_buffer("b", np.ones(1))  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="got function, expected a Module"):
            nn.Module().add_module("m", lambda x: x)  # type: ignore[arg-type]

    def test_getting_by_path(self) -> None:
        block = Block()
        assert block.get_submodule("") is block
        assert block.get_submodule("rest.1") is block.rest[1]
        assert block.get_parameter("rest.1.weight") is block.rest[1].weight
        assert block.get_buffer("rest.1.running_mean") is block.rest[1].running_mean
        with pytest.raises(AttributeError, match=r"rest has no submodule '2'"):
            block.get_submodule("rest.2.conv")
        with pytest.raises(AttributeError, match=r"Block has no parameter 'shift'"):
            block.get_parameter("shift")
        with pytest.raises(AttributeError, match="Block has no attribute 'absent'"):
            _ = block.absent


    def test_putting_at_a_path(self) -> None:
        block, other = Block(), nn.Identity()
        block.set_submodule("rest.1", other)
        assert block.get_submodule("rest.1") is other
        with pytest.raises(AttributeError, match=r"Block has no submodule 'absent'"):
            block.set_submodule("absent.1", other)
        with pytest.raises(ValueError, match="name: got ''"):
            block.set_submodule("", other)


class TestWholeTree:
    def test_modes_touch_nothing_else(self) -> None:
        block = Block()
        before = {name: value.numpy().copy() for name, value in block.state_dict().items()}
        assert block.eval() is block
        assert not any(module.training for module in block.modules())
        block.rest.train()
        assert [module.training for module in block.modules()] == [False, False, True, True, True]
        assert block.train(True).training
        assert all(np.array_equal(before[name], value.numpy()) for name, value in block.state_dict().items())
        assert mt.autograd.is_grad_enabled()
        with pytest.raises(TypeError, match="mode: got 1"):
            block.train(1)  # type: ignore[arg-type]

    def test_apply_visits_children_first(self) -> None:
        seen: list[str] = []
        block = Block()
        assert block.apply(lambda module: seen.append(type(module).__name__)) is block
        assert seen == ["Linear", "ReLU", "BatchNorm1d", "Sequential", "Block"]

    def test_gradients(self) -> None:
        block = Block()
        block(ones(2, 3) * mt.tensor(np.arange(6, dtype=np.float32).reshape(2, 3))).sum().backward()
        assert all(p.grad is not None and p.grad.shape == p.shape for p in block.parameters())
        block.zero_grad(set_to_none=False)
        assert all(not p.grad.numpy().any() for p in block.parameters())
        block.zero_grad()
        assert all(p.grad is None for p in block.parameters())
        assert block.requires_grad_(False) is block
        assert not block(ones(2, 3)).requires_grad
        assert all(p.requires_grad for p in block.requires_grad_().parameters())

    def test_dtype(self) -> None:
        block = Block()
        weight = block.first.weight
        (block.first(ones(2, 3)).sum()).backward()
        assert block.double() is block
        assert block.first.weight is weight
        assert weight.dtype == np.float64 == weight.grad.dtype
        assert block.rest[1].running_var.dtype == np.float64
        assert block.count.dtype == block.rest[1].num_batches_tracked.dtype == np.int64
        assert block(mt.tensor(np.eye(3))).dtype == np.float64
        assert block.float().scale.dtype == np.float32
        assert block.to("float64").scale.dtype == np.float64
        with pytest.raises(TypeError, match="dtype: got int64"):
            block.to(np.int64)

    def test_deepcopy_is_independent(self) -> None:
        block = Block()
        twin = copy.deepcopy(block)
        assert type(twin.scale) is nn.Parameter
        assert twin.scale.requires_grad
        nn.init.zeros_(twin.scale)
        assert block.scale.numpy().all()
        x = ones(2, 3)
        block.eval(), twin.eval()
        assert not np.array_equal(block(x).numpy(), twin(x).numpy())

    def test_deepcopy_shares_what_was_shared(self) -> None:
        net = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
        net[1].weight = net[0].weight
        twin = copy.deepcopy(net)
        assert twin[1].weight is twin[0].weight

    def test_pickle(self) -> None:
        block = Block()
        twin = pickle.loads(pickle.dumps(block))
        assert all(np.array_equal(value.numpy(), twin.state_dict()[name].numpy()) for name, value in block.state_dict().items())
        assert twin.scale.requires_grad


class TestHooks:
    def test_order_and_arguments(self) -> None:
        calls: list[tuple] = []
        layer = nn.Identity()
        layer.register_forward_pre_hook(lambda module, args: calls.append(("pre", module, args)))
        layer.register_forward_hook(lambda module, args, output: calls.append(("post", module, args, output)))
        x = ones(1)
        layer(x)
        assert calls == [("pre", layer, (x,)), ("post", layer, (x,), x)]

    def test_replacing_input_and_output(self) -> None:
        layer = nn.Identity()
        layer.register_forward_pre_hook(lambda module, args: args[0] + 1)
        layer.register_forward_pre_hook(lambda module, args: (args[0] * 10,))
        layer.register_forward_hook(lambda module, args, output: output + args[0])
        assert layer(2) == 60

    def test_removal(self) -> None:
        layer = nn.Identity()
        handle = layer.register_forward_hook(lambda module, args, output: "changed")
        assert layer(0) == "changed"
        handle.remove()
        handle.remove()
        assert layer(0) == 0
        with layer.register_forward_hook(lambda module, args, output: "changed"):
            assert layer(0) == "changed"
        assert layer(0) == 0

    def test_a_hook_may_remove_itself(self) -> None:
        layer, calls = nn.Identity(), []

        def once(module: nn.Module, args: tuple) -> None:
            calls.append(1)
            handle.remove()

        handle = layer.register_forward_pre_hook(once)
        layer(0), layer(0)
        assert calls == [1]


class TestState:
    def test_keys_and_memory(self) -> None:
        block = Block()
        state = block.state_dict()
        assert list(state) == STATE
        assert not any(value.requires_grad for value in state.values())
        assert np.shares_memory(state["scale"].numpy(), block.scale.numpy())
        assert block.state_dict(keep_vars=True)["scale"] is block.scale
        assert list(block.first.state_dict(prefix="x.")) == ["x.weight", "x.bias"]

    def test_round_trip(self) -> None:
        source, target = Block(), Block()
        weight = target.first.weight
        result = target.load_state_dict(source.state_dict())
        assert result == ([], [])
        assert target.first.weight is weight
        assert weight.requires_grad
        for name, value in source.state_dict().items():
            assert np.array_equal(target.state_dict()[name].numpy(), value.numpy())
        assert not np.shares_memory(source.scale.numpy(), target.scale.numpy())

    def test_arrays_are_converted_to_the_own_dtype(self) -> None:
        block = Block()
        wider = {"f": np.float64, "i": np.int64}
        arrays = {name: np.full(value.shape, 3, wider[value.dtype.kind]) for name, value in block.state_dict().items()}
        block.load_state_dict(arrays)
        assert block.scale.dtype == np.float32
        assert (block.scale.numpy() == 3).all()
        assert block.count.item() == 3

    def test_one_error_lists_everything_and_nothing_is_loaded(self) -> None:
        block = Block()
        before = {name: value.numpy().copy() for name, value in block.state_dict().items()}
        state: dict = {name: np.full_like(value, 5) for name, value in before.items()}
        del state["first.bias"], state["count"]
        state["extra"] = np.ones(1)
        state["scale"] = np.ones(3, np.float32)
        state["rest.1.bias"] = np.array(["a"] * 4)
        with pytest.raises(RuntimeError) as caught:
            block.load_state_dict(state)
        message = str(caught.value)
        shape, dtype = "scale: got shape (3,), expected (4,)", "rest.1.bias: got dtype <U1"
        for part in ("missing: count, first.bias", "unexpected: extra", shape, dtype):
            assert part in message
        assert all(np.array_equal(before[name], value.numpy()) for name, value in block.state_dict().items())

    def test_not_strict(self) -> None:
        block = Block()
        state: dict = {"scale": np.full(4, 2.0), "extra": np.ones(1)}
        result = block.load_state_dict(state, strict=False)
        assert result.missing_keys == [name for name in STATE if name != "scale"]
        assert result.unexpected_keys == ["extra"]
        assert (block.scale.numpy() == 2).all()
        with pytest.raises(RuntimeError, match="scale: got shape"):
            block.load_state_dict({"scale": np.ones(5)}, strict=False)

    def test_not_a_mapping(self) -> None:
        with pytest.raises(TypeError, match="state_dict: got list"):
            Block().load_state_dict([])  # type: ignore[arg-type]

    def test_persistence_can_be_changed(self) -> None:
        module = nn.Module()
        module.register_buffer("b", ones(1), persistent=False)
        assert list(module.state_dict()) == []
        module.register_buffer("b", ones(1))
        assert list(module.state_dict()) == ["b"]


def test_text_is_a_tree() -> None:
    assert repr(Block()) == (
        "Block(\n"
        "  (first): Linear(in_features=3, out_features=4, bias=True)\n"
        "  (rest): Sequential(\n"
        "    (0): ReLU()\n"
        "    (1): BatchNorm1d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)\n"
        "  )\n"
        ")"
    )


def test_forward_must_be_defined() -> None:
    class Empty(nn.Module):
        """Defines nothing."""

    with pytest.raises(NotImplementedError, match="Empty does not define forward"):
        Empty()()


def test_parameter_shows_itself() -> None:
    parameter = nn.Parameter(np.ones(2, np.float32))
    assert repr(parameter).startswith("Parameter containing:\ntensor([1., 1.]")
    assert parameter.requires_grad
    assert not nn.Parameter(np.ones(1), requires_grad=False).requires_grad

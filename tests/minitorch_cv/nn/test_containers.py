"""Sequential, ModuleList, ModuleDict."""

import numpy as np
import pytest

import minitorch_cv as mt
from minitorch_cv import nn


class Add(nn.Module):
    """x -> x + amount."""

    def __init__(self, amount: int) -> None:
        super().__init__()
        self.amount = amount

    def forward(self, x: int) -> int:
        return x + self.amount

    def extra_repr(self) -> str:
        return str(self.amount)


def amounts(container: nn.Module) -> list[int]:
    return [module.amount for module in container.children()]


class TestSequential:
    def test_calls_in_order(self) -> None:
        net = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
        x = mt.tensor(np.array([[1.0, -2.0, 3.0]], np.float32))
        expected = np.maximum(x.numpy() @ net[0].weight.numpy().T + net[0].bias.numpy(), 0)
        assert np.allclose(net(x).numpy(), expected, atol=1e-6)
        assert nn.Sequential()(5) == 5

    def test_names(self) -> None:
        net = nn.Sequential({"one": Add(1), "two": Add(2)})
        assert [name for name, _ in net.named_children()] == ["one", "two"]
        assert net.one is net[0]
        assert net(0) == 3
        net.append(Add(3))
        assert [name for name, _ in net.named_children()] == ["one", "two", "2"]
        assert [name for name, _ in net[1:].named_children()] == ["two", "2"]

    def test_list_behaviour(self) -> None:
        net = nn.Sequential(Add(1), Add(2), Add(3))
        assert len(net) == 3
        assert amounts(net[1:]) == [2, 3]
        assert type(net[:2]) is nn.Sequential
        assert net[-1].amount == 3
        net[-1] = Add(30)
        assert net.append(Add(4)) is net
        net.extend([Add(5)]).insert(0, Add(0))
        assert amounts(net) == [0, 1, 2, 30, 4, 5]
        del net[0]
        assert net.pop(1).amount == 2
        assert amounts(net) == [1, 30, 4, 5]
        del net[2:]
        assert [name for name, _ in net.named_children()] == ["0", "1"]
        assert net[0] in net
        assert Add(1) not in net

    def test_errors(self) -> None:
        with pytest.raises(TypeError, match="got function, expected a Module"):
            nn.Sequential(lambda x: x)  # type: ignore[arg-type]
        with pytest.raises(IndexError, match="got 2, but there are 2 modules"):
            nn.Sequential(Add(1), Add(2))[2]
        with pytest.raises(TypeError, match="got int, expected a Module"):
            nn.Sequential(Add(1))[0] = 3  # type: ignore[assignment]


class TestModuleList:
    def test_registers(self) -> None:
        blocks = nn.ModuleList(nn.Linear(2, 2) for _ in range(2))
        blocks += [nn.Linear(2, 3)]
        assert [name for name, _ in blocks.named_parameters()] == [f"{i}.{p}" for i in range(3) for p in ("weight", "bias")]
        assert type(blocks) is nn.ModuleList
        assert len(blocks[:2]) == 2
        with pytest.raises(NotImplementedError, match="ModuleList does not define forward"):
            blocks(1)

    def test_equal_neighbours_take_one_line(self) -> None:
        blocks = nn.ModuleList([Add(1), Add(1), Add(2)])
        assert repr(blocks) == "ModuleList(\n  (0-1): 2 x Add(1)\n  (2): Add(2)\n)"
        assert repr(nn.ModuleList()) == "ModuleList()"


class TestModuleDict:
    def test_dictionary_behaviour(self) -> None:
        parts = nn.ModuleDict({"a": Add(1)})
        parts["b"] = Add(2)
        parts.update([("c", Add(3)), ("a", Add(10))])
        assert list(parts) == list(parts.keys()) == ["a", "b", "c"]
        assert amounts(parts) == [10, 2, 3]
        assert [module.amount for module in parts.values()] == [10, 2, 3]
        assert dict(parts.items())["b"] is parts["b"]
        assert "b" in parts
        assert parts.pop("b").amount == 2
        del parts["a"]
        assert len(parts) == 1
        parts.clear()
        assert len(parts) == 0
        assert list(nn.ModuleDict({"x": nn.Linear(1, 1, bias=False)}).state_dict()) == ["x.weight"]

    def test_errors(self) -> None:
        with pytest.raises(ValueError, match="'update', which is an attribute"):
            nn.ModuleDict({"update": Add(1)})
        with pytest.raises(KeyError):
            nn.ModuleDict()["absent"]

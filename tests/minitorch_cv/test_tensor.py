"""Tensor: creation, dtypes, operators with numbers and arrays, conversions to Python; every declared method exists."""

import ast
import copy
import inspect
import operator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minitorch_cv as mt

# --- creation


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, np.float32),
        ([1.0, 2.0], np.float32),
        ([[1.0, 2], [3, 4]], np.float32),
        (3, np.int64),
        ([1, 2], np.int64),
        ([True, False], np.bool_),
        ([], np.float32),
        (np.zeros(3), np.float64),
        (np.zeros(3, np.float32), np.float32),
        (np.zeros(3, np.uint8), np.uint8),
        (np.float64(1.5), np.float64),
        (np.float32(1.5), np.float32),
        ([np.float32(1.5)], np.float32),
    ],
)
def test_dtypes_of_new_tensors(data: Any, dtype: type) -> None:
    assert mt.tensor(data).dtype == dtype
    assert mt.tensor(data, dtype="float64").dtype == np.float64


def test_tensor_copies_and_from_numpy_shares() -> None:
    array = np.zeros(3)
    copied, shared = mt.tensor(array), mt.from_numpy(array)
    array[0] = 1
    assert copied.tolist() == [0, 0, 0]
    assert shared.tolist() == [1, 0, 0]
    assert mt.tensor(shared).data is not shared.data


def test_tensor_keeps_the_memory_order() -> None:
    assert mt.tensor(np.zeros((2, 3), order="F")).data.flags.f_contiguous


@pytest.mark.parametrize("data", [1j, "a", [object()], np.zeros(2, complex)])
def test_what_is_not_a_real_number(data: Any) -> None:
    with pytest.raises(TypeError, match="data: got elements of"):
        mt.tensor(data)


def test_filled_tensors() -> None:
    x = mt.tensor(np.ones((2, 3)))
    assert mt.zeros(2, 3).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert mt.ones((2,), dtype=np.float64).dtype == np.float64
    assert mt.full((2,), 7).dtype == np.int64
    assert mt.full((2,), 0.5).tolist() == [0.5, 0.5]
    assert (mt.zeros_like(x).dtype, mt.ones_like(x, dtype="float32").dtype) == (np.float64, np.float32)
    assert mt.full_like(x, 3).tolist() == [[3, 3, 3], [3, 3, 3]]
    assert mt.arange(3).tolist() == [0, 1, 2]
    assert mt.arange(1, 2, 0.5).dtype == np.float32
    assert mt.eye(2).tolist() == [[1, 0], [0, 1]]
    assert mt.eye(2, 3).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert mt.full(size=(2,), fill_value=7).tolist() == [7, 7]
    for like in (mt.empty_like, mt.rand_like, mt.randn_like):
        assert (like(x).shape, like(x).dtype, like(x, dtype="float32").dtype) == ((2, 3), np.float64, np.float32)
        assert like(x, device="meta").is_meta
    assert mt.zeros(2, requires_grad=True).requires_grad


def test_random_tensors_follow_the_seed() -> None:
    mt.manual_seed(5)
    first = mt.randn(100), mt.rand(100), mt.randint(2, 5, (100,))
    mt.manual_seed(5)
    again = mt.randn(100), mt.rand(100), mt.randint(2, 5, (100,))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert [x.dtype for x in first] == [np.float32, np.float32, np.int64]
    assert set(first[2].tolist()) == {2, 3, 4}
    assert 0 <= first[1].min().item() <= first[1].max().item() < 1


def test_bounds_of_random_integers() -> None:
    for x in (mt.randint(2, (3, 4)), mt.randint(2, size=(3, 4)), mt.randint(high=2, size=(3, 4)), mt.randint(0, 2, (3, 4))):
        assert x.shape == (3, 4)
        assert {*x.flatten().tolist()} <= {0, 1}
    with pytest.raises(ValueError, match="high: got 2 with low 2"):
        mt.randint(2, 2, (3,))


def test_dtypes_by_name() -> None:
    for name in ("bool", "float32", "float64", "int32", "int64", "uint8"):
        x = mt.zeros(2, dtype=getattr(mt, name))
        assert x.dtype == getattr(mt, name) == np.dtype(name)
        assert x.element_size() == np.dtype(name).itemsize
        assert x.is_floating_point() == name.startswith("float")


def test_as_another_tensor_is() -> None:
    x, column = mt.arange(6).reshape(2, 3), mt.ones(2, 1)
    assert column.expand_as(x).shape == x.T.reshape_as(x).shape == x.view_as(mt.ones(2, 3)).shape == (2, 3)
    assert x.is_contiguous()
    assert not x.T.is_contiguous()
    assert x.cpu() is x
    with pytest.raises(ValueError, match="no values"):
        mt.ones(2, device="meta").cpu()


def test_arguments_have_the_names_of_pytorch() -> None:
    x = mt.arange(6).reshape(2, 3)
    assert mt.flip(input=x, dims=(0, 1)).tolist() == x.flip(0, 1).tolist() == x.flip((0, 1)).tolist() == [[5, 4, 3], [2, 1, 0]]
    assert mt.permute(x, dims=(1, 0)).shape == x.permute(1, 0).shape == x.permute([1, 0]).shape == (3, 2)
    assert mt.reshape(x, shape=(3, 2)).shape == x.reshape(3, -1).shape == (3, 2)
    assert mt.broadcast_to(x, shape=(4, 2, 3)).shape == x.expand(4, -1, -1).shape == (4, 2, 3)
    assert mt.add(input=x, other=x, alpha=2).tolist() == x.add(other=x, alpha=2).tolist() == (3 * x).tolist()
    assert mt.where(x > 2, input=x, other=0).tolist() == [[0, 0, 0], [3, 4, 5]]
    assert mt.mm(x, mat2=x.t()).tolist() == mt.matmul(x, other=x.t()).tolist()
    assert mt.tensor(5).reshape(()).permute().shape == ()


# --- numbers beside tensors

OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("number", [2, 2.0, True, np.float64(2), np.float32(2), np.int64(2), np.array(2.0), np.array(2)])
@pytest.mark.parametrize("op", OPERATORS)
def test_a_number_takes_the_tensors_dtype(op: Any, number: Any, dtype: type) -> None:
    """On the right and on the left, forward and backward: float32 does not become float64."""
    x = mt.tensor(np.array([1.0, 3.0], dtype), requires_grad=True)
    for y, expected in ((op(x, number), op(x.numpy(), float(number))), (op(number, x), op(float(number), x.numpy()))):
        assert isinstance(y, mt.Tensor)
        assert y.dtype == dtype
        np.testing.assert_allclose(y.numpy(), expected, rtol=1e-6)
        y.sum().backward()
        assert x.grad.dtype == dtype


def test_arrays_beside_tensors_are_constants() -> None:
    x = mt.tensor([1.0, 2.0], requires_grad=True)
    array = np.array([10.0, 20.0])
    for y in (x * array, array * x, x - array, array - x, mt.maximum(array, x), array @ x):
        assert isinstance(y, mt.Tensor)
        assert y.dtype == np.float32
    assert (array > x).tolist() == [True, True]


def test_mixed_tensors() -> None:
    """Integers give way to floating point; float32 and float64 do not mix, except where one has no dimensions."""
    single, double, integers = mt.tensor([1.0]), mt.tensor(np.array([1.0])), mt.tensor([1])
    assert (single + integers).dtype == np.float32
    assert (integers + double).dtype == np.float64
    assert (integers + mt.tensor([True])).dtype == np.int64
    assert (integers * 1.5).tolist() == [1.5]
    assert (integers * 1.5).dtype == np.float32
    assert (integers / 2).dtype == np.float32
    assert (integers**2).dtype == np.int64
    assert (integers + True).dtype == np.int64
    assert (mt.tensor(np.array([7], np.uint8)) + 1).dtype == np.uint8
    with pytest.raises(OverflowError):
        mt.tensor(np.array([7], np.uint8)) + 300
    for op in OPERATORS:
        with pytest.raises(TypeError, match=r"got tensors of float(32|64) and float(32|64); convert one of them with .to\(\)"):
            op(single, double)
    scale = mt.tensor(np.float64(3.0), requires_grad=True)
    y = single * scale
    assert y.dtype == np.float32
    y.sum().backward()
    assert (scale.grad.dtype, scale.grad.item()) == (np.float64, 3.0 / 3.0)


def test_conversions_are_differentiable() -> None:
    x = mt.tensor([1.0, 2.0], requires_grad=True)
    (x.double() ** 2).sum().backward()
    assert (x.grad.dtype, x.grad.tolist()) == (np.float32, [2.0, 4.0])
    assert x.to("float32") is x
    assert (x.long().dtype, x.bool().dtype, x.double().float().dtype) == (np.int64, np.bool_, np.float32)
    assert not x.long().requires_grad


def test_comparisons_and_logic() -> None:
    x, y = mt.tensor([1, 2, 3]), mt.tensor([3, 2, 1])
    assert (x < y).tolist() == [True, False, False]
    assert (x <= 2).tolist() == [True, True, False]
    assert (2 > x).tolist() == [True, False, False]
    assert (x >= y).tolist() == [False, True, True]
    assert (x == y).tolist() == [False, True, False]
    assert (x != 2).tolist() == [True, False, True]
    assert ((x > 1) & ~(x == 3) | (y == 3) ^ (x == 1)).tolist() == [False, True, False]
    assert x.isfinite().all().item()
    assert mt.tensor([np.nan, 1.0]).isnan().tolist() == [True, False]
    assert (x == None) is False  # noqa: E711
    assert (x != "a") is True
    assert not (mt.tensor([1.0], requires_grad=True) > 0).requires_grad
    assert len({x, y, x}) == 2  # hashed by identity


# --- Python's view of a tensor


def test_single_elements() -> None:
    x = mt.tensor([[2.5]])
    assert (x.item(), float(x), int(x), bool(x), f"{x:.2f}") == (2.5, 2.5, 2, True, "2.50")
    assert [10, 20, 30][mt.tensor(1)] == 20
    with pytest.raises(TypeError, match="index: got a tensor of float32"):
        [1][mt.tensor(0.0)]
    for function in (float, bool, lambda x: x.item()):
        with pytest.raises(ValueError, match=r"got a tensor of shape \(2,\)"):
            function(mt.ones(2))


def test_shape_and_size() -> None:
    x = mt.zeros(2, 3, 4)
    assert (x.shape, x.size(), x.size(-1), x.ndim, x.dim(), x.numel(), len(x), x.nbytes) == ((2, 3, 4), (2, 3, 4), 4, 3, 3, 24, 2, 96)
    assert x.strides == (48, 16, 4)


def test_numpy_is_the_memory_itself() -> None:
    x = mt.tensor([1.0, 2.0], requires_grad=True)
    assert x.numpy() is x.data
    assert np.asarray(x) is x.data
    assert np.asarray(x, np.float64).dtype == np.float64
    assert np.array(x, copy=True) is not x.data
    np.testing.assert_array_equal(np.exp(np.asarray(x)), x.exp().numpy())


def test_repr() -> None:
    x = mt.tensor([1.0, 2.5], requires_grad=True)
    assert repr(x) == "tensor([1. , 2.5], requires_grad=True)"
    assert repr(x * 2) == "tensor([2., 5.], grad_fn=Mul)"
    assert repr(mt.tensor(np.array([1.0]))) == "tensor([1.], dtype=float64)"
    assert repr(mt.tensor([[1], [2]])) == "tensor([[1],\n        [2]])"
    assert f"{x}" == repr(x)


def test_requires_grad() -> None:
    x = mt.tensor([1.0])
    assert not x.requires_grad
    assert x.requires_grad_() is x
    y = x * 2
    assert (x.is_leaf, y.is_leaf, x.grad_fn, type(y.grad_fn).__name__) == (True, False, None, "Mul")
    with pytest.raises(RuntimeError, match="requires_grad: only that of a leaf can be switched off"):
        y.requires_grad = False
    with pytest.raises(TypeError, match="requires_grad: got a tensor of int64"):
        mt.tensor([1]).requires_grad_()
    d = y.detach()
    assert (d.requires_grad, d.is_leaf, np.shares_memory(d.data, y.data)) == (False, True, True)


def test_deepcopy() -> None:
    x = mt.tensor([1.0], requires_grad=True)
    x.sum().backward()
    y = copy.deepcopy({"x": x})["x"]
    assert (y.requires_grad, y.tolist(), y.grad.tolist()) == (True, [1.0], [1.0])
    assert not np.shares_memory(x.data, y.data)
    with pytest.raises(RuntimeError, match="deepcopy: got the result of a recorded computation"):
        copy.deepcopy(x * 2)


def test_methods_are_declared() -> None:
    """What methods.pyi declares and the functions that `method` joins to Tensor are the same, with the same arguments."""
    stub = Path(mt.__file__).with_name("methods.pyi")
    (declared,) = (node for node in ast.parse(stub.read_text()).body if isinstance(node, ast.ClassDef))
    (written,) = (node for node in ast.parse(inspect.getsource(mt.Tensor)).body if isinstance(node, ast.ClassDef))
    here = {node.name for node in written.body if isinstance(node, ast.FunctionDef)}
    names = {node.name for node in declared.body if isinstance(node, ast.FunctionDef)}
    joined_names = {name for name, value in vars(mt.Tensor).items() if inspect.isfunction(value)} - here
    assert names - {"__hash__"} == joined_names
    for node in declared.body[1:]:
        assert isinstance(node, ast.FunctionDef)
        function = getattr(mt.Tensor, node.name)
        if node.name == "__hash__":
            continue
        joined = [(p.name if p.default is not p.empty else p.kind) for p in inspect.signature(function).parameters.values()]
        template = eval(f"lambda {ast.unparse(_without_types(node.args))}: None")
        promised = [(p.name if p.default is not p.empty else p.kind) for p in inspect.signature(template).parameters.values()]
        assert joined == promised, node.name


def _without_types(arguments: ast.arguments) -> ast.arguments:
    for argument in ast.walk(arguments):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    return arguments

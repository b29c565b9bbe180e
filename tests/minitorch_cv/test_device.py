"""Tensors and modules on an emulated GPU: where they are, how they move, what goes with them, and what is refused."""

import copy
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import minitorch_cv as mt
import minitorch_cv.functional as F
from minitorch_cv import nn
from minitorch_cv.inference import segment
from minitorch_cv.inference.classification import probabilities
from minitorch_cv.testing.emulation import emulated_gpu, missing


@pytest.fixture
def gpu() -> Iterator[None]:
    if missing():
        pytest.skip(missing())
    with emulated_gpu():
        yield


def test_names_and_numbers() -> None:
    assert mt.device("cuda") == mt.device("cuda:0") == "cuda" == mt.device("cuda", 0)
    assert mt.device("cuda") != mt.device("cuda:1") != "cuda"
    assert (mt.device("cuda:1").type, mt.device("cuda:1").index) == ("cuda", 1)
    assert (mt.device("cpu").type, mt.device("cpu").index) == ("cpu", None)
    assert repr(mt.device("cuda")) == "device('cuda:0')"
    assert {mt.device("cuda"), mt.device("cuda", 0)} == {mt.device("cuda:0")}
    assert pickle.loads(pickle.dumps(mt.device("cuda:1"))) == "cuda:1"
    for wrong in ("gpu", "cuda:", "cuda:-1", "cpu:0", "cuda1", ""):
        with pytest.raises(ValueError, match=f"device: got '{wrong}', expected one of cpu, meta, cuda"):
            mt.device(wrong)
    with pytest.raises(ValueError, match="device: got"):
        mt.device("cuda:1", 1)


@pytest.mark.usefixtures("gpu")
def test_every_creation_function_makes_its_tensor_there() -> None:
    x = mt.zeros(2, 3, device="cuda:1", dtype=mt.float64)
    made = [
        mt.tensor([1, 2], device="cuda:1"), mt.empty(2, device="cuda:1"), mt.ones(2, device="cuda:1"), mt.full((2,), 3, device="cuda:1"),
        mt.arange(3, device="cuda:1"), mt.linspace(0, 1, 3, device="cuda:1"), mt.eye(3, device="cuda:1"), mt.rand(3, device="cuda:1"),
        mt.randn(3, device="cuda:1"), mt.randint(5, (3,), device="cuda:1"), mt.zeros_like(x), mt.ones_like(x), mt.empty_like(x),
        mt.full_like(x, 2), mt.rand_like(x), mt.randn_like(x), mt.zeros_like(mt.ones(2), device="cuda:1"), mt.tensor(x),
    ]  # fmt: skip
    assert [y.device for y in made] == [mt.device("cuda:1")] * len(made)
    assert all(y.is_cuda for y in made)
    assert not mt.zeros(2).is_cuda
    assert mt.randn_like(x).dtype == np.float64


@pytest.mark.usefixtures("gpu")
def test_the_same_seed_draws_the_same_numbers_everywhere() -> None:
    drawn = []
    for device in ("cpu", "cuda"):
        mt.manual_seed(3)
        numbers = [mt.randn(4, device=device), mt.randint(9, (4,), device=device), nn.Linear(3, 2, device=device).weight]
        drawn.append([x.cpu() for x in numbers])
    for a, b in zip(*drawn, strict=True):
        assert np.array_equal(a.numpy(), b.numpy())


@pytest.mark.usefixtures("gpu")
def test_a_with_block_is_where_tensors_are_made() -> None:
    with mt.device("cuda:1"):
        assert mt.zeros(2).device == nn.Linear(2, 2).weight.device == "cuda:1"
        assert mt.cuda.current_device() == 1
        with mt.device("cpu"):
            assert mt.zeros(2).device == "cpu"
    assert mt.zeros(2).device == "cpu"
    assert mt.cuda.current_device() == 0


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 2, 3, 1), (3, 1, 0, 2)])
def test_moving_keeps_values_and_the_order_of_memory(order: tuple[int, ...]) -> None:
    array = np.arange(120.0).reshape([(2, 3, 4, 5)[axis] for axis in order]).transpose(np.argsort(order))
    there = mt.from_numpy(array).to("cuda")
    assert there.device == "cuda:0"
    assert there.data.strides == array.strides
    other = there.to("cuda:1")
    assert other.device == "cuda:1"
    assert other.data.strides == array.strides
    back = other.cpu()
    assert type(back.data) is np.ndarray
    assert back.data.strides == array.strides
    assert np.array_equal(back.numpy(), array)
    assert there.to("cuda") is there
    assert there.cuda() is there
    assert back.cpu() is back
    assert there.cuda(1).device == "cuda:1"
    assert there.to("meta").shape == array.shape


@pytest.mark.usefixtures("gpu")
def test_views_and_numbers_of_the_other_byte_order_move_too() -> None:
    array = np.arange(24.0).reshape(4, 6)[::2, ::-3]
    for source in (array, array.astype(">f4"), np.broadcast_to(np.float32(2), (2, 3)), np.zeros((0, 3)), np.array(3.0)):
        assert np.array_equal(mt.from_numpy(source).to("cuda").cpu().numpy(), source)


@pytest.mark.usefixtures("gpu")
def test_gradients_go_back_to_where_their_tensors_are() -> None:
    x = mt.tensor([1.0, 2.0], requires_grad=True)
    y = mt.tensor([3.0, 4.0], requires_grad=True, device="cuda")
    ((x.to("cuda") * y).to("cuda:1") * 2).cpu().sum().backward()
    assert (x.grad.device, y.grad.device) == ("cpu", "cuda:0")
    assert x.grad.tolist() == [6.0, 8.0]
    assert y.grad.tolist() == [2.0, 4.0]
    (gradient,) = mt.autograd.grad(x.to("cuda", np.float64), x, [[1.0, 2.0]])
    assert gradient.dtype == np.float32
    assert gradient.tolist() == [1.0, 2.0]


@pytest.mark.usefixtures("gpu")
def test_the_second_gpu_computes_by_itself() -> None:
    x = mt.tensor([[1.0, -2.0]], requires_grad=True, device="cuda:1")
    F.relu(x * 3 + 1).sum().backward()
    assert x.grad.device == "cuda:1"
    assert x.grad.tolist() == [[3.0, 0.0]]
    assert mt.cuda.current_device() == 0


@pytest.mark.usefixtures("gpu")
def test_tensors_on_two_devices_do_not_mix() -> None:
    here, there = mt.ones(2), mt.ones(2, device="cuda")
    for function in (lambda: here + there, lambda: there * here, lambda: F.linear(there, mt.ones(2, 2)), lambda: here == there):
        with pytest.raises(ValueError, match=r"got tensors on cpu and cuda:0, expected all on one device; move one with \.to\('cuda:0'\)"):
            function()
    with pytest.raises(ValueError, match=r"Add: got tensors on cuda:1 and cuda:0, expected"):
        there + mt.ones(2, device="cuda:1")
    with pytest.raises(ValueError, match="got tensors on cpu and cuda:0"):
        there * mt.tensor(2.0, requires_grad=True)


@pytest.mark.usefixtures("gpu")
def test_numbers_constants_and_indices_come_along() -> None:
    x = mt.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], device="cuda")
    array = np.array([1.0, 0.0, 2.0], np.float32)
    for result, expected in [
        (x + mt.tensor(1.0), [[2, 3, 4], [5, 6, 7]]),
        (x * array, [[1, 0, 6], [4, 0, 12]]),
        (array - x, [[0, -2, -1], [-3, -5, -4]]),
        (x > array, [[False, True, True], [True, True, True]]),
        (mt.where(np.array([True, False, True]), x, 0), [[1, 0, 3], [4, 0, 6]]),
        (x.masked_fill(mt.tensor([True, False, False], device="cuda"), -1), [[-1, 2, 3], [-1, 5, 6]]),
        (x[np.array([1, 0])], [[4, 5, 6], [1, 2, 3]]),
        (x[[1], mt.tensor([0, 2])], [4, 6]),
        (x[:, mt.tensor([True, False, True])], [[1, 3], [4, 6]]),
        (x.gather(1, mt.tensor([[2], [0]], device="cuda")), [[3], [4]]),
        (x.index_select(1, mt.tensor([2, 2], device="cuda")), [[3, 3], [6, 6]]),
        (mt.tril(x), [[1, 0, 0], [4, 5, 0]]),
    ]:
        assert result.device == "cuda:0"
        assert result.tolist() == expected
    loss = F.cross_entropy(x, np.array([0, 2]))
    assert loss.item() == pytest.approx(F.cross_entropy(x.cpu(), np.array([0, 2])).item(), abs=1e-6)


@pytest.mark.usefixtures("gpu")
def test_writing_in_place() -> None:
    x = mt.zeros(4, device="cuda")
    x[1] = 2
    x[[0, 0, 3, 0]] = mt.tensor([5.0, 6.0, 7.0, 8.0])  # to one place: the last one stays, as on the CPU
    x[np.array([False, False, True, False])] = np.float32(9)
    assert x.tolist() == [8.0, 2.0, 9.0, 7.0]
    x += 1
    x.mul_(mt.tensor(2.0)).copy_(np.array([1, 2, 3, 4]))
    assert x.tolist() == [1.0, 2.0, 3.0, 4.0]
    on_cpu = mt.zeros(4)
    on_cpu.copy_(x)
    assert on_cpu.tolist() == x.tolist()
    assert on_cpu.device == "cpu"
    with pytest.raises(ValueError, match="read-only"):
        mt.ones(1, device="cuda").broadcast_to(3).fill_(2)
    leaf = mt.zeros(3, requires_grad=True, device="cuda")
    y = leaf * 1
    y[[1, 1]] = mt.tensor([3.0, 4.0], device="cuda")
    y.sum().backward()
    assert y.tolist() == [0.0, 4.0, 0.0]
    assert leaf.grad.tolist() == [1.0, 0.0, 1.0]


@pytest.mark.usefixtures("gpu")
def test_what_python_and_numpy_see() -> None:
    x = mt.tensor([1.5, 2.0], device="cuda")
    assert repr(x) == "tensor([1.5, 2. ], device='cuda:0')"
    assert (x[0].item(), float(x[1]), bool(x[0] > 1), f"{x[0]:.2f}", int(x[1])) == (1.5, 2.0, True, "1.50", 2)
    assert [v.item() for v in x] == [1.5, 2.0]
    assert x.sum().cpu().numpy() == np.float32(3.5)
    for function in (x.numpy, lambda: np.asarray(x), lambda: np.exp(x.data.get()) * np.array(x)):
        with pytest.raises(TypeError, match=r"got a tensor on cuda:0, whose memory NumPy cannot read; call \.cpu\(\) first"):
            function()
    for other in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert other.device == "cuda:0"
        assert other.tolist() == x.tolist()
        assert other.data is not x.data
    with pytest.raises(IndexError):
        x.gather(0, mt.tensor([2], device="cuda"))


@pytest.mark.usefixtures("gpu")
def test_a_gpu_that_is_not_there() -> None:
    for function in (lambda: mt.zeros(2, device="cuda:7"), lambda: mt.zeros(2).to("cuda:7"), lambda: mt.zeros(2).cuda(7)):
        with pytest.raises(ValueError, match="device: got 'cuda:7', expected cuda:0 to cuda:1"):
            function()
    with pytest.raises(ValueError, match="no values; Module"):
        mt.zeros(2, device="meta").to("cuda")


# --- modules


class Net(nn.Module):
    """A little of everything: parameters, buffers, a counter."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.fc = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 3)

    def forward(self, x: mt.Tensor) -> mt.Tensor:
        return self.fc(F.relu(self.norm(self.conv(x))).mean((2, 3)))


@pytest.mark.usefixtures("gpu")
def test_modules_move_in_place() -> None:
    model = Net()
    parameters = list(model.parameters())
    parameters[0].grad = mt.ones_like(parameters[0])
    optimizer = mt.optim.SGD(parameters, lr=0.1)
    assert model.cuda() is model
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))
    assert {x.device for x in (*model.parameters(), *model.buffers(), parameters[0].grad)} == {mt.device("cuda")}
    before = parameters[0].cpu().numpy().copy()
    model.zero_grad()
    model(mt.randn(2, 1, 5, 5, device="cuda")).square().sum().backward()
    optimizer.step()
    assert parameters[0].device == "cuda:0"
    assert not np.array_equal(parameters[0].cpu().numpy(), before)
    model.cpu()
    assert {x.device for x in (*model.parameters(), *model.buffers(), parameters[0].grad)} == {mt.device("cpu")}
    model.to("cuda:1", np.float64)
    assert model.norm.running_mean.dtype == np.float64
    assert model.norm.num_batches_tracked.dtype == np.int64
    model.half()
    assert model.fc.weight.dtype == np.float16


@pytest.mark.usefixtures("gpu")
def test_states_cross_devices(tmp_path: Path) -> None:
    source, target = Net().cuda(), Net()
    target.load_state_dict(source.state_dict())
    assert target.fc.weight.device == "cpu"
    back = Net().to("cuda:1")
    back.load_state_dict({name: value.numpy() for name, value in target.state_dict().items()})
    for suffix in (".safetensors", ".pth"):
        path = tmp_path / f"weights{suffix}"
        mt.weights.save(path, source)
        state = mt.weights.load(path)
        assert all(type(array) is np.ndarray for array in state.values())
        there = mt.weights.load(path, device="cuda:1")
        assert {mt.Tensor(array).device for array in there.values()} == {mt.device("cuda:1")}
        shapes = Net().to("meta").to_empty(device="cuda")
        for model in (back, shapes):
            mt.weights.load_into(model, state)
        for name, value in source.state_dict().items():
            for other in (target, back, shapes):
                assert np.array_equal(other.state_dict()[name].cpu().numpy(), value.cpu().numpy()), name
        assert (back.fc.weight.device, shapes.fc.weight.device) == ("cuda:1", "cuda:0")


@pytest.mark.usefixtures("gpu")
def test_a_model_on_a_gpu_answers_as_on_the_cpu() -> None:
    class Valid(nn.Module):
        border, stride = 1, 1

        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)

        def valid(self, x: mt.Tensor) -> mt.Tensor:
            return self.conv(x)

        def input_size(self, size: int) -> int:
            return size + 2

    mt.manual_seed(0)
    model, segmenting = Net().eval(), Valid()
    images = mt.randn(2, 1, 5, 6)
    expected = probabilities(model, images.numpy()), segment(segmenting, images, 3).numpy()
    assert np.allclose(probabilities(model.cuda(), images.numpy()), expected[0], rtol=0, atol=1e-6)
    there = segment(segmenting.cuda(), images.cuda(), 3)
    assert there.device == "cuda:0"
    assert np.allclose(there.cpu().numpy(), expected[1], rtol=0, atol=1e-6)


def test_bfloat16_counts_as_floating_everywhere() -> None:
    pytest.importorskip("ml_dtypes")
    x = mt.tensor([1.5, -2.0], dtype="bfloat16", requires_grad=True)
    assert x.dtype == mt.bfloat16 == mt.ones(2).bfloat16().dtype
    assert x.is_floating_point()
    F.relu(x * 2 + 1).sum().backward()
    assert x.grad.dtype == mt.bfloat16
    assert x.grad.tolist() == [2.0, 0.0]
    assert (x[0].item(), float(x[1]), f"{x[0]:.1f}") == (1.5, -2.0, "1.5")
    assert repr(x.detach()) == "tensor([ 1.5, -2. ], dtype=bfloat16)"
    assert copy.deepcopy(x).tolist() == pickle.loads(pickle.dumps(x)).tolist() == x.tolist()
    assert (x.float().dtype, x.half().dtype, x.to("bfloat16")) == (np.float32, np.float16, x)
    model = nn.BatchNorm2d(2).bfloat16()
    assert (model.weight.dtype, model.num_batches_tracked.dtype) == (mt.bfloat16, np.int64)


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 3, 1, 1), (3, 1, 1), (1, 1, 1, 5), ()])
def test_arithmetic_keeps_images_channels_last(shape: tuple[int, ...]) -> None:
    """On a GPU as on the CPU, whichever operand is the image; the values, too."""
    rng = np.random.default_rng(0)
    image, other = rng.random((2, 4, 5, 3)).transpose(0, 3, 1, 2) + 0.5, rng.random(shape) + 0.5
    if other.shape == image.shape:
        other = other.reshape(2, 4, 5, 3).transpose(0, 3, 1, 2)
    x, y = mt.tensor(image), mt.tensor(other)
    for operation in (lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b):
        for first, second in ((x, y), (y, x)):
            there = operation(first.cuda(), second.cuda())
            assert np.array_equal(there.cpu().numpy(), operation(first, second).numpy())
            assert there.data.transpose(0, 2, 3, 1).flags.c_contiguous

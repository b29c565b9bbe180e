"""Tensors and networks on the device "meta": shapes of everything, values of nothing, no memory."""

import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np
import pytest

import minitorch_cv as mt
from kernels.meta import NoValuesError
from minitorch_cv import functional as F
from minitorch_cv import nn, optim
from minitorch_cv.nn.parameter import new_buffer, new_parameter


@pytest.fixture(autouse=True)
def _slow_but_not_compiled() -> Iterator[None]:
    """What has values is computed by the definitions: it is small."""
    with mt.backend("numpy"):
        yield


# --- devices


def test_a_device_is_known_by_its_name() -> None:
    assert mt.device("meta") == "meta" == mt.device(mt.device("meta"))
    assert mt.device("meta") != mt.device("cpu")
    assert repr(mt.device("cpu")) == "device('cpu')"
    assert {mt.device("cpu"), mt.device("cpu")} == {mt.device("cpu")}
    with pytest.raises(ValueError, match="device: got 'gpu', expected one of cpu, meta"):
        mt.device("gpu")


def test_the_block_says_where_new_tensors_are_and_the_argument_says_it_louder() -> None:
    with mt.device("meta"):
        assert mt.zeros(2).is_meta
        assert not mt.zeros(2, device="cpu").is_meta
        with mt.device("cpu"):
            assert mt.zeros(2).device == "cpu"
        assert nn.Linear(2, 3).weight.is_meta
        assert not nn.Linear(2, 3, device="cpu").weight.is_meta
    assert mt.zeros(2).device == "cpu"


def test_the_block_ends_with_an_exception_too_and_is_for_its_own_thread() -> None:
    found: list = []
    thread = threading.Thread(target=lambda: found.append(mt.zeros(1).device))
    with mt.device("meta"):
        thread.start()
        thread.join()
    with pytest.raises(ValueError, match="step"), mt.device("meta"):
        mt.arange(0, 3, 0)
    assert found == ["cpu"]
    assert not mt.zeros(1).is_meta


@pytest.mark.parametrize(
    ("create", "shape", "dtype"),
    [
        (lambda **o: mt.empty(2, 3, **o), (2, 3), np.float32), (lambda **o: mt.zeros(2, 3, **o), (2, 3), np.float32),
        (lambda **o: mt.ones((2, 3), dtype=np.float64, **o), (2, 3), np.float64), (lambda **o: mt.full((2,), 3, **o), (2,), np.int64),
        (lambda **o: mt.arange(5, **o), (5,), np.int64), (lambda **o: mt.eye(4, **o), (4, 4), np.float32),
        (lambda **o: mt.randn(2, 3, **o), (2, 3), np.float32), (lambda **o: mt.rand(2, 3, **o), (2, 3), np.float32),
        (lambda **o: mt.randint(0, 9, (4,), **o), (4,), np.int64), (lambda **o: mt.tensor([[1.0, 2.0]], **o), (1, 2), np.float32),
        (lambda **o: mt.zeros_like(mt.ones(3), **o), (3,), np.float32), (lambda **o: mt.full_like(mt.ones(3), 2, **o), (3,), np.float32),
        (lambda **o: new_parameter((2, 3), **o), (2, 3), np.float32), (lambda **o: new_buffer((), np.int64, **o), (), np.int64),
    ],
)  # fmt: skip
def test_what_creates_tensors_creates_them_on_the_device(create: Callable, shape: tuple, dtype: type) -> None:
    for device in ("cpu", "meta"):
        x = create(device=device)
        assert (x.shape, x.dtype, x.device) == (shape, dtype, device)


def test_like_functions_stay_on_the_device_of_their_argument() -> None:
    x = mt.empty(2, 3, device="meta")
    for y in (mt.zeros_like(x), mt.ones_like(x), mt.full_like(x, 2), mt.tensor(x), x.clone(), x.detach(), x.contiguous()):
        assert y.is_meta
        assert y.shape == (2, 3)
    assert not mt.zeros_like(x, device="cpu").is_meta


# --- tensors


@pytest.mark.parametrize(
    "ask",
    [
        float, int, bool, lambda x: x.item(), lambda x: x.numpy(), lambda x: x.tolist(), np.asarray, lambda x: f"{x:.2f}",
        lambda x: x[x > 0], lambda x: x.masked_select(x > 0), lambda x: x.nonzero(),
    ],
)  # fmt: skip
def test_asking_for_values_is_an_error_that_says_so(ask: Callable) -> None:
    with pytest.raises(NoValuesError, match=r"a shape-only tensor \(device 'meta'\) has no values"):
        ask(mt.empty(1, device="meta"))


def test_it_shows_its_shape() -> None:
    assert repr(mt.empty(2, 3, device="meta")) == "tensor(..., device='meta', size=(2, 3), dtype=float32)"


def test_to_takes_dtypes_devices_and_tensors() -> None:
    x = mt.ones(2, 3)
    assert (x.to("meta").device, x.to("meta").dtype) == ("meta", np.float32)
    assert (x.to("meta", "float64").device, x.to("meta", "float64").dtype) == ("meta", np.float64)
    assert (x.to(np.float64, device="meta").device, x.to(dtype=np.float64).dtype) == ("meta", np.float64)
    assert x.to(mt.zeros(1, dtype=np.int64, device="meta")).dtype == np.int64
    assert x.to("cpu") is x
    assert x.to(device="cpu", dtype=np.float32) is x
    with pytest.raises(ValueError, match="device: got 'cpu' for a tensor on 'meta', which has no values"):
        x.to("meta").to("cpu")
    with pytest.raises(TypeError, match="dtype: got 'many', expected a NumPy dtype such as 'float64', or a device: cpu, meta"):
        x.to("many")


def test_one_operand_without_values_is_enough() -> None:
    x, y = mt.ones(2, 3), mt.empty(4, 2, 3, device="meta")
    assert (x * y).shape == (y + x).shape == F.where(y > 0, x, y).shape == (4, 2, 3)
    for z in (x * y, y + x, y / 2, 1 - y, F.where(y > 0, x, y), F.cat([x[None], y]), x @ y[0].T):
        assert z.is_meta


def test_gradients_have_the_shapes_and_dtypes_of_what_they_belong_to() -> None:
    x = mt.empty(4, 3, 8, 8, dtype=np.float64, device="meta", requires_grad=True)
    weight = mt.empty(6, 3, 3, 3, dtype=np.float64, device="meta", requires_grad=True)
    values, indices = F.conv2d(x, weight, stride=2).relu().flatten(2).max(2)
    assert (values.shape, indices.dtype) == ((4, 6), np.int64)
    (gx,) = mt.autograd.grad(values.square().sum(), [x], create_graph=True)
    gx.square().mean().backward()
    for tensor in (x, weight):
        assert tensor.grad is not None
        assert (tensor.grad.shape, tensor.grad.dtype, tensor.grad.device) == (tensor.shape, np.float64, "meta")


def test_a_gradient_without_values_cannot_come_back_to_a_tensor_that_has_some() -> None:
    x = mt.ones(3, requires_grad=True)
    with pytest.raises(NoValuesError):
        x.to("meta").sum().backward()


def test_changes_in_place_check_shapes() -> None:
    x = mt.empty(2, 3, device="meta")
    x += mt.ones(3)
    x[0] = 1
    x[:, 1] = mt.empty(2, device="meta")
    x.zero_().mul_(2).copy_(mt.ones(2, 3))
    with pytest.raises(ValueError, match="cannot be broadcast"):
        x[0] = mt.ones(4)
    y = mt.zeros(2, 3)
    for write in (lambda: y.copy_(x), lambda: y.add_(x), lambda: y.__setitem__(0, x[0])):
        with pytest.raises(NoValuesError):
            write()
    assert y.tolist() == [[0.0] * 3] * 2


def test_changing_a_part_in_place_is_no_change_of_the_whole_where_it_may_be_a_copy() -> None:
    weight = mt.empty(4, 3, device="meta", requires_grad=True)
    product = weight * weight
    part = weight[[0, 2]] * 1
    rows = weight[[0, 2]]
    rows += 1
    (product.sum() + (part * rows).sum()).backward()
    assert weight.grad is not None
    assert weight.grad.shape == (4, 3)
    with pytest.raises(RuntimeError, match="the tensor is a leaf that requires a gradient"):
        weight += 1


def test_debug_mode_and_checkpoints_work_without_values() -> None:
    layer = nn.Linear(3, 2, device="meta")
    x = mt.empty(5, 3, device="meta", requires_grad=True)
    with mt.autograd.debug_mode():
        mt.checkpoint(layer, x).sum().backward()
    assert x.grad is not None
    assert x.grad.shape == (5, 3)


def test_random_streams_do_not_move() -> None:
    before = mt.random.get_state()
    with mt.device("meta"):
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Flatten(), nn.Linear(4 * 36, 5))
        net(mt.randn(2, 3, 8, 8)).sum().backward()
    assert mt.random.get_state() == before


# --- functions: what is as large as the data must not be made, forward or backward

LARGE = (64, 256, 56, 56)  # 205 MB of float32


def large(*shape: int, dtype: type = np.float32) -> mt.Tensor:
    return mt.empty(*(shape or LARGE), dtype=dtype, device="meta")


FUNCTIONS: dict[str, Callable[[mt.Tensor], mt.Tensor]] = {
    "gelu": F.gelu,
    "hardswish": F.hardswish,
    "prelu": lambda x: F.prelu(x, large(256)),
    "softmax": lambda x: F.softmax(x, 1),
    "batch_norm": lambda x: F.batch_norm(x, large(256), large(256), large(256), large(256), True, relu=True, residual=x),
    "layer_norm": lambda x: F.layer_norm(x, LARGE[1:]),
    "group_norm": lambda x: F.group_norm(x, 32, large(256), large(256)),
    "local_response_norm": lambda x: F.local_response_norm(x, 5),
    "max_pool2d": lambda x: F.max_pool2d(x, 3, 2, 1),
    "adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x, 7),
    "max_unpool2d": lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2),
    "interpolate": lambda x: F.interpolate(x, size=(30, 31), mode="bicubic", antialias=True),
    "pad": lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"),
    "pixel_shuffle": lambda x: F.pixel_shuffle(x, 2),
    "unfold": lambda x: F.unfold(x, 3, padding=1),
    "dropout": F.dropout,
    "cross_entropy": lambda x: F.cross_entropy(x, large(64, 56, 56, dtype=np.int64), large(256)),
    "binary_cross_entropy": lambda x: F.binary_cross_entropy(x, x.detach()),
    "huber_loss": lambda x: F.huber_loss(x, x.detach()),
    "logsumexp": lambda x: F.logsumexp(x, 1),
    "std": lambda x: F.std(x, 1),
    "prod": lambda x: F.prod(x, 1),
    "norm": F.norm,
    "cumprod": lambda x: F.cumprod(x, 1),
    "sort": lambda x: F.sort(x, 1)[0],
    "topk": lambda x: F.topk(x, 5, 1)[0],
    "gather": lambda x: F.gather(x, 1, large(dtype=np.int64)),
    "scatter": lambda x: F.scatter(x, 1, large(dtype=np.int64), x),
    "indexing": lambda x: x[:, [1, 2, 3], ::2] * x[large(64, dtype=np.int64), 0, 0, 0].sum(),
    "where": lambda x: F.where(x > 0, x, x.clamp(min=-1)),
    "einsum": lambda x: F.einsum("nchw,ndhw->ncd", x, x),
    "matmul": lambda x: x.flatten(2) @ x.flatten(2).transpose(1, 2),
    "conv2d": lambda x: F.conv2d(x, large(64, 256, 3, 3), padding=1),
    "depthwise": lambda x: F.conv2d(x, large(256, 1, 3, 3), padding="same", groups=256),
    "conv_transpose2d": lambda x: F.conv_transpose2d(x, large(256, 64, 3, 3), stride=2, output_padding=1),
    "checkpoint": lambda x: mt.checkpoint(lambda x: x.roll(1, 0).tanh() ** 2, x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_function_makes_anything_of_the_size_of_the_data(name: str) -> None:
    x = large().requires_grad_()
    tracemalloc.start()
    y = FUNCTIONS[name](x)
    (gx,) = mt.autograd.grad(y.sum(), [x])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert y.is_meta
    assert gx.is_meta
    assert gx.shape == LARGE
    assert peak < 5_000_000


# --- networks


class Bottleneck(nn.Module):
    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        same = stride == 1 and inputs == 4 * width
        widen = nn.Sequential(nn.Conv2d(inputs, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width))
        self.downsample = nn.Identity() if same else widen

    def forward(self, x: mt.Tensor) -> mt.Tensor:
        y = self.bn2(self.conv2(self.bn1(self.conv1(x), relu=True)), relu=True)
        return self.bn3(self.conv3(y), residual=self.downsample(x), relu=True)


def resnet50(width: int = 64, classes: int = 1000) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    inputs = width
    for stage, blocks in enumerate((3, 4, 6, 3)):
        for block in range(blocks):
            layers.append(Bottleneck(inputs, width * 2**stage, 2 if stage and not block else 1))
            inputs = 4 * width * 2**stage
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes))


def vgg16(width: int = 64, classes: int = 1000) -> nn.Sequential:
    layers: list[nn.Module] = []
    inputs = 3
    for factor, count in ((1, 2), (2, 2), (4, 3), (8, 3), (8, 3)):
        for _ in range(count):
            layers += [nn.Conv2d(inputs, factor * width, 3, padding=1), nn.ReLU()]
            inputs = factor * width
        layers.append(nn.MaxPool2d(2))
    hidden = 64 * width
    head = [nn.Linear(inputs * 49, hidden), nn.ReLU(), nn.Dropout(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout()]
    return nn.Sequential(*layers, nn.Flatten(), *head, nn.Linear(hidden, classes))


@pytest.mark.parametrize(("build", "parameters"), [(vgg16, 138_357_544), (resnet50, 25_557_032)])
def test_the_largest_networks_cost_nothing(build: Callable, parameters: int) -> None:
    """Their numbers of parameters are those that are known of VGG-16 and ResNet-50."""
    tracemalloc.start()
    start = time.process_time()
    with mt.device("meta"):
        net = build()
        loss = F.cross_entropy(net(mt.empty(256, 3, 224, 224)), mt.zeros(256, dtype=np.int64))
        loss.backward()
    seconds = time.process_time() - start
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert loss.shape == ()
    assert sum(p.numel() for p in net.parameters()) == parameters
    assert all(p.grad is not None and p.grad.is_meta and p.grad.shape == p.shape for p in net.parameters())
    assert peak < 4_000_000
    assert seconds < 2


def test_a_network_tells_the_same_shapes_with_values_and_without() -> None:
    shapes: dict[str, list] = {"cpu": [], "meta": []}
    for device, found in shapes.items():
        with mt.device(device):
            net, x = resnet50(2, 5), mt.ones(2, 3, 32, 32, requires_grad=True)
        for module in net.modules():
            module.register_forward_hook(lambda module, args, output, found=found: found.append((type(module), output.shape, output.dtype)))
        net(x).sum().backward()
        found += [(name, p.grad.shape, p.grad.dtype, p.device) for name, p in net.named_parameters() if p.grad is not None]
        found += [(name, buffer.shape, buffer.dtype) for name, buffer in net.named_buffers()]
        assert x.grad is not None
        assert x.grad.shape == x.shape
    assert [entry[:3] for entry in shapes["meta"]] == [entry[:3] for entry in shapes["cpu"]]
    assert {entry[3] for entry in shapes["meta"] if len(entry) == 4} == {"meta"}


def test_a_module_loses_its_values_and_gets_new_ones() -> None:
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    net(mt.ones(4, 3)).sum().backward()
    net.to("meta")
    assert all(t.is_meta for t in net.state_dict().values())
    assert all(p.grad is not None and p.grad.is_meta for p in net.parameters())
    with pytest.raises(ValueError, match="device: got 'cpu' for a tensor on 'meta'"):
        net.to("cpu")
    net.to("meta", np.float64)
    assert {t.dtype for t in net.state_dict().values()} == {np.dtype(np.float64), np.dtype(np.int64)}
    net.to_empty(device="cpu")
    assert all(p.grad is None and p.is_leaf and p.requires_grad for p in net.parameters())
    net.apply(lambda module: module.reset_parameters() if hasattr(module, "reset_parameters") else None)
    assert net(mt.ones(4, 3, dtype=np.float64)).isfinite().all()


def test_a_move_that_cannot_be_done_changes_nothing() -> None:
    net = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2, device="meta"))
    with pytest.raises(ValueError, match="which has no values"):
        net.to("cpu", np.float64)
    assert {p.dtype for p in net.parameters()} == {np.dtype(np.float32)}


def test_a_network_without_values_takes_over_those_of_a_file() -> None:
    source, net = nn.Linear(3, 2), nn.Linear(3, 2, device="meta")
    state = {key: value.numpy() for key, value in source.state_dict().items()}
    with pytest.raises(RuntimeError, match="weight: is a shape-only tensor"):
        net.load_state_dict(state)
    net.load_state_dict(state, assign=True)
    assert net.weight.data is state["weight"]
    assert net.weight.requires_grad
    assert (net(mt.ones(1, 3)) == source(mt.ones(1, 3))).all()
    with pytest.raises(RuntimeError, match="weight: got a shape-only tensor"):
        net.load_state_dict(nn.Linear(3, 2, device="meta").state_dict())
    with pytest.raises(RuntimeError, match="weight: got dtype int64, expected one like float32"):
        net.load_state_dict({**state, "weight": np.ones((2, 3), np.int64)}, assign=True)


def test_an_optimiser_needs_values() -> None:
    with pytest.raises(ValueError, match="params: number 0 is a shape-only tensor"):
        optim.SGD(nn.Linear(3, 2, device="meta").parameters(), lr=0.1)


def test_a_running_average_of_all_batches_needs_no_count() -> None:
    assert nn.BatchNorm1d(3, momentum=None, device="meta")(mt.empty(4, 3, device="meta")).shape == (4, 3)

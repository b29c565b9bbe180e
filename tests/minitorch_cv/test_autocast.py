"""Mixed precision on a GPU, real or emulated: which function computes in what, and how far networks are from float32."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from gpu import GPU, REASON, gpu_here

import minitorch_cv as mt
import minitorch_cv.functional as F
from kernels.gpu.precision import tf32_allowed
from minitorch_cv import nn
from minitorch_cv.autograd.autocast import RULES
from minitorch_cv.testing import relative_error

pytest.importorskip("ml_dtypes")
LOW = ("float16", "bfloat16")


@pytest.fixture(scope="module")
def gpu() -> Iterator[None]:
    if REASON is not None:
        pytest.skip(REASON)
    with gpu_here(), mt.backend("numpy"):
        yield


def test_names() -> None:
    with pytest.raises(ValueError, match="precision: got 'half', expected one of float32, tf32, float16, bfloat16"), mt.autocast("half"):
        pass
    assert {name for name in RULES if hasattr(F, name)} == set(RULES)
    assert all(hasattr(getattr(F, name), "__wrapped__") for name in RULES)


@pytest.mark.usefixtures("gpu")
def test_tf32_is_a_switch_of_its_block() -> None:
    assert not tf32_allowed()
    with mt.autocast("tf32"):
        assert tf32_allowed()
        assert (mt.ones(2, 2) @ mt.ones(2, 2)).dtype == np.float32
        with mt.autocast("float32"):
            assert not tf32_allowed()
    assert not tf32_allowed()


@pytest.mark.usefixtures("gpu")
def test_16_bits_on_the_cpu_are_refused() -> None:
    with mt.autocast("bfloat16"):
        with pytest.raises(ValueError, match="autocast: got bfloat16 with tensors on the CPU"):
            nn.Linear(2, 2)(mt.ones(1, 2))
        with mt.autocast("float32"):
            assert nn.Linear(2, 2)(mt.ones(1, 2)).dtype == np.float32
        assert nn.Linear(2, 3, device="meta")(mt.ones(1, 2, device="meta")).shape == (1, 3)


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("precision", LOW)
def test_which_function_computes_in_what(precision: str) -> None:
    low = np.dtype(getattr(mt, precision))
    x = mt.rand(2, 3, 4, 4, device="cuda") + 0.5
    weight, kernel = mt.rand(4, 4, device="cuda"), mt.rand(3, 3, 3, 3, device="cuda")
    with mt.autocast(precision):
        y = F.conv2d(x, kernel, mt.zeros(3, device="cuda"))
        assert y.dtype == F.linear(x, weight).dtype == (x @ weight).dtype == mt.einsum("nchw,wk->nchk", x, weight).dtype == low
        assert F.relu(y).dtype == F.max_pool2d(y, 2).dtype == (y + y).dtype == (y * 2.0).dtype == y.reshape(-1).dtype == low
        assert y.sum().dtype == y.exp().dtype == (y**2).dtype == F.softmax(y, 1).dtype == y.var().dtype == np.float32
        assert F.mse_loss(y, x[:, :, :2, :2]).dtype == F.cross_entropy(y.flatten(1), np.array([0, 1])).dtype == np.float32
        assert mt.cat([y, x[:, :, :2, :2]]).dtype == (y + x[:, :, :2, :2]).dtype == np.float32
        assert mt.cat([y, y]).dtype == low
        assert F.relu(x).dtype == np.float32
        assert F.linear(x.double(), weight.double()).dtype == np.float64
    with pytest.raises(TypeError, match="add: got tensors of"):
        y + x[:, :, :2, :2]


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("precision", LOW)
@pytest.mark.parametrize("layer", [nn.BatchNorm2d(4), nn.GroupNorm(2, 4), nn.LayerNorm(5), nn.InstanceNorm2d(4, affine=True), nn.PReLU(4)])
def test_layers_with_float32_parameters_take_16_bit_images(precision: str, layer: nn.Module) -> None:
    layer.cuda().train().zero_grad()
    mt.manual_seed(2)
    image, cotangent = mt.randn(2, 4, 5, 5, device="cuda"), mt.randn(2, 4, 5, 5, device="cuda")
    x = image.to(precision).requires_grad_()
    with mt.autocast(precision):
        y = layer(x)
        assert y.dtype == x.dtype
    (y.float() * cotangent).sum().backward()
    assert x.grad.dtype == x.dtype
    assert all(p.grad.dtype == np.float32 for p in layer.parameters())
    gradients = [p.grad.cpu() for p in layer.parameters()]
    layer.zero_grad()
    expected = layer(x.detach().float())
    (expected * cotangent).sum().backward()
    bound = 2**-7 if precision == "bfloat16" else 2**-10
    assert relative_error(y.detach().float().cpu(), expected.detach().cpu()) < bound
    for gradient, parameter in zip(gradients, layer.parameters(), strict=True):
        assert relative_error(gradient, parameter.grad.cpu()) < 4 * bound


class Residual(nn.Module):
    """Two residual blocks, one of which halves the size."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.first = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.one, self.norm1 = nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.two, self.norm2 = nn.Conv2d(8, 16, 3, 2, padding=1, bias=False), nn.BatchNorm2d(16)
        self.shortcut = nn.Conv2d(8, 16, 1, 2)
        self.head = nn.Linear(16, 10)

    def forward(self, x: mt.Tensor) -> mt.Tensor:
        x = F.relu(self.first(self.stem(x)))
        x = F.relu(x + self.norm1(self.one(x)))
        x = F.relu(self.shortcut(x) + self.norm2(self.two(x)))
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(256, 84), nn.Tanh(), nn.Linear(84, 10),
    )  # fmt: skip


# How far the loss and the gradients may be from those of float32 on the CPU: rounding in 8 bits, 11 bits, and none.
BOUNDS = {"float32": (1e-5, 1e-4), "tf32": (1e-3, 1e-2), "float16": (2e-3, 2e-2), "bfloat16": (2e-2, 1.5e-1)}


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("precision", BOUNDS)
@pytest.mark.parametrize(("make", "size"), [(lenet, (2, 1, 28, 28)), (Residual, (2, 3, 8, 8))])
def test_networks_are_close_to_float32(precision: str, make: Callable[[], nn.Module], size: tuple[int, ...]) -> None:
    mt.manual_seed(1)
    model, images, labels = make(), mt.randn(*size), np.array([3, 7])
    reference = F.cross_entropy(model(images), labels)
    reference.backward()
    expected = [p.grad for p in model.parameters()]
    model.zero_grad()
    model.cuda()
    with mt.autocast(precision):
        logits = model(images.cuda())
        loss = F.cross_entropy(logits, labels)
        loss.backward()
    assert logits.dtype == (getattr(mt, precision) if precision in LOW else np.float32)
    assert loss.dtype == np.float32
    of_loss, of_gradients = BOUNDS[precision]
    assert abs(loss.item() - reference.item()) < of_loss
    largest = max(np.abs(g.numpy()).max() for g in expected)
    for parameter, wanted in zip(model.parameters(), expected, strict=True):
        assert parameter.grad.device == "cuda:0"
        assert parameter.grad.dtype == np.float32
        assert np.abs(parameter.grad.cpu().numpy() - wanted.numpy()).max() < of_gradients * largest


@pytest.mark.usefixtures("gpu")
def test_a_checkpoint_computes_again_in_the_same_precision() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).cuda()
    x = mt.randn(5, 3, device="cuda")
    gradients = []
    for run in (model, lambda x: mt.checkpoint(model, x)):
        model.zero_grad()
        with mt.autocast("bfloat16"):
            loss = run(x).sum()
        loss.backward()
        gradients.append([p.grad.tolist() for p in model.parameters()])
    assert gradients[0] == gradients[1]


@pytest.mark.skipif(GPU == "real", reason="CuPy does not count what it copies, the stand-in does")
@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_step_neither_waits_for_the_gpu_nor_copies_to_it(precision: str) -> None:
    from minitorch_cv.testing.emulation.cupy_stand_in import transfers

    model, images, labels = Residual().cuda(), mt.randn(2, 3, 8, 8, device="cuda"), mt.tensor([3, 7], device="cuda")
    transfers.reset()
    with mt.autocast(precision):
        loss = F.cross_entropy(model(images), labels, label_smoothing=0.1)
    loss.backward()
    assert (transfers.to_host, transfers.to_device) == (0, 0)
    loss.item()
    assert transfers.to_host == 1

"""Steps recorded as a CUDA graph: the same bits as steps that are not."""

from collections.abc import Iterator
from typing import Any

import gpu
import numpy as np
import pytest

import minitorch_cv as mt
import minitorch_cv.functional as F
import models
from kernels.gpu.precision import cublas
from minitorch_cv import nn, optim
from minitorch_cv.optim.lr_scheduler import LambdaLR
from minitorch_cv.training.errors import NotFiniteError
from minitorch_cv.training.precision import Precision
from minitorch_cv.training.recorded_step import WARM_UP, RecordedStep
from minitorch_cv.training.step import TrainStep

pytestmark = pytest.mark.skipif(gpu.REASON is not None, reason=str(gpu.REASON))

BATCHES = [2] + [4] * 6 + [3, 4]  # sizes of batches, in turn; the first is the last of an epoch that was interrupted before it


@pytest.fixture(autouse=True)
def _gpu() -> Iterator[None]:
    with gpu.gpu_here():
        yield


OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "adam": lambda p: optim.AdamW(p, lr=0.01),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.001),
    "lamb": lambda p: optim.LAMB(p, lr=0.01, weight_decay=0.1),
}
MODELS = {
    "lenet5": (lambda: models.create("lenet5"), (1, 32, 32)),
    "resnet": (lambda: models.create("resnet20", width=0.25, depth=0.34), (3, 16, 16)),
    "dropout": (lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Dropout(0.4), nn.Flatten(), nn.Linear(4 * 36, 10)), (2, 8, 8)),
}


def made(kind: type, model: nn.Module, optimizer: str, precision: str = "float32", **options: Any) -> Any:
    chosen = OPTIMIZERS[optimizer](model.parameters())
    return kind(model, chosen, LambdaLR(chosen, lambda step: 1 / (1 + 0.3 * step)), precision=Precision(precision), **options)


def batch(number: int, size: int, shape: tuple[int, ...]) -> tuple[Any, Any]:
    rng = np.random.default_rng(number)
    return gpu.to_gpu(rng.standard_normal((size, *shape), np.float32)), gpu.to_gpu(rng.integers(0, 10, size))


def run(kind: type, name: str, optimizer: str, precision: str, **options: Any) -> tuple[list, dict[str, np.ndarray], Any]:
    """(losses and logits of all steps, the state after them, the step)."""
    mt.manual_seed(3)
    build, shape = MODELS[name]
    model = build().to("cuda")
    step = made(kind, model, optimizer, precision, **options)
    seen = []
    for number, size in enumerate(BATCHES):
        loss, logits = step(*batch(number, size, shape), 0, number)
        seen.append((loss, gpu.to_host(logits)))
    return seen, {key: gpu.to_host(tensor.data) for key, tensor in model.state_dict().items()}, step


@pytest.mark.parametrize(
    ("name", "optimizer", "precision"),
    [("lenet5", "sgd", "float32"), ("dropout", "adam", "float16"), ("dropout", "lamb", "float32"),
     pytest.param("resnet", "adam", "float16", marks=pytest.mark.full), pytest.param("resnet", "sgd", "bfloat16", marks=pytest.mark.full),
     pytest.param("lenet5", "rmsprop", "tf32", marks=pytest.mark.full)],
)  # fmt: skip
def test_recorded_steps_are_the_same(name: str, optimizer: str, precision: str) -> None:
    """Every loss, all logits and the whole state, bit for bit, with a learning rate that changes and smaller batches in between."""
    said: list[str] = []
    recorded, state, step = run(RecordedStep, name, optimizer, precision, say=said.append)
    assert said == []
    assert step.graph is not None
    assert step.warm == len(BATCHES) - 2  # all but the smaller batches were steps of the recording
    with cublas(allowed=False):
        expected, expected_state, _ = run(TrainStep, name, optimizer, precision)
    for number, ((loss, logits), (wanted, wanted_logits)) in enumerate(zip(recorded, expected, strict=True)):
        assert loss == wanted, f"loss of step {number}"
        assert np.array_equal(logits, wanted_logits), f"logits of step {number}"
    for key, value in expected_state.items():
        assert np.array_equal(state[key], value), key


def test_python_waits_once_in_a_replayed_step() -> None:
    if gpu.GPU == "real":
        pytest.skip("the stand-in for CuPy counts transfers")
    from minitorch_cv.testing.emulation import cupy_stand_in

    mt.manual_seed(3)
    step = made(RecordedStep, models.create("lenet5").to("cuda"), "sgd")
    for number in range(WARM_UP + 2):
        given = batch(number, 4, (1, 32, 32))
        cupy_stand_in.transfers.reset()
        step(*given, 0, number)
    assert cupy_stand_in.transfers.to_host == 1


class ReadsAValue(nn.Module):
    """Looks at a number in Python in the middle of its forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 10)

    def forward(self, x: mt.Tensor) -> mt.Tensor:
        x = F.flatten(x, 1)
        return self.fc(x if x.sum().item() > 0 else -x)


def test_what_cannot_be_recorded_is_said_and_goes_on() -> None:
    said: list[str] = []
    mt.manual_seed(3)
    model = ReadsAValue().to("cuda")
    step = made(RecordedStep, model, "adam", say=said.append)
    losses = [step(*batch(number, 4, (1, 2, 2)), 0, number)[0] for number in range(6)]
    assert len(said) == 1
    assert said[0].startswith("--cuda-graph: this training's step cannot be recorded (")
    assert said[0].endswith("); it goes on without")
    mt.manual_seed(3)
    model = ReadsAValue().to("cuda")
    plain = made(TrainStep, model, "adam")
    with cublas(allowed=False):
        assert losses == [plain(*batch(number, 4, (1, 2, 2)), 0, number)[0] for number in range(6)]


def test_a_replayed_step_that_is_not_finite_changes_nothing() -> None:
    mt.manual_seed(3)
    model = models.create("lenet5").to("cuda")
    step = made(RecordedStep, model, "sgd")
    for number in range(WARM_UP + 2):
        step(*batch(number, 4, (1, 32, 32)), 0, number)
    before = {key: gpu.to_host(tensor.data).copy() for key, tensor in model.state_dict().items()}
    images, labels = batch(9, 4, (1, 32, 32))
    images[...] = np.inf
    with pytest.raises(NotFiniteError, match="epoch 1, step 10: the loss is nan; it began in the images of this batch"):
        step(images, labels, 0, 9)
    assert all(np.array_equal(gpu.to_host(tensor.data), before[key]) for key, tensor in model.state_dict().items())



"""Clipping, and what schedules share (their numbers: test_golden_optimizers.py)."""

import math

import numpy as np
import pytest

from minitorch_cv.optim import SGD, clip_grad_norm_, lr_scheduler
from minitorch_cv.tensor import Tensor


def with_grads(*grads: object) -> list[Tensor]:
    params = []
    for grad in grads:
        tensor = Tensor(np.zeros(np.shape(grad)), requires_grad=True)
        tensor.grad = None if grad is None else Tensor(np.array(grad, np.float64))
        params.append(tensor)
    return params


def test_clipping(backend: str) -> None:
    params = with_grads([3.0, 0.0], None, [[0.0], [4.0]])
    assert clip_grad_norm_(params, 10.0) == pytest.approx(5.0, rel=1e-14)
    np.testing.assert_array_equal(params[0].grad.data, [3, 0])  # small enough: not touched
    assert clip_grad_norm_(iter(params), 1.0) == pytest.approx(5.0, rel=1e-14)
    factor = 1 / (5 + 1e-6)
    np.testing.assert_allclose(params[0].grad.data, [3 * factor, 0], rtol=1e-14)
    np.testing.assert_allclose(params[2].grad.data, [[0], [4 * factor]], rtol=1e-14)
    assert clip_grad_norm_(params[0], 0.0) == pytest.approx(3 * factor, rel=1e-14)
    np.testing.assert_array_equal(params[0].grad.data, [0, 0])
    assert clip_grad_norm_(with_grads(None), 1.0) == 0
    assert clip_grad_norm_([], 1.0) == 0


@pytest.mark.parametrize(("norm_type", "norm"), [(1, 7.0), (2, 5.0), (3, 91 ** (1 / 3)), (math.inf, 4.0), (0.5, (3**0.5 + 2) ** 2)])
def test_norms(norm_type: float, norm: float) -> None:
    params = with_grads([3.0], [0.0, -4.0], np.zeros(0))
    assert clip_grad_norm_(params, norm / 2, norm_type) == pytest.approx(norm, rel=1e-12)
    np.testing.assert_allclose(params[1].grad.data, [0, -2], rtol=1e-5)


def test_a_norm_of_many_small_float32_numbers(backend: str) -> None:
    tensor = Tensor(np.zeros(1_000_000, np.float32), requires_grad=True)
    tensor.grad = Tensor(np.full(1_000_000, 1e-3, np.float32))
    assert clip_grad_norm_([tensor], 10.0) == pytest.approx(1.0, rel=1e-7)
    assert clip_grad_norm_([tensor], 0.5) == pytest.approx(1.0, rel=1e-7)
    assert clip_grad_norm_([tensor], 10.0) == pytest.approx(0.5, rel=1e-5)
    assert tensor.grad.dtype == np.float32


@pytest.mark.filterwarnings("ignore:invalid value")  # of NumPy, for infinity times zero
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_norms_that_are_not_finite(value: float, backend: str) -> None:
    params = with_grads([1.0, value], [2.0])
    with pytest.raises(RuntimeError, match="cannot be clipped"):
        clip_grad_norm_(params, 1.0, error_if_nonfinite=True)
    np.testing.assert_array_equal(params[1].grad.data, [2])
    norm = clip_grad_norm_(params, 1.0)
    assert math.isnan(norm) == math.isnan(value)
    assert math.isnan(params[0].grad.data[1])
    assert math.isnan(params[1].grad.data[0]) if math.isnan(value) else params[1].grad.data[0] == 0


def test_bad_clipping_arguments() -> None:
    with pytest.raises(ValueError, match="max_norm: got -1"):
        clip_grad_norm_([], -1)
    with pytest.raises(ValueError, match="norm_type: got 0"):
        clip_grad_norm_([], 1, 0)


@pytest.mark.full
def test_clipping_against_pytorch() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for norm_type in (1.0, 2.0, 3.5, math.inf):
        for max_norm in (0.1, 3.0, 1e3):
            params = with_grads(rng.standard_normal((3, 4)), rng.standard_normal(5))
            theirs = [torch.zeros(tensor.shape, dtype=torch.float64) for tensor in params]
            for a, b in zip(params, theirs, strict=True):
                b.grad = torch.tensor(a.grad.data.copy())
            expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
            assert clip_grad_norm_(params, max_norm, norm_type) == pytest.approx(expected.item(), rel=1e-13)
            for a, b in zip(params, theirs, strict=True):
                np.testing.assert_allclose(a.grad.data, b.grad.numpy(), rtol=1e-13)


# --- schedules


def optimizer(*lrs: float) -> SGD:
    return SGD([{"params": [Tensor(np.zeros(1))], "lr": lr} for lr in lrs or (1.0,)])


def course(schedule: lr_scheduler.LRScheduler, steps: int) -> list[float]:
    found = []
    for _ in range(steps):
        found += schedule.get_last_lr()
        schedule.step()
    return found


def test_groups_keep_their_proportions() -> None:
    schedule = lr_scheduler.StepLR(optimizer(1.0, 0.5), step_size=2, gamma=0.5)
    assert course(schedule, 4) == [1, 0.5, 1, 0.5, 0.5, 0.25, 0.5, 0.25]
    assert schedule.base_lrs == [1.0, 0.5]


def test_a_function_for_each_group() -> None:
    schedule = lr_scheduler.LambdaLR(optimizer(1.0, 0.5), [lambda t: 1 / (t + 1), lambda t: 1])
    assert course(schedule, 2) == [1, 0.5, 0.5, 0.5]
    with pytest.raises(ValueError, match="lr_lambda: got 1 functions, expected 2"):
        lr_scheduler.LambdaLR(optimizer(1.0, 0.5), [lambda t: 1])


def test_a_group_that_comes_later() -> None:
    sgd = optimizer(1.0)
    schedule = lr_scheduler.ExponentialLR(sgd, 0.5)
    schedule.step()
    sgd.add_param_group({"params": [Tensor(np.zeros(1))], "lr": 8.0})
    schedule.step()
    assert schedule.get_last_lr() == [0.25, 2.0]


def test_constant() -> None:
    assert course(lr_scheduler.ConstantLR(optimizer(), factor=1), 10) == [1.0] * 10
    assert course(lr_scheduler.MultiStepLR(optimizer(), []), 10) == [1.0] * 10


def test_milestones_in_any_order_and_twice() -> None:
    assert course(lr_scheduler.MultiStepLR(optimizer(), [3, 1, 3], 0.5), 5) == [1, 0.5, 0.5, 0.125, 0.125]


def test_warmup_and_decay_to_zero() -> None:
    assert course(lr_scheduler.LinearWarmupLinearDecay(optimizer(), 6, 2), 8) == [0.5, 1, 1, 0.75, 0.5, 0.25, 0, 0]
    assert course(lr_scheduler.LinearWarmupLinearDecay(optimizer(), 4), 5) == [1, 0.75, 0.5, 0.25, 0]
    assert course(lr_scheduler.LinearWarmupLinearDecay(optimizer(), 2, 2), 4) == [0.5, 1, 0, 0]
    assert course(lr_scheduler.LinearWarmupLinearDecay(optimizer(), 1, 1), 2) == [1, 0]


def test_cosine_restarts() -> None:
    course_of = course(lr_scheduler.CosineAnnealingWarmRestarts(optimizer(), 2, 1, 0.5), 5)
    np.testing.assert_allclose(course_of, [1, 0.75, 1, 0.75, 1], rtol=1e-15)


def test_sequence_of_three() -> None:
    sgd = optimizer(1.0)
    parts = [lr_scheduler.ConstantLR(sgd, 0.5, 99), lr_scheduler.ConstantLR(sgd, 0.25, 1), lr_scheduler.ExponentialLR(sgd, 0.5)]
    assert course(lr_scheduler.SequentialLR(sgd, parts, [2, 4]), 7) == [0.5, 0.5, 0.25, 1, 1, 0.5, 0.25]
    with pytest.raises(ValueError, match=r"milestones: got \[2\], expected 2 of them"):
        lr_scheduler.SequentialLR(sgd, parts, [2])
    with pytest.raises(ValueError, match="ascending"):
        lr_scheduler.SequentialLR(sgd, parts, [4, 2])
    with pytest.raises(ValueError, match="schedulers: number 0 belongs to another optimiser"):
        lr_scheduler.SequentialLR(optimizer(), parts, [2, 4])


def test_starting_in_the_middle() -> None:
    sgd = optimizer(1.0)
    with pytest.raises(ValueError, match="initial_lr"):
        lr_scheduler.StepLR(sgd, 2, last_epoch=3)
    lr_scheduler.StepLR(sgd, 2)
    assert course(lr_scheduler.StepLR(sgd, 2, 0.5, last_epoch=2), 2) == [0.5, 0.25]


def test_bad_schedule_arguments() -> None:
    sgd = optimizer()
    with pytest.raises(TypeError, match="optimizer: got list"):
        lr_scheduler.StepLR([], 2)
    for make, says in (
        (lambda: lr_scheduler.StepLR(sgd, 0), "step_size: got 0"),
        (lambda: lr_scheduler.CosineAnnealingLR(sgd, 0), "T_max: got 0"),
        (lambda: lr_scheduler.CosineAnnealingWarmRestarts(sgd, 0), "T_0: got 0"),
        (lambda: lr_scheduler.CosineAnnealingWarmRestarts(sgd, 1, 0), "T_mult: got 0"),
        (lambda: lr_scheduler.LinearLR(sgd, 0.0), "start_factor: got 0.0"),
        (lambda: lr_scheduler.LinearLR(sgd, 0.5, 2.0), "end_factor: got 2.0"),
        (lambda: lr_scheduler.ConstantLR(sgd, 1.5), "factor: got 1.5"),
        (lambda: lr_scheduler.PolynomialLR(sgd, 0), "total_iters: got 0"),
        (lambda: lr_scheduler.LinearWarmupLinearDecay(sgd, 0), "total_steps: got 0"),
        (lambda: lr_scheduler.LinearWarmupLinearDecay(sgd, 5, 6), "warmup_steps: got 6, expected 0 to total_steps, 5"),
    ):
        with pytest.raises(ValueError, match=says):
            make()
    with pytest.raises(ValueError, match="state_dict: has 2 learning rates, the optimiser 1 parameter groups"):
        lr_scheduler.StepLR(sgd, 2).load_state_dict(lr_scheduler.StepLR(optimizer(1.0, 2.0), 2).state_dict())

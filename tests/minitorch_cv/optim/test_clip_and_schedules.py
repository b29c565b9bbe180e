"""Clipping, and what schedules share (their numbers: test_golden_optimizers.py)."""

import math

import numpy as np
import pytest

from minitorch_cv.optim import SGD, Adagrad, Adam, clip_grad_norm_, clip_grad_value_, lr_scheduler
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


def test_clipping_values() -> None:
    params = with_grads([3.0, -0.5], None, [[-4.0], [math.nan]], [math.inf])
    clip_grad_value_(iter(params), 1.5)
    np.testing.assert_array_equal(params[0].grad.data, [1.5, -0.5])
    np.testing.assert_array_equal(params[2].grad.data, [[-1.5], [math.nan]])
    assert params[3].grad.item() == 1.5
    clip_grad_value_(params[0], 0)
    np.testing.assert_array_equal(params[0].grad.data, [0, 0])


def test_bad_clipping_arguments() -> None:
    with pytest.raises(ValueError, match="clip_value: got -1"):
        clip_grad_value_([], -1)
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


def test_one_cycle_ends_and_stays_at_its_end() -> None:
    sgd = optimizer(9.0)
    found = course(lr_scheduler.OneCycleLR(sgd, 1.0, epochs=2, steps_per_epoch=5, pct_start=0.5, anneal_strategy="linear"), 13)
    assert found[0] == pytest.approx(1 / 25)
    assert found[4] == 1
    assert found[9:] == pytest.approx([1 / 25 / 1e4] * 4)
    assert sgd.param_groups[0]["momentum"] == 0.95


@pytest.mark.parametrize(("steps", "part"), [(1, 0.3), (2, 0.3), (2, 0.5), (3, 1.0), (4, 0.0)])
@pytest.mark.parametrize("three_phase", [False, True])
def test_one_cycle_of_few_steps(steps: int, part: float, three_phase: bool) -> None:
    found = course(lr_scheduler.OneCycleLR(optimizer(), 1.0, steps, pct_start=part, three_phase=three_phase), steps + 1)
    assert all(0 < lr <= 1 for lr in found)


def test_one_cycle_for_groups_and_betas() -> None:
    adam = Adam([{"params": [Tensor(np.zeros(1))]}, {"params": [Tensor(np.zeros(1))]}], betas=(0.5, 0.75))
    schedule = lr_scheduler.OneCycleLR(adam, [1.0, 0.5], 10, pct_start=0.5, max_momentum=[0.95, 0.9])
    assert schedule.get_last_lr() == pytest.approx([1 / 25, 0.5 / 25])
    assert [group["betas"] for group in adam.param_groups] == [(0.95, 0.75), (0.9, 0.75)]
    for _ in range(4):
        schedule.step()
    assert schedule.get_last_lr() == [1.0, 0.5]
    for group in adam.param_groups:
        assert group["betas"] == pytest.approx((0.85, 0.75))
    with pytest.raises(ValueError, match="cycle_momentum: got True, expected False, because Adagrad has neither"):
        lr_scheduler.OneCycleLR(Adagrad([Tensor(np.zeros(1))]), 1.0, 10)
    lr_scheduler.OneCycleLR(Adagrad([Tensor(np.zeros(1))]), 1.0, 10, cycle_momentum=False)


def test_cycles_of_three_modes() -> None:
    def cycle(**options: object) -> list[float]:
        return course(lr_scheduler.CyclicLR(optimizer(), 1.0, 3.0, 2, **options), 9)

    assert cycle() == [1, 2, 3, 2, 1, 2, 3, 2, 1]
    assert cycle(mode="triangular2") == [1, 2, 3, 2, 1, 1.5, 2, 1.5, 1]
    assert cycle(mode="exp_range", gamma=0.5) == pytest.approx([1, 1.5, 1.5, 1.125, 1, 1 + 1 / 32, 1 + 2 / 64, 1 + 1 / 128, 1])
    assert cycle(scale_fn=lambda cycle: 1 / cycle) == [1, 2, 3, 2, 1, 1.5, 2, 1.5, 1]
    assert cycle(step_size_down=1)[:4] == [1, 2, 3, 1]


def test_cyclic_momentum() -> None:
    sgd = optimizer()
    schedule = lr_scheduler.CyclicLR(sgd, 1.0, 3.0, 2)
    momenta = []
    for _ in range(5):
        momenta.append(sgd.param_groups[0]["momentum"])
        schedule.step()
    assert momenta == pytest.approx([0.9, 0.85, 0.8, 0.85, 0.9])


def test_a_plateau_of_a_measurement_that_should_grow() -> None:
    sgd = optimizer(1.0, 0.5)
    schedule = lr_scheduler.ReduceLROnPlateau(sgd, "max", 0.5, patience=1, threshold=0.1, threshold_mode="abs", min_lr=[0.3, 0.0])
    lrs = []
    for metric in (Tensor(np.array(1.0)), 1.05, 1.1, 1.2, 1.25, math.nan, 1.3, 1.3):
        schedule.step(metric)
        lrs.append(schedule.get_last_lr())
    assert lrs == [[1, 0.5], [1, 0.5], [0.5, 0.25], [0.5, 0.25], [0.5, 0.25], [0.3, 0.125], [0.3, 0.125], [0.3, 0.0625]]


def test_a_chain_is_a_product() -> None:
    sgd = optimizer(0.5)
    parts = [lr_scheduler.ConstantLR(sgd, 0.5, 2), lr_scheduler.ExponentialLR(sgd, 0.5), lr_scheduler.LambdaLR(sgd, lambda t: 2)]
    assert course(lr_scheduler.ChainedScheduler(parts), 4) == [0.5, 0.25, 0.25, 0.125]
    with pytest.raises(ValueError, match=r"schedulers: got \[\], expected at least one"):
        lr_scheduler.ChainedScheduler([])
    with pytest.raises(ValueError, match="schedulers: number 1 is OneCycleLR"):
        lr_scheduler.ChainedScheduler([parts[0], lr_scheduler.OneCycleLR(sgd, 1.0, 10)])
    with pytest.raises(ValueError, match="schedulers: number 0 belongs to another optimiser"):
        lr_scheduler.ChainedScheduler(parts, optimizer())
    with pytest.raises(TypeError, match="schedulers: number 1 is ReduceLROnPlateau"):
        lr_scheduler.SequentialLR(sgd, [parts[0], lr_scheduler.ReduceLROnPlateau(sgd)], [1])


def test_a_sequence_hands_over_the_momentum() -> None:
    sgd = optimizer(1.0)
    parts = [lr_scheduler.ConstantLR(sgd, 0.5, 9), lr_scheduler.OneCycleLR(sgd, 4.0, 4, pct_start=0.5)]
    schedule = lr_scheduler.SequentialLR(sgd, parts, [2])
    assert course(schedule, 3)[:2] == [0.5, 0.5]
    assert schedule.get_last_lr() == [4.0]
    assert sgd.param_groups[0]["momentum"] == pytest.approx(0.85)


def test_products_of_functions_forward_and_back() -> None:
    schedule = lr_scheduler.MultiplicativeLR(optimizer(1.0, 3.0), [lambda t: t, lambda t: 1])
    assert course(schedule, 5) == [1, 3, 1, 3, 2, 3, 6, 3, 24, 3]
    schedule.load_state_dict({"last_epoch": 3, "base_lrs": [1.0, 3.0]})
    assert course(schedule, 2) == [6, 3, 24, 3]


@pytest.mark.full
@pytest.mark.parametrize("seed", range(40))
def test_schedules_against_pytorch(seed: int) -> None:
    """Random schedules with random options; sequences and chains of them."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)

    def draw() -> tuple[str, dict]:
        choices = [
            ("StepLR", {"step_size": int(rng.integers(1, 9)), "gamma": 0.7}),
            ("MultiStepLR", {"milestones": sorted(rng.integers(1, 30, 3).tolist()), "gamma": 0.5}),
            ("ConstantLR", {"factor": float(rng.uniform(0.1, 1)), "total_iters": int(rng.integers(1, 9))}),
            ("LinearLR", {"start_factor": float(rng.uniform(0.1, 1)), "end_factor": float(rng.random()), "total_iters": 7}),
            ("ExponentialLR", {"gamma": 0.9}),
            ("PolynomialLR", {"total_iters": int(rng.integers(30, 40)), "power": float(rng.uniform(0.5, 2))}),
            ("CosineAnnealingLR", {"T_max": int(rng.integers(31, 50))}),
            ("CosineAnnealingWarmRestarts", {"T_0": int(rng.integers(2, 9)), "T_mult": int(rng.integers(1, 3)), "eta_min": 0.01}),
            ("OneCycleLR", {"max_lr": 2.0, "total_steps": 31, "pct_start": float(rng.uniform(0.1, 0.4)), "three_phase": seed % 2 == 0}),
            ("CyclicLR", {"base_lr": 0.1, "max_lr": 2.0, "step_size_up": int(rng.integers(1, 9)), "step_size_down": 3, "gamma": 0.9,
                          "mode": ("triangular", "triangular2", "exp_range")[seed % 3]}),
        ]  # fmt: skip
        return choices[seed % len(choices)] if seed < 20 else choices[int(rng.integers(0, 7))]

    def build(module: object, group_optimizer: object) -> object:
        parts = [getattr(module, name)(group_optimizer, **options) for name, options in plan]
        if seed < 20:
            return parts[0]
        return module.SequentialLR(group_optimizer, parts, [3, 11]) if seed < 30 else module.ChainedScheduler(parts)

    plan = [draw() for _ in range(1 if seed < 20 else 3)]
    ours, theirs = SGD([Tensor(np.zeros(1))], lr=0.7, momentum=0.5), torch.optim.SGD([torch.zeros(1)], lr=0.7, momentum=0.5)
    mine, reference = build(lr_scheduler, ours), build(torch.optim.lr_scheduler, theirs)
    for _ in range(30):
        for key in ("lr", "momentum"):
            assert ours.param_groups[0][key] == pytest.approx(theirs.param_groups[0][key], rel=1e-9, abs=1e-12), plan
        theirs.step()
        mine.step()
        reference.step()


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
        (lambda: lr_scheduler.OneCycleLR(sgd, 1.0), "total_steps: got None"),
        (lambda: lr_scheduler.OneCycleLR(sgd, 1.0, 0), "total_steps: got 0"),
        (lambda: lr_scheduler.OneCycleLR(sgd, 1.0, 9, pct_start=2), "pct_start: got 2"),
        (lambda: lr_scheduler.OneCycleLR(sgd, 1.0, 9, anneal_strategy="cosine"), "anneal_strategy: got 'cosine', expected one of cos"),
        (lambda: lr_scheduler.OneCycleLR(sgd, [1.0, 2.0], 9), r"max_lr: got \[1.0, 2.0\], expected a number, or 1 of them"),
        (lambda: lr_scheduler.CyclicLR(sgd, 0.1, 1.0, 0), "step_size_up: got 0"),
        (lambda: lr_scheduler.CyclicLR(sgd, 0.1, 1.0, mode="square"), "mode: got 'square', expected one of triangular, triangular2"),
        (lambda: lr_scheduler.CyclicLR(sgd, 0.1, 1.0, scale_mode="x"), "scale_mode: got 'x'"),
        (lambda: lr_scheduler.ReduceLROnPlateau(sgd, "least"), "mode: got 'least', expected min or max"),
        (lambda: lr_scheduler.ReduceLROnPlateau(sgd, factor=1.0), "factor: got 1.0"),
        (lambda: lr_scheduler.ReduceLROnPlateau(sgd, threshold_mode="x"), "threshold_mode: got 'x'"),
        (lambda: lr_scheduler.LinearWarmupLinearDecay(sgd, 0), "total_steps: got 0"),
        (lambda: lr_scheduler.LinearWarmupLinearDecay(sgd, 5, 6), "warmup_steps: got 6, expected 0 to total_steps, 5"),
    ):
        with pytest.raises(ValueError, match=says):
            make()
    with pytest.raises(ValueError, match="state_dict: has 2 learning rates, the optimiser 1 parameter groups"):
        lr_scheduler.StepLR(sgd, 2).load_state_dict(lr_scheduler.StepLR(optimizer(1.0, 2.0), 2).state_dict())

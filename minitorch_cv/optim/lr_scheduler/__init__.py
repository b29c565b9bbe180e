"""Schedules of the learning rate.

A schedule says what the learning rate is at time t, t = 0 for the first update. Here each is written down as that
function: nothing is multiplied up from one step to the next, so that a run which is resumed at t has the same learning
rate, to the bit, as one that was never interrupted.

    scheduler = CosineAnnealingLR(optimizer, T_max=epochs)    # sets the learning rate for t = 0
    ...
    optimizer.step()
    scheduler.step()                                          # after each update, or after each epoch: the unit of t

Names and arguments are those of torch.optim.lr_scheduler where it has the schedule.
"""

from minitorch_cv.optim.lr_scheduler.base import LRScheduler
from minitorch_cv.optim.lr_scheduler.composed import ChainedScheduler, LambdaLR, MultiplicativeLR, SequentialLR
from minitorch_cv.optim.lr_scheduler.cycles import CyclicLR, OneCycleLR
from minitorch_cv.optim.lr_scheduler.fixed import (
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LinearLR,
    LinearWarmupLinearDecay,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from minitorch_cv.optim.lr_scheduler.plateau import ReduceLROnPlateau

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "LinearWarmupLinearDecay",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]

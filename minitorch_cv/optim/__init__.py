"""Optimisers, schedules of the learning rate (`optim.lr_scheduler`) and gradient clipping, with the names and defaults of torch.optim.

An optimiser updates all parameters of a group in one call of a kernel: see `kernels/optimizer`.
"""

from minitorch_cv.optim import lr_scheduler
from minitorch_cv.optim.adam import Adam, AdamW
from minitorch_cv.optim.clip import clip_grad_norm_
from minitorch_cv.optim.optimizer import Optimizer
from minitorch_cv.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "clip_grad_norm_", "lr_scheduler"]

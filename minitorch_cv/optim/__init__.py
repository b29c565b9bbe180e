"""Optimisers, schedules of the learning rate (`optim.lr_scheduler`) and gradient clipping, with the names and defaults of torch.optim.

An optimiser updates all parameters of a group in one call of a kernel: see `kernels/optimizer`. LARS, LAMB and EMA, which torch.optim
has not, follow their papers.
"""

from minitorch_cv.optim import lr_scheduler
from minitorch_cv.optim.adam import Adam, AdamW
from minitorch_cv.optim.adam_family import Adamax, NAdam, RAdam
from minitorch_cv.optim.adaptive import Adadelta, Adagrad, RMSprop
from minitorch_cv.optim.clip import clip_grad_norm_, clip_grad_value_
from minitorch_cv.optim.ema import EMA
from minitorch_cv.optim.layerwise import LAMB, LARS
from minitorch_cv.optim.optimizer import Optimizer
from minitorch_cv.optim.rprop_asgd import ASGD, Rprop
from minitorch_cv.optim.sgd import SGD

__all__ = [
    "ASGD",
    "EMA",
    "LAMB",
    "LARS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "clip_grad_norm_",
    "clip_grad_value_",
    "lr_scheduler",
]

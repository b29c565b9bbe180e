"""`torch.nn.utils` as far as it is here: gradient clipping, which lives in `minitorch_cv.optim`; and freezing, which PyTorch lacks."""

from minitorch_cv.nn.freezing import freeze, hold_frozen_norms
from minitorch_cv.optim.clip import clip_grad_norm_, clip_grad_value_

__all__ = ["clip_grad_norm_", "clip_grad_value_", "freeze", "hold_frozen_norms"]

"""Losses: how far a network's answer is from what was asked for.

    classes.py        one of several classes: cross_entropy, nll_loss
    probabilities.py  probabilities: binary_cross_entropy, with logits too, kl_div
    regression.py     numbers: mse_loss, l1_loss, smooth_l1_loss, huber_loss
    embeddings.py     directions and distances: cosine_embedding_loss, triplet_margin_loss; soft_margin_loss
    reduction.py      from many losses to one, and what all of them check

The cross-entropy against classes, which every classifier trains with, is one kernel. The others are compositions of differentiable
functions: a loss looks at a few numbers for each image, where the network has looked at millions.
"""

from minitorch_cv.functional.loss.classes import cross_entropy, nll_loss
from minitorch_cv.functional.loss.embeddings import cosine_embedding_loss, soft_margin_loss, triplet_margin_loss
from minitorch_cv.functional.loss.probabilities import binary_cross_entropy, binary_cross_entropy_with_logits, kl_div
from minitorch_cv.functional.loss.reduction import REDUCTIONS
from minitorch_cv.functional.loss.regression import huber_loss, l1_loss, mse_loss, smooth_l1_loss

__all__ = [
    "REDUCTIONS",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "cross_entropy",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "nll_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
]

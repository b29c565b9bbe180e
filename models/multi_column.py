"""Several networks are better than one: the average of their probabilities.

D. Ciresan, U. Meier, J. Schmidhuber: Multi-column Deep Neural Networks for Image Classification. CVPR 2012, arXiv:1202.2745.

New in it: networks ("columns") that are trained independently, from other first weights or on images that were normalised in another way,
are asked together, and what they say is averaged. They err in different places, so the average errs less: 35 columns were the first to
read handwritten digits (MNIST) as well as people do. Any models can be columns; nothing is trained here.
"""

import math
from collections.abc import Sequence

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn


class Ensemble(nn.Module):
    """Models side by side. The output is log(mean of the members' softmax): its softmax is the mean, and it fits cross-entropy.

    State: that of the members, as members.0, members.1, ...
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W) -> (N, num_classes), or logits of the members' shape (N, num_classes, ...)
        outputs = [member(x) for member in self.members]
        # In training mode some have auxiliary classifiers, which come after the logits.
        logits = [output[0] if isinstance(output, tuple) else output for output in outputs]
        if len({one.shape for one in logits}) > 1:
            raise ValueError(f"members: got outputs of shapes {', '.join(str(one.shape) for one in logits)}, expected one shape for all")
        log_probabilities = F.stack([F.log_softmax(one, 1) for one in logits], 0)  # (members, N, num_classes)
        # In logarithms throughout, where no small probability becomes 0.
        return F.logsumexp(log_probabilities, 0) - math.log(len(logits))


def ensemble(models: Sequence[nn.Module]) -> Ensemble:
    """Models as one that averages their probabilities, `models.ensemble([models.load_run(a), models.load_run(b)])` say.

    All get the same images, and must have the same classes.
    Errors: ValueError where there is none, TypeError for what is no model.
    """
    members = list(models)
    if not members:
        raise ValueError("models: got none, expected at least one model")
    for member in members:
        if not isinstance(member, nn.Module):
            raise TypeError(f"models: got {type(member).__name__}, expected models only")
    return Ensemble(members)

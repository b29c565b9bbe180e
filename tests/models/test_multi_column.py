"""Ensembles: the average of probabilities, as log-probabilities."""

import numpy as np
import pytest

import minitorch_cv as mt
import minitorch_cv.functional as F
import models
from minitorch_cv import nn
from minitorch_cv.testing import assert_close


def test_average_of_probabilities() -> None:
    mt.manual_seed(0)
    columns = [models.create("lenet5", num_classes=4), models.create("lenet5_relu", num_classes=4)]
    columns[1].conv1.padding = (0, 0)  # for images of 32 x 32, as the other's
    together = models.ensemble(columns).eval()
    x = mt.from_numpy(10 * np.random.default_rng(0).standard_normal((5, 1, 32, 32)).astype(np.float32))
    output = together(x)
    mean = (F.softmax(columns[0](x), 1) + F.softmax(columns[1](x), 1)) / 2
    assert_close(output.exp(), mean, 1e-6, "exp of the output")
    assert_close(F.softmax(output, 1), mean, 1e-6, "softmax of the output")
    labels = mt.from_numpy(np.array([0, 1, 2, 3, 0]))
    expected = -np.log(mean.detach().numpy()[np.arange(5), labels.numpy()]).mean()
    assert_close(F.cross_entropy(output, labels), expected, 1e-5, "cross-entropy")
    assert next(iter(together.state_dict())) == "members.0.conv1.weight"


class Fixed(nn.Module):
    """Says the same about every image."""

    def __init__(self, *logits: float) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, x: mt.Tensor) -> mt.Tensor:
        return mt.tensor([self.logits] * len(x))


def test_improbable_classes_do_not_vanish() -> None:
    """exp(-200) is 0 in float32; the logarithm of the average is not -inf."""
    output = models.ensemble([Fixed(0.0, -200.0), Fixed(0.0, -300.0)])(mt.zeros(1, 1, 2, 2))
    assert_close(output, [[0.0, -200 - np.log(2)]], 1e-6, "log-probabilities")


def test_one_member_and_gradients() -> None:
    mt.manual_seed(0)
    column = models.create("lenet5", num_classes=4)
    x = mt.from_numpy(np.random.default_rng(0).standard_normal((2, 1, 32, 32)).astype(np.float32))
    labels = mt.from_numpy(np.array([0, 3]))
    F.cross_entropy(models.ensemble([column])(x), labels).backward()
    through = {key: parameter.grad.numpy().copy() for key, parameter in column.named_parameters()}
    column.zero_grad()
    F.cross_entropy(column(x), labels).backward()
    for key, parameter in column.named_parameters():
        assert_close(through[key], parameter.grad, 1e-5, key)


def test_errors() -> None:
    with pytest.raises(ValueError, match="models: got none"):
        models.ensemble([])
    with pytest.raises(TypeError, match="models: got str"):
        models.ensemble(["lenet5"])
    with pytest.raises(ValueError, match="expected one shape"):
        models.ensemble([Fixed(0.0, 1.0), Fixed(0.0, 1.0, 2.0)])(mt.zeros(1, 1, 2, 2))

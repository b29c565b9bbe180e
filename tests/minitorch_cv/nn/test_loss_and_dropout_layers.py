"""Loss and dropout layers pass every option to the function that they stand for."""

from collections.abc import Callable

import numpy as np
import pytest
from checks import assert_close

import minitorch_cv as mt
from minitorch_cv import functional as F
from minitorch_cv import nn, random

RNG = np.random.default_rng(0)
SCORES, OTHERS, THIRD = (mt.tensor(RNG.standard_normal((4, 3))) for _ in range(3))
PROBABILITIES, SHARES = (mt.tensor(RNG.uniform(0.1, 0.9, (4, 3))) for _ in range(2))
CLASSES, SIGNS = mt.tensor(np.array([0, 1, 2, 2])), mt.tensor(np.array([1, -1, -1, 1]))
WEIGHT = mt.tensor(np.array([1.0, 2.0, 0.5]))

LAYERS = [  # layer, function, inputs, options that differ from the defaults
    (nn.CrossEntropyLoss, F.cross_entropy, (SCORES, CLASSES), {"weight": WEIGHT, "ignore_index": 1, "label_smoothing": 0.1}),
    (nn.NLLLoss, F.nll_loss, (SCORES, CLASSES), {"weight": WEIGHT, "ignore_index": 1}),
    (nn.BCELoss, F.binary_cross_entropy, (PROBABILITIES, SHARES), {"weight": WEIGHT}),
    (nn.BCEWithLogitsLoss, F.binary_cross_entropy_with_logits, (SCORES, SHARES), {"weight": WEIGHT, "pos_weight": WEIGHT * 2}),
    (nn.MSELoss, F.mse_loss, (SCORES, OTHERS), {}),
    (nn.L1Loss, F.l1_loss, (SCORES, OTHERS), {}),
    (nn.SmoothL1Loss, F.smooth_l1_loss, (SCORES, OTHERS), {"beta": 0.3}),
    (nn.HuberLoss, F.huber_loss, (SCORES, OTHERS), {"delta": 0.3}),
    (nn.KLDivLoss, F.kl_div, (SCORES, OTHERS), {"log_target": True}),
    (nn.SoftMarginLoss, F.soft_margin_loss, (SCORES, OTHERS), {}),
    (nn.CosineEmbeddingLoss, F.cosine_embedding_loss, (SCORES, OTHERS, SIGNS), {"margin": 0.2}),
    (nn.TripletMarginLoss, F.triplet_margin_loss, (SCORES, OTHERS, THIRD), {"margin": 2.0, "p": 3.0, "eps": 0.1, "swap": True}),
]


@pytest.mark.parametrize(("layer", "function", "inputs", "options"), LAYERS, ids=lambda value: getattr(value, "__name__", None))
def test_a_loss_layer_is_its_function(layer: type, function: Callable, inputs: tuple, options: dict) -> None:
    assert_close(layer()(*inputs), function(*inputs), 0)
    assert_close(layer(reduction="none", **options)(*inputs), function(*inputs, reduction="none", **options), 0)
    for name in options:  # none of them is forgotten
        others = {other: value for other, value in options.items() if other != name}
        assert function(*inputs, reduction="sum", **others).item() != layer(reduction="sum", **options)(*inputs).item()
    assert repr(layer()) == f"{layer.__name__}()"
    assert list(layer().state_dict()) == []
    assert list(layer(**options).state_dict()) == [name for name in options if "weight" in name]


@pytest.mark.parametrize(
    ("layer", "function", "shape"),
    [
        (nn.Dropout, F.dropout, (50,)),
        (nn.Dropout1d, F.dropout1d, (5, 20, 3)),
        (nn.Dropout2d, F.dropout2d, (5, 20, 2, 3)),
        (nn.Dropout3d, F.dropout3d, (5, 20, 2, 2, 2)),
        (nn.AlphaDropout, F.alpha_dropout, (50,)),
        (nn.FeatureAlphaDropout, F.feature_alpha_dropout, (5, 20, 2)),
        (lambda p: nn.StochasticDepth(p, "row"), lambda x, p, training: F.stochastic_depth(x, p, "row", training), (50, 2)),
        (lambda p: nn.StochasticDepth(p, "batch"), lambda x, p, training: F.stochastic_depth(x, p, "batch", training), (2, 3)),
    ],
)
def test_dropout_layers_drop_in_training_alone(layer: Callable, function: Callable, shape: tuple[int, ...]) -> None:
    x = mt.tensor(np.arange(1.0, np.prod(shape) + 1).reshape(shape))
    made = layer(0.3)
    random.manual_seed(1)
    result = made(x)
    random.manual_seed(1)
    assert_close(result, function(x, 0.3, training=True), 0)
    assert not np.array_equal(result.numpy(), x.numpy())
    assert made.eval()(x) is x
    with pytest.raises(ValueError, match="p: got 2"):
        layer(2)


def test_descriptions() -> None:
    assert repr(nn.Dropout2d(0.2)) == "Dropout2d(p=0.2, inplace=False)"
    assert repr(nn.StochasticDepth(0.1, "row")) == "StochasticDepth(p=0.1, mode=row)"
    with pytest.raises(ValueError, match="mode: got 'column', expected batch or row"):
        nn.StochasticDepth(0.1, "column")

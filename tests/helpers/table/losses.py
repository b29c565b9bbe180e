"""Losses, and dropout."""

import numpy as np
from numpy.random import Generator

from minitorch_cv.testing import Domain
from table.row import BOTH, Call, Row, Values, bad, call, constant, either, some_shape

PROBABILITY = Domain(0.02, 0.98)
WEIGHT = Domain(0.2, 2)
SCORE = Domain(-5, 5)


def reduction(rng: Generator) -> str:
    return either(rng, "none", "mean", "sum")


# --- classes


def _scores(rng: Generator) -> tuple[tuple[int, ...], int]:
    """(the shape of scores (N, C, d1, ...) or (C,), C)."""
    C = int(rng.integers(1, 6))
    return either(rng, (3, C), (4, C), (C,), (2, C, 3), (2, C, 2, 3)), C


def _against_classes(rng: Generator, values: Values) -> Call:
    shape, C = _scores(rng)
    target = rng.integers(0, C, shape[:1] + shape[2:] if len(shape) > 1 else ())
    ignore_index = int(either(rng, -100, 0, 2))
    if rng.random() < 0.5 and target.size > 1:
        target[-1] = ignore_index
    if (target == ignore_index).all():
        ignore_index = -100  # the mean of no losses is NaN
    weight = constant(values(C, domain=WEIGHT)) if rng.random() < 0.5 else None
    return call(values(*shape), constant(target), weight, ignore_index=ignore_index, reduction=reduction(rng))


def _cross_entropy(rng: Generator, values: Values) -> Call:
    args, options = _against_classes(rng, values)
    return Call(args, options | {"label_smoothing": either(rng, 0.0, 0.2, 1.0)})


def _cross_entropy_of_probabilities(rng: Generator, values: Values) -> Call:
    shape, C = _scores(rng)
    weight = constant(values(C, domain=WEIGHT)) if rng.random() < 0.5 else None
    target = values(*shape, domain=Domain(0, 1))
    return call(values(*shape), target, weight, reduction=reduction(rng), label_smoothing=either(rng, 0.0, 0.3))


# --- probabilities


def _weight(rng: Generator, values: Values, shape: tuple[int, ...]) -> np.ndarray | None:
    """None, or factors of the shape or of its last dimensions."""
    return either(rng, None, constant(values(*shape[int(rng.integers(0, len(shape) + 1)) :], domain=WEIGHT)))


def _binary_cross_entropy(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng)
    return call(values(*shape), values(*shape), _weight(rng, values, shape), reduction=reduction(rng))


def _with_logits(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng)
    options = {"reduction": reduction(rng), "pos_weight": _weight(rng, values, shape)}
    return call(values(*shape), values(*shape, domain=PROBABILITY), _weight(rng, values, shape), **options)


def _kl_div(rng: Generator, values: Values) -> Call:
    shape, log_target = some_shape(rng, 1), bool(rng.random() < 0.5)
    target = values(*shape, domain=Domain(-3, 0) if log_target else PROBABILITY)
    return call(values(*shape), target, reduction=either(rng, "none", "mean", "sum", "batchmean"), log_target=log_target)


# --- numbers


def _near(values: Values, shape: tuple[int, ...], *kinks: float) -> tuple[np.ndarray, np.ndarray]:
    """Numbers and their targets, whose differences keep away from the kinks."""
    x = values(*shape)
    difference = values(*shape, domain=Domain(-3, 3, kinks))
    return x, np.asarray(x - difference, np.float32).astype(np.float64)


def _weighted(rng: Generator, values: Values, *kinks: float) -> Call:
    shape = some_shape(rng)
    weight = values(*shape, domain=WEIGHT) if rng.random() < 0.5 else None
    return call(*_near(values, shape, *kinks), reduction=reduction(rng), weight=weight)


def _mse_loss(rng: Generator, values: Values) -> Call:
    return _weighted(rng, values)


def _l1_loss(rng: Generator, values: Values) -> Call:
    return _weighted(rng, values, 0)


def _huber_loss(rng: Generator, values: Values) -> Call:
    delta = either(rng, 0.5, 1.0, 2.0)
    args, options = _weighted(rng, values, -delta, delta)
    return Call(args, options | {"delta": delta})


def _smooth_l1_loss(rng: Generator, values: Values) -> Call:
    beta = either(rng, 0.0, 0.5, 1.0)
    return call(*_near(values, some_shape(rng), -beta, beta), reduction=reduction(rng), beta=beta)


# --- embeddings


def _cosine_embedding_loss(rng: Generator, values: Values) -> Call:
    batch, D = either(rng, (), (1,), (4,)), int(rng.integers(2, 5))
    x, y = values(*batch, D), values(*batch, D)
    cosine = (x * y).sum(-1) / np.sqrt((x * x).sum(-1) * (y * y).sum(-1))
    margin = next(m for m in (0.0, 0.3, -0.4, 0.5, -0.2, 0.1) if np.abs(cosine - m).min() > 0.02)
    return call(x, y, constant(rng.choice([-1, 1], batch)), margin, reduction=reduction(rng))


def _triplet_margin_loss(rng: Generator, values: Values) -> Call:
    shape = (*either(rng, (), (1,), (4,)), int(rng.integers(2, 5)))
    triplet = [values(*shape) for _ in range(3)]
    swap, p = bool(rng.random() < 0.5), either(rng, 1.0, 2.0, 3.0)

    def slack(margin: float) -> np.ndarray:
        a, b, c = triplet
        near, far, other = (np.linalg.norm(np.atleast_2d(u - v), p, axis=-1) for u, v in ((a, b), (a, c), (b, c)))
        return near - (np.minimum(far, other) if swap else far) + margin

    margin = next(m for m in (1.0, 0.5, 2.0, 1.3, 0.2, 1.7) if np.abs(slack(m)).min() > 0.02)
    return call(*triplet, margin, p, either(rng, 1e-6, 1e-3), swap, reduction=reduction(rng))


def _soft_margin_loss(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng)
    return call(values(*shape), constant(rng.choice([-1.0, 1.0], shape)), reduction=reduction(rng))


# --- dropout


def _dropout(rng: Generator, values: Values) -> Call:
    return call(values(*some_shape(rng, 0, 5)), either(rng, 0.0, 0.3, 0.8, 1.0), bool(rng.random() < 0.8))


def _channel_dropout(dims: int) -> object:
    def draw(rng: Generator, values: Values) -> Call:
        return call(values(*some_shape(rng, dims + 1, dims + 2)), either(rng, 0.0, 0.3, 0.8, 1.0), bool(rng.random() < 0.8))

    return draw


def _feature_alpha_dropout(rng: Generator, values: Values) -> Call:
    return call(values(*some_shape(rng, 2, 5)), either(rng, 0.0, 0.3, 0.8, 1.0), bool(rng.random() < 0.8))


def _stochastic_depth(rng: Generator, values: Values) -> Call:
    return call(values(*some_shape(rng, 1, 4)), either(rng, 0.0, 0.3, 0.8, 1.0), either(rng, "row", "batch"), bool(rng.random() < 0.8))


X, P, T = np.ones((2, 3)), np.full((2, 3), 0.5), constant(np.array([0, 1]))
SINGLE = X.astype(np.float32)

PAIR = (  # what all losses between two tensors of one shape refuse
    bad(ValueError, "target: got shape", P, np.full((2, 4), 0.5)),
    bad(TypeError, "target: got float32, expected float64", P, P.astype(np.float32)),
    bad(TypeError, "input: got dtype int64", constant(np.ones((2, 3), np.int64)), P),
    bad(ValueError, "reduction: got 'median'", P, P, reduction="median"),
)
CLASSES = (
    bad(IndexError, "target: got class 3, expected 0 to 2", X, constant(np.array([0, 3]))),
    bad(IndexError, "target: got class -1", X, constant(np.array([-1, 0]))),
    bad(ValueError, r"target: got shape \(3,\), expected \(2,\)", X, constant(np.array([0, 1, 2]))),
    bad(TypeError, "target: got bool", X, constant(np.array([True, False]))),
    bad(ValueError, r"weight: got shape \(2,\), expected \(3,\)", X, T, np.ones(2)),
    bad(TypeError, "weight: got float32, expected float64", X, T, np.ones(3, np.float32)),
    bad(ValueError, "input: got a single number", np.array(1.0), T),
    bad(TypeError, "input: got dtype int64", constant(np.array([[1, 2, 3]])), constant(np.array([0]))),
    bad(ValueError, "reduction: got 'median'", X, T, reduction="median"),
)
WEIGHT_SHAPE = bad(ValueError, "weight: got shape", P, P, np.ones((2, 2)))
CHANCE = (bad(ValueError, "p: got 1.5", np.ones((2, 3, 4)), 1.5), bad(TypeError, "input: got dtype", constant(np.array([[[1]]])), 0.5))

ROWS = [
    Row("cross_entropy", _cross_entropy, SCORE, BOTH, variant="classes", bad=(
        *CLASSES, bad(ValueError, "label_smoothing: got 1.5", X, T, label_smoothing=1.5),
    )),
    Row("cross_entropy", _cross_entropy_of_probabilities, SCORE, BOTH, variant="probabilities", bad=(
        bad(ValueError, r"target: got probabilities of shape \(2,\)", X, np.ones(2)),
        bad(TypeError, "target: got float32, expected float64", X, SINGLE),
        bad(ValueError, "ignore_index: got 1", X, X, ignore_index=1),
    )),
    Row("nll_loss", _against_classes, Domain(-4, 0), bad=CLASSES),
    Row("binary_cross_entropy", _binary_cross_entropy, PROBABILITY, bad=(
        *PAIR, WEIGHT_SHAPE, bad(ValueError, "input: got 1.5, expected probabilities", P * 3, P),
    )),
    Row("binary_cross_entropy_with_logits", _with_logits, SCORE, BOTH, bad=(
        *PAIR, WEIGHT_SHAPE, bad(ValueError, "pos_weight: got shape", P, P, pos_weight=np.ones(2)),
    )),
    Row("kl_div", _kl_div, Domain(-4, 0), bad=PAIR),
    Row("mse_loss", _mse_loss, bad=(*PAIR, bad(ValueError, "weight: got shape", P, P, weight=np.ones(3)))),
    Row("l1_loss", _l1_loss, bad=(*PAIR, bad(ValueError, "weight: got shape", P, P, weight=np.ones(3)))),
    Row("huber_loss", _huber_loss, bad=(*PAIR, bad(ValueError, "delta: got 0", P, P, delta=0))),
    Row("smooth_l1_loss", _smooth_l1_loss, bad=(*PAIR, bad(ValueError, "beta: got -1", P, P, beta=-1))),
    Row("cosine_embedding_loss", _cosine_embedding_loss, bad=(
        bad(ValueError, "input2: got shape", X, np.ones((2, 4)), T),
        bad(TypeError, "input2: got float32, expected float64", X, SINGLE, T),
        bad(ValueError, "target: got shape", X, X, np.ones(3)),
        bad(ValueError, "reduction: got 'median'", X, X, T, reduction="median"),
    )),
    Row("triplet_margin_loss", _triplet_margin_loss, bad=(
        bad(ValueError, "margin: got 0", X, X, X, 0),
        bad(ValueError, "negative: got shape", X, X, np.ones(3)),
        bad(TypeError, "positive: got float32, expected float64", X, SINGLE, X),
        bad(ValueError, "reduction: got 'median'", X, X, X, reduction="median"),
    )),
    Row("soft_margin_loss", _soft_margin_loss, SCORE, BOTH, bad=PAIR),

    Row("dropout", _dropout, torch=None, bad=CHANCE),
    Row("dropout1d", _channel_dropout(1), torch=None, bad=(*CHANCE, bad(ValueError, "input: got shape", np.ones((1, 2, 3, 4))))),
    Row("dropout2d", _channel_dropout(2), torch=None, bad=(*CHANCE, bad(ValueError, "input: got shape", np.ones((2, 3))))),
    Row("dropout3d", _channel_dropout(3), torch=None, bad=(
        bad(ValueError, "p: got -1", np.ones((1, 2, 3, 4)), -1), bad(ValueError, "input: got shape", np.ones((2, 3))),
    )),
    Row("alpha_dropout", _dropout, torch=None, bad=CHANCE),
    Row("feature_alpha_dropout", _feature_alpha_dropout, torch=None, bad=(*CHANCE, bad(ValueError, "input: got shape", np.ones(3)))),
    Row("stochastic_depth", _stochastic_depth, torch=None, bad=(
        bad(ValueError, "p: got 1.5", X, 1.5, "row"), bad(ValueError, "mode: got 'column'", X, 0.5, "column"),
        bad(ValueError, "input: got a single number", np.array(1.0), 0.5, "row"),
    )),
]  # fmt: skip

"""Einstein's sums: products of tensors whose dimensions have names, summed over the names that the result does not have.

    einsum("bij,bjk->bik", x, y)[b, i, k] = sum_j x[b, i, j] * y[b, j, k]

Every step is a differentiable function: diagonals, sums, permutations and one matrix product for each further operand.
"""

import math
import string
from collections.abc import Sequence
from typing import Any

from minitorch_cv.autograd.autocast import autocasts
from minitorch_cv.functional.arguments import checked
from minitorch_cv.functional.matmul import matmul
from minitorch_cv.functional.operands import as_tensor
from minitorch_cv.tensor import Tensor

Label = str | int  # a letter, or -1, -2, ...: a dimension that `...` stands for, counted from its end
Labelled = tuple[Tensor, list[Label]]  # a tensor and the names of its dimensions, all different

LETTERS = string.ascii_uppercase + string.ascii_lowercase


@autocasts
@checked
def einsum(equation: Any, *operands: Any) -> Tensor:
    """The sum that `equation` describes: the operands' dimensions as letters, with commas between operands, then `->` and the result's.

    A letter that the result lacks is summed over. One that stands twice at an operand means its diagonal. `...` stands for any number of
    dimensions, which are broadcast; so is a length of 1. Without `->`, the result has first what `...` stands for and then, in
    alphabetical order, all letters that occur once. Also einsum(x, [0, 1], y, [1, 2], [0, 2]), with numbers from 0 to 51 as letters.

    Errors: ValueError where the equation is no such description, or does not fit the operands' shapes.
    """
    if not isinstance(equation, str):
        equation, operands = _from_lists((equation, *operands))
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    tensors = [as_tensor("operands", operand) for operand in operands]
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(tensors):
        raise ValueError(f"equation: got {equation!r}, which has {len(terms)} operands, for {len(tensors)} tensors")
    named = [(x, _labels(term, x.ndim, equation)) for term, x in zip(terms, tensors, strict=True)]
    dots = max(-label for _, labels in named for label in [0, *labels] if isinstance(label, int))
    letters = right.replace("...", "")
    output = _labels(right, len(letters) + (dots if letters != right else 0), equation) if arrow else _implied(named, dots)
    lengths = _lengths(named, equation)
    for label in output:
        if label not in lengths or output.count(label) > 1:
            raise ValueError(f"equation: got {equation!r}, where {label!r} stands twice in the result, or there alone")

    result, *others = [_without_ones(*_diagonal(x, labels), lengths) for x, labels in named]
    for i, other in enumerate(others):
        needed = {*output, *(label for _, labels in others[i + 1 :] for label in labels)}
        result = _multiplied(result, other, needed)
    return _arranged(*_summed(result, set(output)), output, lengths)


def _from_lists(arguments: tuple) -> tuple[str, tuple]:
    """(x, [0, 1], y, [1, 2], [0, 2]) as ("AB,BC->AC", (x, y))"""
    operands, lists = arguments[0 : len(arguments) // 2 * 2 : 2], arguments[1::2]

    def term(numbers: Sequence) -> str:
        if not isinstance(numbers, (list, tuple)) or any(n is not ... and not 0 <= n < len(LETTERS) for n in numbers):
            raise ValueError(f"equation: got {numbers!r}, expected a list of ... and numbers from 0 to {len(LETTERS) - 1}")
        return "".join(["..." if n is ... else LETTERS[n] for n in numbers])

    result = f"->{term(arguments[-1])}" if len(arguments) % 2 else ""
    return ",".join(map(term, lists)) + result, operands


def _labels(term: str, ndim: int, equation: str) -> list[Label]:
    """The name of each of ndim dimensions"""
    before, dots, after = term.partition("...")
    letters = before + after
    if any(letter not in LETTERS for letter in letters):
        raise ValueError(f"equation: got {equation!r}, expected letters, commas, `...` and `->`")
    hidden = ndim - len(letters)
    if hidden < 0 or (hidden and not dots):
        raise ValueError(f"equation: got {equation!r}, where {term!r} stands for a tensor of {ndim} dimensions")
    return [*before, *range(-hidden, 0), *after]


def _implied(named: list[Labelled], dots: int) -> list[Label]:
    """The result's dimensions where the equation has no `->`"""
    everywhere = [label for _, labels in named for label in labels]
    return [*range(-dots, 0), *sorted(label for label in everywhere if isinstance(label, str) and everywhere.count(label) == 1)]


def _lengths(named: list[Labelled], equation: str) -> dict[Label, int]:
    """The length of each dimension; 1 gives way to others."""
    lengths: dict[Label, int] = {}
    for x, labels in named:
        for label, length in zip(labels, x.shape, strict=True):
            known = lengths.get(label, 1)
            if 1 not in (known, length) and known != length:
                raise ValueError(f"operands: got lengths {known} and {length} for {label!r} in {equation!r}")
            lengths[label] = length if known == 1 else known
    return lengths


def _diagonal(x: Tensor, labels: list[Label]) -> Labelled:
    """Where a name stands twice, the diagonal instead"""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            if x.shape[first] != x.shape[second]:
                raise ValueError(f"operands: got lengths {x.shape[first]} and {x.shape[second]} for {label!r}, whose diagonal is asked for")
            x = x.diagonal(0, first, second)
            labels = [*labels[:first], *labels[first + 1 : second], *labels[second + 1 :], label]
    return x, labels


def _without_ones(x: Tensor, labels: list[Label], lengths: dict[Label, int]) -> Labelled:
    """Without the dimensions of length 1 that are longer elsewhere: to be broadcast is not to depend on them."""
    dims = [i for i, label in enumerate(labels) if x.shape[i] == 1 != lengths[label]]
    return x.squeeze(dims), [label for i, label in enumerate(labels) if i not in dims]


def _summed(named: Labelled, needed: set[Label]) -> Labelled:
    """The sum over the dimensions that are not needed"""
    x, labels = named
    dims = [i for i, label in enumerate(labels) if label not in needed]
    return (x.sum(dims), [label for label in labels if label in needed]) if dims else named


def _multiplied(a: Labelled, b: Labelled, needed: set[Label]) -> Labelled:
    """The product of two tensors, summed over what is not needed, as one product of matrices (shared, own, summed)"""
    (x, x_labels), (y, y_labels) = _summed(a, needed | set(b[1])), _summed(b, needed | set(a[1]))
    both = [label for label in x_labels if label in y_labels]
    shared, summed = [label for label in both if label in needed], [label for label in both if label not in needed]
    x_own, y_own = ([label for label in labels if label not in both] for labels in (x_labels, y_labels))
    lengths = dict(zip((*x_labels, *y_labels), (*x.shape, *y.shape), strict=True))
    counts = [[lengths[label] for label in group] for group in (shared, x_own, summed, y_own)]
    S, M, K, N = map(math.prod, counts)
    left = _permuted(x, x_labels, [*shared, *x_own, *summed]).reshape(S, M, K)
    right = _permuted(y, y_labels, [*shared, *summed, *y_own]).reshape(S, K, N)
    if not summed:
        product = left * right  # (S, M, 1), (S, 1, N)
    elif not shared:
        product = matmul(left.squeeze(0), right.squeeze(0))  # (M, N)
    else:
        product = matmul(left, right)  # (S, M, N)
    return product.reshape(*counts[0], *counts[1], *counts[3]), [*shared, *x_own, *y_own]


def _permuted(x: Tensor, labels: list[Label], order: list[Label]) -> Tensor:
    dims = [labels.index(label) for label in order]
    return x if dims == sorted(dims) else x.permute(dims)


def _arranged(x: Tensor, labels: list[Label], output: list[Label], lengths: dict[Label, int]) -> Tensor:
    """The result with its dimensions in the order asked for"""
    x = _permuted(x, labels, [label for label in output if label in labels])
    return x.reshape([lengths[label] for label in output])

"""Sizes of windows that slide over an image: written once, for every kernel and every backend."""

Pair = tuple[int, int]


def pair(value: int | tuple[int, int] | list[int], name: str, least: int) -> Pair:
    """A number or two of them -> (vertical, horizontal), each an int of at least `least`; errors name the argument `name`."""
    if type(value) is tuple and len(value) == 2 and type(value[0]) is type(value[1]) is int and min(value) >= least:
        return value  # as it comes from another function of ours
    both = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(both) == 1:
        both *= 2
    if len(both) != 2 or not all(_is_integer(v) and v >= least for v in both):
        raise ValueError(f"{name}: got {value!r}, expected an integer of at least {least}, or a pair of them")
    return int(both[0]), int(both[1])


def _is_integer(value: object) -> bool:
    return hasattr(value, "__index__") and not isinstance(value, bool)


def window_extent(kernel: int, dilation: int) -> int:
    """How many pixels a window covers from its first tap to its last."""
    return dilation * (kernel - 1) + 1


def output_length(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool = False) -> int:
    """How many windows fit along one axis.

    With `ceil_mode` a window may hang over the end, but must begin inside the image or its left padding.
    """
    room = size + 2 * padding - window_extent(kernel, dilation)
    length = (-(-room // stride) if ceil_mode else room // stride) + 1
    if ceil_mode and (length - 1) * stride >= size + padding:
        length -= 1
    return length


def output_size(size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool = False) -> Pair:
    """(OH, OW) of windows over an image of `size` (H, W); an error where not one window fits."""
    result = tuple(output_length(s, k, st, p, d, ceil_mode) for s, k, st, p, d in zip(size, kernel, stride, padding, dilation, strict=True))
    if min(result) < 1:
        raise ValueError(
            f"kernel_size: got {kernel} with dilation {dilation}, which is larger than the padded image: size {size}, padding {padding}"
        )
    return result[0], result[1]


def transposed_output_size(size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, output_padding: Pair) -> Pair:
    """(H, W) of a transposed convolution's result.

    It is the size from which a convolution would have made `size`, and `output_padding` pixels more.
    """
    for extra, s, d in zip(output_padding, stride, dilation, strict=True):
        if extra >= max(s, d):
            raise ValueError(f"output_padding: got {output_padding}, expected less than stride {stride} or dilation {dilation}")
    result = tuple(
        (s - 1) * st - 2 * p + window_extent(k, d) + extra
        for s, k, st, p, d, extra in zip(size, kernel, stride, padding, dilation, output_padding, strict=True)
    )
    if min(result) < 1:
        raise ValueError(f"padding: got {padding}, which leaves nothing of the output: size {size}, kernel {kernel}, stride {stride}")
    return result[0], result[1]

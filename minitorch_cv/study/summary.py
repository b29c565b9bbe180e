"""The summary of a model: for every layer its output, parameters, operations, memory, and what it sees of the image."""

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from minitorch_cv import nn
from minitorch_cv.study.trace import FLOAT32, Row, trace

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class Totals:
    """Sums over a whole model.

    parameters: all that it has; unused_parameters: those among them that did nothing in evaluation mode (auxiliary classifiers).
    parameter_bytes, activation_bytes: memory in float32, the latter of all outputs together, as training keeps them.
    macs, flops: multiply-adds of convolutions and linear layers; all floating-point operations.
    """

    parameters: int
    unused_parameters: int
    macs: int
    flops: int
    parameter_bytes: int
    activation_bytes: int


@dataclass(frozen=True)
class Summary:
    """What `summary` returns; `print` shows it as a table.

    model: the type of the network. input_shape: (N, C, H, W). rows: the layers in the order of execution.
    """

    model: str
    input_shape: tuple[int, ...]
    rows: tuple[Row, ...]
    totals: Totals

    def as_data(self) -> dict[str, Any]:
        """Numbers, strings, lists and dictionaries: what becomes JSON."""
        data = asdict(self)
        return {"model": self.model, "input_shape": list(self.input_shape), "totals": data["totals"], "layers": list(data["rows"])}

    def __getitem__(self, path: str) -> Row:
        """The first row of the layer at `path`. KeyError where it did not run."""
        for row in self.rows:
            if row.path == path:
                return row
        raise KeyError(f"{path!r} is no layer that ran; {self.model} has {', '.join(dict.fromkeys(row.path for row in self.rows))}")

    def table(self) -> "Table":
        """For Rich to print."""
        from rich.table import Table

        table = Table(box=None, pad_edge=False)
        table.add_column("layer", overflow="fold")
        table.add_column("type")
        for name in ("output", "parameters", "multiply-adds", "FLOPs", "memory", "sees", "stride", "offset"):
            table.add_column(name, justify="right", no_wrap=True)
        for row in self.rows:
            numbers = [f"{value:,}" if value else "-" for value in (row.parameters, row.macs, row.flops)]
            shape = " x ".join(map(str, row.output_shape[1:]))
            table.add_row(row.path, row.type, shape, *numbers, in_bytes(row.activation_bytes), *_field(row))
        return table

    def totals_text(self) -> str:
        """The totals in two lines."""
        t = self.totals
        unused = f" ({t.unused_parameters:,} of them unused in evaluation)" if t.unused_parameters else ""
        return (
            f"{t.parameters:,} parameters{unused}, {t.macs:,} multiply-adds, {t.flops:,} FLOPs for an input of "
            f"{' x '.join(map(str, self.input_shape))}\n"
            f"in float32: {in_bytes(t.parameter_bytes)} of parameters, {in_bytes(t.activation_bytes)} of outputs"
        )

    def __str__(self) -> str:
        from rich.console import Console

        text = io.StringIO()
        Console(file=text, width=160).print(self.table())
        return "\n".join([*(line.rstrip() for line in text.getvalue().splitlines()), "", self.totals_text()])


def summary(model: nn.Module, input_size: Sequence[int]) -> Summary:
    """What every layer of `model` makes of images of `input_size`, (C, H, W) or (N, C, H, W), in evaluation mode.

    Nothing is computed, so that models of any size take a moment; `model` stays as it is, on whatever device.
    The receptive field of a layer is given for an image without borders, as papers do: its size, its stride (how far apart neighbours
    look) and its offset (the middle of what the first position sees; 0 is the centre of the first pixel). Behind a layer that looks
    at all positions, such as global pooling or a gate of squeeze and excitation, it is the part of this image that is seen.

    Raises TypeError for a `model` that is no module, ValueError for an `input_size` that is neither of these; what the model raises for
    an image that does not suit it passes.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model: got {type(model).__name__}, expected a module, such as models.create(name)")
    shape = tuple(input_size) if isinstance(input_size, Sequence) else ()
    if len(shape) not in (3, 4) or not all(isinstance(length, int) and length > 0 for length in shape):
        raise ValueError(f"input_size: got {input_size!r}, expected (C, H, W) or (N, C, H, W)")
    shape = shape if len(shape) == 4 else (1, *shape)
    rows = trace(model, shape)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    totals = Totals(
        parameters, parameters - sum(row.parameters for row in rows), sum(row.macs for row in rows), sum(row.flops for row in rows),
        FLOAT32 * parameters, sum(row.activation_bytes for row in rows),
    )  # fmt: skip
    return Summary(type(model).__name__, shape, tuple(rows), totals)


def in_bytes(number: int) -> str:
    """1,536 -> "1.5 KB"."""
    value = float(number)
    for unit in ("B", "KB", "MB"):
        if value < 1024:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.2f} GB"


def _field(row: Row) -> tuple[str, str, str]:
    """Size, stride and offset, "height x width" where they differ."""
    if row.receptive_field is None:
        return "-", "-", "-"
    lines = list(row.receptive_field.values())
    sizes = ["image" if line["whole"] else f"{line['size']:g}" for line in lines]
    rest = [[f"{line[name]:g}" for line in lines] for name in ("stride", "offset")]
    size, stride, offset = (both[0] if both[0] == both[1] else " x ".join(both) for both in (sizes, *rest))
    return size, stride, offset

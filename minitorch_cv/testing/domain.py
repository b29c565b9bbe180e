"""The numbers that a function is tested on."""

import math
from dataclasses import dataclass

import numpy as np

MARGIN = 0.02  # from a kink: hundreds of steps of a difference quotient, and further than float32 rounds


@dataclass(frozen=True)
class Domain:
    """Where a function is defined, and where it has no derivative.

    low, high: arguments are drawn evenly between them.
    kinks: where the function bends or jumps; a difference quotient across one says nothing.
    distinct: the function compares its arguments with each other (a maximum, say), so that two equal ones are a kink too.
    """

    low: float = -2.0
    high: float = 2.0
    kinks: tuple[float, ...] = ()
    distinct: bool = False

    def draw(self, rng: np.random.Generator, *shape: int) -> np.ndarray:
        """Arguments of the given shape, all different, away from kinks: float64, but numbers that float32 represents exactly."""
        count = math.prod(shape)
        spacing = (self.high - self.low) / (4 * count + 8 * len(self.kinks) + 4)
        grid = np.arange(self.low + spacing / 2, self.high, spacing)
        for kink in self.kinks:
            grid = grid[np.abs(grid - kink) > MARGIN]
        if grid.size < count:
            raise ValueError(f"kinks: got {self.kinks}, which leave too little room between {self.low} and {self.high}")
        values = rng.choice(grid, count, replace=False)
        if not self.distinct:  # off the grid, by less than would bring two of them together or one to a kink
            values = values + rng.uniform(-0.25, 0.25, count) * min(spacing, MARGIN)
        return values.astype(np.float32).astype(np.float64).reshape(shape)

    def draw_anywhere(self, rng: np.random.Generator, *shape: int) -> np.ndarray:
        """Arguments of which some lie exactly on kinks, at zero, or at the ends, and some are equal: for comparisons of values."""
        values = self.draw(rng, *shape)
        special = [number for number in (*self.kinks, self.low, self.high, 0.0) if self.low <= number <= self.high]
        chosen = rng.random(shape) < 0.2
        return np.where(chosen, rng.choice(special, shape), values).astype(np.float32).astype(np.float64)

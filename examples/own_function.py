"""A differentiable function of your own, with the tests that come for free. Run it: python examples/own_function.py

Squareplus (Barron 2021), a ReLU with a round corner:  y = (x + sqrt(x^2 + b)) / 2,  with the derivatives

    dy/dx = (1 + x / sqrt(x^2 + b)) / 2        dy/db = 1 / (4 sqrt(x^2 + b))
"""

from typing import Any

import numpy as np

import minitorch_cv as mt
from minitorch_cv import nn, optim, testing
from minitorch_cv.autograd import Function


class Squareplus(Function):
    """(x, b) -> y. `forward` computes with arrays, `backward` with Tensors, so that the gradients have gradients."""

    broadcasts = True  # b may be smaller than x: its gradient is summed back to its shape

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, b: np.ndarray) -> np.ndarray:
        ctx.save_inputs(0, 1)
        return (x + np.sqrt(x * x + b)) / 2

    @staticmethod
    def backward(ctx: Any, gy: mt.Tensor) -> tuple[mt.Tensor, mt.Tensor]:
        x, b = ctx.saved_inputs
        root = (x * x + b).sqrt()
        return gy * (1 + x / root) / 2, gy / (4 * root)


def squareplus(x: mt.Tensor, b: mt.Tensor) -> mt.Tensor:
    """(x + sqrt(x^2 + b)) / 2, element by element; b, positive, is broadcast against x."""
    return Squareplus.apply(x, b)


class LearnedSquareplus(nn.Module):
    """Squareplus with a b for each feature that is learned, as exp(log_b)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.log_b = nn.Parameter(np.zeros(features, np.float32))

    def forward(self, x: mt.Tensor) -> mt.Tensor:
        return squareplus(x, self.log_b.exp())


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x, b = testing.Domain(-4, 4).draw(rng, 2, 3, 4, 5), testing.Domain(0.5, 4).draw(rng, 3, 1, 1)
    testing.check_function(squareplus, [x, b])
    print("squareplus: gradients, their gradients, memory orders, float32 and shapes are right")

    # The mistake that everybody makes once: the derivative of the root is forgotten.
    class Forgetful(Squareplus):
        @staticmethod
        def backward(ctx: Any, gy: mt.Tensor) -> tuple[mt.Tensor, mt.Tensor]:
            x, b = ctx.saved_inputs
            return gy / 2, gy / (4 * (x * x + b).sqrt())

    try:
        testing.check_function(Forgetful.apply, [x, b])
    except testing.CheckError as error:
        print(f"Forgetful: {error}")

    mt.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 32), LearnedSquareplus(32), nn.Linear(32, 1))
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    inputs = mt.tensor(np.linspace(-2, 2, 128, dtype=np.float32).reshape(-1, 1))
    wanted = (inputs * 3).sin()
    for step in range(301):
        loss = (model(inputs) - wanted).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            print(f"sin(3 x) with 32 of them, step {step}: loss {loss.item():.4f}")

"""Parameter: a Tensor that a Module registers."""

import numpy as np

from minitorch_cv.tensor import Tensor


class Parameter(Tensor):
    """A Tensor to be trained: assigned to an attribute of a Module, it becomes one of the module's parameters.

    data: a Tensor or an array; it is shared, not copied. requires_grad: whether `backward` computes its gradient.
    """

    def __init__(self, data: Tensor | np.ndarray, requires_grad: bool = True) -> None:
        super().__init__(data.data if isinstance(data, Tensor) else np.asarray(data), requires_grad=requires_grad)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"

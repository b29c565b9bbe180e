"""The tests that this project gives to a function or a kernel of your own: one call each.

    from minitorch_cv import testing

    swish = lambda x, beta: x * (x * beta).sigmoid()
    rng = np.random.default_rng(0)
    x, beta = testing.Domain(-4, 4).draw(rng, 2, 3, 4, 5), testing.Domain(0.5, 2).draw(rng, 3, 1, 1)
    testing.check_function(swish, [x, beta])

`check_function` compares the gradients with differences, and the gradients' gradients; the backends with each other; the same values
in other orders of memory; float32 with float64; a shape-only run with a real one. `check_device` compares what a function gives on a GPU
with what it gives on the CPU. `check_kernel` holds a kernel on arrays to its definition. All raise a CheckError that says what differs
where. The project's own functions go through the same calls: see the table in `tests/helpers/table`, and `examples/own_function.py`
and `examples/own_kernel.py` for yours.
"""

from minitorch_cv.testing.arrange import ORDERS, arranged
from minitorch_cv.testing.compare import CheckError, assert_close, relative_error
from minitorch_cv.testing.domain import Domain
from minitorch_cv.testing.function import check_device, check_function
from minitorch_cv.testing.kernel import check_kernel

__all__ = ["ORDERS", "CheckError", "Domain", "arranged", "assert_close", "check_device", "check_function", "check_kernel", "relative_error"]

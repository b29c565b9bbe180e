"""The table of functions: one row for each function of `minitorch_cv.functional`, which says what it is tested on.

A row names the function, its domain, its kinks and its backends, and draws random calls of it. All that follows is the same for every
function and written once, in tests/test_table.py: gradients and their gradients, backends, orders of memory, float32, shapes alone,
errors, and, where PyTorch is installed, its answers. A function without a row fails the suite. To add one, write

    Row("hardswish", one_tensor, Domain(-6, 6, kinks=(-3, 3)), BOTH)

into the file of its family here; where no file fits, a new one joins FAMILIES below.
"""

from importlib import import_module

from table.row import Row

FAMILIES = ("activations", "arithmetic", "convolution", "indexing", "losses", "norms", "reductions", "shapes", "windows")

ROWS: list[Row] = [row for family in FAMILIES for row in import_module(f"table.{family}").ROWS]

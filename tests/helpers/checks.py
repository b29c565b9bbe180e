"""How tests compare arrays: as the package's own checks do."""

from minitorch_cv.testing import assert_close, relative_error

__all__ = ["assert_close", "relative_error"]

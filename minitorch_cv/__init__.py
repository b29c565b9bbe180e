"""minitorch_cv: a from-scratch deep-learning engine for images."""

__version__ = "0.1.0"

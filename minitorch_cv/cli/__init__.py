"""The command line: `minitorch-cv train`, `eval`, `predict`, `models`, `summary`, `compare`, `devices`.

The roof of the house: the only part of `minitorch_cv` that imports `models`. Each command has a file, and is a thin layer over functions
that Python users have too. What takes long to import is imported inside the command that needs it: `--help` should come at once.
"""

from minitorch_cv.cli.program import app, main

__all__ = ["app", "main"]

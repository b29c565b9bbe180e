"""`python -m minitorch_cv.cli` is `minitorch-cv`."""

from minitorch_cv.cli import main

main()

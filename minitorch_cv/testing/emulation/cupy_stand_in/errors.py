"""What CUDA's runtime raises, and the refusals of the stand-in."""

from typing import Any


class CUDARuntimeError(RuntimeError):
    """An error code of CUDA's runtime."""

    def __init__(self, name: str, status: int, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.status = status


def capture_refused(graph: Any, what: str) -> CUDARuntimeError:
    """The error for `what` while `graph` is recorded, which makes the capture invalid."""
    graph.invalid = graph.invalid or what
    return CUDARuntimeError("cudaErrorStreamCaptureUnsupported", 900, f"{what}: operation not permitted when stream is capturing")

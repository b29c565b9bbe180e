"""What can go wrong in a run, each with one sentence for the user."""


class RunError(Exception):
    """Something about a run folder or its options that the user can put right: missing, damaged, contradictory."""


class NotFiniteError(ArithmeticError):
    """The loss, a gradient or a weight became infinite or NaN; the sentence says in which function and step it began."""


class Stopped(Exception):
    """The training was asked to stop by a signal, and has written its checkpoint."""

    def __init__(self, signal_number: int, epoch: int, step: int) -> None:
        super().__init__(f"stopped in epoch {epoch + 1} after {step} of its steps")
        self.signal_number = signal_number
        self.epoch = epoch
        self.step = step

"""What can be wrong with a file of weights."""


class WeightsError(ValueError):
    """A file of weights is missing, damaged, hostile or of an unknown kind, or does not suit a model: one sentence that names it."""

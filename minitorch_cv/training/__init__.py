"""Training: from a recipe to a run folder.

    recipe.py choices.py augmentation.py  what to do: numbers and names
    config.py environment.py  what was asked for, and where it ran
    images.py                 the data, as the configuration wants it
    step.py loop.py           one step, and all of them
    metrics.py evaluation.py  how good the model is
    run_folder.py checkpoint.py  what stays on the disk, through crashes too
    interruption.py           Ctrl-C and SIGTERM
    reporting.py curves.py    what a user sees
    session.py prediction.py  what the command line does, as functions
"""

from minitorch_cv.training.evaluation import evaluate
from minitorch_cv.training.loop import Loaders, Trainer
from minitorch_cv.training.prediction import predict_images
from minitorch_cv.training.recipe import Recipe
from minitorch_cv.training.run_folder import RunFolder

__all__ = ["Loaders", "Recipe", "RunFolder", "Trainer", "evaluate", "predict_images"]

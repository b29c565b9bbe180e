"""Architectures, one file per paper, built only from `minitorch_cv.nn` and its functions.

    model = models.create("resnet20")               # fresh weights
    model = models.create("resnet18", weights="imagenet")  # published ones; or weights="my.safetensors", "their.pth"
    model = models.load_run("runs/my-resnet20")     # what a training has learnt
    models.list_models()
    models.ensemble([model, other])                 # the average of their probabilities
    models.reparameterize(model)                    # many branches to one convolution (RepVGG, RepLKNet, SLaK)

A new file joins by putting `@register(...)` on the function that builds its model.
"""

from models.multi_column import ensemble
from models.pretrained import imagenet_classes, published
from models.registry import Entry, classifier, create, entry, list_models, load_run, register
from models.reparameterization import reparameterize

MINITORCH_CV_PACKAGE = "minitorch_cv"  # marks this package as ours: others are called `models` too

__all__ = [
    "Entry",
    "classifier",
    "create",
    "ensemble",
    "entry",
    "imagenet_classes",
    "list_models",
    "load_run",
    "published",
    "register",
    "reparameterize",
]

"""Every architecture on a GPU, real or emulated: one step of its small form, forward and backward, against the CPU, in float64."""

from collections.abc import Iterator
from typing import Any

import gpu
import numpy as np
import pytest

import minitorch_cv as mt
import models
from minitorch_cv import random

pytestmark = [pytest.mark.full, pytest.mark.skipif(gpu.REASON is not None, reason=str(gpu.REASON))]


def one_of_each_paper() -> list[str]:
    """The first model of every paper: others differ in their numbers."""
    first: dict[Any, str] = {}
    for name in models.list_models():
        first.setdefault(models.entry(name).paper, name)
    return list(first.values())


@pytest.fixture(autouse=True, scope="module")
def _gpu() -> Iterator[None]:
    with gpu.gpu_here():
        yield


@pytest.mark.parametrize("name", one_of_each_paper())
def test_one_step(name: str) -> None:
    """Outputs and all gradients. In float64, since batch norm of two small images would amplify the rounding of float32 without bound."""
    entry = models.entry(name)
    mt.manual_seed(1)
    here = models.create(name, **entry.small).double()
    there = models.create(name, **entry.small).double()
    there.load_state_dict(here.state_dict())
    there.to("cuda")
    images = np.random.default_rng(0).standard_normal((2, *entry.small_input))
    found = []
    for model, device in ((here, "cpu"), (there, "cuda")):
        random.at(0, 0)
        outputs = model(mt.tensor(images, device=device))
        outputs = [outputs] if isinstance(outputs, mt.Tensor) else list(outputs)
        sum((output * output).mean() for output in outputs).backward()
        gradients = {name: gpu.to_host(p.grad.data) for name, p in model.named_parameters() if p.grad is not None}
        found.append(({str(i): gpu.to_host(output.data) for i, output in enumerate(outputs)}, gradients))
    for ours, theirs in zip(*found, strict=True):
        assert ours.keys() == theirs.keys()
        for key, value in ours.items():
            assert np.abs(theirs[key] - value).max() <= 1e-6 * np.abs(value).max() + 1e-12, key

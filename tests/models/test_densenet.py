"""DenseNet: recomputation in less memory, forms for small images, who sees what."""

import tracemalloc

import numpy as np
import pytest
import zoo

import minitorch_cv as mt
import minitorch_cv.functional as F
import models
from kernels import memory
from minitorch_cv import nn
from minitorch_cv.testing import assert_close


def step(recompute: bool, **options: object) -> tuple[nn.Module, float, int]:
    """A model after a backward pass, the loss, and the most memory in use meanwhile, in bytes."""
    mt.manual_seed(1)
    model = models.create("densenet40_12", depth=0.5, width=0.5, recompute=recompute, **options).train()
    images = np.random.default_rng(0).standard_normal((4, 3, 32, 32)).astype(np.float32)
    memory.release()
    tracemalloc.start()
    try:
        loss = F.cross_entropy(model(mt.from_numpy(images)), mt.from_numpy(np.array([1, 2, 3, 4])))
        loss.backward()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return model, loss.item(), peak


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_recomputing_changes_nothing_but_memory(dropout: float) -> None:
    kept, kept_loss, kept_peak = step(False, dropout=dropout)
    again, again_loss, again_peak = step(True, dropout=dropout)
    assert again_loss == kept_loss
    gradients = dict(kept.named_parameters())
    for key, parameter in again.named_parameters():
        assert_close(parameter.grad, gradients[key].grad, 1e-6, key)
    # Running statistics moved once, not twice; so did the counts of batches.
    statistics = dict(kept.named_buffers())
    for key, buffer in again.named_buffers():
        np.testing.assert_array_equal(buffer.numpy(), statistics[key].numpy(), err_msg=key)
    assert int(again.features.norm5.num_batches_tracked) == int(again.features.denseblock1.denselayer1.norm1.num_batches_tracked) == 1
    assert again_peak < 0.7 * kept_peak


def test_recomputing_with_bottlenecks() -> None:
    gradients = []
    for recompute in (False, True):
        mt.manual_seed(1)
        model = models.create("densenet121", width=0.125, depth=0.1, cifar=True, num_classes=3, recompute=recompute)
        images = np.random.default_rng(0).standard_normal((2, 3, 16, 16)).astype(np.float32)
        F.cross_entropy(model(mt.from_numpy(images)), mt.from_numpy(np.array([1, 2]))).backward()
        gradients.append({key: parameter.grad.numpy() for key, parameter in model.named_parameters()})
    for key, gradient in gradients[0].items():
        assert_close(gradients[1][key], gradient, 1e-5, key)


def test_a_layer_sees_all_layers_before_it() -> None:
    model = zoo.on_meta("densenet121")
    block = model.features.denseblock3
    seen = [layer.norm1.num_features for layer in block]
    assert seen == [256 + 32 * i for i in range(24)]
    assert block(mt.empty(1, 256, 14, 14, device="meta")).shape == (1, 1024, 14, 14)


def test_for_small_images() -> None:
    """3x3, stride 1 and no pooling: the blocks see 32, 16, 8 and 4 pixels, and all else stays as it is."""
    model = zoo.on_meta("densenet121", {"cifar": True, "num_classes": 10})
    heights = []
    for name, module in model.features.named_children():
        if name.startswith("denseblock"):
            module.register_forward_hook(lambda module, args, output: heights.append(output.shape[2]))
    assert model(mt.empty(1, 3, 32, 32, device="meta")).shape == (1, 10)
    assert heights == [32, 16, 8, 4]
    large = models.entry("densenet121").parameters
    stem = 64 * 3 * (49 - 9) + 2 * 64  # a smaller kernel, no norm
    assert sum(p.numel() for p in model.parameters()) == large - stem - 990 * (1024 + 1)


def test_growth_and_depth() -> None:
    """Other depths and growth rates than those that have names."""
    model = zoo.on_meta("densenet_bc100_12", {"depth": 6 / 16, "growth": 36})
    layers = [len(block) for name, block in model.features.named_children() if name.startswith("denseblock")]
    assert layers == [6, 6, 6]
    assert model.features.denseblock1.denselayer1.conv2.out_channels == 36
    with pytest.raises(ValueError, match="growth: got 0"):
        models.create("densenet40_12", growth=0)

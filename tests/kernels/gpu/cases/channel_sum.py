"""Sums of channels."""

from cases import Case

import kernels

KERNELS = "channel_partial_sums channel_final_sums"

CASES = [
    Case(kernels.channel_sum, lambda rng: (rng.standard_normal((5, 3, 4, 2)),), launches=KERNELS),
    Case(kernels.channel_sum, lambda rng: (rng.standard_normal((301, 70)),), launches=KERNELS, name="matrix"),
    Case(kernels.channel_sum, lambda rng: (rng.standard_normal((1, 1, 1, 1)),), launches=KERNELS, name="one"),
]

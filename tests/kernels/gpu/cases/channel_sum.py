"""Sums of channels."""

import kernels
from cases import Case

KERNELS = "channel_partial_sums channel_final_sums"

CASES = [
    Case(kernels.channel_sum, lambda rng: (rng.standard_normal((5, 3, 4, 2)),), launches=KERNELS, name="three_channels"),
    Case(kernels.channel_sum, lambda rng: (rng.standard_normal((301, 72)),), launches=KERNELS, name="packs"),
    Case(kernels.channel_sum, lambda rng: (rng.standard_normal((70, 261)),), launches=KERNELS, name="blocks_beside_each_other"),
    Case(kernels.channel_sum, lambda rng: (rng.standard_normal((1, 1, 1, 1)),), launches=KERNELS, name="one"),
]

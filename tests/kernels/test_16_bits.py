"""Definitions of normalisations and of softmax for float16 and bfloat16 beside float32 parameters: results of 16 bits, statistics of 32."""

import ml_dtypes
import numpy as np
import pytest
from cases import Case, Wide, all_cases

import kernels
from minitorch_cv.testing import assert_close

FAMILIES = ("batch_norm", "channel_sum", "group_norm", "layer_norm", "response_norm", "softmax")
TOLERANCE = {np.float16: 1e-3, ml_dtypes.bfloat16: 8e-3}  # half a step, and a little for sums
CASES = [(family, case) for family, case in all_cases() if family in FAMILIES]


def rounded(argument: object, dtype: type) -> object:
    if isinstance(argument, Wide):
        return argument.values.astype(np.float32)
    return argument.astype(dtype) if isinstance(argument, np.ndarray) and argument.dtype == np.float64 else argument


def in_float64(argument: object) -> object:
    return argument.astype(np.float64) if isinstance(argument, np.ndarray) and argument.dtype.kind != "i" else argument


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", [pytest.param(case, id=f"{family}-{case}") for family, case in CASES])
def test_definition(case: Case, dtype: type) -> None:
    arguments = [rounded(argument, dtype) for argument in case.arguments(np.random.default_rng(11))]
    with kernels.backend("numpy"):
        results = case.function(*arguments, **case.options)
        expected = case.function(*[in_float64(argument) for argument in arguments], **case.options)
    results, expected = (r if isinstance(r, tuple) else (r,) for r in (results, expected))
    assert results[0].dtype == (np.float32 if case.function is kernels.softmax_cross_entropy else dtype)
    for i, (a, e) in enumerate(zip(results, expected, strict=True)):
        if e is None:
            assert a is None
            continue
        assert a.dtype in (dtype, np.float32)
        assert_close(a.astype(np.float64), e, TOLERANCE[dtype], f"result {i}")

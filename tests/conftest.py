"""What all tests share: the settings of Hypothesis, and a fixture that runs a test on every backend."""

import os
from collections.abc import Iterator

import hypothesis
import pytest

# derandomize: the same examples on every run, so that a red test is red for everybody.
# No deadline: the first example may wait for a compilation.
COMMON = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    # The fixture `backend` stays the same for all examples of a test, as it should.
    "suppress_health_check": [hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
}
hypothesis.settings.register_profile("default", max_examples=25, **COMMON)
hypothesis.settings.register_profile("full", max_examples=150, **COMMON)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(params=["numpy", "numba"])
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """The test runs once for each backend of the kernels, inside `with kernels.backend(...)`."""
    import kernels

    with kernels.backend(request.param):
        yield request.param


MANY = 500  # tests of kernels on the GPU: with so many, it pays to compile for all of them


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of kernels on the GPU come last: by then, most of these kernels are compiled."""
    items.sort(key=lambda item: "tests/kernels/gpu" in item.nodeid or "on_gpu" in item.nodeid)


@pytest.fixture(scope="session", autouse=True)
def _cuda_kernels_compiled_ahead(request: pytest.FixtureRequest) -> Iterator[None]:
    """With nothing compiled yet, a second processor compiles CUDA kernels for the emulated GPU while the tests run."""
    import gpu

    of_kernels = sum("tests/kernels/gpu" in item.nodeid for item in request.session.items)
    if of_kernels < MANY or gpu.GPU == "real" or gpu.REASON is not None:
        yield
        return
    from minitorch_cv.testing.emulation.ahead import compiling_ahead

    with compiling_ahead():
        yield

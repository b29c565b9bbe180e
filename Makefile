# `make train`: LeNet-5 learns handwritten digits.  `make test`: the tests.  Both set up .venv on their first run.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
TORCH  := torch==2.13.0
CUDA   ?= 13
GPU_TESTS := tests/kernels tests/gpu tests/minitorch_cv/test_functions_on_gpu.py tests/minitorch_cv/optim/test_on_gpu.py \
	tests/minitorch_cv/data/test_device_batches.py tests/minitorch_cv/training/test_on_gpu.py tests/minitorch_cv/training/test_recorded_step.py \
	tests/minitorch_cv/test_cli_on_gpu.py tests/minitorch_cv/test_norm_on_gpu.py tests/minitorch_cv/test_random_on_gpu.py tests/minitorch_cv/test_autocast.py \
	tests/minitorch_cv/test_device.py tests/minitorch_cv/testing_emulation/test_cupy_stand_in_against_cupy.py tests/models/test_on_gpu.py
# On Linux the package index may answer with PyTorch's large CUDA build; pip's PIP_EXTRA_INDEX_URL can point to one of CPU builds.

.PHONY: help train test test-full test-gpu bench-gpu compile-cuda lint types clean

help:
	@echo "make train      train LeNet-5 on scikit-learn's handwritten digits (under a minute; no download)"
	@echo "make test       the tests that need neither PyTorch nor much time"
	@echo "make test-full  all tests, also those that compare with PyTorch, which it installs"
	@echo "make test-gpu   the GPU's tests on an NVIDIA GPU (CUDA=12 for a driver of CUDA 12), with compute-sanitizer where it is installed"
	@echo "make compile-cuda  all GPU kernels compiled, without a GPU: registers, spills, PTX (170 MB of compilers are installed first)"
	@echo "make bench-gpu  kernels and training on the GPU, compared with PyTorch, which it installs"
	@echo "make lint       ruff"
	@echo "make types      mypy"
	@echo "make clean      remove .venv and the tools' caches"

train: $(VENV)/.installed
	$(BIN)/minitorch-cv train

test: $(VENV)/.installed-test
	$(BIN)/pytest -m "not full"

test-full: $(VENV)/.installed-torch
	HYPOTHESIS_PROFILE=full $(BIN)/pytest

# The same tests that `make test` runs on the emulated GPU, and some that only a real one can answer.
test-gpu: $(VENV)/.installed-cuda$(CUDA)
	MINITORCH_CV_TEST_GPU=1 $(BIN)/pytest $(GPU_TESTS)
	$(BIN)/python tests/sanitize.py

bench-gpu: $(VENV)/.installed-cuda$(CUDA) $(VENV)/.installed-torch
	$(BIN)/python benchmarks/gpu.py --json benchmarks/gpu.json --picture benchmarks/gpu.png

compile-cuda: $(VENV)/.installed-cuda-compile
	$(BIN)/python -m minitorch_cv.testing.emulation.compile_cuda
	$(BIN)/pytest -q tests/kernels/gpu/test_numba_cuda.py -k ptx

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache

# Each file below says that something is installed. It is older than setup.py when the list of dependencies may have changed.

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "minitorch_cv needs Python 3.11 or later, and $(PYTHON) is " \
		+ sys.version.split()[0] + ": name another one with `make PYTHON=python3.12 ...`")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: setup.py pyproject.toml | $(BIN)/python
	@echo "Installing minitorch_cv into $(VENV) (about half a minute with a fast connection) ..."
	@$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.installed-test: setup.py pyproject.toml | $(BIN)/python
	@echo "Installing minitorch_cv and what its tests need into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-dev: setup.py pyproject.toml | $(BIN)/python
	@echo "Installing minitorch_cv and the tools of its developers into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.installed $(VENV)/.installed-test

$(VENV)/.installed-cuda$(CUDA): $(VENV)/.installed-test
	@echo "Installing CuPy and numba-cuda for CUDA $(CUDA) into $(VENV) (about 3 GB) ..."
	@$(BIN)/python -m pip install --quiet --editable '.[cuda$(CUDA)]'
	@touch $@

$(VENV)/.installed-cuda-compile: $(VENV)/.installed-test
	@echo "Installing the compilers of CUDA into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --editable '.[cuda-compile]'
	@touch $@

$(VENV)/.installed-torch: $(VENV)/.installed-test
	@echo "Installing $(TORCH) into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet $(TORCH)
	@touch $@

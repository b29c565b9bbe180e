"""Metadata of the distribution; the build system and the tools' settings are in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def version() -> str:
    """The version, as `minitorch_cv/__init__.py` states it: read, not imported, because NumPy may not be installed yet."""
    source = (HERE / "minitorch_cv" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', source, re.MULTILINE)
    if found is None:
        raise ValueError('minitorch_cv/__init__.py: expected a line of the form __version__ = "1.2.3"')
    return found[1]


# The lowest versions are the oldest that the tests pass with.
RUN = [
    "numpy>=2",
    "numba>=0.61",
    "threadpoolctl>=3.5",
    "typer>=0.16",
    "rich>=14.3",
    "pillow>=11",
    "safetensors>=0.4.5",
    "pooch>=1.8",
    "requests>=2.31",
    "matplotlib>=3.9",
    "scikit-learn>=1.5",
]
TEST = ["pytest>=8", "hypothesis>=6.100", "ml_dtypes>=0.5"]

setup(
    name="minitorch_cv",
    version=version(),
    description="A from-scratch deep-learning engine for images: readable, tested against outside numbers, fast on a CPU",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license_expression="MIT",
    license_files=["LICENSE"],
    keywords="deep-learning autograd convolution numba numpy education",
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Environment :: Console",
        "Intended Audience :: Developers",
        "Intended Audience :: Education",
        "Intended Audience :: Science/Research",
        "Operating System :: MacOS",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Image Recognition",
        "Typing :: Typed",
    ],
    packages=find_packages(include=["kernels*", "minitorch_cv*", "models*"]),
    package_data={"": ["py.typed", "*.pyi", "*.json", "*.cu", "*.cuh", "*.h", "*.cpp"]},
    python_requires=">=3.11",
    install_requires=RUN,
    extras_require={
        "test": TEST,
        "dev": [*TEST, "ruff>=0.9", "mypy>=1.14"],
        # [ctk]: the compiler of CUDA C and cuBLAS, as wheels; the driver is all that must be there. ml_dtypes: bfloat16.
        "cuda12": ["cupy-cuda12x[ctk]>=14", "numba-cuda[cu12]>=0.20", "ml_dtypes>=0.5"],
        "cuda13": ["cupy-cuda13x[ctk]>=14", "numba-cuda[cu13]>=0.20", "ml_dtypes>=0.5"],
        # Compilers alone, for a machine without a GPU. Those of 13.0, because what later ones write is too new for drivers of 13.0.
        "cuda-compile": ["cuda-bindings==13.0.*", "nvidia-cuda-nvrtc==13.0.*", "nvidia-nvvm==13.0.*", "numba-cuda>=0.30"],
    },
    entry_points={"console_scripts": ["minitorch-cv = minitorch_cv.cli:main"]},
)

"""Metadata of the distribution; the build system and the tools' settings are in pyproject.toml."""

from setuptools import find_packages, setup

setup(
    name="minitorch_cv",
    version="0.1.0",
    packages=find_packages(include=["kernels*", "minitorch_cv*", "models*"]),
    python_requires=">=3.11",
    install_requires=[
        "numpy>=2", "numba>=0.61", "threadpoolctl>=3.5", "typer>=0.15", "rich>=13", "pillow>=10",
        "safetensors>=0.4.5", "pooch>=1.8", "matplotlib>=3.9", "scikit-learn>=1.5",
    ],  # fmt: skip
    extras_require={"test": ["pytest>=8", "hypothesis>=6.100"]},
    package_data={"kernels": ["py.typed"], "minitorch_cv": ["py.typed"], "models": ["py.typed"]},
    entry_points={"console_scripts": ["minitorch-cv = minitorch_cv.cli:main"]},
)

"""Activation functions of shapes alone."""

import numpy as np


def smooth(name: str, x: np.ndarray, *parameters: float) -> np.ndarray:
    """As many numbers as come in."""
    return np.empty_like(x)


def smooth_backward(name: str, gy: np.ndarray, kept: np.ndarray, *parameters: float) -> np.ndarray:
    """As many numbers as come in."""
    return np.empty_like(gy)


def piecewise(v: np.ndarray, x: np.ndarray, pieces: object) -> np.ndarray:
    """As many numbers as come in."""
    return np.empty_like(v)


def prelu(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """As many numbers as come in."""
    return np.empty_like(x)


def prelu_backward(gy: np.ndarray, x: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As many numbers as come in."""
    return np.empty_like(gy), np.empty_like(weight)

"""The stand-in and CuPy itself, where it is installed: the same expressions give the same arrays, and the same errors.

Without a GPU, CuPy still makes views of an array whose memory it never touches, and refuses wrong arguments; what needs the device is
skipped.
"""

import json
import re
import runpy
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from minitorch_cv.testing.emulation import cupy_stand_in
from minitorch_cv.testing.emulation.cupy_stand_in import names

cupy = pytest.importorskip("cupy", reason="CuPy is not installed: the stand-in for it is not compared with it here")

EXPRESSIONS = """
a[1]; a[..., 1]; a[:, None]; a[::2]; a[::-1, 1:, ::-2]; a[0, 1, 2]; a[5]; a[0, 0, 0, 0]; a[:0]; z[:, 1]; s[()]; s[...]; s[None]; b[1]
b[:, 1]; b.T; b.reshape(2, 3, 25); b.transpose(0, 2, 3, 1).reshape(-1, 3); b.transpose(1, 0, 2, 3); b.transpose(0, 1); b.swapaxes(0, -1)
b.squeeze(); v.squeeze(); v.squeeze(0); v.squeeze(1); a.reshape(24); a.reshape(4, -1); a.reshape(5, 5); z.reshape(3, 0); z.reshape(-1)
a.view(np.int32); a.view(np.float64); a.view(np.uint8); a.T.view(np.int32); a.diagonal(); a.diagonal(1); c.real; a.mT; a.ravel()
a.T.ravel('F'); np.moveaxis(b, 1, -1); np.expand_dims(a, (0, 2)); np.broadcast_to(a, (5, 2, 3, 4)); np.broadcast_to(a, (3, 3))
np.split(a, 2); np.split(a, 3); np.array_split(b, 2, 1); np.flip(a, 1); np.reshape(a, (6, 4)); np.rollaxis(b, 3, 1); np.ndim(a)
np.shape(b); np.size(a); np.result_type(a, 1.0); np.iscomplexobj(c); np.may_share_memory(a, a[1:]); len(s); iter(s)
a.nbytes, a.itemsize, a.size, a.ndim; bool(z); bool(a); np.diag(a[0]); list(a[0]); cupy.ascontiguousarray(a)
a.astype(np.float32, copy=False); b.astype('f', order='K', copy=False); a.astype(object); a.astype('U3'); np.real(a); a.dot(1)
a.sum(foo=1); a.max(dtype=1); a.mean(where=1); a.std(correction=1); a.clip(a_min=1); a.sort(order=1); a.item(0); a.fill(np.ones(2))
a.get(foo=1); a.set(1); a.set(np.ones(3)); a.set(np.zeros(3, np.float32)); np.sum(a, where=True); np.sum(a, initial=1)
np.max(a, initial=1); np.mean(a, where=True); np.concatenate((a,), foo=1); np.clip(a, min=1); np.std(a, correction=1)
np.argsort(a, stable=True); np.nanpercentile(a, 3); np.add(a, a, a, a); np.add(a); np.modf(a, out=(a, a)); np.spacing(a)
np.linalg.cond(a); cupy.nanpercentile; cupy.geomspace; cupy.vecdot; cupy.empty((2,), foo=1); cupy.zeros(3, like=a); hash(a); a.__index__
a.flags.behaved; a.flags['C_CONTIGUOUS']; a.flags.forc; a.ctypes; np.asarray(a); np.take(a, 1, mode='clip'); a.repeat(2, 3, 4)
a[1:].base is a; a.T.T.base is a; a.squeeze().base is a; np.exp(a, order='C'); np.add(a, a, where=True); cupy.from_dlpack(np.ones(3))
a + 1; 1.5 - b; a * a.T.T; np.exp(b); a + np.ones(3); np.ones(3) + a; a + np.ones(()); a == np.ones(()); a + [1]; a + 'x'; a @ a[0].T
a > 3; a.sum(); a.sum(0); b.sum((0, 2, 3)); a.mean(1, keepdims=True); h.sum(); a.var(0); a.max(2); a.argmax(1); (a > 3).any(); i.sum()
i.mean(); i / 2; h * 2.0; h + np.float32(1); e * 2.0; e * 2; e + e; np.where(e > 1, e, e); e.clip(0.0, 1.0); e.sum(); e.mean(); e.max()
i + 1.5; i + 1; i ** 2; np.concatenate([a, a], 1); np.stack([a, a]); np.where(a > 3, a, 0); np.clip(a, 1, 3); np.pad(a[0], 1)
np.roll(a, 1, 0); np.tile(a, 2); np.maximum(a, 2); np.maximum.reduce(a); np.add.reduce(a); np.einsum('ijk,ijk->i', a, a)
np.tensordot(a, a, 3); np.array_equal(a, a); np.count_nonzero(a); b.copy(); b.astype(np.float64); np.empty_like(b).fill(1); b + b
np.zeros(3, like=a); np.take(a, i, 0); a[i]; a[a > 3]; np.cumsum(a, 0); np.sort(a, 0); np.argsort(a, 0); np.unique(a); np.nonzero(a)
np.linalg.norm(a); a.round(1); np.sign(a); divmod(i, 2); ~i; -a
"""


def arrays(module: ModuleType) -> dict[str, Any]:
    """The operands by their names in the expressions. Without a GPU, CuPy's lie in ordinary memory, for views alone."""
    memory = np.zeros(4096, np.uint8)

    def make(shape: tuple[int, ...], dtype: Any = np.float32) -> Any:
        values = np.arange(np.prod(shape), dtype=np.int64).reshape(shape).astype(dtype)
        if module is cupy and not cupy.cuda.is_available():
            pointer = cupy.cuda.MemoryPointer(cupy.cuda.UnownedMemory(memory.ctypes.data, memory.nbytes, memory, 0), 0)
            return cupy.ndarray(shape, dtype, memptr=pointer)
        return module.asarray(values)

    return {
        "a": make((2, 3, 4)), "b": make((2, 5, 5, 3)).transpose(0, 3, 1, 2), "z": make((0, 3)), "s": make(()), "v": make((1, 3, 1)),
        "c": make((3,), np.complex64), "i": make((2,), np.int64), "h": make((5,), np.float16), "e": make((5,), ml_dtypes.bfloat16),
        "np": np, "cupy": module,
    }  # fmt: skip


def description(value: Any, module: ModuleType) -> Any:
    """What is to be equal: of an array the type, the layout, the place in its memory."""
    if isinstance(value, list | tuple):
        return [description(item, module) for item in value]
    if not isinstance(value, module.ndarray):
        return value
    flags = (value.flags.c_contiguous, value.flags.f_contiguous, value.flags.owndata)
    base = value if value.base is None else value.base
    return value.shape, value.strides if value.size else None, str(value.dtype), flags, value.data.ptr - base.data.ptr if value.size else 0


def values(value: Any, module: ModuleType) -> list[np.ndarray]:
    if isinstance(value, list | tuple):
        return [array for item in value for array in values(item, module)]
    return [value.get().astype(np.complex128)] if isinstance(value, module.ndarray) else []


def outcome(expression: str, module: ModuleType) -> tuple[Any, list[np.ndarray] | None]:
    """(the description of the result or the type of the error, the values where there is a device)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = eval(expression, arrays(module))
            known = values(result, module) if module is cupy_stand_in or cupy.cuda.is_available() else None
            return description(result, module), known
    except Exception as error:
        if module is cupy and not cupy.cuda.is_available() and type(error).__name__ in ("CUDARuntimeError", "ImportError"):
            pytest.skip("needs a GPU")
        return type(error).__name__, None


@pytest.mark.parametrize("expression", [e.strip() for line in EXPRESSIONS.strip().split("\n") for e in line.split(";")])
def test_an_expression(expression: str) -> None:
    expected, numbers = outcome(expression, cupy)
    got, ours = outcome(expression, cupy_stand_in)
    assert got == expected
    for array, reference in zip(ours or [], numbers or [], strict=numbers is not None):
        low = re.search(r"\b[eh]\b", expression)  # one unit in the last place of float16 or bfloat16; a few of float32
        np.testing.assert_allclose(array, reference, rtol=2**-7 if low else 1e-6)


@pytest.mark.skipif(cupy.__version__ != cupy_stand_in.__version__, reason="the table is of another version of CuPy")
def test_the_table_is_that_of_this_version(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(Path(names.__file__).with_name("read_names.py")), run_name="__main__")
    assert json.loads(capsys.readouterr().out) == names.TABLE

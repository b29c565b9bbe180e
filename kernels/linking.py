"""Every kernel runs its own copy of the helpers that it calls: so that its bits do not depend on what was loaded before it.

Numba compiles a helper by itself first; then a copy of it is linked into each kernel that calls it, and optimised once
more there, together with its caller. The machine code of the two can round differently (a*b + c*d may become either of
two fused operations). Numba marks the copies "linkonce_odr": of all that are in memory, the loader takes the one that
came first. In a process that compiles, that is the helper by itself; in a process that finds the kernel in the cache, the
copy: a training that compiled its kernels ended with other bits than one that found them. Marked "internal", the copy
is the kernel's own in both.

This reaches into Numba, which has no setting for it. A Numba that has changed there is left as it is: kernels work as before,
and `tests/kernels/test_linking.py` tells.
"""

from typing import Any

from numba.core.codegen import CPUCodeLibrary

_numbas_own: Any = getattr(CPUCodeLibrary, "_optimize_final_module", None)


def keep_copies_apart() -> None:
    """Make Numba link helpers as parts of their callers, from now on, in this process. Calling it again changes nothing."""
    if _numbas_own is not None:
        CPUCodeLibrary._optimize_final_module = _optimize_final_module


def _optimize_final_module(library: CPUCodeLibrary) -> None:
    for function in library._final_module.functions:
        if not function.is_declaration and function.linkage.name == "linkonce_odr":
            function.linkage = "internal"
    _numbas_own(library)

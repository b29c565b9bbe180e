"""Whether `kernels` and `models` are ours.

Three import packages stand side by side, and two of them have names that others use too. A folder `models/` in the working directory can stand
in front of ours, and another distribution can have written its own `kernels/__init__.py` over ours. Each of our packages therefore carries a
marker inside, which is looked at when it is imported.
"""

from types import ModuleType

MARKER = "MINITORCH_CV_PACKAGE"


def require_ours(package: ModuleType) -> None:
    """Raise ImportError unless `package` carries minitorch_cv's marker; the sentence names what was found instead and what to do."""
    if getattr(package, MARKER, None) == "minitorch_cv":
        return
    name = package.__name__
    found = getattr(package, "__file__", None) or ", ".join(getattr(package, "__path__", ["an unknown place"]))
    raise ImportError(
        f"the package {name!r} that Python found at {found} is not minitorch_cv's: a folder or another distribution of the same name stands in "
        f"front of it or has overwritten it; start from another folder, rename or uninstall the other {name!r}, or reinstall minitorch_cv"
    )

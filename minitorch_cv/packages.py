"""Whether `kernels` and `models` are ours.

Three import packages stand side by side, and two of them have names that others use too. A folder `models/` in the
working directory can stand in front of ours, and another distribution can have written its own `kernels/__init__.py`
over ours. Both of ours therefore carry a marker inside. `kernels` is looked at here, when `minitorch_cv` is imported and
before anything else is; `models` by the command line, which imports it.
"""

from types import ModuleType

import kernels

MARKER = "MINITORCH_CV_PACKAGE"


def require_ours(package: ModuleType) -> None:
    """Raise ImportError unless `package` carries minitorch_cv's marker; the sentence names what was found instead and what to do."""
    if getattr(package, MARKER, None) == "minitorch_cv":
        return
    name = package.__name__
    found = getattr(package, "__file__", None) or ", ".join(getattr(package, "__path__", ["an unknown place"]))
    raise ImportError(
        f"the package {name!r} that Python found at {found} is not minitorch_cv's: a folder or another distribution of "
        f"the same name stands in front of it or has overwritten it; start from another folder, rename or uninstall the "
        f"other {name!r}, or reinstall minitorch_cv"
    )


require_ours(kernels)

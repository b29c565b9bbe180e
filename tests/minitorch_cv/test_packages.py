"""A foreign package called `models` or `kernels` is noticed and named."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from minitorch_cv.packages import require_ours


def test_ours() -> None:
    import kernels
    import models

    for package in (kernels, models):
        require_ours(package)


def test_foreign() -> None:
    foreign = ModuleType("models")
    foreign.__file__ = "/elsewhere/models/__init__.py"
    with pytest.raises(ImportError, match=r"'models' that Python found at /elsewhere/models/__init__.py is not minitorch_cv's"):
        require_ours(foreign)


def run(code: str, folder: Path) -> str:
    """The error of a Python that starts in `folder`, as one does that is started there by `python -m` or `python -c`."""
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    return done.stderr


@pytest.mark.parametrize("content", [None, "", "def create(name): ..."], ids=["bare folder", "empty package", "package"])
def test_a_folder_called_models(tmp_path: Path, content: str | None) -> None:
    (tmp_path / "models").mkdir()
    if content is not None:
        (tmp_path / "models" / "__init__.py").write_text(content)
    # Ours come after the working directory, as they do in an installation.
    root = str(Path(__file__).parent.parent.parent)
    code = f"import sys; sys.path.append({root!r}); sys.argv = ['minitorch-cv', 'models']; from minitorch_cv.cli import main; main()"
    if content is None:
        code = f"import sys; sys.modules['models'] = type(sys)('models'); sys.modules['models'].__path__ = ['here/models']\n{code}"
    error = run(code, tmp_path)
    assert "the package 'models' that Python found at" in error
    assert "Traceback" not in error
    assert "models" in error.partition("found at")[2].split(" is not ")[0]


def test_a_package_called_kernels(tmp_path: Path) -> None:
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / "__init__.py").write_text("")
    root = str(Path(__file__).parent.parent.parent)
    error = run(f"import sys; sys.path.append({root!r}); import minitorch_cv", tmp_path)
    assert f"the package 'kernels' that Python found at {tmp_path / 'kernels' / '__init__.py'} is not minitorch_cv's" in error

"""The house has three floors, and an import only ever goes down: models -> minitorch_cv -> kernels.

Read from the syntax trees of all modules, imports inside functions and under `if TYPE_CHECKING` included; nothing is imported to find out.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = ("kernels", "minitorch_cv", "models")  # from the ground up
ROOF = "minitorch_cv.cli"  # the command line: the one package that may look at all floors
FRAMEWORKS = {
    "autograd", "caffe2", "chainer", "dezero", "fastai", "flax", "haiku", "jax", "keras", "lightning", "mindspore", "mxnet", "onnxruntime",
    "paddle", "tensorflow", "theano", "timm", "tinygrad", "torch", "torchvision", "transformers",
}  # fmt: skip
HEAVY = {"numba", "llvmlite", "matplotlib", "sklearn", "scipy", "PIL", "rich", "typer", "pooch", "safetensors"}


class Import(NamedTuple):
    """Module `importer` imports `imported`; `at_load` is false inside a function, where it happens only when that is called."""

    importer: str
    imported: str
    line: int
    at_load: bool


def modules(root: Path) -> dict[str, Path]:
    """All modules of the three packages below `root`: dotted name -> file."""
    found = {}
    for path in sorted(file for floor in FLOORS for file in (root / floor).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(name: str, path: Path, known: dict[str, Path]) -> list[Import]:
    """Every import statement of one module, `from package import module` resolved to the module where there is one."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = []

    def walk(node: ast.AST, at_load: bool) -> None:
        for imported in _names(node, package, known):
            found.append(Import(name, imported, node.lineno, at_load))
        inner = at_load and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and not _for_types_only(node)
        for child in ast.iter_child_nodes(node):
            walk(child, inner)

    walk(ast.parse(path.read_text(encoding="utf-8")), True)
    return found


def _names(node: ast.AST, package: str, known: dict[str, Path]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            anchor = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*anchor, *([node.module] if node.module else [])])
        for alias in node.names:
            inside = f"{base}.{alias.name}"
            yield inside if inside in known else base
    elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in {"import_module", "__import__"}:
        # import_module("name"), or f"name.{...}", of which the constant beginning is taken.
        argument = node.args[0] if node.args else None
        if isinstance(argument, ast.JoinedStr) and argument.values:
            argument = argument.values[0]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            yield argument.value.rstrip(".")


def _for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def all_imports(root: Path) -> list[Import]:
    known = modules(root)
    return [found for name, path in known.items() for found in imports_of(name, path, known)]


def climbs(imports: list[Import]) -> list[str]:
    """The imports that go up a floor, as readable lines."""
    heights = {floor: height for height, floor in enumerate(FLOORS)}
    return [
        f"{i.importer}, line {i.line}: imports {i.imported}"
        for i in imports
        if heights.get(i.imported.split(".")[0], -1) > heights[i.importer.split(".")[0]] and not (i.importer + ".").startswith(ROOF + ".")
    ]


def circle(imports: list[Import], known: dict[str, Path]) -> list[str] | None:
    """A chain of modules each of which needs the next one to load, and the last one the first; None where there is none."""
    needs: dict[str, set[str]] = {name: set() for name in known}
    for i in imports:
        # Importing a package from one of its own modules does not wait for the package: `from kernels.layout import empty`, inside kernels.
        if i.at_load and i.imported in known and i.imported != i.importer:
            needs[i.importer].add(i.imported)
    state: dict[str, str] = {}
    path: list[str] = []

    def visit(name: str) -> list[str] | None:
        if state.get(name) == "done":
            return None
        if name in path:
            return [*path[path.index(name) :], name]
        path.append(name)
        for other in sorted(needs[name]):
            if found := visit(other):
                return found
        path.pop()
        state[name] = "done"
        return None

    return next(filter(None, map(visit, sorted(known))), None)


def test_no_import_goes_up_a_floor() -> None:
    assert climbs(all_imports(ROOT)) == []


def test_no_import_circle() -> None:
    assert circle(all_imports(ROOT), modules(ROOT)) is None


def test_no_deep_learning_framework() -> None:
    assert [i for i in all_imports(ROOT) if i.imported.split(".")[0] in FRAMEWORKS] == []


def test_every_folder_with_modules_is_a_package() -> None:
    """A folder without `__init__.py` would be left out of an installation."""
    assert [str(path) for path in modules(ROOT).values() if not (path.parent / "__init__.py").exists()] == []


@pytest.mark.parametrize(
    ("file", "line", "problem"),
    [
        ("kernels/a.py", "import minitorch_cv", "climbs"),
        ("kernels/a.py", "def f():\n    from minitorch_cv.tensor import Tensor", "climbs"),
        ("minitorch_cv/b/c.py", "from models import create", "climbs"),
        ("minitorch_cv/b/c.py", "import importlib\nmodule = importlib.import_module(f'models.{name}')", "climbs"),
        ("kernels/a.py", "import kernels.d\n", "circle"),
        ("kernels/a.py", "from . import d", "circle"),
        ("kernels/a.py", "from kernels import d", "circle"),
        ("kernels/a.py", "def f():\n    import kernels.d", None),  # a later import may close a circle
        ("minitorch_cv/cli/train.py", "def f():\n    import models", None),
        ("minitorch_cv/client.py", "from models import create", "climbs"),
        ("models/m.py", "from minitorch_cv.b import c\nimport kernels.a", None),
    ],
)
def test_the_rules_can_be_broken(tmp_path: Path, file: str, line: str, problem: str | None) -> None:
    """On a small house, each planted import is found, and the allowed ones are not."""
    for folder in ("kernels", "minitorch_cv", "minitorch_cv/b", "minitorch_cv/cli", "models"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").touch()
    (tmp_path / "kernels/a.py").touch()
    (tmp_path / "kernels/d.py").write_text("from kernels.a import something\n")
    (tmp_path / "minitorch_cv/b/c.py").touch()
    (tmp_path / file).write_text(line)
    imports = all_imports(tmp_path)
    assert bool(climbs(imports)) == (problem == "climbs")
    assert (circle(imports, modules(tmp_path)) is not None) == (problem == "circle")


def test_importing_minitorch_cv_is_light() -> None:
    """What takes long to import waits until it is used."""
    code = "import sys, minitorch_cv; print(' '.join({name.split('.')[0] for name in sys.modules}))"
    loaded = set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())
    assert "minitorch_cv" in loaded
    assert loaded & (HEAVY | FRAMEWORKS) == set()

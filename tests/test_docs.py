"""What the README files say is true: links lead to files, examples run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted(path for pattern in ("*.md", "[!.]*/*.md", "[!.]*/*/*.md") for path in ROOT.glob(pattern))
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"")


def heading_anchors(page: Path) -> set[str]:
    """What can stand after `#` in a link to this page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    broken = []
    for target in (a or b for a, b in LINK.findall(page.read_text(encoding="utf-8"))):
        if target.startswith(("https://", "http://")):
            continue
        file, _, anchor = target.partition("#")
        place = page.parent / file if file else page
        if not place.exists() or (anchor and anchor not in heading_anchors(place)):
            broken.append(target)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text('# One, two\n[a](page.md) [b](gone.md) <img src="gone.svg"> [c](#one-two) [d](#three) [e](https://example.org)')
    assert broken_links(page) == ["gone.md", "gone.svg", "#three"]


def run_python(code: str, folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_examples_of_the_readme_run(tmp_path: Path) -> None:
    """In the order in which they stand, as one program; what they print is what they claim."""
    told = run_python("\n".join(PYTHON.findall((ROOT / "README.md").read_text(encoding="utf-8"))), tmp_path)
    losses = [float(loss) for loss in re.findall(r"loss ([\d.]+)", told)]
    assert len(losses) == 5
    assert losses == sorted(losses, reverse=True)
    assert "6., 12., 18." in told


def test_examples_of_the_kernels_run(tmp_path: Path) -> None:
    """The first example as it is; the new kernel as three files of a package that stands beside the real one."""
    blocks = PYTHON.findall((ROOT / "kernels/README.md").read_text(encoding="utf-8"))
    for block in blocks:
        if named := re.match(r"# (kernels/\S+)\n", block):
            file = tmp_path / "mine" / named[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block)
    (block,) = (block for block in blocks if "def block(" in block)
    (tmp_path / "block.py").write_text(block)  # Numba's cache wants a file
    run_python(blocks[0] + USE, tmp_path)


USE = """
import sys
kernels.__path__.append("mine/kernels")
from kernels.tint import tint

factor = np.linspace(-1, 1, 16, dtype=np.float32)
expected = x * factor[:, None, None]
for name in kernels.BACKENDS:
    with kernels.backend(name):
        assert np.array_equal(tint(x, factor), expected), name

from kernels.simd import VECTOR_BYTES
sys.path.insert(0, ".")
from block import block

columns = 2 * VECTOR_BYTES // 4
a, b = (np.random.default_rng(2).standard_normal(shape, np.float32) for shape in ((4, 7), (7, columns)))
result = np.zeros((4, columns), np.float32)
block(a.ravel(), b.ravel(), result.reshape(-1), 7, columns)
assert np.abs(result - a @ b).max() < 1e-5
"""

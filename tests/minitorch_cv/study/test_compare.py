"""Tables and pictures of accuracy against cost."""

from pathlib import Path

import pytest

from minitorch_cv import nn
from minitorch_cv.study import Candidate, candidate, comparison_table, draw_comparison, summary


def some() -> list[Candidate]:
    return [
        Candidate("small", (3, 32, 32), 1_000_000, 50_000_000, 1024, 60.0, "a paper", 2012),
        Candidate("large", (3, 64, 64), 90_000_000, 9_000_000_000, 2048, 80.0, "another", 2020),
        Candidate("unknown", (3, 64, 64), 5, 5, 5),
    ]


def test_a_candidate_from_a_summary() -> None:
    costs = summary(nn.Conv2d(3, 4, 3, bias=False), (3, 10, 12))
    made = candidate("conv", costs, 12.5, "nobody", 1999)
    assert made == Candidate("conv", (3, 10, 12), 108, 80 * 108, 4 * 4 * 80, 12.5, "nobody", 1999)
    assert made.accuracy_per_gmac == pytest.approx(12.5 / (80 * 108 / 1e9))
    assert Candidate("a", (1, 1, 1), 1, 0, 0, 1.0).accuracy_per_gmac is None


def test_the_table() -> None:
    table = comparison_table(some())
    assert table.row_count == 3
    assert list(table.columns[0].cells) == ["small", "large", "unknown"]
    assert list(table.columns[6].cells) == ["60.00 %", "80.00 %", "-"]
    assert list(table.columns[7].cells) == ["1200.0", "8.9", "-"]


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_picture(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"picture.{ending}"
    draw_comparison(some(), path)
    assert path.stat().st_size > 5000
    if ending == "svg":
        text = path.read_text()
        assert "<!-- large -->" in text  # matplotlib names the letters that it draws
        assert "<!-- unknown -->" not in text


def test_one_model_and_one_year(tmp_path: Path) -> None:
    draw_comparison([Candidate("one", (3, 8, 8), 5, 5_000, 5, 50.0)], tmp_path / "picture.png")


def test_nothing_to_draw(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="candidates: got none with a published accuracy"):
        draw_comparison(some()[2:], tmp_path / "picture.png")
    assert not (tmp_path / "picture.png").exists()

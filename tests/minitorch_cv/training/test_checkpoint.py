"""Checkpoints: what goes in comes out, a crash leaves a complete one, and damage is noticed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minitorch_cv import files
from minitorch_cv.training import checkpoint as module
from minitorch_cv.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from minitorch_cv.training.errors import RunError


def state(seed: int) -> Checkpoint:
    rng = np.random.default_rng(seed)
    weights = {
        "a.weight": rng.standard_normal((2, 3, 4)).astype(np.float32).transpose(2, 0, 1),  # not contiguous
        "a.count": np.array(7, np.int64),  # without dimensions
        "b.wide": rng.standard_normal(3),
        "c.empty": np.zeros((0, 2), np.float32),
        "d.extreme": np.array([np.nan, np.inf, -0.0, 5e-324]),
    }
    optimizer = {
        "state": {0: {"momentum_buffer": rng.standard_normal(4)}, 2: {"step": 3, "exp_avg": np.ones(2, np.float32)}},
        "param_groups": [{"lr": np.float64(0.1), "betas": (0.9, 0.999), "params": [0, 1, 2], "foreach": None}],
    }
    return Checkpoint(weights, optimizer, {"last_epoch": 12}, {"epoch": seed, "sum": 0.1 + 0.2})


def assert_same(actual: Any, expected: Any) -> None:
    if isinstance(expected, np.ndarray):
        assert actual.dtype == expected.dtype
        assert actual.shape == expected.shape
        assert actual.tobytes() == expected.tobytes()
    elif isinstance(expected, dict):
        assert list(actual) == list(expected)
        for key in expected:
            assert_same(actual[key], expected[key])
    elif isinstance(expected, list | tuple):
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected, strict=True):
            assert_same(one, other)
    else:
        assert actual == expected


def assert_same_checkpoint(actual: Checkpoint, expected: Checkpoint) -> None:
    for part in ("model", "optimizer", "schedule", "progress"):
        assert_same(getattr(actual, part), getattr(expected, part))


def test_round_trip(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "new", "last", state(1), step=5)
    assert_same_checkpoint(load_checkpoint(tmp_path / "new"), state(1))


def test_the_arrays_are_plain_safetensors(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    save_checkpoint(tmp_path, "last", state(1), step=5)
    arrays = load_file(tmp_path / "last-00000005.safetensors")
    np.testing.assert_array_equal(arrays["model.a.weight"], state(1).model["a.weight"])


def test_only_the_newest_stays(tmp_path: Path) -> None:
    # Twice the same step: the arrays of the first must not be overwritten before the second is complete.
    for seed, step in ((1, 5), (2, 5), (3, 9)):
        save_checkpoint(tmp_path, "last", state(seed), step)
    save_checkpoint(tmp_path, "best", state(4), 9)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best-00000009.safetensors", "best.json", "last-00000009.safetensors", "last.json",
    ]  # fmt: skip
    assert_same_checkpoint(load_checkpoint(tmp_path), state(3))
    assert_same_checkpoint(load_checkpoint(tmp_path, "best"), state(4))


class CrashError(Exception):
    """Stands for a kill."""


@pytest.mark.parametrize("same_step", [False, True])
def test_a_crash_between_any_two_system_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, same_step: bool) -> None:
    """Every call that changes the disk is made to fail in turn: what is loaded then is the old checkpoint or the new one, complete."""
    seen_old = seen_new = 0
    for fatal in range(100):
        folder = tmp_path / str(fatal)
        save_checkpoint(folder, "last", state(1), 5)
        calls = 0

        def dying(function: Any, fatal: int = fatal) -> Any:
            def run(*args: Any, **kwargs: Any) -> Any:
                nonlocal calls
                calls += 1
                if calls > fatal:
                    raise CrashError
                return function(*args, **kwargs)

            return run

        with monkeypatch.context() as patch:
            patch.setattr(files.os, "replace", dying(files.os.replace))
            patch.setattr(files.os, "fsync", dying(files.os.fsync))
            patch.setattr(module, "write_durably", dying(module.write_durably))
            patch.setattr(Path, "unlink", dying(Path.unlink))
            try:
                save_checkpoint(folder, "last", state(2), 5 if same_step else 6)
                finished = True
            except CrashError:
                finished = False
        found = load_checkpoint(folder)
        assert_same_checkpoint(found, state(found.progress["epoch"]))
        seen_old += found.progress["epoch"] == 1
        seen_new += found.progress["epoch"] == 2
        if finished:
            break
        save_checkpoint(folder, "last", state(3), 7)  # what the crash left behind does not disturb, and goes
        assert_same_checkpoint(load_checkpoint(folder), state(3))
        assert len(list(folder.glob("*.safetensors"))) == 1
    assert seen_old >= 3
    assert seen_new >= 2


def test_a_half_written_array_file_is_never_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path, "last", state(1), 5)

    def half(path: Path, content: bytes) -> None:
        path.write_bytes(content[: len(content) // 2])
        raise CrashError

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_durably", half)
        with pytest.raises(CrashError):
            save_checkpoint(tmp_path, "last", state(2), 6)
    assert_same_checkpoint(load_checkpoint(tmp_path), state(1))


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"there is no checkpoint 'last' in .* \(there: none\)"):
        load_checkpoint(tmp_path)
    save_checkpoint(tmp_path, "last", state(1), 5)
    with pytest.raises(RunError, match=r"there is no checkpoint 'best' in .* \(there: last\); only a training with --validation"):
        load_checkpoint(tmp_path, "best")


def damage_json(folder: Path) -> None:
    (folder / "last.json").write_text('{"format": 1, "mod')


def damage_version(folder: Path) -> None:
    data = json.loads((folder / "last.json").read_text())
    (folder / "last.json").write_text(json.dumps({**data, "format": 99}))


def damage_entry(folder: Path) -> None:
    data = json.loads((folder / "last.json").read_text())
    del data["schedule"]
    (folder / "last.json").write_text(json.dumps(data))


def damage_arrays(folder: Path) -> None:
    data = json.loads((folder / "last.json").read_text())
    (folder / "last.json").write_text(json.dumps({**data, "arrays": 5}))


def damage_progress(folder: Path) -> None:
    data = json.loads((folder / "last.json").read_text())
    (folder / "last.json").write_text(json.dumps({**data, "progress": 5}))


def truncate(folder: Path) -> None:
    path = folder / "last-00000005.safetensors"
    path.write_bytes(path.read_bytes()[:-1])


def flip_a_bit(folder: Path) -> None:
    path = folder / "last-00000005.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def remove(folder: Path) -> None:
    (folder / "last-00000005.safetensors").unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_json, "last.json is damaged"),
        (damage_version, "last.json has format 99, this version of minitorch_cv reads format 1"),
        (damage_entry, "last.json is damaged: it lacks 'schedule'"),
        (damage_arrays, "last.json is damaged: "),
        (damage_progress, "last.json is damaged: a part of it is not an object"),
        (truncate, "last-00000005.safetensors is damaged: .* bytes"),
        (flip_a_bit, "last-00000005.safetensors is damaged: its checksum differs"),
        (remove, "last-00000005.safetensors, the arrays of a checkpoint, cannot be read: No such file"),
    ],
)
def test_damage(tmp_path: Path, damage: Any, message: str) -> None:
    save_checkpoint(tmp_path, "last", state(1), 5)
    damage(tmp_path)
    with pytest.raises(RunError, match=message):
        load_checkpoint(tmp_path)

"""Updates that are killed at random moments lose nothing and leave nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flow_kills import kill_updates


def _path_in(folder: Path, suffix: str) -> Callable[[str], str]:
    return lambda name: str(folder / f"{name}{suffix}")


@pytest.mark.row("IN-9 crash in update")
@pytest.mark.parametrize(("kind", "suffix"), [("sqlite", ".db"), ("files", "_files")])
def test_killed_updates_end_as_a_fresh_build(tmp_path: Path, kind: str, suffix: str) -> None:
    targets = tmp_path / "targets"
    targets.mkdir()
    report = kill_updates(
        tmp_path, kind, kills=6, files=60, seed=7, new_target=_path_in(targets, suffix)
    )
    assert report.kills == 6
    assert report.differences == []

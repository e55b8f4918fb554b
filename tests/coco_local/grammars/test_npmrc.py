from __future__ import annotations

from pathlib import Path

import pytest

from coco_core.errors import Unavailable
from coco_local.grammars.npmrc import NpmConfig


def config(tmp_path: Path, text: str = "", **environ: str) -> NpmConfig:
    (tmp_path / ".npmrc").write_text(text, encoding="utf-8")
    # No PATH: there is no npm to ask.
    return NpmConfig({"HOME": str(tmp_path), "PATH": str(tmp_path), **environ})


def test_the_users_file_names_the_registry(tmp_path: Path) -> None:
    text = "# mine\nregistry = https://packages.example/npm\n"
    assert config(tmp_path, text).registry("x") == "https://packages.example/npm/"


def test_the_environment_comes_first(tmp_path: Path) -> None:
    found = config(tmp_path, "registry=https://a.example/", npm_config_registry="https://b.example")
    assert found.registry("x") == "https://b.example/"


def test_a_scope_has_its_own_registry(tmp_path: Path) -> None:
    text = "registry=https://a.example/\n@mine:registry=https://b.example/\n"
    found = config(tmp_path, text)
    assert found.registry("@mine/x") == "https://b.example/"
    assert found.registry("@other/x") == "https://a.example/"


def test_another_users_file_may_be_named(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("registry=https://other.example\n", encoding="utf-8")
    found = config(tmp_path, "registry=https://a.example", NPM_CONFIG_USERCONFIG=str(other))
    assert found.registry("x") == "https://other.example/"


def test_nothing_configured_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="NPM_CONFIG_REGISTRY"):
        config(tmp_path).registry("x")


def test_a_token_goes_to_its_own_place_only(tmp_path: Path) -> None:
    text = (
        "registry=https://a.example/npm/\n"
        "//a.example/npm/:_authToken=${TOKEN}\n"
        "//b.example/:_auth=dXNlcjpwYXNz\n"
        "cafile=/etc/ca.pem\n"
    )
    found = config(tmp_path, text, TOKEN="s3cret")
    assert found.access("https://a.example/npm/x").headers == {"Authorization": "Bearer s3cret"}
    assert found.access("https://a.example/other").headers == {}
    assert found.access("https://a.example.evil/npm/x").headers == {}
    assert found.access("https://b.example/x").headers == {"Authorization": "Basic dXNlcjpwYXNz"}
    assert found.access("https://c.example/x").ca_file == "/etc/ca.pem"

import json
import os
from pathlib import Path

import pytest

from tests.coco_embed.tiny_model import tiny_model


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text("config_id: small\nchunking:\n  chunk_size: 128\n", encoding="utf-8")
    return path


def test_show_names_the_origin_of_each_value(coco, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".coco.toml").write_text('exclude = ["*.gen.py"]\n', encoding="utf-8")
    monkeypatch.setenv("COCO_DEBOUNCE_MS", "300")
    rows = {line.split()[0]: line for line in coco("config", "show").out.splitlines()}
    assert "300" in rows["debounce_ms"]
    assert "env COCO_DEBOUNCE_MS" in rows["debounce_ms"]
    assert "*.gen.py" in rows["exclude"]
    assert ".coco.toml" in rows["exclude"]
    assert rows["max_lag_ms"].endswith("default")


def test_show_as_json(coco) -> None:
    settings = {entry["name"]: entry for entry in coco("config", "show", "--json").data["settings"]}
    assert settings["host"] == {"name": "host", "value": "127.0.0.1", "origin": "default"}


def test_show_hides_secrets(coco, monkeypatch) -> None:
    monkeypatch.setenv("COCO_API_KEY", "very-secret")
    assert "very-secret" not in coco("config", "show").out
    assert "very-secret" not in coco("config", "show", "--json").out


def test_show_reports_names_that_mean_nothing(coco, monkeypatch) -> None:
    monkeypatch.setenv("COCO_PROT", "1")
    result = coco("config", "show")
    assert result.code == 0
    assert "warning: " in result.err
    assert "COCO_PORT" in result.err


def register(text: str) -> Path:
    home = Path(os.environ["COCO_HOME"])
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = home / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.slow
def test_models_are_listed_with_what_they_can(coco, tmp_path) -> None:
    tiny_model(tmp_path / "tiny")
    register(
        f"[models.tiny]\npath = '{tmp_path / 'tiny'}'\nmax_tokens = 64\n"
        "[models.gone]\npath = 'nowhere'\n"
        "[models.remote]\nurl = 'http://127.0.0.1:9/v1'\ndimension = 1536\n"
    )
    result = coco("config", "models")
    rows = {line.split()[0]: line.split()[1:5] for line in result.out.splitlines()[1:]}
    assert rows == {
        "all-MiniLM-L6-v2": ["built-in", "missing", "384", "512"],
        "coco-static": ["built-in", "ready", "384", "32768"],
        "gone": ["onnx", "missing", "-", "-"],
        "remote": ["http", "unreachable", "1536", "512"],
        "tiny": ["onnx", "ready", "4", "64"],
    }
    assert "warning: gone: There is no directory" in result.err
    assert "tiny" not in result.err
    listed = {each["name"]: each for each in coco("config", "models", "--json").data["models"]}
    assert listed["tiny"]["place"] == str(tmp_path / "tiny")
    assert listed["tiny"]["origin"].endswith("config.toml:1")
    assert listed["remote"]["hint"]


def test_a_wrong_registration_is_told_with_its_line(coco) -> None:
    path = register("[models.tiny]\npath = 'x'\nmax_token = 64\n")
    result = coco("config", "models")
    assert result.code != 0
    assert f"models.tiny.max_token ({path}:3) is unknown" in result.err
    assert "Did you mean max_tokens?" in result.err


def test_configs_are_added_listed_and_shown(coco, running, small, tmp_path) -> None:
    coco("config", "add", small).prints("chunk_size: 128")
    assert "small" in coco("config", "list").out
    shown = coco("config", "show-index", "small")
    # What is shown can be added again.
    again = tmp_path / "again.yaml"
    again.write_text(shown.out, encoding="utf-8")
    assert coco("config", "add", again).out == shown.out
    assert coco("config", "show-index", "small", "--json").data["chunking"]["chunk_size"] == 128
    assert {config["config_id"] for config in coco("config", "list", "--json").data["configs"]} >= {
        "default",
        "small",
    }


def test_a_config_never_changes(coco, running, small) -> None:
    assert coco("config", "add", small).code == 0
    small.write_text("config_id: small\n", encoding="utf-8")
    result = coco("config", "add", small, "--json")
    assert result.code == 1
    assert result.error["code"] == "config_conflict"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("config_id: [", "neither YAML nor JSON"),
        ("- a\n- b\n", "holds no mapping"),
        ("chunking: {}\n", "no config_id"),
        ("config_id: x\nchunkin: {}\n", "Unknown field 'chunkin'"),
        (json.dumps({"config_id": "x", "chunking": {"chunk_size": 1}}), "chunk_size is 1"),
        (json.dumps({"config_id": "x", "chunking": {"chunk_size": "big"}}), "chunk_size is 'big'"),
    ],
)
def test_a_wrong_file_is_told(coco, running, tmp_path, content, said) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(content, encoding="utf-8")
    coco("config", "add", path).fails(said)


def test_a_missing_file_and_a_missing_config(coco, running, tmp_path) -> None:
    assert "cannot be read" in coco("config", "add", tmp_path / "none.yaml").err
    assert coco("config", "show-index", "nonsense").code == 1

import json

import pytest


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


def test_configs_are_added_listed_and_shown(coco, running, small, tmp_path) -> None:
    added = coco("config", "add", small)
    assert added.code == 0
    assert "chunk_size: 128" in added.out
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
    result = coco("config", "add", path)
    assert result.code == 1
    assert said in result.err


def test_a_missing_file_and_a_missing_config(coco, running, tmp_path) -> None:
    assert "cannot be read" in coco("config", "add", tmp_path / "none.yaml").err
    assert coco("config", "show-index", "nonsense").code == 1

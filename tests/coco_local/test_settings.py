from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from coco_core.errors import InvalidConfig
from coco_local.settings import FIELDS, PROJECT_FILE, Settings, explain_settings, load_settings


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    home = tmp_path / "home"
    home.mkdir()
    return {"COCO_HOME": str(home)}


def _user(environ: dict[str, str], text: str) -> Path:
    path = Path(environ["COCO_HOME"]) / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _project(tmp_path: Path, text: str) -> Path:
    root = tmp_path / "project"
    root.mkdir(exist_ok=True)
    (root / PROJECT_FILE).write_text(text, encoding="utf-8")
    return root


def test_every_field_of_the_table_is_a_setting_and_the_other_way_round() -> None:
    assert {field.name for field in FIELDS} == {f.name for f in fields(Settings)} - {
        "home",
        "warnings",
        "defaulted",
        "models",
        "rerankers",
    }


def test_defaults(environ: dict[str, str]) -> None:
    settings = load_settings(environ=environ)
    home = Path(environ["COCO_HOME"])
    assert (settings.host, settings.port) == ("127.0.0.1", 3456)
    assert settings.meta_db == home / "coco.db"
    assert settings.vector_dir == home / "lancedb"
    assert settings.max_file_bytes == 1024 * 1024
    assert settings.base_url == "http://127.0.0.1:3456"
    assert not settings.exposed
    assert settings.warnings == ()


def test_each_source_yields_to_the_one_above(tmp_path: Path, environ: dict[str, str]) -> None:
    root = _project(tmp_path, "max_file_bytes = 10\n")
    assert load_settings(environ=environ, project=root).max_file_bytes == 10
    _user(environ, "max_file_bytes = '20'")
    assert load_settings(environ=environ, project=root).max_file_bytes == 20
    environ["COCO_MAX_FILE_BYTES"] = "30"
    assert load_settings(environ=environ, project=root).max_file_bytes == 30
    flags = {"max_file_bytes": 40, "port": None}
    assert load_settings(flags, environ=environ, project=root).max_file_bytes == 40


def test_origins_are_told(tmp_path: Path, environ: dict[str, str]) -> None:
    config = _user(environ, '# mine\nlog_level = "debug"\n')
    root = _project(tmp_path, 'exclude = ["gen/"]\n')
    environ["COCO_PORT"] = "4000"
    found = {
        entry.name: entry
        for entry in explain_settings({"host": "::1"}, environ=environ, project=root)
    }
    assert found["home"].origin == "env COCO_HOME"
    assert found["host"].origin == "flag --host"
    assert found["port"].origin == "env COCO_PORT"
    assert found["log_level"].origin == f"{config}:2"
    assert found["exclude"].origin == f"{root / PROJECT_FILE}:1"
    assert found["exclude"].value == ("gen/",)
    assert found["debounce_ms"].origin == "default"


def test_a_secret_is_never_shown(environ: dict[str, str]) -> None:
    environ["COCO_API_KEY"] = "s3cret"
    found = {entry.name: entry.value for entry in explain_settings(environ=environ)}
    assert found["api_key"] == "(set)"
    assert load_settings(environ=environ).api_key == "s3cret"
    environ["COCO_API_KEY"] = "s3\ncret"
    with pytest.raises(InvalidConfig) as caught:
        load_settings(environ=environ)
    assert "s3" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value", "name", "expected"),
    [
        ("COCO_DB_URL", "sqlite:////data/x.db", "meta_db", Path("/data/x.db")),
        ("COCO_META_DB", "/data/y%20.db", "meta_db", Path("/data/y%20.db")),
        ("COCO_LANCEDB_PATH", "/data/v", "vector_dir", Path("/data/v")),
        ("COCO_MAX_FILE_BYTES", "2MiB", "max_file_bytes", 2 << 20),
        ("COCO_MAX_FILE_BYTES", "512k", "max_file_bytes", 512_000),
        ("COCO_OFFLINE", "on", "offline", True),
        ("COCO_LOG_LEVEL", "WARN", "log_level", "warning"),
        ("COCO_INCLUDE", "a/*.py, b", "include", ("a/*.py", "b")),
        ("COCO_PORT", " ", "port", 3456),
    ],
)
def test_environment_values(
    environ: dict[str, str], variable: str, value: str, name: str, expected: object
) -> None:
    environ[variable] = value
    assert getattr(load_settings(environ=environ), name) == expected


def test_the_name_wins_over_its_alias(environ: dict[str, str]) -> None:
    environ |= {"COCO_META_DB": "/a.db", "COCO_DB_URL": "sqlite:////b.db"}
    assert load_settings(environ=environ).meta_db == Path("/a.db")


def test_a_relative_path_in_a_file_starts_at_the_file(environ: dict[str, str]) -> None:
    config = _user(environ, 'vector_dir = "v"')
    assert load_settings(environ=environ).vector_dir == config.parent / "v"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("COCO_PORT", "http"),
        ("COCO_PORT", "70000"),
        ("COCO_DB_URL", "postgresql://x/y"),
        ("COCO_DB_URL", "sqlite://"),
        ("COCO_MAX_FILE_BYTES", "0"),
        ("COCO_MAX_FILE_BYTES", "1 furlong"),
        ("COCO_OFFLINE", "maybe"),
        ("COCO_LOG_LEVEL", "loud"),
        ("COCO_DEBOUNCE_MS", "-1"),
    ],
)
def test_a_wrong_value_names_its_source_and_what_is_accepted(
    environ: dict[str, str], variable: str, value: str
) -> None:
    environ[variable] = value
    with pytest.raises(InvalidConfig) as caught:
        load_settings(environ=environ)
    assert f"env {variable}" in caught.value.message
    assert repr(value) in caught.value.message
    assert caught.value.hint
    assert caught.value.hint.startswith("Accepted: ")


def test_a_wrong_value_in_a_file_names_the_line(environ: dict[str, str]) -> None:
    config = _user(environ, "\n\nport = true\n")
    with pytest.raises(InvalidConfig) as caught:
        load_settings(environ=environ)
    assert f"{config}:3" in caught.value.message


def test_a_project_may_not_steer_the_daemon(tmp_path: Path, environ: dict[str, str]) -> None:
    root = _project(tmp_path, 'host = "0.0.0.0"')
    with pytest.raises(InvalidConfig, match="host may not be set in a project") as caught:
        load_settings(environ=environ, project=root)
    assert f"{root / PROJECT_FILE}:1" in caught.value.message
    assert "max_file_bytes" in str(caught.value.hint)


def test_unknown_names_are_reported_with_a_suggestion(environ: dict[str, str]) -> None:
    environ |= {"COCO_PROT": "1", "COCO_MODE": "server"}
    config = _user(environ, "debounce = 3\n")
    warnings = load_settings(environ=environ).warnings
    assert any("COCO_PROT" in line and "COCO_PORT?" in line for line in warnings)
    assert any(f"{config}:1" in line and "debounce_ms?" in line for line in warnings)
    assert len(warnings) == 2


def test_broken_toml_is_said(environ: dict[str, str]) -> None:
    _user(environ, "port 3")
    with pytest.raises(InvalidConfig, match="not valid TOML"):
        load_settings(environ=environ)
    (Path(environ["COCO_HOME"]) / "config.toml").write_bytes(b"host = '\xff'")
    with pytest.raises(InvalidConfig, match="not valid TOML"):
        load_settings(environ=environ)


def test_an_unknown_flag_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(InvalidConfig, match="Unknown setting 'prot'"):
        load_settings({"prot": 1}, environ=environ)


def test_models_are_registered_in_the_users_file(environ: dict[str, str]) -> None:
    file = _user(environ, 'port = 1\n\n[models.mine]\npath = "models/mine"\n')
    settings = load_settings(environ=environ)
    [model] = settings.models.values()
    assert (model.name, model.origin) == ("mine", f"{file}:3")
    assert model.path == file.parent.resolve() / "models" / "mine"
    assert settings.warnings == ()
    assert "models" not in {value.name for value in explain_settings(environ=environ)}


def test_a_wrong_field_of_a_model_is_told_with_its_line(environ: dict[str, str]) -> None:
    file = _user(environ, '[models.mine]\npath = "x"\nquery_prefx = "q: "\n')
    with pytest.raises(InvalidConfig, match=r"Did you mean query_prefix\?") as raised:
        load_settings(environ=environ)
    assert raised.value.details["origin"] == f"{file}:3"


def test_rerankers_are_registered_in_the_users_file(environ: dict[str, str]) -> None:
    file = _user(environ, 'port = 1\n\n[rerankers.mine]\npath = "rerankers/mine"\n')
    settings = load_settings(environ=environ)
    [reranker] = settings.rerankers.values()
    assert reranker.origin == f"{file}:3"
    assert reranker.path == file.parent.resolve() / "rerankers" / "mine"
    assert settings.warnings == ()
    _user(environ, '[rerankers.mine]\npath = "x"\ntimeout = 3\n')
    with pytest.raises(InvalidConfig, match=r"rerankers.mine.timeout .*:3\) is unknown"):
        load_settings(environ=environ)


def test_a_project_may_not_register_rerankers(tmp_path: Path, environ: dict[str, str]) -> None:
    root = _project(tmp_path, '[rerankers.mine]\nurl = "http://x/v1"\n')
    with pytest.raises(InvalidConfig, match=r"rerankers may not be set .*\.coco\.toml:1\)"):
        load_settings(environ=environ, project=root)


def test_a_project_may_not_register_models(tmp_path: Path, environ: dict[str, str]) -> None:
    root = _project(tmp_path, 'include = ["a"]\n[models.mine]\nurl = "http://x/v1"\n')
    with pytest.raises(InvalidConfig, match=r"models may not be set .*\.coco\.toml:2\)"):
        load_settings(environ=environ, project=root)

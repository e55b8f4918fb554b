"""The administrator's commands on a real database: what they print, and how they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from coco_server.cli import main
from coco_server.store import defaults, keys
from coco_server.store.session import Database
from tests.coco_embed.tiny_model import tiny_model
from tests.coco_server.tenants import new_tenant
from tests.cross_encoder import cross_encoder


@pytest.fixture(autouse=True)
def environment(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "COCO_META_DB": database_url,
        "COCO_BLOB_URL": tmp_path.as_uri(),
        "COCO_ADMIN_KEY": "0123456789abcdef",
    }.items():
        monkeypatch.setenv(name, value)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """Run a command that succeeds; return what it printed as JSON."""
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_an_org_with_keys(capsys: pytest.CaptureFixture[str], database: Database) -> None:
    limit = ("--limit", "org_max_documents=7")
    org = run(capsys, "org", "create", "Acme", "--id", "acme", *limit)
    assert (org["org_id"], org["limits"]) == ("acme", {"org_max_documents": 7})
    made = run(capsys, "key", "create", "acme", "ci", "--scope", "query", "--days", "1")
    assert made["scopes"] == ["query"]
    with database.system() as session:
        known = keys.verify(session, made["key"])
    assert known is not None
    rotated = run(capsys, "key", "rotate", made["key_id"], "--grace-hours", "1")
    assert rotated["key"] != made["key"]
    revoked = run(capsys, "key", "revoke", made["key_id"])
    assert revoked["revoked_at"] is not None
    with database.system() as session:
        assert keys.verify(session, made["key"]) is None
        assert keys.verify(session, rotated["key"]) is not None
    listed = run(capsys, "key", "list", "acme")["keys"]
    assert {key["key_id"] for key in listed} == {made["key_id"], rotated["key_id"]}
    assert run(capsys, "org", "show", "acme")["use"]["documents"] == 0


def test_configs_projects_and_pruning(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run(capsys, "org", "create", "Beta", "--id", "beta")
    file = tmp_path / "config.json"
    file.write_text('{"config_id": "short", "dimension": 8}', encoding="utf-8")
    assert run(capsys, "config", "add", "beta", str(file))["dimension"] == 8
    (config,) = run(capsys, "config", "list", "beta")["configs"]
    assert config["config_id"] == "short"
    assert run(capsys, "project", "list", "beta") == {"projects": []}
    assert run(capsys, "prune", "--dry-run")["dry_run"] is True


def test_project_defaults_are_shown(capsys: pytest.CaptureFixture[str], database: Database) -> None:
    tenant = new_tenant(database, "Epsilon")
    tenant.activate(tenant.build({"a": "one"}))
    shown = run(capsys, "project", "defaults", tenant.project_id)
    assert (shown["indexing_config_id"], shown["retrieval_config"]) == ("default", None)
    with database.tenant(tenant.org_id) as session:
        defaults.adopt(
            session,
            tenant.project_id,
            query_config_id="few",
            retrieval_config={"top_k": 3, "ranking": {"paths": False}},
        )
    assert main(["project", "defaults", tenant.project_id]) == 0
    lines = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert lines["query_config_id"] == "few"
    assert lines["retrieval_config"] == "top_k=3, ranking={'paths': False}"


def test_a_version_that_is_not_needed_is_removed(
    capsys: pytest.CaptureFixture[str], database: Database
) -> None:
    tenant = new_tenant(database, "Zeta")
    first, second = (tenant.activate(tenant.build({"a": text})) for text in ("one", "two"))
    path = ("project", "remove", tenant.project_id)
    assert run(capsys, *path, first.version_id) == {"deleted": first.version_id}
    assert main([*path, second.version_id]) == 1
    assert "is ACTIVE and cannot be removed" in capsys.readouterr().err
    left = run(capsys, "project", "versions", tenant.project_id)["versions"]
    assert [each["version_id"] for each in left] == [second.version_id]


def test_settings_show_where_they_come_from(capsys: pytest.CaptureFixture[str]) -> None:
    found = {each["name"]: each for each in run(capsys, "config", "settings")["settings"]}
    assert found["meta_db"] == {"name": "meta_db", "value": "(set)", "origin": "env COCO_META_DB"}
    assert found["port"]["origin"] == "default"


def test_people_get_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["org", "create", "Gamma", "--id", "gamma"]) == 0
    assert main(["org", "create", "Delta", "--id", "delta"]) == 0
    capsys.readouterr()
    assert main(["org", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["ORG_ID", "NAME", "LIMITS", "CREATED_AT"]
    assert any(line.startswith("gamma ") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["org", "show", "nobody"], 1, "There is no org 'nobody'."),
        (["key", "create", "nobody", "x"], 1, "There is no org 'nobody'."),
        (["key", "create", "nobody", "x", "--scope", "everything"], 2, "scopes.0"),
        (["org", "create", "X", "--limit", "speed=3"], 1, "'speed=3' is no limit."),
        (["project", "versions", "prj_none"], 1, "There is no project 'prj_none'."),
        (["config", "add", "x", "/no/file"], 1, "cannot be read"),
        (["bogus"], 2, "No such command 'bogus'."),
    ],
)
def test_what_cannot_be_done_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    assert main(arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("coco-server: ")
    assert said in captured.err
    assert captured.err.count("\n") == 1


def test_without_a_database_the_variable_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COCO_META_DB")
    assert main(["org", "list"]) == 1
    assert "COCO_META_DB is not set" in capsys.readouterr().err
    monkeypatch.setenv("COCO_DB_URL", "sqlite:///x.db")
    assert main(["org", "list"]) == 1
    assert "PostgreSQL" in capsys.readouterr().err


def test_the_doctor_says_what_fails(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # A model is not there, and may not be fetched.
    monkeypatch.setenv("COCO_EMBED_MODEL_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("COCO_OFFLINE", "1")
    assert main(["doctor", "--json"]) == 1
    checks = {each["name"]: each for each in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["database"]["ok"]
    assert checks["blobs"]["ok"]
    assert "COCO_TLS_MODE" in checks["settings"]["detail"]
    assert "COCO_OFFLINE" in checks["model"]["detail"]


def test_the_doctor_tries_registered_models(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tiny_model(tmp_path / "tiny")
    file = tmp_path / "models.toml"
    file.write_text(
        '[models.tiny]\npath = "tiny"\n[models.gone]\npath = "none"\n'
        '[rerankers.small]\npath = "small"\n[rerankers.lost]\npath = "none"\n',
        "utf-8",
    )
    cross_encoder(tmp_path / "small")
    monkeypatch.setenv("COCO_MODELS_FILE", str(file))
    monkeypatch.setenv("COCO_OFFLINE", "1")
    assert main(["doctor", "--json"]) == 1
    checks = {each["name"]: each for each in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["model tiny"]["ok"] and "onnx, 4 dimensions" in checks["model tiny"]["detail"]
    assert f"missing ({file}:3)" in checks["model gone"]["detail"]
    assert not checks["model gone"]["ok"]
    assert checks["reranker small"]["ok"] and "onnx, " in checks["reranker small"]["detail"]
    assert f"missing ({file}:7)" in checks["reranker lost"]["detail"]
    assert not checks["reranker lost"]["ok"]


def test_documents(capsys: pytest.CaptureFixture[str], database: Database, tmp_path: Path) -> None:
    tenant = new_tenant(database, "Docs")
    tenant.activate(tenant.build({"a.md": "words of a", "b/c.md": "words of c"}))
    listed = run(capsys, "document", "list", tenant.project_id, "--prefix", "b/")
    assert [each["doc_id"] for each in listed["documents"]] == ["b/c.md"]
    shown = run(capsys, "document", "show", tenant.project_id, "b/c.md")
    assert [each["content"] for each in shown["chunks"]] == ["words of c"]
    file = tmp_path / "d.md"
    file.write_text("words of d", encoding="utf-8")
    put = run(capsys, "document", "put", tenant.project_id, "d.md", str(file), "--title", "D")
    assert (put["changed"], put["state"]) == (True, "queued")
    counted = run(capsys, "document", "delete", tenant.project_id, "--prefix", "b/", "--dry-run")
    assert (counted["count"], counted["job_id"]) == (1, None)
    done = run(capsys, "document", "delete", tenant.project_id, "a.md", "none.md")
    assert (done["doc_ids"], done["state"]) == (["a.md"], "queued")
    assert main(["document", "delete", tenant.project_id]) == 1
    assert main(["document", "show", tenant.project_id, "d.md"]) == 1
    said = capsys.readouterr().err
    assert "by ids or by a prefix" in said
    assert f"The job '{put['job_id']}', which has not ended" in said

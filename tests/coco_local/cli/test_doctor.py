import os
import socket
import sqlite3
from pathlib import Path

import pytest

from coco_core.version import __version__
from tests.coco_embed.tiny_model import tiny_model
from tests.cross_encoder import cross_encoder


def findings(coco) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = {}
    for finding in coco("doctor", "--json").data["findings"]:
        found.setdefault(finding["check"], []).append(finding)
    return found


@pytest.fixture
def home() -> Path:
    path = Path(os.environ["COCO_HOME"])
    path.mkdir(mode=0o700, parents=True)
    return path


def test_a_fresh_machine_fails_nothing(coco) -> None:
    coco("doctor").prints(
        "warn model: all-MiniLM-L6-v2 is not installed",
        "-> Fetch it: coco setup",
        "ok   ripgrep: ripgrep ",
        "start it with: coco start --detach",
        f"ok   versions: everything is version {__version__}\n",
    )


def test_every_finding_that_is_not_ok_says_what_to_do(coco, home, monkeypatch) -> None:
    monkeypatch.setenv("COCO_PROT", "1")
    home.chmod(0o755)
    for found in findings(coco).values():
        for finding in found:
            assert finding["level"] in {"ok", "warn", "fail"}
            assert bool(finding["fix"]) == (finding["level"] != "ok")


def test_registered_models_are_tried(coco, home, tmp_path) -> None:
    tiny_model(tmp_path / "tiny")
    registered = f"[models.tiny]\npath = '{tmp_path / 'tiny'}'\n[models.gone]\npath = 'nowhere'\n"
    (home / "config.toml").write_text(registered, encoding="utf-8")
    gone, tiny = findings(coco)["registered model"]
    assert (gone["level"], tiny["level"]) == ("warn", "ok")
    assert "config.toml:3) is missing: There is no directory" in str(gone["message"])
    assert tiny["message"] == "tiny embeds, 4 dimensions"


def test_rerankers_are_tried(coco, home, tmp_path) -> None:
    cross_encoder(tmp_path / "tiny")
    table = f"[rerankers.tiny]\npath = '{tmp_path / 'tiny'}'\n[rerankers.gone]\npath = 'nowhere'\n"
    (home / "config.toml").write_text(table, encoding="utf-8")
    gone, tiny = findings(coco)["reranker"]
    assert (gone["level"], tiny["level"], tiny["message"]) == ("warn", "ok", "tiny scores")
    assert "config.toml:3) is missing: There is no directory" in str(gone["message"])


def test_with_a_daemon_its_own_word_counts(coco, running, shop) -> None:
    found = findings(coco)
    assert str(running.port) in str(found["service"][0]["message"])
    assert "port" not in found
    assert found["vectors"][0]["level"] == "ok"
    assert found["watching"][0]["details"]["directories"] >= 4


def test_an_open_home(coco, home) -> None:
    home.chmod(0o755)
    (finding,) = findings(coco)["home"]
    assert finding["level"] == "warn"
    assert f"chmod 700 {home}" in finding["fix"]


def test_a_home_that_is_a_file(coco, home) -> None:
    home.rmdir()
    home.write_text("x", encoding="utf-8")
    assert coco("doctor").code == 1


def test_a_taken_port(coco, home, monkeypatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setenv("COCO_PORT", str(listener.getsockname()[1]))
        # Nothing answers there: that is refused before the port is looked at.
        listener.close()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(os.environ["COCO_PORT"])))
        result = coco("doctor")
    assert result.code == 1
    assert "fail port: Port" in result.out
    assert "coco start --detach --port" in result.out


def test_a_damaged_database(coco, home) -> None:
    (home / "coco.db").write_bytes(b"this is no database " * 100)
    coco("doctor").prints("fail metadata: ", "coco restart", code=1)


def test_a_database_of_another_version(coco, home) -> None:
    connection = sqlite3.connect(home / "coco.db")
    connection.execute("PRAGMA user_version = 4711")
    connection.close()
    (finding,) = findings(coco)["metadata"]
    assert finding["level"] == "warn"
    assert "schema 4711" in finding["message"]


def test_a_damaged_vector_store(coco, home) -> None:
    index = home / "lancedb" / "some-index"
    (index / "terms.lance").mkdir(parents=True)
    (index / "terms.lance" / "junk").write_text("x", encoding="utf-8")
    coco("doctor").prints(f"fail vectors: {index} cannot be opened", code=1)


def test_a_lock_that_was_left_behind(coco, home) -> None:
    (home / "service.lock").write_text("{}", encoding="utf-8")
    (finding, _) = [*findings(coco)["service"], None]
    assert finding["level"] == "warn"
    assert "coco start" in finding["fix"]

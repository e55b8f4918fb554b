"""Languages without a built-in grammar in the running daemon."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import wasmtime

from coco_local.grammars.record import GrammarRecord
from coco_local.grammars.store import GRAMMAR
from coco_protocol.docs import DocumentRequest
from tests.coco_embed.file_server import serve
from tests.coco_local.grammars.registry import PROPERTIES, publish_properties
from tests.daemon_process import Daemon, running_daemon, wait_for


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "app.properties").write_text("# The port.\nserver.port = 80\n", encoding="utf-8")
    (root / "main.py").write_text("def main():\n    return 1\n", encoding="utf-8")
    return root


@pytest.fixture
def daemon(tmp_path: Path, project: Path) -> Iterator[Daemon]:
    with running_daemon(tmp_path / "home", project) as running:
        running.wait_indexed()
        yield running


def states(daemon: Daemon) -> dict[str, str]:
    with daemon.client as client:
        return {body.language: body.state for body in client.stats().grammars}


def symbols(daemon: Daemon) -> list[str]:
    with daemon.client as client:
        outline = client.outline(
            DocumentRequest(doc_id="app.properties", project_id=daemon.project().project_id)
        )
    return [item.symbol for item in outline.symbols]


def test_a_missing_grammar_is_fetched_when_its_language_is_first_seen(
    tmp_path: Path, project: Path, model: Path
) -> None:
    with serve() as registry:
        publish_properties(registry)
        environ = {
            "COCO_OFFLINE": "0",
            "NPM_CONFIG_REGISTRY": registry.url,
            "HOME": str(tmp_path),
        }
        with running_daemon(tmp_path / "home", project, model=model, environ=environ) as daemon:
            wait_for(lambda: states(daemon).get("properties") == "installed", "the install")
            wait_for(lambda: symbols(daemon) == ["server.port"], "the new chunks")
            answer = daemon.coco("status")
            assert "grammar  properties: installed" in answer.stdout
    assert [path for path, _ in registry.requests if path.endswith(".tgz")]


def test_offline_nothing_is_fetched_and_status_says_so(daemon: Daemon) -> None:
    wait_for(lambda: states(daemon) == {"properties": "missing"}, "the note")
    assert symbols(daemon) == []
    status = daemon.coco("status")
    assert "COCO_OFFLINE forbids fetching it" in status.stdout


def test_an_install_beside_the_daemon_cuts_files_anew_and_removal_undoes_it(daemon: Daemon) -> None:
    installed = daemon.coco("grammar", "install", "properties", "--from", str(PROPERTIES), "--json")
    assert installed.returncode == 0, installed.stderr
    (grammar,) = json.loads(installed.stdout)["data"]["grammars"]
    assert grammar["language"] == "properties"
    wait_for(lambda: symbols(daemon) == ["server.port"], "the new chunks")
    assert daemon.coco("grammar", "remove", "properties").returncode == 0
    wait_for(lambda: symbols(daemon) == [], "the text")


def test_an_install_while_the_daemon_is_down_is_taken_up_at_the_next_start(
    daemon: Daemon,
) -> None:
    daemon.stop()
    daemon.coco("grammar", "install", "properties", "--from", str(PROPERTIES))
    daemon.start()
    wait_for(lambda: symbols(daemon) == ["server.port"], "the new chunks")


def test_a_looping_grammar_is_stopped_and_the_daemon_goes_on(daemon: Daemon, project: Path) -> None:
    daemon.coco("grammar", "install", "properties", "--from", str(PROPERTIES))
    wait_for(lambda: symbols(daemon) == ["server.port"], "the new chunks")
    daemon.stop()
    _make_hostile(daemon.home / "grammars")
    (project / "app.properties").write_text("other = 81\n", encoding="utf-8")
    daemon.start()
    wait_for(lambda: states(daemon) == {"properties": "failing"}, "the stop")
    wait_for(lambda: symbols(daemon) == [], "the text")
    _, answer = daemon.query("other 81")
    assert "app.properties" in [result.chunk.path for result in answer.results]
    assert "it exceeded the time limit" in daemon.coco("status").stdout


def _make_hostile(root: Path) -> None:
    """Put a grammar that never comes back in the place of the good one, manifest and all."""
    import dataclasses
    import hashlib

    (folder,) = root.glob("properties@*")
    record = GrammarRecord.read(folder)
    wasm = bytes(
        wasmtime.wat2wasm(
            "(module (@dylink.0 (mem-info (memory 8 4) (table 0 0)))"
            ' (import "env" "memory" (memory 1))'
            ' (func (export "tree_sitter_properties") (result i32)'
            " (loop $l (br $l)) (i32.const 0)))"
        )
    )
    digest = hashlib.sha256(wasm).hexdigest()
    target = root / f"properties@{digest[:12]}"
    shutil.move(folder, target)
    (target / GRAMMAR).write_bytes(wasm)
    dataclasses.replace(record, sha256=digest).write(target)

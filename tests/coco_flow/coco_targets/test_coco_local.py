"""The local target against a real daemon: what a flow writes is what `coco query` answers from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import coco_flow
from coco_core.errors import CocoError, Unavailable
from coco_flow.errors import DefinitionError, FlowError
from coco_flow.targets.coco_local import CocoLocal
from coco_flow.targets.registry import connector_of
from coco_protocol.projects import ProjectRequest
from tests.coco_flow.targets.rows import export_schema
from tests.daemon_process import Daemon, found_by_flows, free_port, running_daemon
from tests.flow_parts import MemorySource, flow_state, rows_of
from tests.model_fixture import installed_model
from tests.waiting import until

HANDBOOK = "# Retries\n\nPayments are tried again three times with growing delay.\n"
BACKUPS = "# Backups\n\nEvery night the database is copied to another city.\n"


@dataclass
class Parsed:
    title: str
    body: str


@coco_flow.op.function()
def parse(text: str) -> Parsed:
    return Parsed(text.split("\n", maxsplit=1)[0].removeprefix("# "), text)


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    rows_of("pages").texts.clear()
    with flow_state(tmp_path):
        yield


@pytest.fixture(scope="module")
def one_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running_daemon(tmp_path_factory.mktemp("daemon") / "home") as running:
        yield running


@pytest.fixture
def daemon(one_daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """The daemon without projects, found as a flow finds it."""
    with found_by_flows(one_daemon, monkeypatch) as found:
        yield found
    shutil.rmtree(one_daemon.home / "flows", ignore_errors=True)


def pages_flow(**spec: Any) -> coco_flow.Flow:
    def definition(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["pages"] = builder.add_source(MemorySource(name="pages"))
        documents = scope.add_collector()
        with scope["pages"].row() as page:
            page["parsed"] = page["content"].transform(parse)
            documents.collect(
                path=page["filename"],
                title=page["parsed"]["title"],
                content=page["parsed"]["body"],
                space="handbook",
            )
        documents.export(
            "documents", CocoLocal(project="handbook", **spec), primary_key_fields=["path"]
        )

    return coco_flow.open_flow("Pages", definition)


def ask(daemon: Daemon, question: str) -> list[tuple[str, str]]:
    """Ask the project by its name, as `coco query --project handbook` does."""
    done = daemon.coco("query", question, "--project", "handbook", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    results = found.get("results", found.get("data", {}).get("results"))
    return [(each["chunk"]["path"], each["chunk"]["content"]) for each in results]


def test_documents_are_found_change_move_and_go(daemon: Daemon, tmp_path: Path) -> None:
    rows_of("pages")["ops/retries"] = HANDBOOK
    rows_of("pages")["ops/backups.md"] = BACKUPS
    flow = pages_flow()
    flow.setup()
    flow.update()
    folder = daemon.home / "flows" / "handbook"
    assert (folder / "ops/retries%.md").read_text("utf-8") == (
        f'---\ntitle: "Retries"\nspace: "handbook"\n---\n\n{HANDBOOK}'
    )
    assert daemon.project().files == 2
    ((path, content), *_) = ask(daemon, "how often are payments tried again?")
    assert (path, "growing delay" in content) == ("ops/retries%.md", True)

    rows_of("pages")["ops/retries"] = HANDBOOK.replace("three times", "seven times")
    del rows_of("pages")["ops/backups.md"]
    rows_of("pages")["storage/backups.md"] = BACKUPS
    flow.update()
    assert any("seven times" in content for _, content in ask(daemon, "payments tried again"))
    assert {path for path, _ in ask(daemon, "database copied every night")} >= {
        "storage/backups.md"
    }
    assert not (folder / "ops/backups.md").exists()
    assert daemon.project().files == 2

    flow.drop()
    with daemon.client as client:
        assert client.projects().projects == []
    assert not folder.exists()


def test_what_the_scanner_leaves_out_elsewhere_is_indexed(daemon: Daemon) -> None:
    for key in ("node_modules/a.md", ".hidden/b.md", "__pycache__/c.md", ".git/d.md"):
        rows_of("pages")[key] = HANDBOOK
    flow = pages_flow()
    flow.setup()
    flow.update()
    assert daemon.project().files == 4


def test_a_project_around_the_folder_keeps_its_files(daemon: Daemon, tmp_path: Path) -> None:
    around = tmp_path / "work"
    around.mkdir()
    (around / "letter.md").write_text("A letter about gardens.", "utf-8")
    assert daemon.coco("import", str(around)).returncode == 0
    rows_of("pages")["retries.md"] = HANDBOOK
    flow = pages_flow(directory=str(around / "documents"))
    flow.setup()
    flow.update()
    with daemon.client as client:
        roots = {project.name: project.root for project in client.projects().projects}
    assert roots == {"work": str(around), "handbook": str(around / "documents")}
    assert ask(daemon, "payments tried again")[0][0] == "retries.md"
    flow.drop()
    assert (around / "letter.md").exists()


def test_an_update_need_not_wait(daemon: Daemon) -> None:
    rows_of("pages")["retries.md"] = HANDBOOK
    flow = pages_flow(wait_for="nothing")
    flow.setup()
    flow.update()
    assert until(lambda: daemon.project().files == 1)


def test_an_update_can_wait_for_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = installed_model().directory.parent
    with running_daemon(tmp_path / "home", model=model) as running:
        rows_of("pages")["retries.md"] = HANDBOOK
        flow = pages_flow(wait_for="vectors", url=f"http://127.0.0.1:{running.port}")
        flow.setup()
        flow.update()
        project = running.project()
        assert (project.state, project.embedded, project.chunks) == ("ready", 1, 1)


def test_a_forgotten_project_is_registered_again(daemon: Daemon) -> None:
    rows_of("pages")["retries.md"] = HANDBOOK
    flow = pages_flow()
    flow.setup()
    flow.update()
    with daemon.client as client:
        client.forget(ProjectRequest(project_id=daemon.project().project_id))
    rows_of("pages")["backups.md"] = BACKUPS
    flow.update()
    assert daemon.project().files == 2


@pytest.mark.slow
def test_a_daemon_that_does_not_run_is_an_error_that_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COCO_HOME", str(tmp_path / "no home"))
    port = free_port()
    monkeypatch.setenv("COCO_PORT", str(port))
    flow = pages_flow()
    with pytest.raises(Unavailable, match=rf"local daemon at http://127.0.0.1:{port} does not"):
        flow.setup()


def test_something_else_that_answers_is_told_apart(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = CocoLocal(project="handbook", url=f"http://127.0.0.1:{daemon.port}/nothing")
    with pytest.raises(CocoError, match=r"nothing|not found|is not"):
        connector: Any = connector_of(spec)
        key = connector.persistent_key(spec, "t", "f", "")
        connector.open(spec, key, export_schema({"path": str}, {"content": str}))


@pytest.mark.parametrize(
    ("key", "value", "fields", "message"),
    [
        ({"path": str, "place": int}, {"content": str}, None, r"the key is \(path, place\)"),
        ({"path": int}, {"content": str}, None, r"the key is \(path\)"),
        ({"path": str}, {"body": str}, None, "needs a field with the content"),
        ({"path": str}, {"content": bytes}, None, "'content' from the field 'content', which is B"),
        ({"path": str}, {"body": str}, {"content": "text"}, "'text', which is not exported"),
        ({"path": str}, {"content": str}, {"author": "content"}, "has no part 'author'"),
        ({"path": str}, {"content": str, "n": int}, {"title": "n"}, "'n', which is Int64 and not"),
    ],
)
def test_what_does_not_fit_is_said_when_the_flow_is_built(
    key: dict[str, Any], value: dict[str, Any], fields: dict[str, str] | None, message: str
) -> None:
    spec = CocoLocal(project="x", fields=fields)
    connector: Any = connector_of(spec)
    with pytest.raises(DefinitionError, match=message):
        connector.setup_state(spec, export_schema(key, value))


def test_a_name_that_is_no_name_is_refused() -> None:
    schema = export_schema({"path": str}, {"content": str})
    for name in ("", "a/b", ".hidden"):
        spec = CocoLocal(project=name)
        connector: Any = connector_of(spec)
        with pytest.raises(DefinitionError, match="cannot be the name of a project"):
            connector.setup_state(spec, schema)


def test_a_folder_that_is_gone_is_an_error(daemon: Daemon, tmp_path: Path) -> None:
    rows_of("pages")["retries.md"] = HANDBOOK
    flow = pages_flow(directory=str(tmp_path / "kept"))
    flow.setup()
    (tmp_path / "kept").rename(tmp_path / "moved")
    info = flow.update()
    assert info.has_errors
    with pytest.raises(FlowError, match="is gone"):
        spec = CocoLocal(project="handbook", directory=str(tmp_path / "kept"))
        connector: Any = connector_of(spec)
        key = connector.persistent_key(spec, "t", "f", "")
        connector.open(spec, key, export_schema({"path": str}, {"content": str}))

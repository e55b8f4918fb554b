"""What CoCo's local daemon has indexed, from a real daemon."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from coco_core.errors import Unavailable, Unreadable
from coco_flow.auth import add_transient_auth_entry
from coco_flow.errors import FlowError, RowFailed
from coco_flow.ports import ReadRow
from coco_flow.sources import CocoIndex
from coco_flow.sources import coco_index as module
from coco_protocol.base import Answer
from coco_protocol.docs import ImportRequest
from coco_protocol.errors import error_envelope
from coco_protocol.projects import ProjectBody, ProjectList, RegisterRequest
from coco_protocol.system import ExplainPathData
from tests.coco_flow.sources.listing import contents, listed, next_change, opened, read, run
from tests.daemon_process import Daemon, found_by_flows, running_daemon
from tests.scripted_service import Script, scripted
from tests.waiting import until

SOON = timedelta(milliseconds=50)
CART = "def total(items):\n    return sum(items)\n\n\ndef empty():\n    return []\n"
GUIDE = "# Guide\n\nHow to begin.\n\n## Pay\n\nHow to pay.\n"


@pytest.fixture(scope="module")
def one_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running_daemon(tmp_path_factory.mktemp("daemon") / "home") as running:
        yield running


@pytest.fixture
def daemon(one_daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """The daemon without projects, found as a flow finds it."""
    with found_by_flows(one_daemon, monkeypatch) as found:
        yield found


@pytest.fixture
def shop(daemon: Daemon, tmp_path: Path) -> Path:
    """An indexed project."""
    root = tmp_path / "shop"
    (root / "docs").mkdir(parents=True)
    (root / "node_modules").mkdir()
    (root / "cart.py").write_text(CART, encoding="utf-8")
    (root / "docs/güide.md").write_text(GUIDE, encoding="utf-8")
    (root / "node_modules/x.js").write_text("x", encoding="utf-8")
    (root / ".env").write_text("SECRET=1", encoding="utf-8")
    with daemon.client as client:
        job = client.import_paths(ImportRequest(paths=[str(root)])).job_ids[0]
        assert [event.job.state for event in client.job_events(job)][-1] == "succeeded"
    return root


def test_the_documents_of_a_project_are_rows(shop: Path) -> None:
    source = opened(CocoIndex(project="shop"))
    assert contents(source) == {"cart.py": ["python", CART], "docs/güide.md": ["markdown", GUIDE]}
    assert [str(field).partition(" [")[0] for field in source.schema.value] == [
        *("language: Str", "content: Str")
    ]
    assert listed(source)["cart.py"].size == len(CART)
    chosen = opened(CocoIndex(project="shop", excluded_patterns=["docs"]))
    assert set(listed(chosen)) == {"cart.py"}
    assert read(chosen, "docs/güide.md") == [ReadRow(None)]


def test_a_project_by_name_id_and_folder(daemon: Daemon, shop: Path) -> None:
    with daemon.client as client:
        (project,) = client.projects().projects
    for name in ("shop", project.project_id, str(shop)):
        assert set(listed(opened(CocoIndex(project=name)))) == {"cart.py", "docs/güide.md"}


def test_chunks_are_a_table_of_their_own(shop: Path) -> None:
    source = opened(CocoIndex(project="shop", chunks=True))
    found = contents(source)
    language, content, chunks = found["docs/güide.md"]
    assert (language, content) == ("markdown", GUIDE)
    assert chunks
    for chunk_id, lines, kind, _, _, trail, _, tokens, text in chunks:
        assert chunk_id
        assert kind
        assert tokens > 0
        assert text.strip() in "\n".join(GUIDE.split("\n")[lines[0] - 1 : lines[1] - 1])
        assert trail[:1] in ([], ["Guide"])
    definitions = [name for chunk in found["cart.py"][2] for name in chunk[6]]
    assert definitions == ["total", "empty"]


def test_pages(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BATCH", 1)
    assert set(listed(opened(CocoIndex(project="shop")))) == {"cart.py", "docs/güide.md"}


def test_only_what_changed_has_another_token(shop: Path) -> None:
    source = opened(CocoIndex(project="shop"))
    before = listed(source)
    (shop / "cart.py").write_text(CART + "\n\nX = 1\n", encoding="utf-8")
    (shop / "docs/güide.md").touch()
    until(lambda: listed(source)["cart.py"] != before["cart.py"])
    after = listed(source)
    assert after["docs/güide.md"] == before["docs/güide.md"]
    (shop / "cart.py").unlink()
    until(lambda: set(listed(source)) == {"docs/güide.md"})
    assert (
        read(source, "cart.py", "", "\0", "../outside", ".env", "x" * 5000) == [ReadRow(None)] * 6
    )


@pytest.mark.parametrize("indexed", [True, False])
def test_a_document_that_cannot_be_read_fails_its_row_only(indexed: bool) -> None:
    """As root the tests could read everything, so the daemon is a scripted one."""
    refused = error_envelope(Unreadable("'a.md' cannot be read."), "id").model_dump(mode="json")
    project = ProjectBody(project_id="p", name="shop", root="/shop", state="ready")
    explained = ExplainPathData(path="/shop/a.md", project_id="p", indexed=indexed, reason="")

    def answers(data: Answer) -> Callable[[Script], None]:
        return lambda script: script.send_json({"meta": {}, "data": data.model_dump(mode="json")})

    scripts = {
        "/v1/projects": answers(ProjectList(projects=[project])),
        "/v1/docs/read": lambda script: script.send_json(refused, 422),
        "/v1/sys/explain": answers(explained),
    }
    with scripted(scripts) as (client, _):
        (entry,) = read(opened(CocoIndex(project="shop", url=client.base_url)), "a.md")
    if indexed:
        assert isinstance(entry, RowFailed)
        assert "'a.md' cannot be read" in str(entry)
    else:
        assert entry == ReadRow(None)


def test_a_poll_reports_the_documents_that_differ(
    shop: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = opened(CocoIndex(project="shop", poll_interval=SOON))
    assert source.change_capture == "poll of the index"
    watch = source.watch()
    assert watch is not None
    (shop / "new.md").write_text("# New\n\nText.\n", encoding="utf-8")
    assert run(lambda: next_change(watch)) == {"new.md"}
    (shop / "cart.py").unlink()
    assert run(lambda: next_change(watch)) == {"cart.py"}
    source.close()
    assert opened(CocoIndex(project="shop")).watch() is None


def test_a_daemon_that_goes_away_does_not_end_the_poll(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    looks: list[Any] = [{"a": "1"}, Unavailable("gone"), {"a": "2", "b": "1"}]

    def look() -> dict[str, str]:
        seen = looks.pop(0) if len(looks) > 1 else looks[0]
        if isinstance(seen, Exception):
            raise seen
        return seen  # type: ignore[no-any-return]

    poll = module._IndexPoll(look, SOON)
    with caplog.at_level(logging.WARNING):
        assert run(lambda: next_change(poll)) == {"a", "b"}
    assert "gone" in caplog.text
    poll.close()


def test_what_is_wrong_is_told(daemon: Daemon, shop: Path, tmp_path: Path) -> None:
    with pytest.raises(FlowError, match=r"no project 'other'.*'shop'"):
        listed(opened(CocoIndex(project="other")))
    twin = tmp_path / "twin"
    twin.mkdir()
    with daemon.client as client:
        client.register(RegisterRequest(path=str(twin), name="shop"))
    with pytest.raises(FlowError, match="Several projects are called 'shop'"):
        listed(opened(CocoIndex(project="shop")))
    key = add_transient_auth_entry("secret")
    spec = CocoIndex(project="twin", url=f"http://127.0.0.1:{daemon.port}", api_key=key)
    assert "secret" not in repr(spec)
    with pytest.raises(FlowError, match="no project 'twin'"):
        listed(opened(spec))

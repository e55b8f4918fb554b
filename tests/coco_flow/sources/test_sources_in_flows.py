"""Sources in flows: what changes is processed, what does not is left alone."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest

import coco_flow
from coco_flow import FlowLiveUpdater
from coco_flow.auth import add_transient_auth_entry
from coco_flow.graph.describe import described_graph
from coco_flow.op import SourceSpec
from coco_flow.setting import DatabaseConnectionSpec
from coco_flow.sources import AmazonS3, AzureBlob, GitRepository, LocalFile, Sqlite
from tests.coco_flow.sources.git_work import GitWork
from tests.flow_parts import MemoryTable, MemoryTarget, flow_state, table_of
from tests.s3_server import S3Server, s3_server
from tests.waiting import until

OLD = (10**18, 10**18)


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    with flow_state(tmp_path):
        yield


class Uppercase:
    """A flow from any source to a table, and what its function was called with."""

    def __init__(self, source: SourceSpec, key: str = "filename", field: str = "content") -> None:
        self.calls: list[str] = []
        self.table: MemoryTable = table_of("out")

        @coco_flow.op.function()
        def upper(text: str) -> str:
            self.calls.append(text)
            return text.upper()

        def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
            scope["docs"] = builder.add_source(source)
            collected = scope.add_collector()
            with scope["docs"].row() as doc:
                doc["upper"] = doc[field].transform(upper)
                collected.collect(key=doc[key], upper=doc["upper"])
            collected.export("out", MemoryTarget(name="out"), primary_key_fields=["key"])

        self.flow = coco_flow.open_flow("Uppercase", define)
        self.flow.setup()

    @property
    def rows(self) -> dict[Any, Any]:
        return {key[0]: row[0] for key, row in list(self.table.rows.items())}

    def update(self) -> Any:
        """Update once, and return the statistics of the source."""
        self.calls.clear()
        return self.flow.update().stats["docs"]


def write(path: Path, text: str | bytes) -> None:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.utime(path, ns=OLD)


@pytest.mark.row("SR-5 content_version_fp")
@pytest.mark.row("CLD-5 two-tier change")
def test_a_touched_file_is_read_and_not_transformed(tmp_path: Path) -> None:
    root = tmp_path / "docs"
    root.mkdir()
    write(root / "a.md", "alpha")
    write(root / "b.md", "beta")
    flow = Uppercase(LocalFile(path=str(root)))
    flow.update()
    assert flow.rows == {"a.md": "ALPHA", "b.md": "BETA"}
    os.utime(root / "a.md", ns=(2 * 10**17, 2 * 10**17))  # an older time: restored
    assert flow.update()["num_no_change"] == 2
    assert flow.calls == []
    os.utime(root / "a.md", ns=(3 * 10**17, 3 * 10**17))
    write(root / "a.md", "other")
    flow.update()
    assert flow.calls == ["other"]
    assert flow.rows == {"a.md": "OTHER", "b.md": "BETA"}
    (root / "b.md").unlink()
    flow.update()
    assert flow.rows == {"a.md": "OTHER"}


@pytest.mark.row("SR-7 bad file")
@pytest.mark.row("CLD-4b binary/text mode")
def test_a_file_that_is_no_text_is_one_row_error(tmp_path: Path) -> None:
    root = tmp_path / "docs"
    root.mkdir()
    write(root / "good.md", "good")
    write(root / "bad.md", b"\xffbad")
    flow = Uppercase(LocalFile(path=str(root), strict=True))
    stats = flow.update()
    assert (stats["num_errors"], stats["num_insertions"]) == (1, 1)
    assert flow.rows == {"good.md": "GOOD"}
    write(root / "bad.md", "mended")
    os.utime(root / "bad.md", ns=(2 * 10**17, 2 * 10**17))
    flow.update()
    assert flow.rows == {"good.md": "GOOD", "bad.md": "MENDED"}


@pytest.mark.row("SR-3 push change capture")
@pytest.mark.row("LIVE-3 source-specific capture")
def test_a_saved_file_reaches_the_target_without_a_listing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "docs"
    root.mkdir()
    for name in ("a.md", "b.md"):
        write(root / name, name)
    flow = Uppercase(LocalFile(path=str(root), watch_changes=True))
    with FlowLiveUpdater(flow.flow):
        until(lambda: len(flow.rows) == 2)
        listings: list[object] = []
        from coco_flow.sources.folder_scan import FolderScan

        batches = FolderScan.batches
        monkeypatch.setattr(
            FolderScan, "batches", lambda scan: (listings.append(scan), batches(scan))[1]
        )
        flow.calls.clear()
        write(root / "a.md", "changed")
        until(lambda: flow.rows.get("a.md") == "CHANGED")
        (root / "b.md").unlink()
        until(lambda: set(flow.rows) == {"a.md"})
        assert flow.calls == ["changed"]
        assert listings == []


@pytest.mark.row("CLD-6 query while syncing")
def test_queries_are_answered_while_the_flow_is_live(tmp_path: Path) -> None:
    root = tmp_path / "docs"
    root.mkdir()
    flow = Uppercase(LocalFile(path=str(root), watch_changes=True))
    asked = 0
    with FlowLiveUpdater(flow.flow):
        for number in range(30):
            # A reader must not see half a file, so it comes as a whole.
            write(tmp_path / "next", str(number))
            (tmp_path / "next").rename(root / f"{number}.md")
            assert all(upper == key.removesuffix(".md") for key, upper in flow.rows.items())
            asked += 1
        until(lambda: len(flow.rows) == 30)
    assert asked == 30
    # What comes after the end waits for the next update.
    write(root / "late.md", "late")
    flow.update()
    assert flow.calls == ["late"]


@pytest.mark.row("SR-11 SQL source")
@pytest.mark.row("SR-5 ordinal guard")
def test_a_row_of_a_table_that_is_older_than_what_was_seen_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("CREATE TABLE docs (id INTEGER PRIMARY KEY, text TEXT, at INTEGER)")
        connection.execute("INSERT INTO docs VALUES (1, 'one', 10), (2, 'two', 10)")
        source = Sqlite(path=str(path), table_name="docs", ordinal_column="at")
        flow = Uppercase(source, key="id", field="text")
        flow.update()
        assert flow.rows == {1: "ONE", 2: "TWO"}
        connection.execute("UPDATE docs SET text = 'newer', at = 11 WHERE id = 1")
        flow.update()
        assert flow.calls == ["newer"]
        connection.execute("UPDATE docs SET text = 'older', at = 9 WHERE id = 1")
        flow.update()
        assert flow.calls == []
        assert flow.rows == {1: "NEWER", 2: "TWO"}
    connection.close()


def test_a_moved_revision_processes_only_blobs_that_differ(tmp_path: Path) -> None:
    work = GitWork(tmp_path / "work")
    work.write({"a.md": "a", "b.md": "b"})
    work.commit()
    flow = Uppercase(GitRepository(path=work.path))
    flow.update()
    work.put("a.md", "changed")
    work.commit()
    flow.update()
    assert flow.calls == ["changed"]
    assert flow.rows == {"a.md": "CHANGED", "b.md": "B"}


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """A bucket on loopback; called with the name of a service it gives a client."""
    with s3_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        clients: list[Any] = []

        def client(service: str) -> Any:
            clients.append(_client(service, server))
            return clients[-1]

        yield client
        for made in clients:
            made.close()


def _client(service: str, server: S3Server) -> Any:
    return botocore.session.get_session().create_client(
        service,
        region_name="us-east-1",
        endpoint_url=server.endpoint,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.mark.slow
@pytest.mark.row("CLD-1/2/3 cloud sources")
def test_changes_of_a_bucket_reach_the_target_by_its_events(
    bucket: Callable[[str], Any],
) -> None:
    s3, sqs = bucket("s3"), bucket("sqs")
    url = sqs.create_queue(QueueName="events")["QueueUrl"]
    for key in ("a.md", "b.md"):
        s3.put_object(Bucket="coco", Key=key, Body=key.encode())
    flow = Uppercase(AmazonS3(bucket_name="coco", sqs_queue_url=url))

    def notify(key: str) -> None:
        event = {"s3": {"bucket": {"name": "coco"}, "object": {"key": key}}}
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"Records": [event]}))

    with FlowLiveUpdater(flow.flow):
        until(lambda: flow.rows == {"a.md": "A.MD", "b.md": "B.MD"})
        flow.calls.clear()
        s3.put_object(Bucket="coco", Key="a.md", Body=b"changed")
        notify("a.md")
        until(lambda: flow.rows.get("a.md") == "CHANGED")
        s3.delete_object(Bucket="coco", Key="b.md")
        notify("b.md")
        until(lambda: set(flow.rows) == {"a.md"})
        assert flow.calls == ["changed"]


@pytest.mark.row("SR-12 secret hygiene")
def test_a_described_flow_names_secrets_and_does_not_tell_them() -> None:
    key = add_transient_auth_entry("a2V5IG9mIHRoZSBhY2NvdW50")
    source = AzureBlob(account_name="a", container_name="c", account_access_key=key)
    flow = Uppercase(source)
    described = str(described_graph(flow.flow.graph))
    assert key.key in described
    assert "a2V5IG9mIHRoZSBhY2NvdW50" not in described
    database = add_transient_auth_entry(DatabaseConnectionSpec("postgresql://u:secret@h/d"))
    assert "secret" not in repr(database)

"""The server target against the real service, worker and PostgreSQL."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
import numpy as np
import pytest

import coco_flow
from coco_core.errors import Unauthorized, Unavailable
from coco_flow.auth import add_auth_entry
from coco_flow.errors import DefinitionError, FlowError
from coco_flow.ports import SetupChange, TargetBatch
from coco_flow.targets import coco_publish
from coco_flow.targets.coco_server import CocoServer, CocoServerConnection
from coco_flow.targets.registry import connector_of
from coco_flow.types.annotations import OffsetDateTime, Vector
from coco_server.dev.stack import DevStack
from tests.coco_flow.targets.rows import export_schema
from tests.embedding_server import embedding_server, hashing
from tests.flow_parts import MemorySource, flow_state, rows_of

DIMENSION = 32
Embedding = Vector[np.float32, Literal[32]]
embed_texts = hashing(DIMENSION)

HANDBOOK = "# Retries\n\nPayments are tried again three times.\n\n# Backups\n\nEvery night.\n"


@pytest.fixture(scope="module")
def stack() -> Iterator[DevStack]:
    with embedding_server(dimension=DIMENSION) as embeddings:
        environ = {
            "COCO_EMBED_URL": embeddings.url,
            "COCO_EMBED_DIMENSION": str(DIMENSION),
            "COCO_RATE_LIMIT_PER_MIN": "1000000",
            "COCO_RATE_LIMIT_BURST": "1000000",
            "COCO_WORKER_POLL_SECONDS": "1",
        }
        with DevStack(environ=environ) as running:
            assert running.access is not None
            config = {
                "config_id": "hashed",
                "embedding": {"model_name": "hashing", "max_tokens": 64},
                "dimension": DIMENSION,
            }
            headers = {
                "Authorization": f"Bearer {running.access.admin_key}",
                "x-coco-org-id": running.access.org_id,
            }
            answer = httpx.post(
                f"{running.access.url}/v1/sys/configs", json=config, headers=headers
            )
            assert answer.is_success, answer.text
            yield running


@dataclass
class Chunk:
    location: coco_flow.Range
    text: str


@coco_flow.op.function()
def split(text: str) -> list[Chunk]:
    """Cut at blank lines; places are offsets."""
    chunks, start = [], 0
    for part in text.split("\n\n"):
        chunks.append(Chunk((start, start + len(part)), part))
        start += len(part) + 2
    return chunks


@coco_flow.op.function()
def embed(text: str) -> Embedding:
    return embed_texts([text])[0]


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    rows_of("pages").texts.clear()
    with flow_state(tmp_path):
        yield


@pytest.fixture
def connection(stack: DevStack, request: pytest.FixtureRequest) -> Any:
    access = stack.access
    assert access is not None
    return add_auth_entry(
        f"server of {request.node.name}",
        CocoServerConnection(
            access.url, access.api_key, access.org_id, access.user_id, access.admin_key
        ),
    )


@pytest.fixture
def project(request: pytest.FixtureRequest) -> str:
    """A project that no other test uses."""
    name = request.node.name.replace("_", "-").replace("[", "-").replace("]", "")
    return f"kb:{name[:90]}"


class Server:
    """Looks at a project as a client does."""

    def __init__(self, stack: DevStack, source_ref: str) -> None:
        access = stack.access
        assert access is not None
        self._url = access.url
        admin = {
            "Authorization": f"Bearer {access.admin_key}",
            "x-coco-org-id": access.org_id,
        }
        registered = httpx.get(f"{self._url}/v1/sys/projects", headers=admin).json()["data"][
            "projects"
        ]
        (self.project_id,) = [
            each["project_id"] for each in registered if each["source_ref"] == source_ref
        ]
        self._headers = {**access.headers, "x-coco-project-id": self.project_id}

    def get(self, path: str) -> Any:
        answer = httpx.get(f"{self._url}{path}", headers=self._headers)
        assert answer.is_success, answer.text
        return answer.json()["data"]

    def versions(self) -> list[dict[str, Any]]:
        """Return the project's versions, oldest first."""
        found = self.get(f"/v1/projects/{self.project_id}/versions")["versions"]
        return list(reversed(found))

    def chunks(self) -> list[tuple[str, int, str]]:
        """Return the chunks of the version that answers."""
        active = self.get(f"/v1/projects/{self.project_id}")["active_version_id"]
        found = self.get(f"/v1/projects/{self.project_id}/versions/{active}/chunks")["chunks"]
        return sorted((each["doc_id"], each["ordinal"], each["content"]) for each in found)

    def ask(self, query: str, **body: Any) -> list[dict[str, Any]]:
        answer = httpx.post(
            f"{self._url}/v1/docs/query", headers=self._headers, json={"query": query, **body}
        )
        assert answer.is_success, answer.text
        return [each["chunk"] for each in answer.json()["data"]["results"]]

    def jobs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/v1/jobs")["jobs"]
        return found


def chunks_flow(project: str, connection: Any, **spec: Any) -> coco_flow.Flow:
    """Chunks with vectors that the flow computes."""

    def definition(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["pages"] = builder.add_source(MemorySource(name="pages"))
        chunks = scope.add_collector()
        with scope["pages"].row() as page:
            page["chunks"] = page["content"].transform(split)
            with page["chunks"].row() as chunk:
                chunk["embedding"] = chunk["text"].transform(embed)
                chunks.collect(
                    filename=page["filename"],
                    location=chunk["location"],
                    text=chunk["text"],
                    embedding=chunk["embedding"],
                )
        chunks.export(
            "chunks",
            CocoServer(project=project, connection=connection, config="hashed", **spec),
            primary_key_fields=["filename", "location"],
        )

    return coco_flow.open_flow("Chunks", definition)


def documents_flow(project: str, connection: Any, **spec: Any) -> coco_flow.Flow:
    """Whole documents, which the server cuts and embeds."""

    def definition(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["pages"] = builder.add_source(MemorySource(name="pages"))
        documents = scope.add_collector()
        with scope["pages"].row() as page:
            documents.collect(filename=page["filename"], content=page["content"], space="handbook")
        documents.export(
            "documents",
            CocoServer(project=project, connection=connection, config="hashed", **spec),
            primary_key_fields=["filename"],
        )

    return coco_flow.open_flow("Documents", definition)


def test_chunks_with_vectors_are_imported_changed_and_deleted(
    stack: DevStack, connection: Any, project: str
) -> None:
    rows_of("pages")["a.md"] = HANDBOOK
    rows_of("pages")["b.md"] = "# Releases\n\nOn Tuesdays."
    flow = chunks_flow(project, connection)
    flow.setup()
    flow.update()
    server = Server(stack, project)
    assert server.chunks() == [
        ("a.md", 0, "# Retries"),
        ("a.md", 1, "Payments are tried again three times."),
        ("a.md", 2, "# Backups"),
        ("a.md", 3, "Every night.\n"),
        ("b.md", 0, "# Releases"),
        ("b.md", 1, "On Tuesdays."),
    ]
    (job,) = server.jobs()
    # Nothing was embedded there: the vectors came along.
    assert (job["result"]["embedded"], job["result"]["vectors"]) == (0, 6)
    assert server.ask("payments tried again")[0]["ordinal"] == 1

    rows_of("pages")["a.md"] = HANDBOOK.replace("three", "seven")
    del rows_of("pages")["b.md"]
    flow.update()
    assert server.chunks() == [
        ("a.md", 0, "# Retries"),
        ("a.md", 1, "Payments are tried again seven times."),
        ("a.md", 2, "# Backups"),
        ("a.md", 3, "Every night.\n"),
    ]
    assert [each["status"] for each in server.versions()] == ["ARCHIVED", "ACTIVE"]
    flow.update()
    flow.update(reexport_targets=True)
    assert len(server.versions()) == 2


def test_documents_are_cut_and_embedded_by_the_server(
    stack: DevStack, connection: Any, project: str
) -> None:
    rows_of("pages")["a.md"] = HANDBOOK
    rows_of("pages")["empty.md"] = " \n"
    flow = documents_flow(project, connection)
    flow.setup()
    flow.update()
    server = Server(stack, project)
    assert {doc_id for doc_id, _, _ in server.chunks()} == {"a.md"}
    (job,) = server.jobs()
    assert job["result"]["parsed"] == 1
    assert job["result"]["embedded"] > 0
    assert "three times" in server.ask("payments tried again")[0]["content"]
    # A page that loses its text goes, and one that gets some comes.
    rows_of("pages")["a.md"] = ""
    rows_of("pages")["empty.md"] = "# Gardens\n\nRoses."
    flow.update()
    assert {doc_id for doc_id, _, _ in server.chunks()} == {"empty.md"}


def test_content_that_comes_back_is_imported_again(
    stack: DevStack, connection: Any, project: str
) -> None:
    flow = documents_flow(project, connection)
    flow.setup()
    for text in ("one thing", "another thing", "one thing"):
        rows_of("pages")["a.md"] = text
        flow.update()
        assert [each[2] for each in Server(stack, project).chunks()] == [text]
    assert len(Server(stack, project).versions()) == 3


def test_an_update_that_was_cut_short_before_it_published_is_finished_by_the_next(
    stack: DevStack, connection: Any, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows_of("pages")["a.md"] = "the first text"
    flow = documents_flow(project, connection)
    flow.setup()
    flow.update()

    def cut(*_: object) -> None:
        raise Unavailable("the line was cut")

    rows_of("pages")["a.md"] = "the second text"
    with monkeypatch.context() as patch:
        patch.setattr(coco_publish.ServerProject, "follow", cut)
        with pytest.raises((Unavailable, FlowError), match="the line was cut"):
            flow.update()
    # Nothing has changed since; the import that was started is taken up, not repeated.
    flow.update()
    server = Server(stack, project)
    assert [each[2] for each in server.chunks()] == ["the second text"]
    assert len(server.jobs()) == 2
    flow.update()
    assert len(server.jobs()) == 2


def test_an_item_that_is_refused_fails_the_import_and_the_next_one_is_another(
    stack: DevStack, connection: Any, project: str
) -> None:
    rows_of("pages")["good.md"] = "a good text"
    rows_of("pages")["x" * 1_100 + ".md"] = "its id is too long"
    flow = documents_flow(project, connection)
    flow.setup()
    with pytest.raises(
        FlowError, match=r"import of 2 items into 'prj_.*' failed: .*doc_id has 1103 char"
    ):
        flow.update()
    server = Server(stack, project)
    assert [each["status"] for each in server.versions()] == ["FAILED"]
    with pytest.raises(FlowError, match="failed"):
        flow.update()
    assert len(server.jobs()) == 2
    del rows_of("pages")["x" * 1_100 + ".md"]
    flow.update()
    assert [each[2] for each in server.chunks()] == ["a good text"]


def test_refused_items_can_be_left_out(
    stack: DevStack, connection: Any, project: str, caplog: pytest.LogCaptureFixture
) -> None:
    rows_of("pages")["good.md"] = "a good text"
    rows_of("pages")["x" * 1_100 + ".md"] = "its id is too long"
    flow = documents_flow(project, connection, on_error="skip")
    flow.setup()
    flow.update()
    assert [each[2] for each in Server(stack, project).chunks()] == ["a good text"]
    assert "left out 1 of 2 items" in caplog.text
    flow.update()
    assert len(Server(stack, project).jobs()) == 1


def test_a_version_can_wait_to_be_activated(stack: DevStack, connection: Any, project: str) -> None:
    rows_of("pages")["a.md"] = "a text"
    flow = documents_flow(project, connection, activate=False)
    flow.setup()
    flow.update()
    assert [each["status"] for each in Server(stack, project).versions()] == ["READY"]


def test_a_project_is_not_emptied_in_silence(
    stack: DevStack, connection: Any, project: str
) -> None:
    flow = documents_flow(project, connection)
    flow.setup()
    flow.update()
    assert Server(stack, project).versions() == []
    rows_of("pages")["a.md"] = "a text"
    flow.update()
    del rows_of("pages")["a.md"]
    with pytest.raises(FlowError, match="takes no import without items"):
        flow.update(allow_empty=True)


def test_what_is_known_of_a_document_is_there_to_filter_by(
    stack: DevStack, connection: Any, project: str, tmp_path: Path
) -> None:
    schema = export_schema(
        {"page": str},
        {
            "body": str,
            "title": str,
            "tags": Vector[str],
            "verified": bool,
            "quality_score": float,
            "changed_at": OffsetDateTime,
            "author": str,
        },
    )
    spec = CocoServer(project, connection, config="hashed", fields={"content": "body"})
    connector: Any = connector_of(spec)
    key = connector.persistent_key(spec, "t", "f", "")
    state = connector.setup_state(spec, schema)
    connector.apply_setup([SetupChange(key, (None,), state)])
    target = connector.open(spec, key, schema)
    moment = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
    rows = [
        (("a",), ["retries and roses", "A", ["ops"], True, 0.9, moment, "Ada"]),
        (("b",), ["retries and tulips", "B", ["garden"], False, 0.1, moment, None]),
    ]
    connector.write([TargetBatch(target, rows, [])])
    connector.finish(target)
    connector.close(target)
    server = Server(stack, project)
    assert [each["doc_id"] for each in server.ask("retries", filters={"tags": ["ops"]})] == ["a"]
    assert [each["doc_id"] for each in server.ask("retries", filters={"verified": False})] == ["b"]
    assert [each["doc_id"] for each in server.ask("retries", filters={"min_quality": 0.5})] == ["a"]
    assert server.ask("roses")[0]["title"] == "A"
    connector.apply_setup([SetupChange(key, (state,), None)])


def test_a_lost_file_of_content_is_an_error_and_not_half_a_project(
    stack: DevStack, connection: Any, project: str, tmp_path: Path
) -> None:
    rows_of("pages")["a.md"] = "a text"
    rows_of("pages")["b.md"] = "b text"
    flow = documents_flow(project, connection)
    flow.setup()
    flow.update()
    (content,) = tmp_path.rglob("coco_server/*.db")
    content.unlink()
    rows_of("pages")["b.md"] = "b text, changed"
    info = flow.update()
    assert info.has_errors
    assert len(Server(stack, project).versions()) == 1
    flow.drop()
    flow.setup()
    flow.update()
    assert [each[2] for each in Server(stack, project).chunks()] == ["a text", "b text, changed"]


def test_the_environment_names_the_server(
    stack: DevStack, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = stack.access
    assert access is not None
    for name in [each for each in os.environ if each.startswith("COCO")]:
        monkeypatch.delenv(name)
    rows_of("pages")["a.md"] = "a text"
    flow = documents_flow(project, None)
    with pytest.raises(DefinitionError, match="COCO, COCO_KEY, COCO_ORG are not set"):
        flow.setup()
    monkeypatch.setenv("COCO", access.url)
    monkeypatch.setenv("COCO_KEY", access.api_key)
    monkeypatch.setenv("COCO_ORG", access.org_id)
    with pytest.raises(DefinitionError, match="has no admin_key to register or find it"):
        flow.setup()
    monkeypatch.setenv("COCO_ADMIN", access.admin_key)
    flow.setup()
    flow.update()
    project_id = Server(stack, project).project_id
    # By its id, no administrator is needed.
    monkeypatch.delenv("COCO_ADMIN")
    flow.close()
    by_id = documents_flow(project_id, None)
    by_id.setup()
    rows_of("pages")["a.md"] = "another text"
    by_id.update()
    assert [each[2] for each in Server(stack, project).chunks()] == ["another text"]


def test_a_wrong_key_is_refused_in_words(stack: DevStack) -> None:
    access = stack.access
    assert access is not None
    wrong = CocoServerConnection(access.url, "k", access.org_id, admin_key="wrong")
    with pytest.raises(Unauthorized, match="The key is not known"):
        coco_publish.project_id_of(wrong, "kb:any", None)
    assert "wrong" not in repr(wrong)


@pytest.mark.parametrize(
    ("key", "value", "spec", "message"),
    [
        ({"id": str}, {"body": str}, {}, "needs a field with the content"),
        ({"id": str}, {"text": str, "symbol": str}, {}, "symbol describe a chunk"),
        ({"id": str}, {"text": str}, {"on_error": "stop"}, "on_error is 'stop'"),
        (
            {"id": str},
            {"text": str},
            {"fields": {"tags": "text"}},
            "which is Str and not Texts",
        ),
        ({"id": str}, {"text": str}, {"project": ""}, "has no project"),
    ],
)
def test_what_does_not_fit_is_said_when_the_flow_is_built(
    key: dict[str, Any], value: dict[str, Any], spec: dict[str, Any], message: str
) -> None:
    made = CocoServer(**{"project": "kb:x", **spec})
    connector: Any = connector_of(made)
    with pytest.raises(DefinitionError, match=message):
        connector.setup_state(made, export_schema(key, value))

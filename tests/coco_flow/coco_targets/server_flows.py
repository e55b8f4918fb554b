"""Flows that write to a CoCo server, and a client that reads what is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import httpx
import numpy as np

import coco_flow
from coco_flow.targets.coco_server import CocoServer
from coco_flow.types.annotations import Vector
from coco_server.dev.stack import DevStack
from tests.embedding_server import hashing
from tests.flow_parts import MemorySource

DIMENSION = 32
Embedding = Vector[np.float32, Literal[32]]
embed_texts = hashing(DIMENSION)
HANDBOOK = "# Retries\n\nPayments are tried again three times.\n\n# Backups\n\nEvery night.\n"


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

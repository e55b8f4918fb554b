"""A flow that a test runs in a process of its own and kills: folder to some target, with a memo.

Run: python -m tests.coco_flow.engine.killed_flow SOURCE STATE TARGET KIND; prints READY when the
update begins and DONE when it has ended.
"""

from __future__ import annotations

import sys
import uuid
from dataclasses import dataclass
from typing import Any

import coco_flow
from coco_flow import op
from coco_flow.setting import DatabaseConnectionSpec, Settings

# The server of `tests.qdrant_server` asks for it.
QDRANT_KEY = "a key for tests"

__all__ = ["TARGET_KINDS", "killed_flow", "main"]

TARGET_KINDS = ("sqlite", "files", "lancedb", "postgres", "qdrant")


@dataclass
class Part:
    number: int
    text: str
    words: list[str]


@dataclass
class Id:
    id: uuid.UUID


@op.function(behavior_version=1)
def parts(text: str) -> list[Part]:
    return [
        Part(number, part, sorted(set(part.split())))
        for number, part in enumerate(text.split("\n\n"))
    ]


@op.function(cache=True, behavior_version=1)
def upper(text: str) -> str:
    return text.upper()


@op.function(behavior_version=1)
def point_id(filename: str, number: int) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{filename}#{number}")


@op.function(behavior_version=1)
def file_name(filename: str, number: int) -> str:
    return f"{filename}.{number}.txt"


def killed_flow(source: str, kind: str, target: str) -> coco_flow.Flow:
    """Open the flow; `target` is a path or URL, for Qdrant URL|collection."""

    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        from coco_flow.sources import LocalFile

        scope["docs"] = builder.add_source(LocalFile(path=source))
        rows = scope.add_collector()
        with scope["docs"].row() as doc:
            doc["parts"] = doc["content"].transform(parts)
            with doc["parts"].row() as part:
                part["upper"] = part["text"].transform(upper)
                part["id"] = doc["filename"].transform(point_id, part["number"])
                part["name"] = doc["filename"].transform(file_name, part["number"])
                rows.collect(
                    id=part["id"], name=part["name"], number=part["number"], upper=part["upper"]
                )
        spec, key = _target(kind, target)
        rows.export("parts", spec, primary_key_fields=[key])

    return coco_flow.open_flow("Killed", define)


def _target(kind: str, target: str) -> tuple[Any, str]:
    from coco_flow import targets

    if kind == "sqlite":
        return targets.SQLite(path=target, table_name="parts"), "id"
    if kind == "files":
        return targets.Files(directory=target, filename_field="name", content_field="upper"), "name"
    if kind == "lancedb":
        return targets.LanceDB(db_uri=target, table_name="parts"), "id"
    if kind == "postgres":
        connection = coco_flow.add_auth_entry("killed", DatabaseConnectionSpec(url=target))
        return targets.Postgres(database=connection, table_name="parts"), "id"
    url, _, collection = target.partition("|")
    server = targets.QdrantConnection(grpc_url=url, api_key=QDRANT_KEY)
    connection = coco_flow.add_auth_entry("killed", server)
    return targets.Qdrant(collection_name=collection, connection=connection), "id"


def main(source: str, state: str, target: str, kind: str, mode: str = "alone") -> None:
    """Set up and update once; `mode` "shared" takes part in an update of several processes."""
    coco_flow.init(Settings(database=DatabaseConnectionSpec(url=state)))
    flow = killed_flow(source, kind, target)
    flow.setup()
    print("READY", flush=True)
    info = flow.update_shared(lease_seconds=2.0) if mode == "shared" else flow.update()
    print("DONE", info.to_json(), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

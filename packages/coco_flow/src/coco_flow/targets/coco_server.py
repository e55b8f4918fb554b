"""CoCo's server mode: rows are imported into a project as documents, or as chunks with vectors.

An import builds a whole version of a project. So the target keeps what the project holds in a file
next to the state, applies the rows of an update there, and imports it at the end. Where the
server can merge changes, `publish` is what to replace.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from coco_flow.auth import AuthEntryReference, resolve_auth_entry
from coco_flow.errors import DefinitionError
from coco_flow.op.spec import TargetSpec
from coco_flow.ports import Compatibility, ExportSchema, Key, Row, SetupChange, TargetBatch
from coco_flow.setting import DEFAULT_STATE_PATH, own_database
from coco_flow.targets.coco_content import ContentStore, StoredRow
from coco_flow.targets.coco_fields import DocumentFields, document_fields
from coco_flow.targets.coco_publish import (
    CocoServerConnection,
    PublishOptions,
    ServerProject,
    project_id_of,
    publish,
)
from coco_flow.targets.json_value import json_encoder
from coco_flow.targets.registry import register_target
from coco_flow.targets.table_state import final_rows

__all__ = ["CocoServer", "CocoServerConnection"]

# Fields of an item that describe a chunk; a whole document has none of them.
_CHUNK_PARTS = {
    "vector": "Vector",
    "kind": "Str",
    "symbol": "Str",
    "signature": "Str",
    "heading_trail": "Texts",
}
_META_PARTS = {"quality_score": "Number", "verified": "Bool", "tags": "Texts"}
_PARTS = {
    "content": "Str",
    "title": "Str",
    "language": "Str",
    "source_ref": "Str",
    **_CHUNK_PARTS,
    **_META_PARTS,
    "changed_at": "OffsetDateTime",
}


class CocoServer(TargetSpec):
    """Feeds a project of CoCo's server mode.

    The first part of the primary key names the document; with further parts each row is a chunk of
    it, in their order. A field `content` (or `text`) is the text, `vector` (or `embedding`) its
    vector; `title`, `language`, `source_ref`, `tags`, `verified`, `quality_score`, `changed_at`,
    `kind`, `symbol`, `signature` and `heading_trail` are what the server calls so. Other fields are
    metadata. A row without text is left out, as the server takes none.

    Attributes:
        project: The project's id, or the name of its source, such as kb:docs.
        connection: The server; by default what COCO, COCO_KEY, COCO_ORG, COCO_USER and COCO_ADMIN
            say.
        config: The indexing config; by default the project's active one. Vectors must be of its
            model.
        fields: Part of the item to field, where the field has another name.
        on_error: Whether an item that the server refuses fails the import or is left out.
        activate: Whether the server answers from the new version immediately.
    """

    project: str
    connection: AuthEntryReference[CocoServerConnection] | None = None
    config: str | None = None
    fields: dict[str, str] | None = None
    on_error: Literal["skip", "fail"] = "fail"
    activate: bool = True


@dataclass(frozen=True, slots=True)
class _Target:
    """An open target."""

    content: ContentStore
    project: ServerProject
    options: PublishOptions
    items: _Items
    folder: Path


class CocoServerConnector:
    """Keeps the content of projects, and publishes it; satisfies `TargetConnector`."""

    def persistent_key(
        self, spec: CocoServer, target_name: str, flow_name: str, namespace: str
    ) -> Any:
        """Return the project, and the export whose content it is."""
        return {
            "project": spec.project,
            "connection": spec.connection.key if spec.connection else None,
            "export": [namespace, flow_name, target_name],
        }

    def setup_state(self, spec: CocoServer, schema: ExportSchema) -> Any:
        """Return what items are made of, and the indexing config."""
        if not spec.project:
            raise DefinitionError("CocoServer has no project.", hint="Name it: project='kb:docs'.")
        if spec.on_error not in ("skip", "fail"):
            raise DefinitionError(f"on_error is {spec.on_error!r}.", hint="Say 'skip' or 'fail'.")
        fields = document_fields(schema, spec.fields, _PARTS, "CocoServer")
        chunk_parts = [part for part in _CHUNK_PARTS if part in fields.places and part != "vector"]
        if chunk_parts and len(schema.key) == 1:
            raise DefinitionError(
                f"{', '.join(chunk_parts)} describe a chunk, and with one key field each row is a "
                "whole document.",
                hint="Add a field to primary_key_fields that identifies a document's chunks.",
            )
        return {
            "key": [[field.name, str(field.value_type.type)] for field in schema.key],
            "parts": {part: schema.value[at].name for part, at in sorted(fields.places.items())},
            "metadata": [name for name, _, _ in fields.rest],
            "config": spec.config,
        }

    def compatibility(self, desired: Any, existing: Any) -> Compatibility:
        """Say that another key makes other documents, and other fields other items."""
        if desired["key"] != existing["key"]:
            return Compatibility.NOT_COMPATIBLE
        if desired == existing:
            return Compatibility.COMPATIBLE
        return Compatibility.PARTIALLY_COMPATIBLE

    def apply_setup(self, changes: Sequence[SetupChange]) -> None:
        """Register the project and make the file of its content, or remove the file."""
        for change in changes:
            path = _content_path(change.key)
            if change.current is None:
                # The server's API removes no project: it answers from the last version.
                ContentStore.remove(path)
                continue
            connection = _connection(change.key["connection"])
            project_id_of(connection, change.key["project"], change.current["config"])
            ContentStore.create(path)
            if any(each not in (None, change.current) for each in change.previous):
                content = ContentStore(path)
                content.mark_changed()
                content.close()

    def describe(self, key: Any) -> str:
        """Return the project's name."""
        return f"project {key['project']!r} of the CoCo server"

    def open(self, spec: CocoServer, key: Any, schema: ExportSchema) -> _Target:
        """Open the content."""
        connection = _connection(key["connection"])
        path = _content_path(key)
        project_id = project_id_of(connection, spec.project, spec.config)
        return _Target(
            ContentStore(path),
            ServerProject(connection, project_id),
            PublishOptions(spec.config, spec.on_error, spec.activate),
            _Items(schema, document_fields(schema, spec.fields, _PARTS, "CocoServer")),
            path.parent,
        )

    def group(self, target: _Target) -> object:
        """Return the target: each is alone."""
        return id(target)

    def write(self, batches: Sequence[TargetBatch]) -> None:
        """Apply rows to the content; the server gets them when the update ends."""
        for batch in batches:
            target: _Target = batch.target
            upserts, deletes = final_rows(batch)
            rows = [target.items.row(key, values) for key, values in upserts]
            target.content.write(
                [row for row in rows if row.item["content"].strip()],
                [
                    *(target.items.key_text(key) for key in deletes),
                    *(row.key for row in rows if not row.item["content"].strip()),
                ],
            )

    def finish(self, target: _Target) -> None:
        """Publish what has changed."""
        if not target.content.is_published:
            publish(target.content, target.project, target.options, target.folder)

    def is_unfinished(self, spec: CocoServer, key: Any) -> bool:  # noqa: ARG002
        """Say whether an earlier update ended before its content was published."""
        path = _content_path(key)
        if not path.exists():
            return False
        content = ContentStore(path)
        try:
            return not content.is_published
        finally:
            content.close()

    def close(self, target: _Target) -> None:
        """Close the content."""
        target.content.close()


class _Items:
    """Makes items of rows."""

    def __init__(self, schema: ExportSchema, fields: DocumentFields) -> None:
        self._fields = fields
        self._encoders = [json_encoder(field.value_type.type) for field in schema.key]

    def row(self, key: Key, row: Row) -> StoredRow:
        """Return a row as it is kept."""
        parts = self._parts(key)
        value = self._fields.value
        item: dict[str, Any] = {"content": value("content", row) or ""}
        for part in ("title", "language", "source_ref", "kind", "symbol", "signature"):
            found = value(part, row)
            if found:
                item[part] = found
        headings = value("heading_trail", row)
        if headings is not None and len(headings):
            item["heading_trail"] = list(headings)
        meta = self._fields.metadata(row) | self._meta(row)
        if meta:
            item["meta"] = meta
        return StoredRow(
            key=json.dumps(parts),
            doc_id=parts[0] if isinstance(parts[0], str) else json.dumps(parts[0]),
            place=parts[1:] or None,
            item=item,
            vector=_floats(value("vector", row)),
        )

    def key_text(self, key: Key) -> str:
        """Return the key as it is kept."""
        return json.dumps(self._parts(key))

    def _parts(self, key: Key) -> list[Any]:
        return [
            part if encode is None else encode(part)
            for part, encode in zip(key, self._encoders, strict=True)
        ]

    def _meta(self, row: Row) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for part in _META_PARTS:
            value = self._fields.value(part, row)
            if value is not None:
                found[part] = list(value) if part == "tags" else value
        changed_at = self._fields.value("changed_at", row)
        if changed_at is not None:
            found["changed_at"] = changed_at.timestamp()
        return found


def _floats(vector: Any) -> bytes | None:
    if vector is None:
        return None
    import numpy as np

    data: bytes = np.asarray(vector, np.float32).tobytes()
    return data


def _connection(name: str | None) -> CocoServerConnection:
    if name is None:
        return CocoServerConnection.from_environment()
    connection: object = resolve_auth_entry(name)
    if not isinstance(connection, CocoServerConnection):
        raise DefinitionError(
            f"The auth entry {name!r} of a CocoServer target is a {type(connection).__name__}.",
            hint="Register a CocoServerConnection.",
        )
    return connection


def _content_path(key: Any) -> Path:
    """Return the file of a project's content, next to the state."""
    import hashlib

    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:12]
    name = "".join(c if c.isalnum() else "-" for c in key["project"])[:60]
    return _state_folder() / "coco_server" / f"{name}-{digest}.db"


def _state_folder() -> Path:
    database = own_database()
    url = database.url if database else DEFAULT_STATE_PATH
    path = url.removeprefix("sqlite:///")
    if url.startswith(("postgresql:", "postgres:")) or path == ":memory:":
        path = DEFAULT_STATE_PATH
    return Path(path).absolute().parent


register_target(CocoServer, CocoServerConnector())

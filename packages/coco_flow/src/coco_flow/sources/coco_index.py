"""Source of the documents that CoCo's local daemon has indexed."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from coco_core.errors import CocoError, DocumentNotFound, PathRefused, Unreadable
from coco_flow.auth import TransientAuthEntryReference
from coco_flow.errors import FlowError, RowFailed
from coco_flow.op.spec import SourceSpec
from coco_flow.ports import Key, ListedRow, ReadRow, Row, SourceSchema, Watch
from coco_flow.sources.change_stream import ChangeStream
from coco_flow.sources.file_content import basic_field, content_field
from coco_flow.sources.file_patterns import FilePatterns
from coco_flow.sources.registry import register_source
from coco_flow.targets.coco_api import local_daemon
from coco_flow.types.schema import (
    BasicValueType,
    EnrichedValueType,
    FieldSchema,
    StructSchema,
    TableType,
    VectorTypeSchema,
)

if TYPE_CHECKING:
    from coco_flow.targets.coco_api import CocoApi
    from coco_protocol.docs import ChunkBody, DocumentBody
    from coco_protocol.projects import ProjectBody

__all__ = ["CocoIndex", "CocoIndexSource"]

log = logging.getLogger(__name__)

_BATCH = 500

# The daemon accepts no longer paths; no system has any.
_LONGEST = 4096


class CocoIndex(SourceSpec):
    """Documents of a project of CoCo, as rows of `filename`, `language`, `content`.

    Those are the files that CoCo indexes: without secrets, build output and what git ignores.

    Attributes:
        project: The project's name or id, or a folder in it.
        url: The daemon's address; by default as COCO_HOST and COCO_PORT say, or port 3456.
        api_key: For a daemon that requires one; by default COCO_API_KEY.
        chunks: Add the table `chunks`: the document's chunks as in the index.
        included_patterns: Only documents that match one of these; `*` matches "/" too.
        excluded_patterns: No documents that match one of these, or are below one that does.
        poll_interval: In live mode, check so often whether the index has changed.
    """

    project: str
    url: str | None = None
    api_key: TransientAuthEntryReference[str] | None = None
    chunks: bool = False
    included_patterns: list[str] | None = None
    excluded_patterns: list[str] | None = None
    poll_interval: timedelta | None = None


class CocoIndexSource:
    """Lists, reads and follows the documents of one project."""

    def __init__(self, spec: CocoIndex) -> None:
        self._spec = spec
        self._patterns = FilePatterns(spec.included_patterns, spec.excluded_patterns)
        value = (basic_field("language", "Str"), content_field(False, filename_index=0))
        self.schema = SourceSchema(
            key=(basic_field("filename", "Str"),),
            value=(*value, *([_CHUNKS] if spec.chunks else [])),
        )
        self.content_options: object = {"chunks": spec.chunks}
        self.change_capture = "poll of the index" if spec.poll_interval else None
        self._poll: _IndexPoll | None = None

    def list_rows(self) -> Iterator[list[ListedRow]]:
        """Yield all documents of the active index; the hash of the content is the token."""
        api, project = self._open()
        for page in _pages(api, project):
            yield [
                ListedRow((found.doc_id,), bytes.fromhex(found.content_hash), size=found.size)
                for found in page
                if self._patterns.accepts(found.doc_id)
            ]

    def read(self, keys: Sequence[Key]) -> list[ReadRow | Exception]:
        """Read documents as they are on disk now; what cannot be read fails that row only."""
        api, project = self._open()
        return [self._read(api, project, name) for (name,) in keys]

    def watch(self) -> Watch | None:
        """Begin to poll the index for changes from this call on."""
        if self._spec.poll_interval is None:
            return None
        self.close()
        api, project = self._open()

        def documents() -> dict[str, str]:
            found = (document for page in _pages(api, project) for document in page)
            return {d.doc_id: d.content_hash for d in found if self._patterns.accepts(d.doc_id)}

        self._poll = _IndexPoll(documents, self._spec.poll_interval)
        return self._poll

    def close(self) -> None:
        """Stop polling."""
        if self._poll is not None:
            self._poll.close()
            self._poll = None

    def _read(self, api: CocoApi, project: ProjectBody, name: str) -> ReadRow | Exception:
        from coco_protocol.docs import ChunksData, ReadData, ReadRequest
        from coco_protocol.system import ExplainPathData

        if not self._patterns.accepts(name) or not 0 < len(name) <= _LONGEST or "\0" in name:
            return ReadRow(None)
        asked = ReadRequest(doc_id=name, project_id=project.project_id)
        try:
            found = api.post(ReadData, "/v1/docs/read", asked)
            row: list[Any] = [found.language, found.content]
            if self._spec.chunks:
                query = urlencode({"project_id": project.project_id, "doc_id": name})
                page = api.get(ChunksData, f"/v1/docs/chunks?{query}")
                row.append([_chunk(chunk) for chunk in page.chunks])
        except (DocumentNotFound, PathRefused):
            return ReadRow(None)
        except Unreadable as error:
            # The daemon's answer is the same for a file that is not in the index.
            place = f"{project.root}/{name}"
            explained = api.get(ExplainPathData, f"/v1/sys/explain?{urlencode({'path': place})}")
            if not explained.indexed:
                return ReadRow(None)
            failed = RowFailed(f"The document {name!r} cannot be read: {error}")
            failed.__cause__ = error
            return failed
        return ReadRow(row)

    def _open(self) -> tuple[CocoApi, ProjectBody]:
        """Return the daemon and the project.

        Raises:
            FlowError: There is no such project, or several have its name.
        """
        from coco_protocol.projects import ProjectList

        spec = self._spec
        api = local_daemon(spec.url, spec.api_key.key if spec.api_key else None)
        projects = api.get(ProjectList, "/v1/projects").projects
        place = os.path.realpath(Path(spec.project).expanduser())
        found = [p for p in projects if spec.project in (p.project_id, p.name) or p.root == place]
        if len(found) == 1:
            return api, found[0]
        if found:
            roots = ", ".join(repr(project.root) for project in found)
            raise FlowError(
                f"Several projects are called {spec.project!r}.",
                hint=f"Name one by its folder: {roots}.",
            )
        names = ", ".join(repr(project.name) for project in projects) or "none"
        raise FlowError(
            f"CoCo's local daemon has no project {spec.project!r}.",
            hint=f"Import it with coco import, or name one of those that it has: {names}.",
        )


class _IndexPoll(ChangeStream):
    """Yields the documents that differ between two polls of the index."""

    def __init__(self, documents: Callable[[], dict[str, str]], interval: timedelta) -> None:
        super().__init__()
        self._documents = documents
        self._seconds = interval.total_seconds()
        self._seen = documents()
        self._start()

    def _follow(self) -> None:
        while not self._closed.wait(self._seconds):
            try:
                found = self._documents()
            except CocoError as error:
                log.warning("%s", error)
                continue
            before, self._seen = self._seen, found
            differs = dict(before.items() ^ found.items())
            self._report((name,) for name in differs)


def _pages(api: CocoApi, project: ProjectBody) -> Iterator[Sequence[DocumentBody]]:
    from coco_protocol.docs import DocumentsData

    after: str | None = ""
    while after is not None:
        query = {"project_id": project.project_id, "after": after, "limit": _BATCH}
        page = api.get(DocumentsData, f"/v1/docs/list?{urlencode(query)}")
        yield page.documents
        after = page.next_after


def _chunk(chunk: ChunkBody) -> Row:
    return [
        chunk.chunk_id,
        (chunk.start_line, chunk.end_line + 1) if chunk.start_line and chunk.end_line else (0, 0),
        chunk.kind,
        chunk.symbol,
        chunk.signature,
        chunk.heading_trail,
        chunk.definitions,
        chunk.token_count,
        chunk.content,
    ]


def _texts(name: str) -> FieldSchema:
    vector = VectorTypeSchema(BasicValueType("Str"), None)
    return FieldSchema(name, EnrichedValueType(BasicValueType("Vector", vector=vector)))


_CHUNKS = FieldSchema(
    "chunks",
    EnrichedValueType(
        TableType(
            "KTable",
            StructSchema(
                [
                    basic_field("chunk_id", "Str"),
                    basic_field("lines", "Range"),
                    basic_field("kind", "Str"),
                    basic_field("symbol", "Str"),
                    basic_field("signature", "Str"),
                    _texts("heading_trail"),
                    _texts("definitions"),
                    basic_field("token_count", "Int64"),
                    basic_field("text", "Str"),
                ]
            ),
            1,
        )
    ),
)

register_source(CocoIndex, CocoIndexSource)

"""A project's files: documents, outline, chunks, read and explain, as they are on disk."""

from __future__ import annotations

import os
from pathlib import Path

from coco_core.chunking import ChunkedDocument, chunk_document
from coco_core.errors import InvalidInput, Unreadable
from coco_core.languages import detect_language
from coco_core.quantities import count
from coco_core.types import Chunk, chunk_ids
from coco_local.indexing.indexer import ProjectIndexer
from coco_local.operations.context import FUNCTIONS, Context
from coco_local.operations.current import CATCH_UP_SECONDS
from coco_local.projects.registry import ProjectRegistry
from coco_local.scan import SEARCHED_AS_TEXT, refuse_content
from coco_local.scan.reasons import Reason
from coco_local.search.grep_files import READABLE_BYTES
from coco_local.source.reader import SourceFile
from coco_protocol.docs import (
    ChunkBody,
    ChunksData,
    DocumentBody,
    DocumentRequest,
    DocumentsData,
    DocumentsRequest,
    OutlineData,
    OutlineSymbol,
    ReadData,
    ReadRequest,
)
from coco_protocol.local import LocalService
from coco_protocol.serving.hits import chunk_fields
from coco_protocol.system import ExplainPathData, ExplainRequest


@FUNCTIONS.answers(LocalService.outline)
def outline(context: Context, request: DocumentRequest) -> OutlineData:
    """Return the definitions or headings of a file, parsed now."""
    indexer = context.registry.resolve(request.project_id, request.path).active
    with context.gate.query():
        chunked = _chunk_file(context.registry, indexer, request.doc_id)
    symbols = _symbols(chunked.chunks)
    return OutlineData(doc_id=request.doc_id, language=chunked.language, symbols=symbols)


@FUNCTIONS.answers(LocalService.documents)
def documents(context: Context, request: DocumentsRequest) -> DocumentsData:
    """Return a page of what is indexed, with what changed a moment ago."""
    indexer = context.registry.resolve(request.project_id, request.path).active
    with context.gate.query():
        indexer.backlog.sync()
        indexer.catch_up(None, CATCH_UP_SECONDS)
        entries = dict(indexer.index.memory.documents)
        # A name that is no text cannot stand in JSON.
        names = sorted(name for name in entries if name > request.after and _is_text(name))
        page = [
            DocumentBody(
                doc_id=name,
                language=entries[name].document.language,
                size=entries[name].document.size,
                content_hash=entries[name].document.content_hash.hex(),
                chunks=len(entries[name].rows),
            )
            for name in names[: request.limit]
        ]
    return DocumentsData(
        documents=page, next_after=page[-1].doc_id if len(names) > request.limit else None
    )


@FUNCTIONS.answers(LocalService.chunks)
def chunks(context: Context, request: DocumentRequest) -> ChunksData:
    """Return a file in chunks, as it is now."""
    doc_id = request.doc_id
    indexer = context.registry.resolve(request.project_id, request.path).active
    with context.gate.query():
        chunked = _chunk_file(context.registry, indexer, doc_id)
        ids = chunk_ids(doc_id, [chunk.content_hash for chunk in chunked.chunks])
    bodies = [_body(doc_id, *pair) for pair in zip(ids, chunked.chunks, strict=True)]
    return ChunksData(doc_id=doc_id, language=chunked.language, chunks=bodies)


@FUNCTIONS.answers(LocalService.read)
def read(context: Context, request: ReadRequest) -> ReadData:
    """Return lines of a file."""
    indexer = context.registry.resolve(request.project_id, request.path).active
    with context.gate.query():
        file = _allowed(context.registry, indexer, request.doc_id, READABLE_BYTES)
        lines = file.lines
        start = request.start_line
        if start > max(1, len(lines)):
            raise InvalidInput(
                f"{request.doc_id!r} has {count(len(lines), 'line')}; "
                f"line {start} is beyond its end."
            )
        end = min(request.end_line or len(lines), len(lines))
        if request.end_line is not None and request.end_line < start:
            raise InvalidInput(f"end_line {request.end_line} is before start_line {start}.")
        return ReadData(
            doc_id=request.doc_id,
            start_line=start,
            end_line=end,
            total_lines=len(lines),
            language=detect_language(request.doc_id, file.data[:1024]),
            content="".join(lines[start - 1 : end]),
        )


@FUNCTIONS.answers(LocalService.explain)
def explain(context: Context, request: ExplainRequest) -> ExplainPathData:
    """Say why a path is or is not indexed."""
    # As it is written first: a link in a project that leads out of it is what is asked about.
    place = Path(os.path.normpath(Path(request.path).expanduser()))
    project = context.registry.holding(place)
    if project is None:
        place = Path(os.path.realpath(place))
        project = context.registry.holding(place)
    if project is None:
        return ExplainPathData(
            path=request.path,
            project_id=None,
            indexed=False,
            reason="It is in no registered project.",
        )
    indexer = project.active
    decision = indexer.scan.explain(place)
    doc_id = place.name
    if place.is_relative_to(indexer.project.root):
        doc_id = place.relative_to(indexer.project.root).as_posix()
    reason = indexer.files.skipped.get(doc_id, decision.reason)
    if decision.reason == Reason.REPOSITORY and (
        refusal := context.registry.owner(place).refusal()
    ):
        reason = f"{reason}. {refusal.hint}"
    return ExplainPathData(
        path=request.path,
        project_id=indexer.project.project_id,
        indexed=doc_id in indexer.index.memory.documents or (decision.indexed and place.is_dir()),
        reason=reason,
        rule=decision.rule,
    )


def _allowed(
    registry: ProjectRegistry,
    indexer: ProjectIndexer,
    doc_id: str,
    max_bytes: int | None = None,
) -> SourceFile:
    """Read a file that a text search shows: secrets and ignored files are not handed out."""
    file = indexer.reader.require(doc_id, max_bytes)
    registry.check_inside(indexer.project, [doc_id])
    decision = indexer.scan.decide(indexer.project.root / doc_id)
    reason = decision.reason
    if decision.indexed or reason in SEARCHED_AS_TEXT:
        refused = refuse_content(doc_id.rpartition("/")[2], file.data)
        if refused is None or refused in SEARCHED_AS_TEXT:
            return file
        reason = refused
    raise Unreadable(
        f"{doc_id!r} is not handed out: {reason}.",
        hint="Text files that are not ignored and hold no secret can be read.",
    )


def _chunk_file(registry: ProjectRegistry, indexer: ProjectIndexer, doc_id: str) -> ChunkedDocument:
    data = _allowed(registry, indexer, doc_id).data
    return chunk_document(doc_id, data, indexer.index.config.chunking)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _body(doc_id: str, chunk_id: str, chunk: Chunk) -> ChunkBody:
    return ChunkBody(
        chunk_id=chunk_id,
        doc_id=doc_id,
        path=doc_id,
        start_line=chunk.span.start_line,
        end_line=chunk.span.end_line,
        content=chunk.text,
        **chunk_fields(chunk),
    )


def _symbols(chunks: tuple[Chunk, ...]) -> list[OutlineSymbol]:
    """Return what the chunks define, in order; the same definition in two chunks comes once."""
    symbols: dict[tuple[str, int], OutlineSymbol] = {}
    for chunk in chunks:
        for definition in chunk.definitions:
            symbols.setdefault(
                (definition.path, definition.line),
                OutlineSymbol(
                    symbol=definition.title or definition.path,
                    kind=definition.kind.value,
                    line=definition.line,
                    end_line=max(definition.line, definition.end_line),
                    signature=definition.signature,
                ),
            )
    return list(symbols.values())

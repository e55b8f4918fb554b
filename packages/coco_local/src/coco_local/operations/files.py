"""A project's files: documents, outline, chunks, grep, read and explain, as they are on disk."""

from __future__ import annotations

import os
from pathlib import Path

from coco_core.chunking import ChunkedDocument, chunk_document
from coco_core.errors import InvalidInput, Unreadable
from coco_core.languages import detect_language
from coco_core.types import Chunk, chunk_ids
from coco_local.indexing.indexer import ProjectIndexer
from coco_local.operations.context import FUNCTIONS, Context
from coco_local.projects.registry import ProjectRegistry
from coco_local.scan.reasons import Reason
from coco_local.search.path_filter import path_filter
from coco_local.search.ripgrep import LineMatch, ripgrep
from coco_local.source.reader import SourceFile
from coco_protocol.docs import (
    ChunkBody,
    ChunksData,
    DocumentBody,
    DocumentRequest,
    DocumentsData,
    DocumentsRequest,
    GrepData,
    GrepMatch,
    GrepRequest,
    OutlineData,
    OutlineSymbol,
    ReadData,
    ReadRequest,
)
from coco_protocol.local import LocalService
from coco_protocol.serving.hits import chunk_fields
from coco_protocol.system import ExplainPathData, ExplainRequest

# What a query may wait for files that changed a moment ago.
_CATCH_UP_SECONDS = 0.1


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
        indexer.catch_up(None, _CATCH_UP_SECONDS)
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
        file = _allowed(context.registry, indexer, request.doc_id)
        lines = file.lines
        start = request.start_line
        if start > max(1, len(lines)):
            raise InvalidInput(
                f"{request.doc_id!r} has {len(lines)} lines; line {start} is beyond its end."
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


@FUNCTIONS.answers(LocalService.grep)
def grep(context: Context, request: GrepRequest) -> GrepData:
    """Return matching lines of the files that belong into the index."""
    indexer = context.registry.resolve(request.project_id, request.path).active
    context.registry.check_globs(indexer.project, request.include)
    with context.gate.query():
        indexer.backlog.sync()
        indexer.catch_up(None, _CATCH_UP_SECONDS)
        root = indexer.project.root
        allowed = path_filter(root, request.include, request.exclude, request.since_revision)
        names = {*indexer.index.memory.documents, *indexer.backlog.files.all()}
        files = [name for name in sorted(names) if allowed(name)]
        if not files:
            return GrepData(matches=[])
        found = ripgrep(indexer.project.root, _arguments(request), [request.pattern], files)
        return _matches(list(found), request.limit)


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


def _allowed(registry: ProjectRegistry, indexer: ProjectIndexer, doc_id: str) -> SourceFile:
    """Read a file that belongs into the index: secrets and ignored files are not handed out."""
    file = indexer.reader.require(doc_id)
    registry.check_inside(indexer.project, [doc_id])
    decision = indexer.scan.decide(indexer.project.root / doc_id)
    if not decision.indexed:
        raise Unreadable(
            f"{doc_id!r} is not part of the project's index: {decision.reason}",
            hint="Only files that CoCo would index can be read.",
        )
    return file


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
                    signature=chunk.signature if definition.path == chunk.symbol else "",
                ),
            )
    return list(symbols.values())


def _arguments(request: GrepRequest) -> list[str]:
    arguments = ["--context", str(request.context)] if request.context else []
    if not request.regex:
        arguments.append("--fixed-strings")
    if request.case_sensitive is None:
        arguments.append("--smart-case")
    else:
        arguments.append("--case-sensitive" if request.case_sensitive else "--ignore-case")
    # One line more than asked shows that there are more.
    arguments += ["--max-count", str(request.limit + 1), "--sort", "path"]
    return arguments


def _matches(lines: list[LineMatch], limit: int) -> GrepData:
    matches: list[GrepMatch] = []
    before: list[LineMatch] = []
    truncated = False
    for line in lines:
        if line.kind == "context":
            before.append(line)
            _give_after(matches, line)
            continue
        if len(matches) == limit:
            truncated = True
            break
        matches.append(
            GrepMatch(
                path=line.doc_id,
                line=line.line,
                text=line.text,
                before=[b.text for b in before if b.doc_id == line.doc_id and b.line < line.line],
            )
        )
        before.clear()
    return GrepData(matches=matches, truncated=truncated)


def _give_after(matches: list[GrepMatch], line: LineMatch) -> None:
    """Lines behind a match belong to it; those before the next one are given to both."""
    if matches and matches[-1].path == line.doc_id and matches[-1].line < line.line:
        matches[-1].after.append(line.text)

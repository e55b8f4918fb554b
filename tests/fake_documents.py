"""Projects of the fake service of the tests, and what it answers about their documents."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from coco_core.errors import InvalidInput, PathRefused
from coco_core.globs import compile_glob
from coco_protocol.docs import (
    ChunkBody,
    ChunksData,
    DocumentBody,
    DocumentRequest,
    DocumentsData,
    DocumentsRequest,
    Hit,
    HitMeta,
    OutlineData,
    OutlineSymbol,
    QueryData,
    QueryEnvelope,
    QueryMeta,
    QueryRequest,
    ReadData,
    ReadRequest,
    RelatedRequest,
)
from coco_protocol.grep import GrepData, GrepMatch, GrepRequest
from coco_protocol.local import LocalService
from coco_protocol.operations import Functions
from coco_protocol.projects import ProjectBody
from coco_protocol.system import ExplainPathData, ExplainRequest

if TYPE_CHECKING:
    from tests.fake_service import FakeService

LANGUAGES = {".py": "python", ".md": "markdown"}


class Directory(Mapping[str, str]):
    """The files below a directory, as they are now."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __getitem__(self, name: str) -> str:
        file = self._root / name
        if not file.is_file():
            raise KeyError(name)
        return file.read_text(encoding="utf-8")

    def __iter__(self) -> Iterator[str]:
        files = sorted(path for path in self._root.rglob("*") if path.is_file())
        return (file.relative_to(self._root).as_posix() for file in files)

    def __len__(self) -> int:
        return len(list(iter(self)))


@dataclass
class FakeProject:
    """A project; whole files are its chunks."""

    project_id: str
    name: str
    root: str
    files: Mapping[str, str]

    def body(self) -> ProjectBody:
        count = len(self.files)
        return ProjectBody(
            project_id=self.project_id,
            name=self.name,
            root=self.root,
            state="ready",
            files=count,
            files_total=count,
            chunks=count,
        )


def refuse_outside(path: str) -> None:
    if not os.path.normpath(path).startswith("/projects/"):
        raise PathRefused(f"{path!r} is outside every project.", hint="Import it first.")


def language_of(name: str) -> str:
    return LANGUAGES.get(Path(name).suffix, "text")


def selected(
    project: FakeProject, include: Sequence[str], exclude: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Yield name and text of the files that globs select."""
    wanted = [compile_glob(pattern) for pattern in include]
    unwanted = [compile_glob(pattern) for pattern in exclude]
    for name in project.files:
        if wanted and not any(glob.fullmatch(name) for glob in wanted):
            continue
        if not any(glob.fullmatch(name) for glob in unwanted):
            yield name, project.files[name]


def matching(
    service: FakeService, project: FakeProject, text: str, request: QueryRequest | RelatedRequest
) -> QueryEnvelope:
    """Return the files that have words of ``text``, those with most of them first."""
    words = re.findall(r"\w+", text.lower())
    hits = []
    for name, content in selected(project, request.filters.include, []):
        score = sum(content.lower().count(word) for word in words)
        if score:
            chunk = ChunkBody(
                chunk_id=name,
                doc_id=name,
                path=name,
                start_line=1,
                end_line=len(content.splitlines()),
                language=language_of(name),
                kind="text",
                symbol=Path(name).stem,
                content=content,
            )
            hits.append(Hit(meta=HitMeta(score=float(score)), chunk=chunk))
    hits.sort(key=lambda hit: (-hit.meta.score, hit.chunk.doc_id))
    offset, top = request.retrieval_config.offset, request.retrieval_config.top_k
    page = hits[offset : offset + top]
    meta = QueryMeta(
        project_id=project.project_id,
        status="stale" if service.pending else "fresh",
        tier="transformer",
        pending_files=service.pending,
        notice=service.notice,
    )
    more = offset + top < len(hits)
    data = QueryData(
        results=page,
        next_offset=offset + top if more else None,
        empty_reason=None if page else "past_the_end" if hits else "no_match",
    )
    return QueryEnvelope(meta=meta, data=data)


ANSWERS: Functions[FakeService] = Functions()


@ANSWERS.answers(LocalService.query)
def query(service: FakeService, request: QueryRequest) -> QueryEnvelope:
    project = service.resolve(request.project_id, request.path)
    service.before_query()
    return matching(service, project, request.query, request)


@ANSWERS.answers(LocalService.related)
def related(service: FakeService, request: RelatedRequest) -> QueryEnvelope:
    project = service.resolve(request.project_id, request.path)
    name = request.doc_id or next(iter(project.files))
    asked = DocumentRequest(doc_id=name, project_id=project.project_id)
    line = request.line or 1
    text = " ".join(service.text(asked).splitlines()[line - 1 : line])
    return matching(service, project, text, request)


@ANSWERS.answers(LocalService.outline)
def outline(service: FakeService, request: DocumentRequest) -> OutlineData:
    symbols = []
    for number, line in enumerate(service.text(request).splitlines(), 1):
        defined = re.match(r"(def|class) (\w+)", line)
        if defined:
            symbols.append(
                OutlineSymbol(
                    symbol=defined[2],
                    kind="function" if defined[1] == "def" else "class",
                    line=number,
                    end_line=number + 1,
                    signature=line.rstrip(":"),
                )
            )
    language = language_of(request.doc_id)
    return OutlineData(doc_id=request.doc_id, language=language, symbols=symbols)


@ANSWERS.answers(LocalService.documents)
def documents(service: FakeService, request: DocumentsRequest) -> DocumentsData:
    files = service.resolve(request.project_id, request.path).files
    found = [
        DocumentBody(
            doc_id=name,
            language=language_of(name),
            size=len(files[name]),
            content_hash=files[name],
            chunks=1,
        )
        for name in sorted(files)
        if name > request.after
    ]
    page = found[: request.limit]
    more = page[-1].doc_id if len(found) > request.limit else None
    return DocumentsData(documents=page, next_after=more)


@ANSWERS.answers(LocalService.chunks)
def chunks(service: FakeService, request: DocumentRequest) -> ChunksData:
    service.text(request)
    return ChunksData(doc_id=request.doc_id, language=language_of(request.doc_id), chunks=[])


@ANSWERS.answers(LocalService.grep)
def grep(service: FakeService, request: GrepRequest) -> GrepData:
    project = service.resolve(request.project_id, request.path)
    try:
        pattern = re.compile(request.pattern if request.regex else re.escape(request.pattern))
    except re.error as error:
        raise InvalidInput(f"{request.pattern!r} is no pattern: {error}.") from error
    matches = []
    for name, text in selected(project, request.include, request.exclude):
        lines = text.splitlines()
        for number, line in enumerate(lines, 1):
            if pattern.search(line):
                before = lines[max(0, number - 1 - request.context) : number - 1]
                after = lines[number : number + request.context]
                matches.append(
                    GrepMatch(path=name, line=number, text=line, before=before, after=after)
                )
    return GrepData(
        matches=matches[: request.limit],
        truncated=len(matches) > request.limit,
        empty_reason=None if matches else "no_match",
    )


@ANSWERS.answers(LocalService.read)
def read(service: FakeService, request: ReadRequest) -> ReadData:
    lines = service.text(request).splitlines(keepends=True)
    end = min(request.end_line or len(lines), len(lines))
    return ReadData(
        doc_id=request.doc_id,
        start_line=request.start_line,
        end_line=end,
        total_lines=len(lines),
        language=language_of(request.doc_id),
        content="".join(lines[request.start_line - 1 : end]),
    )


@ANSWERS.answers(LocalService.explain)
def explain(service: FakeService, request: ExplainRequest) -> ExplainPathData:
    refuse_outside(request.path)
    return ExplainPathData(path=request.path, project_id="demo", indexed=True, reason="tracked")

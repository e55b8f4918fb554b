"""Local mode in memory: the one fake service of the tests.

Projects are texts by name, or a directory that is read anew for each request. What was asked is
kept, and a test that wants another answer says so: ``service.answer(LocalService.stats, broken)``.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from coco_core.errors import (
    ConfigConflict,
    ConfigNotFound,
    Conflict,
    DocumentNotFound,
    InvalidInput,
    PathRefused,
    ProjectNotFound,
)
from coco_core.globs import compile_glob
from coco_local.api.service import DaemonService
from coco_local.monitoring.jobs import Job, JobRegistry
from coco_protocol.base import Answer, EmptyRequest, Request
from coco_protocol.configs import (
    ChunkingBody,
    ConfigBody,
    ConfigIdRequest,
    ConfigList,
    ConfigRequest,
    EmbeddingBody,
)
from coco_protocol.defaults import AdoptRequest, DefaultsBody, DefaultsRequest
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
    Hit,
    HitMeta,
    ImportData,
    ImportRequest,
    IndexRequest,
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
from coco_protocol.jobs import JobBody, JobEvent, JobList, JobRequest
from coco_protocol.local import LocalService
from coco_protocol.operations import Functions, Operation
from coco_protocol.projects import (
    DropIndexRequest,
    IndexBody,
    IndexList,
    ProjectBody,
    ProjectList,
    ProjectRequest,
    RegisterData,
    RegisterRequest,
    RescanData,
)
from coco_protocol.system import (
    ExplainPathData,
    ExplainRequest,
    HealthData,
    LatencyStats,
    ModelBody,
    PruneData,
    PruneRequest,
    QueueStats,
    ShutdownData,
    StatsData,
)

Q = TypeVar("Q", bound=Request)
A = TypeVar("A", bound=Answer)

LANGUAGES = {".py": "python", ".md": "markdown"}

ROOT = "/projects/demo"
TEXT = "def greet(name):\n    return f'Hello, {name}'\n"


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


@dataclass
class FakeService(DaemonService):
    """Strict about what it refuses; every field may be changed by a test."""

    known: dict[str, FakeProject] = field(default_factory=dict)
    home: str = "/home/demo/.coco"
    model: ModelBody = field(
        default_factory=lambda: ModelBody(name="all-MiniLM-L6-v2", state="ready")
    )
    queues: QueueStats = field(default_factory=QueueStats)
    pending: int = 0
    notice: str | None = None
    before_query: Callable[[], object] = lambda: None
    adopted: dict[str, DefaultsRequest] = field(default_factory=dict)
    added: dict[str, ConfigRequest] = field(
        default_factory=lambda: {"default": ConfigRequest(config_id="default")}
    )
    registry: JobRegistry = field(default_factory=JobRegistry)
    stop_requested: threading.Event = field(default_factory=threading.Event)
    started_at: float = field(default_factory=time.time)
    _received: list[Request] = field(default_factory=list)
    _answers: dict[str, Callable[[Any], Any]] = field(default_factory=dict)

    def call(self, operation: Operation[Q, A], request: Q) -> A:
        self._received.append(request)
        own = self._answers.get(operation.name)
        if own is not None:
            answer: A = own(request)
            return answer
        return ANSWERS.call(self, operation, request)

    def wait_job_events(self, job_id: str, after: int, timeout: float) -> Sequence[JobEvent]:
        return self.registry.wait_events(job_id, after, timeout)

    def answer(self, operation: Operation[Q, A], function: Callable[[Q], A]) -> None:
        """Answer an operation by ``function`` from now on."""
        self._answers[operation.name] = function

    def received(self, kind: type[Q]) -> list[Q]:
        """Return the requests of a kind, in the order in which they came."""
        return [request for request in self._received if isinstance(request, kind)]

    def add_directory(self, root: Path) -> None:
        """Make a directory a project under its own name."""
        project_id = f"id-{root.name}"
        self.known[project_id] = FakeProject(project_id, root.name, str(root), Directory(root))

    def start_job(self) -> Job:
        """Return a job that runs until the test ends it."""
        job = self.registry.create("index", "demo")
        job.enter("scan", 10)
        return job

    def finished_job(self, project_id: str) -> str:
        """Return the id of a job that is over."""
        job = self.registry.create("index", project_id)
        job.finish()
        return job.job_id

    def get(self, project_id: str) -> FakeProject:
        if project_id not in self.known:
            raise ProjectNotFound(
                f"There is no project {project_id!r}.", hint="List them with: coco projects"
            )
        return self.known[project_id]

    def resolve(self, project_id: str | None, path: str | None) -> FakeProject:
        """Return the named project, or the first."""
        if path is not None:
            refuse_outside(path)
        return self.get(project_id or next(iter(self.known), ""))

    def text(self, request: DocumentRequest | ReadRequest) -> str:
        project = self.resolve(request.project_id, request.path)
        name = request.doc_id
        if ".." in name.split("/") or name.startswith("/"):
            raise PathRefused(f"{name!r} is outside the project.")
        try:
            return project.files[name]
        except KeyError as error:
            raise DocumentNotFound(
                f"There is no file {name!r}.", hint="Use search or grep to find it."
            ) from error


def demo_service() -> FakeService:
    """Return a service with one project of one document; more can be registered below /projects."""
    demo = FakeProject("demo", "demo", ROOT, {"src/app.py": TEXT})
    return FakeService({"demo": demo}, queues=QueueStats(files=2, chunks=3))


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
        empty_reason=None if page else "no_match",
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
    return GrepData(matches=matches[: request.limit], truncated=len(matches) > request.limit)


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


@ANSWERS.answers(LocalService.import_paths)
def import_paths(service: FakeService, request: ImportRequest) -> ImportData:
    made = [register(service, RegisterRequest(path=path)) for path in request.paths]
    ids = [data.project_id for data in made]
    return ImportData(project_ids=ids, job_ids=[service.finished_job(each) for each in ids])


@ANSWERS.answers(LocalService.index)
def index(service: FakeService, request: IndexRequest) -> ImportData:
    chosen = service.resolve(request.project_id, request.path).project_id
    config(service, ConfigIdRequest(config_id=request.indexing_config_id or "default"))
    return ImportData(project_ids=[chosen], job_ids=[service.finished_job(chosen)])


@ANSWERS.answers(LocalService.register)
def register(service: FakeService, request: RegisterRequest) -> RegisterData:
    refuse_outside(request.path)
    known = next((each for each in service.known.values() if each.root == request.path), None)
    project = known
    if project is None:
        project_id = f"p{len(service.known)}"
        project = FakeProject(project_id, request.name or project_id, request.path, {})
        service.known[project_id] = project
    return RegisterData(
        project_id=project.project_id, path=project.root, name=project.name, created=known is None
    )


@ANSWERS.answers(LocalService.projects)
def projects(service: FakeService, _: EmptyRequest) -> ProjectList:
    bodies = [project.body() for project in list(service.known.values())]
    return ProjectList(projects=sorted(bodies, key=lambda body: body.name))


@ANSWERS.answers(LocalService.project)
def project(service: FakeService, request: ProjectRequest) -> ProjectBody:
    return service.get(request.project_id).body()


@ANSWERS.answers(LocalService.forget)
def forget(service: FakeService, request: ProjectRequest) -> ProjectBody:
    body = service.get(request.project_id).body()
    del service.known[request.project_id]
    return body


@ANSWERS.answers(LocalService.rescan)
def rescan(service: FakeService, request: ProjectRequest) -> RescanData:
    return RescanData(job_id=service.finished_job(service.get(request.project_id).project_id))


@ANSWERS.answers(LocalService.indexes)
def indexes(service: FakeService, request: ProjectRequest) -> IndexList:
    config_id = service.get(request.project_id).body().config_id
    fingerprint = config(service, ConfigIdRequest(config_id=config_id)).fingerprint
    only = IndexBody(config_id=config_id, fingerprint=fingerprint, active=True, state="ready")
    return IndexList(indexes=[only])


@ANSWERS.answers(LocalService.drop_index)
def drop_index(service: FakeService, request: DropIndexRequest) -> IndexList:
    left = indexes(service, request)
    if request.config_id == left.indexes[0].config_id:
        raise Conflict(f"{request.config_id!r} is the index that answers.")
    raise ConfigNotFound(f"There is no index under {request.config_id!r}.")


@ANSWERS.answers(LocalService.defaults)
def defaults(service: FakeService, request: ProjectRequest) -> DefaultsBody:
    project_id = service.get(request.project_id).project_id
    known = service.adopted.get(project_id, DefaultsRequest())
    return DefaultsBody(
        project_id=project_id,
        indexing_config_id=known.indexing_config_id or "default",
        query_config_id=known.query_config_id,
        retrieval_config=known.retrieval_config,
    )


@ANSWERS.answers(LocalService.adopt)
def adopt(service: FakeService, request: AdoptRequest) -> DefaultsBody:
    config_id = request.defaults.indexing_config_id or "default"
    config(service, ConfigIdRequest(config_id=config_id))
    service.adopted[service.get(request.project_id).project_id] = request.defaults
    return defaults(service, request)


@ANSWERS.answers(LocalService.jobs)
def jobs(service: FakeService, _: EmptyRequest) -> JobList:
    return service.registry.list()


@ANSWERS.answers(LocalService.job)
def job(service: FakeService, request: JobRequest) -> JobBody:
    return service.registry.get(request.job_id).body()


@ANSWERS.answers(LocalService.cancel_job)
def cancel_job(service: FakeService, request: JobRequest) -> JobBody:
    found = service.registry.get(request.job_id)
    found.cancel()
    return found.body()


@ANSWERS.answers(LocalService.health)
def health(service: FakeService, _: EmptyRequest) -> HealthData:
    running = service.registry.running()
    return HealthData(
        version="0.1.0",
        pid=os.getpid(),
        started_at=service.started_at,
        uptime_seconds=1.5,
        home=service.home,
        model=service.model,
        queues=service.queues.model_copy(update={"jobs": running}),
        projects=len(service.known),
    )


@ANSWERS.answers(LocalService.stats)
def stats(service: FakeService, request: EmptyRequest) -> StatsData:
    return StatsData(
        health=health(service, request),
        memory_bytes=1024,
        cpu_percent=0.5,
        index_bytes=2048,
        latency=LatencyStats(count=1, qps=0.1, p50_ms=4.0, p95_ms=8.0),
        stores={"rows": 7},
    )


@ANSWERS.answers(LocalService.configs)
def configs(service: FakeService, _: EmptyRequest) -> ConfigList:
    return ConfigList(
        configs=[config(service, ConfigIdRequest(config_id=name)) for name in list(service.added)]
    )


@ANSWERS.answers(LocalService.config)
def config(service: FakeService, request: ConfigIdRequest) -> ConfigBody:
    if request.config_id not in service.added:
        raise ConfigNotFound(f"There is no config {request.config_id!r}.")
    found = service.added[request.config_id].to_config()
    fields = found.to_dict()
    return ConfigBody(
        config_id=found.config_id,
        fingerprint=found.fingerprint,
        chunking=ChunkingBody.model_validate(fields["chunking"]),
        embedding=EmbeddingBody.model_validate(fields["embedding"]),
        created_at=0.0,
    )


@ANSWERS.answers(LocalService.add_config)
def add_config(service: FakeService, request: ConfigRequest) -> ConfigBody:
    request.to_config()
    if service.added.setdefault(request.config_id, request).to_config() != request.to_config():
        raise ConfigConflict(f"The config {request.config_id!r} exists with other content.")
    return config(service, ConfigIdRequest(config_id=request.config_id))


@ANSWERS.answers(LocalService.prune)
def prune(service: FakeService, request: PruneRequest) -> PruneData:
    return PruneData(dry_run=request.dry_run)


@ANSWERS.answers(LocalService.shutdown)
def shutdown(service: FakeService, _: EmptyRequest) -> ShutdownData:
    service.stop_requested.set()
    return ShutdownData()

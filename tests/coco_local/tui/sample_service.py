"""A daemon with fixed figures: what the TUI shows of it can be compared word for word."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from coco_core.errors import InvalidInput, ProjectNotFound
from coco_protocol.docs import (
    ChunkBody,
    Hit,
    HitMeta,
    ImportData,
    ImportRequest,
    QueryData,
    QueryEnvelope,
    QueryMeta,
    QueryRequest,
)
from coco_protocol.local import LocalService
from coco_protocol.projects import (
    ProjectBody,
    ProjectList,
    ProjectRequest,
    RescanData,
    SkippedFile,
)
from coco_protocol.system import (
    GrammarBody,
    HealthData,
    LatencyStats,
    LogLine,
    RecentFile,
    RecentQuery,
    StatsData,
)
from tests.fake_service import FakeProject, FakeService

NOON = 1_790_000_000.0

BACKOFF = '''"""How long to wait before trying again."""

from __future__ import annotations

import random
from dataclasses import dataclass

# A fifth of the delay: enough to spread a crowd of clients, too little to surprise anyone.
_JITTER = 0.2


@dataclass(frozen=True, slots=True)
class Backoff:
    """Doubles the delay after each failure, up to a limit."""

    first: float = 0.5
    longest: float = 30.0

    def delay(self, attempt: int) -> float:
        """The seconds to wait before retry number ``attempt``, with some jitter."""
        plain = min(self.longest, self.first * 2**attempt)
        return plain * (1 + random.uniform(-_JITTER, _JITTER))

    def exhausted(self, attempt: int, limit: int) -> bool:
        """Whether it is time to give up."""
        return attempt >= limit
'''

SPOOL = """package spool

import (
\t"errors"
\t"os"
)

// ErrFull says that the spool has reached its size limit.
var ErrFull = errors.New("spool is full")

// Append writes one record and retries once when the disk was busy.
func (s *Spool) Append(record []byte) error {
\tif s.size+int64(len(record)) > s.limit {
\t\treturn ErrFull
\t}
\tif _, err := s.file.Write(record); err != nil {
\t\treturn s.retry(record, err)
\t}
\ts.size += int64(len(record))
\treturn nil
}
"""

GUIDE = """# Operating the courier

## When deliveries fail

A delivery that fails is tried again with exponential backoff: half a second,
then one, two, four, up to thirty seconds. After eight attempts it goes to the
dead letter queue.
"""

FILES = {
    "courier/delivery/backoff.py": BACKOFF,
    "courier/delivery/spool.go": SPOOL,
    "docs/operating.md": GUIDE,
}


@dataclass
class SampleService(FakeService):
    """The fake service with fixed figures and hits; fields are changed by tests."""

    project_list: tuple[ProjectBody, ...] = ()
    grammars: list[GrammarBody] = field(default_factory=list)
    embedding_rate: float = 0.0
    quiet: bool = False

    def __post_init__(self) -> None:
        self.answer(LocalService.health, lambda _: self._health())
        self.answer(LocalService.stats, lambda _: self._stats())
        self.answer(LocalService.projects, lambda _: ProjectList(projects=list(self.project_list)))
        self.answer(LocalService.rescan, self._rescan)
        self.answer(LocalService.import_paths, _import)
        self.answer(LocalService.query, _query)
        for body in self.project_list:
            project = FakeProject(body.project_id, body.name, body.root, FILES)
            self.known[body.project_id] = project

    @property
    def asked(self) -> list[QueryRequest]:
        return self.received(QueryRequest)

    @property
    def imported(self) -> list[ImportRequest]:
        return self.received(ImportRequest)

    @property
    def rescanned(self) -> list[str]:
        return [request.project_id for request in self.received(ProjectRequest)]

    def _health(self) -> HealthData:
        return HealthData(
            version="0.1.0",
            pid=4711,
            started_at=NOON - 8040,
            uptime_seconds=8040,
            home="~/.coco",
            model=self.model,
            queues=self.queues,
            projects=len(self.project_list),
        )

    def _stats(self) -> StatsData:
        if self.quiet:
            return StatsData(
                health=self._health(),
                memory_bytes=118_000_000,
                cpu_percent=0.1,
                index_bytes=0,
                latency=LatencyStats(),
            )
        return StatsData(
            health=self._health(),
            memory_bytes=412_300_000,
            cpu_percent=3.2,
            index_bytes=84_100_000,
            latency=LatencyStats(
                count=214, qps=1.8, p50_ms=6.4, p95_ms=18.2, history_ms=latencies()
            ),
            embedding_rate=self.embedding_rate,
            recent_queries=queries(),
            recent_files=recent_files(),
            log=log_lines(),
            grammars=self.grammars,
        )

    def _rescan(self, request: ProjectRequest) -> RescanData:
        if request.project_id not in {project.project_id for project in self.project_list}:
            raise ProjectNotFound(f"There is no project {request.project_id!r}.")
        return RescanData(job_id="job-1")


def _import(request: ImportRequest) -> ImportData:
    if not Path(request.paths[0]).is_dir():
        raise InvalidInput(f"{request.paths[0]!r} is not a directory.")
    return ImportData(project_ids=["p-courier"], job_ids=["job-2"])


def _query(request: QueryRequest) -> QueryEnvelope:
    if "backoff" not in request.query:
        none = QueryData(results=[], empty_reason="no_match")
        return QueryEnvelope(meta=QueryMeta(tier="transformer"), data=none)
    project_id = request.project_id or ""
    meta = QueryMeta(project_id=project_id, tier="transformer", vector_coverage=1.0)
    return QueryEnvelope(meta=meta, data=QueryData(results=hits()))


def busy_projects() -> tuple[ProjectBody, ...]:
    """Three projects in different states."""
    fixtures = SkippedFile(path="data/fixtures.json", reason="larger than 1 MiB")
    return (
        _project("atlas", "src", 2381, 18_204, 11_290, age=20, state="embedding"),
        _project(
            "courier", "src", 214, 1893, 1893, age=95,
            files_total=215, skipped=1, skipped_files=[fixtures],
        ),
        _project("handbook", "notes", 88, 640, 640, age=4000),
    )  # fmt: skip


def _project(
    name: str, folder: str, files: int, chunks: int, embedded: int, *, age: float, **more: object
) -> ProjectBody:
    known = {"project_id": f"p-{name}", "name": name, "root": f"/home/ada/{folder}/{name}"}
    counts = {"files": files, "files_total": files, "chunks": chunks, "embedded": embedded}
    return ProjectBody.model_validate(
        {**known, **counts, "state": "ready", "indexed_at": NOON - age, **more}
    )


def latencies() -> list[float]:
    """Sixty seconds of a plausible day."""
    return [
        0.0 if second % 7 in (2, 3) else 6 + 3 * math.sin(second / 4) + 9 * (second % 19 == 0)
        for second in range(60)
    ]


def queries() -> list[RecentQuery]:
    asked = [
        ("exponential backoff with jitter", 12, 7.9),
        ("where is the dead letter queue drained", 9, 8.4),
        ("Spool.Append", 3, 4.1),
        ("how are tiles cached between zoom levels", 17, 11.2),
        ("ERR_SPOOL_FULL", 2, 3.8),
        ("onboarding checklist", 6, 6.0),
        ("quaternion to euler", 0, 9.7),
        ("retry policy of the uploader", 11, 7.7),
    ]
    return [
        RecentQuery(
            at=NOON - 13 * index,
            project_id="p-courier",
            query=query,
            hits=number,
            took_ms=took,
            tier="transformer",
        )
        for index, (query, number, took) in enumerate(asked)
    ]


def recent_files() -> list[RecentFile]:
    paths = [
        ("courier/delivery/backoff.py", "indexed", 4),
        ("courier/delivery/spool.go", "indexed", 7),
        ("docs/operating.md", "indexed", 3),
        ("courier/legacy/smtp.py", "removed", 0),
        ("data/fixtures.json", "skipped", 0),
        ("atlas/render/tiles/cache/level_of_detail.rs", "indexed", 22),
        ("atlas/render/tiles/cache/eviction.rs", "indexed", 9),
        ("atlas/geometry/projection.rs", "indexed", 14),
        ("atlas/geometry/quaternion.rs", "indexed", 11),
    ]
    names = ("path", "action", "chunks")
    return [
        RecentFile.model_validate(
            {
                "at": NOON - 4 * index,
                "project_id": "p-courier",
                **dict(zip(names, each, strict=True)),
            }
        )
        for index, each in enumerate(paths)
    ]


def log_lines() -> list[LogLine]:
    lines = [
        ("info", "listening on http://127.0.0.1:3456"),
        ("info", "model all-MiniLM-L6-v2 ready in 0.4 s"),
        ("info", "courier: 214 files, 1,893 chunks, up to date"),
        ("info", "atlas: branch switch, 512 files changed, rescanning"),
        ("warning", "courier: data/fixtures.json skipped: larger than 1 MiB"),
        ("info", "atlas: 2,381 files parsed in 6.2 s"),
        ("info", "compacted 14 fragments into 1"),
    ]
    return [
        LogLine(at=NOON - 60 + 7 * index, level=level, message=message)
        for index, (level, message) in enumerate(lines)
    ]


def hits() -> list[Hit]:
    return [
        _hit(0.91, "courier/delivery/backoff.py", 20, 23, "Backoff.delay", "method"),
        _hit(0.84, "courier/delivery/backoff.py", 13, 27, "Backoff", "class"),
        _hit(0.71, "docs/operating.md", 3, 7, "", "section", ["Operating", "When deliveries fail"]),
        _hit(0.64, "courier/delivery/spool.go", 12, 21, "Spool.Append", "method"),
        _hit(0.58, "courier/upload/policy.py", 41, 58, "RetryPolicy.next_attempt", "method"),
        _hit(0.52, "courier/upload/policy.py", 12, 39, "RetryPolicy", "class"),
        _hit(0.44, "tests/delivery/test_backoff.py", 9, 31, "test_delay_grows", "function"),
    ]


def _hit(
    score: float,
    path: str,
    start: int,
    end: int,
    symbol: str,
    kind: str,
    trail: list[str] | None = None,
) -> Hit:
    lines = FILES.get(path, "\n" * start + "def gone(): ...\n" * (end - start)).split("\n")
    chunk = ChunkBody(
        chunk_id=f"{path}-{start}",
        doc_id=path,
        path=path,
        start_line=start,
        end_line=end,
        language="go" if path.endswith(".go") else "python",
        kind=kind,
        symbol=symbol,
        heading_trail=trail or [],
        content="\n".join(lines[start - 1 : end]),
    )
    return Hit(meta=HitMeta(score=score, relocated=symbol == "Spool.Append"), chunk=chunk)

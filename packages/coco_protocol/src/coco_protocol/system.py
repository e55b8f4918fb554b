"""Service health, statistics, and pruning on the wire."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from coco_protocol.base import Answer, PathText, Request
from coco_protocol.envelope import API_VERSION, SIGNATURE

__all__ = [
    "ExplainPathData",
    "ExplainRequest",
    "GrammarBody",
    "HealthData",
    "LatencyStats",
    "LogLine",
    "ModelBody",
    "PruneData",
    "PruneRequest",
    "QueueStats",
    "RecentFile",
    "RecentQuery",
    "ShutdownData",
    "StatsData",
]


class ModelBody(Answer):
    """State of the embedding model."""

    name: str
    state: Literal["ready", "missing", "downloading", "converting", "failed", "idle"]
    progress: float | None = Field(default=None, description="0 to 1 while it is being fetched")
    detail: str = ""
    hint: str | None = None


class GrammarBody(Answer):
    """State of a language's WebAssembly grammar."""

    language: str
    state: Literal["installed", "waiting", "fetching", "missing", "failing"]
    version: str = ""
    source: str = ""
    progress: float | None = Field(default=None, description="0 to 1 while it is being fetched")
    detail: str = Field(default="", description="why it is missing or failing")


class QueueStats(Answer):
    """Work that waits."""

    files: int = 0
    chunks: int = 0
    jobs: int = 0


class HealthData(Answer):
    """``GET /v1/sys/health``."""

    signature: str = SIGNATURE
    version: str
    api_version: int = API_VERSION
    pid: int
    started_at: float
    uptime_seconds: float
    home: str
    mode: Literal["tui", "headless"] = "headless"
    model: ModelBody
    queues: QueueStats
    projects: int = 0


class LatencyStats(Answer):
    """Query latency over the last window, in milliseconds."""

    count: int = 0
    qps: float = 0.0
    p50_ms: float = 0.0
    p95_ms: float = 0.0
    history_ms: list[float] = Field(default_factory=list, description="p50 by second, newest last")


class RecentQuery(Answer):
    """A query that was answered."""

    at: float
    project_id: str
    query: str
    hits: int
    took_ms: float
    tier: str


class RecentFile(Answer):
    """A file that was indexed or removed."""

    at: float
    project_id: str
    path: str
    action: Literal["indexed", "removed", "skipped"]
    chunks: int = 0


class LogLine(Answer):
    """A line of the daemon's log."""

    at: float
    level: str
    message: str


class StatsData(Answer):
    """``GET /v1/sys/stats``: what the TUI shows."""

    health: HealthData
    memory_bytes: int
    cpu_percent: float
    index_bytes: int
    latency: LatencyStats
    embedding_rate: float = Field(default=0.0, description="chunks per second, last 10 s")
    recent_queries: list[RecentQuery] = Field(default_factory=list)
    recent_files: list[RecentFile] = Field(default_factory=list)
    log: list[LogLine] = Field(default_factory=list)
    grammars: list[GrammarBody] = Field(
        default_factory=list, description="WebAssembly grammars: installed, wanted or failing"
    )
    stores: dict[str, int] = Field(
        default_factory=dict, description="lance versions, fragments, rows; cache rows"
    )


class PruneRequest(Request):
    """``POST /v1/sys/prune``."""

    # A hundred years: more overflows the arithmetic of dates.
    older_than_days: float | None = Field(
        default=None, ge=0, le=36_500, description="drop cached embeddings unused for so long"
    )
    orphans: bool = Field(default=True, description="drop indexes of projects that are gone")
    dry_run: bool = False


class PruneData(Answer):
    """What was, or with ``dry_run`` would be, removed."""

    embeddings: int = 0
    indexes: int = 0
    documents: int = 0
    bytes: int = 0
    dry_run: bool = False


class ExplainRequest(Request):
    """A path of this machine."""

    path: PathText = Field(description="An absolute path of a file or directory.")


class ExplainPathData(Answer):
    """``GET /v1/sys/explain``: why a path is or is not indexed."""

    path: str
    project_id: str | None
    indexed: bool
    reason: str
    rule: str | None = Field(default=None, description="file:line: pattern that decided")


class ShutdownData(Answer):
    """``POST /v1/sys/shutdown``: the daemon finishes the write in hand and ends."""

    stopping: bool = True

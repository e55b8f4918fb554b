"""Recent activity of the daemon: queries, files, log lines, latency; bounded, for people."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Literal

from coco_protocol.system import LatencyStats, LogLine, RecentFile, RecentQuery

__all__ = ["Activity"]

# The window of latency and rates, in seconds; also the width of the sparkline.
_WINDOW = 60

_RECENT = 50
_LATENCIES = 2_000


class Activity:
    """A memory of the last minute; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queries: deque[RecentQuery] = deque(maxlen=_RECENT)
        self._files: deque[RecentFile] = deque(maxlen=_RECENT)
        self._log: deque[LogLine] = deque(maxlen=200)
        self._latencies: deque[tuple[float, float]] = deque(maxlen=_LATENCIES)
        self._embedded: deque[tuple[float, int]] = deque(maxlen=_LATENCIES)

    def query(self, project_id: str, query: str, hits: int, took_ms: float, tier: str) -> None:
        """Record a query that was answered."""
        now = time.time()
        with self._lock:
            self._latencies.append((now, took_ms))
            self._queries.append(
                RecentQuery(
                    at=now,
                    project_id=project_id,
                    query=query[:200],
                    hits=hits,
                    took_ms=round(took_ms, 2),
                    tier=tier,
                )
            )

    def file(
        self,
        project_id: str,
        path: str,
        action: Literal["indexed", "removed", "skipped"],
        chunks: int = 0,
    ) -> None:
        """Record a file that was indexed, removed or skipped."""
        with self._lock:
            self._files.append(
                RecentFile(
                    at=time.time(), project_id=project_id, path=path, action=action, chunks=chunks
                )
            )

    def log(self, level: str, message: str) -> None:
        """Record a line of the log."""
        with self._lock:
            self._log.append(LogLine(at=time.time(), level=level, message=message[:500]))

    def embedded(self, chunks: int) -> None:
        """Record chunks that got their vector."""
        with self._lock:
            self._embedded.append((time.time(), chunks))

    def embedding_rate(self) -> float:
        """Return chunks per second over the last ten seconds."""
        since = time.time() - 10
        with self._lock:
            return round(sum(n for at, n in self._embedded if at >= since) / 10, 1)

    def recent_queries(self) -> list[RecentQuery]:
        """Return the last queries, newest first."""
        with self._lock:
            return list(reversed(self._queries))

    def recent_files(self) -> list[RecentFile]:
        """Return the last files, newest first."""
        with self._lock:
            return list(reversed(self._files))

    def log_lines(self) -> list[LogLine]:
        """Return the last log lines, oldest first."""
        with self._lock:
            return list(self._log)

    def latency(self) -> LatencyStats:
        """Return latency over the last minute."""
        now = time.time()
        with self._lock:
            window = [(at, ms) for at, ms in self._latencies if at >= now - _WINDOW]
        if not window:
            return LatencyStats(history_ms=[0.0] * _WINDOW)
        values = sorted(ms for _, ms in window)
        history: list[list[float]] = [[] for _ in range(_WINDOW)]
        for at, ms in window:
            history[min(_WINDOW - 1, int(at - (now - _WINDOW)))].append(ms)
        return LatencyStats(
            count=len(values),
            qps=round(len(values) / _WINDOW, 2),
            p50_ms=round(_quantile(values, 0.5), 2),
            p95_ms=round(_quantile(values, 0.95), 2),
            history_ms=[round(_quantile(sorted(ms), 0.5), 2) if ms else 0.0 for ms in history],
        )


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

"""The sizes of the daemon's thread pools, and why."""

from __future__ import annotations

import os

from coco_protocol.operations import Lane
from coco_protocol.serving.fairness import FairLimiter
from coco_protocol.serving.pools import ThreadPools

__all__ = ["daemon_pools", "query_threads"]

# A query computes, so more threads than this only pass the interpreter's lock around; two for each
# core keep the cores busy while others wait for ripgrep or the disk.
_QUERIES_PER_CORE = 2
_MIN_QUERIES, _MAX_QUERIES = 4, 16

# Imports, prunes and registrations mostly wait for the one writer; more threads would only wait.
_CHANGES = 4

# Reads of state take microseconds; they have their own threads so that health always answers.
_STATUS = 4

# A stream holds its thread only while it waits for the next event; above this they take turns.
_STREAMS = 32


def query_threads() -> int:
    """Return how many queries are computed at once."""
    wanted = _QUERIES_PER_CORE * (os.cpu_count() or 1)
    return min(max(wanted, _MIN_QUERIES), _MAX_QUERIES)


def daemon_pools() -> ThreadPools:
    """Return the pools of one daemon."""
    lanes: dict[Lane, FairLimiter] = {
        "query": FairLimiter(query_threads()),
        "rerank": FairLimiter(1),
        "change": FairLimiter(_CHANGES),
        "status": FairLimiter(_STATUS),
    }
    return ThreadPools(lanes, waiting=_STREAMS)

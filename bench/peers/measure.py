"""One peer on one repository, from its start to the last question."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.peers.memory import TreePeak, processor_seconds
from bench.peers.peer import Peer
from bench.retrieval.codesearch import PLACES, Repository, Target, ndcg_of_places, targets_of

# Enough chunks that ten files are among them, for peers that answer with many chunks of one file.
_DEEP = 50

Start = Callable[[Path], AbstractContextManager[Peer]]
"""Starts a peer; takes a scratch folder for its index and its log."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One question."""

    query: str
    category: str
    ndcg: float
    ndcg_by_file: float
    """The same after only the first place of every file was kept."""
    milliseconds: float
    places: list[Target]


@dataclass(frozen=True, slots=True)
class Measured:
    """One peer on one repository; seconds count from the start of its process."""

    started_s: float
    useful_s: float | None
    """Until an answer had a target among its ten best; ``None`` if none ever had."""
    indexed_s: float
    indexed_cpu_s: float
    """Processor time of all its processes until then."""
    peak_mib: float
    disk_mib: float
    questions: list[Answered]

    def as_json(self) -> dict[str, Any]:
        """Return what the results file keeps."""
        return asdict(self)


def measure(start: Start, repository: Repository) -> Measured:
    """Start the peer on a copy of the benchmark root, ask everything, and end it."""
    with tempfile.TemporaryDirectory(prefix="coco-peers-") as name:
        scratch = Path(name).resolve()
        root = _copy(repository.root, scratch / repository.name)
        began = time.perf_counter()

        def since() -> float:
            return time.perf_counter() - began

        def finished(peer: Peer) -> tuple[float, float]:
            peer.finish()
            return since(), processor_seconds(peer.pid)

        with start(scratch) as peer, TreePeak(peer.pid) as peak, ThreadPoolExecutor(1) as aside:
            started = since()
            peer.begin(root)
            end = aside.submit(finished, peer)
            useful = since() if _answers_usefully(peer, repository.questions, end) else None
            indexed, computed = end.result()
            answered = [_answer(peer, question) for question in repository.questions]
            disk = peer.disk_bytes() / 2**20
        return Measured(started, useful, indexed, computed, peak.mib, disk, answered)


def by_file(places: Sequence[Target]) -> list[Target]:
    """Keep the first place of each file."""
    first: dict[str, Target] = {}
    for place in places:
        first.setdefault(place[0], place)
    return list(first.values())


def _copy(root: Path, target: Path) -> Path:
    """Copy, as some peers write into the directory; a repository's history stays away."""
    shutil.copytree(root, target, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    return target


def _answers_usefully(
    peer: Peer, questions: Sequence[dict[str, Any]], end: Future[tuple[float, float]]
) -> bool:
    """Ask in turn until an answer has a target among its ten best; give up when none can come."""
    while True:
        complete = end.done()
        for question in questions:
            places = peer.ask(question["query"], PLACES)
            if ndcg_of_places(places, targets_of(question)) > 0:
                return True
        if complete:
            return False


def _answer(peer: Peer, question: dict[str, Any]) -> Answered:
    targets = targets_of(question)
    before = time.perf_counter()
    places = peer.ask(question["query"], PLACES)
    took = time.perf_counter() - before
    files = by_file(peer.ask(question["query"], _DEEP))
    return Answered(
        question["query"],
        question["category"],
        ndcg_of_places(places, targets),
        ndcg_of_places(files, targets),
        took * 1000,
        places,
    )

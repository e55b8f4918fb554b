"""Many clients at once, during a full index and after it: errors and latency.

Run: python -m bench.local.clients REPO [--clients 50] [--seconds 20] [--models DIR]

The clients run in a process of their own, each with its own connection, one question after another.
REPO is only read.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from bench.local.lab import (
    QUESTIONS,
    arguments,
    begin,
    first_answer,
    laboratory,
    resident,
    wait_ready,
)
from bench.local.report import Report, percentiles
from coco_core.errors import CocoError
from coco_local.client.http_client import Client
from coco_protocol.docs import QueryRequest

# What a program with open connections may wait for a connection to be made.
_PATIENCE = 60.0


@dataclass
class Outcome:
    """What the clients of one round saw."""

    took: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    empty: int = 0


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20.0, help="length of the second round")
    options = parser.parse_args()
    repository = options.repository.resolve()
    report = Report("clients", repository=repository.name, clients=options.clients)
    with laboratory(options.models) as daemon:
        begin(daemon, repository)
        first_answer(daemon, QUESTIONS[0])
        url = f"http://127.0.0.1:{daemon.port}"
        report.title(f"{options.clients} clients while {repository.name} is indexed")
        with _Crowd(url, options.clients) as crowd:
            began = time.perf_counter()
            project = wait_ready(daemon, embedded=False)
            took = time.perf_counter() - began
        _tell(report, "indexing", crowd.outcome, took)
        report.add(files=project.files, chunks=project.chunks)
        if options.models is not None:
            wait_ready(daemon, embedded=True)
        report.title("after it")
        with _Crowd(url, options.clients) as crowd:
            threading.Event().wait(options.seconds)
        _tell(report, "idle", crowd.outcome, options.seconds)
        report.title("one client alone")
        with _Crowd(url, 1) as crowd:
            threading.Event().wait(options.seconds / 4)
        _tell(report, "alone", crowd.outcome, options.seconds / 4)
        report.add(resident_mib=round(resident(daemon), 1))
    report.write()


def _tell(report: Report, name: str, outcome: Outcome, seconds: float) -> None:
    report.add(
        **{
            f"{name}_queries": len(outcome.took),
            f"{name}_seconds": round(seconds, 1),
            f"{name}_queries_per_s": round(len(outcome.took) / seconds, 1),
            f"{name}_errors": len(outcome.errors),
            f"{name}_without_hits": outcome.empty,
            **percentiles(name, outcome.took),
        }
    )
    for text in sorted(set(outcome.errors))[:5]:
        report.add(**{f"{name}_error": text})


class _Crowd:
    """Clients in another process that ask until the block ends."""

    def __init__(self, url: str, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._mine, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(url, count, theirs))
        self.outcome = Outcome()

    def __enter__(self) -> _Crowd:
        self._process.start()
        assert self._mine.recv() == "asking"
        return self

    def __exit__(self, *_: object) -> None:
        self._mine.send("stop")
        self.outcome = self._mine.recv()
        self._process.join()


def _run(url: str, count: int, pipe: Connection) -> None:
    outcome = Outcome()
    stopping = threading.Event()
    threads = [
        threading.Thread(target=_ask, args=(url, number, stopping, outcome))
        for number in range(count)
    ]
    for thread in threads:
        thread.start()
    pipe.send("asking")
    pipe.recv()
    stopping.set()
    for thread in threads:
        thread.join()
    pipe.send(outcome)


def _ask(url: str, number: int, stopping: threading.Event, outcome: Outcome) -> None:
    with Client(url, timeout=_PATIENCE) as client:
        while not stopping.is_set():
            number += 1
            request = QueryRequest(query=f"{QUESTIONS[number % len(QUESTIONS)]} {number % 7}")
            before = time.perf_counter()
            try:
                data = client.query(request).data
            except CocoError as error:
                outcome.errors.append(f"{error.code}: {error}")
                continue
            outcome.took.append(time.perf_counter() - before)
            outcome.empty += not data.results


if __name__ == "__main__":
    main()

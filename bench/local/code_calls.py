"""How long definition, references, callers, map and files take on a project of some size.

Run: python -m bench.local.code_calls REPO

REPO is a source tree, best of five thousand files or more. Names are drawn with a fixed seed from
those that the project defines; each is asked for once (cold: its files were not parsed yet) and
once again (warm). ``common`` are the names that stand in the most files, where an answer is a page.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

from bench.local.lab import arguments, begin, laboratory, resident, wait_idle, wait_ready
from bench.local.report import Report, percentiles
from coco_local.client.http_client import Client
from coco_protocol.code import FilesRequest, MapRequest, NamesRequest, SymbolRequest, Want

# Names that stand in hundreds of files of nearly every project.
_COMMON = ("get", "name", "value", "data", "path", "test", "self", "id", "type", "key")

_WANTS: tuple[Want, ...] = ("definition", "references", "callers")


def main() -> None:
    """Measure and report."""
    parser = arguments(__doc__)
    parser.add_argument("--names", type=int, default=100)
    options = parser.parse_args()
    report = Report("code-calls", repository=options.repository.name)
    with laboratory(options.models) as daemon:
        begin(daemon, Path(options.repository).resolve())
        project = wait_ready(daemon, embedded=False)
        wait_idle(daemon)
        report.title("the index")
        report.add(
            files=project.files, chunks=project.chunks, resident_mib=round(resident(daemon), 1)
        )
        with daemon.client as client:
            _measure(client, options.names, report)
        report.add(resident_mib_after=round(resident(daemon), 1))
    report.write()


def _measure(client: Client, count: int, report: Report) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    known = [
        name
        for letter in letters
        for name in client.names(NamesRequest(prefix=letter, limit=1000)).names
        if len(name) > 2
    ]
    names = random.Random(1).sample(known, min(count, len(known)))
    report.title("names that the project defines")
    for turn in ("cold", "warm"):
        for want in _WANTS:
            took = [_timed(client, name, want) for name in names]
            report.add(**percentiles(f"{want}_{turn}", took))
    report.title("common names, the first page of 200")
    for want in _WANTS:
        took = [_timed(client, name, want) for name in _COMMON]
        report.add(**percentiles(f"{want}_common", took))
    report.title("map and files")
    calls: dict[str, Callable[[], object]] = {
        "map": lambda: client.map(MapRequest()),
        "map_of_8000_tokens": lambda: client.map(MapRequest(max_tokens=8_000)),
        "files": lambda: client.files(FilesRequest(include=["**/*.py"])),
    }
    for name, call in calls.items():
        first = time.perf_counter()
        call()
        report.add(**{f"{name}_first_ms": round(1000 * (time.perf_counter() - first), 1)})
        took = []
        for _ in range(20):
            began = time.perf_counter()
            call()
            took.append(time.perf_counter() - began)
        report.add(**percentiles(name, took))


def _timed(client: Client, name: str, want: Want) -> float:
    began = time.perf_counter()
    client.symbol(SymbolRequest(name=name, want=want))
    return time.perf_counter() - began


if __name__ == "__main__":
    main()

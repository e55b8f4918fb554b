"""How long a warm query takes at a given size of the index: over HTTP, over MCP, and by stages.

Run: python -m bench.local.latency REPO [REPO …] --chunks 10000 --models DIR

Files of the repositories are taken in turn until they hold about so many chunks. Every question is
asked once, so that its embedding is computed and not remembered. The stages are what the daemon
itself measures; the rest of a round trip is HTTP, checking the request and writing the answer.
``--partly`` does not wait until every chunk has its vector: the scan is as long in any case, and
the share that has one is told; embedding is then in the way of the queries.
"""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import shutil
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from http import HTTPStatus
from pathlib import Path

from mcp import Client

from bench.local.lab import arguments, begin, laboratory, resident, wait_ready
from bench.local.report import Report, percentiles
from tests.daemon_process import Daemon

# Source code gives a chunk for about so many bytes; the report tells what it came to.
_BYTES_PER_CHUNK = 480

_LARGEST_FILE = 200_000

_VERBS = ("load", "parse", "validate", "write", "close", "retry", "sort", "cache", "render", "find")
_NOUNS = (
    "configuration file", "command line arguments", "user session", "database connection",
    "request headers", "date of an item", "test result", "error message", "list of routes",
    "background job", "file path", "template", "type of a column", "lock", "event handler",
)  # fmt: skip
_FORMS = ("where do we {} the {}", "how to {} a {} when it fails")

_WARM_UP = 20


def main() -> None:
    parser = arguments(__doc__, repository=False)
    parser.add_argument("repositories", type=Path, nargs="+", metavar="REPO")
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--partly", action="store_true", help="do not wait for every vector")
    options = parser.parse_args()
    report = Report("latency", wanted_chunks=options.chunks, models=options.models is not None)
    with laboratory(options.models) as daemon:
        source = daemon.home.parent / "source"
        size = _gather(options.repositories, source, options.chunks * _BYTES_PER_CHUNK)
        begin(daemon, source)
        project = wait_ready(daemon, embedded=bool(options.models) and not options.partly)
        report.title("the index")
        report.add(files=project.files, chunks=project.chunks, megabytes=round(size / 1e6, 1))
        report.add(with_vector=project.embedded, resident_mib=round(resident(daemon), 1))
        texts = list(itertools.islice(questions(), _WARM_UP, None))
        half = len(texts) // 2
        report.title("over HTTP")
        took, stages = _over_http(daemon, texts[:half])
        report.add(**percentiles("http", took))
        report.title("of which")
        for name, values in stages.items():
            report.add(**percentiles(name, values))
        report.title("over MCP (streamable HTTP)")
        report.add(**percentiles("mcp", asyncio.run(_over_mcp(daemon, texts[half:]))))
    report.write()


def _gather(repositories: Sequence[Path], target: Path, wanted: int) -> int:
    """Copy files, one of each repository in turn, until they have the wanted size in bytes."""
    size = 0
    walks = [_files(repository.resolve()) for repository in repositories]
    for turn in itertools.zip_longest(*walks):
        for found in turn:
            if found is None:
                continue
            path, name = found
            size += path.stat().st_size
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / name)
            if size >= wanted:
                return size
    return size


def _files(repository: Path) -> Iterator[tuple[Path, Path]]:
    """Yield text files below a size, with their names in the copy."""
    for path in sorted(repository.rglob("*")):
        if ".git" in path.parts or not path.is_file() or path.is_symlink():
            continue
        if path.stat().st_size <= _LARGEST_FILE and b"\0" not in path.read_bytes():
            yield path, path.relative_to(repository.parent)


def questions() -> Iterator[str]:
    """Yield questions of which no two are equal, in the same order every time."""
    for form, verb, noun in itertools.product(_FORMS, _VERBS, _NOUNS):
        yield form.format(verb, noun)


def _over_http(daemon: Daemon, texts: Sequence[str]) -> tuple[list[float], dict[str, list[float]]]:
    """Return the seconds of each round trip, and those of each stage.

    The client is the plainest there is: a comfortable one takes a millisecond or two for itself.
    """
    took = []
    stages: dict[str, list[float]] = defaultdict(list)
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=60)
    with closing(connection):
        for number, text in enumerate([*itertools.islice(questions(), _WARM_UP), *texts]):
            body = json.dumps({"query": text})
            before = time.perf_counter()
            connection.request("POST", "/v1/docs/query", body, {"content-type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
            after = time.perf_counter()
            assert answer.status == HTTPStatus.OK, content
            if number < _WARM_UP:
                continue
            took.append(after - before)
            for name, milliseconds in json.loads(content)["meta"]["took_ms"].items():
                stages[name].append(milliseconds / 1000)
    return took, stages


async def _over_mcp(daemon: Daemon, texts: Sequence[str]) -> list[float]:
    took = []
    async with Client(f"http://127.0.0.1:{daemon.port}/mcp") as client:
        for number, text in enumerate(texts):
            before = time.perf_counter()
            result = await client.call_tool("search", {"query": text, "limit": 10})
            assert not result.is_error, result.content
            if number >= _WARM_UP:
                took.append(time.perf_counter() - before)
    return took


if __name__ == "__main__":
    main()

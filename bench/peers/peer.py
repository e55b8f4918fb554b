"""What is measured: a peer that is started, given one directory, and asked."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

from bench.peers.environments import QUIET, ROOT
from bench.retrieval.codesearch import Target

# The longest that a peer may take to end by itself.
_PATIENCE = 30.0


class Peer(Protocol):
    """One product, running."""

    @property
    def pid(self) -> int:
        """The process whose tree is the product."""
        ...

    def begin(self, root: Path) -> None:
        """Give it a directory, and return when it can be asked."""
        ...

    def finish(self) -> None:
        """Wait until the whole directory is indexed."""
        ...

    def ask(self, text: str, limit: int) -> list[Target]:
        """Return the best places, best first; without lines a place is a file."""
        ...

    def disk_bytes(self) -> int:
        """What its index occupies."""
        ...


@dataclass(frozen=True)
class Driver:
    """A program in a peer's own environment that speaks `bench.peers.drivers.wire`."""

    module: str
    python: Path
    arguments: tuple[str, ...] = ()
    environ: dict[str, str] = field(default_factory=dict)
    index: Path | None = None
    """Where the index is written; ``None`` where there is none."""

    @contextmanager
    def running(self, log: Path) -> Iterator[DrivenPeer]:
        """Yield the peer when it is ready for a directory, and end it."""
        with (
            log.open("ab") as output,
            subprocess.Popen(
                [self.python, "-m", f"bench.peers.drivers.{self.module}", *self.arguments],
                cwd=ROOT,
                env={**os.environ, **QUIET, **self.environ},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                encoding="utf-8",
            ) as process,
        ):
            assert process.stdin is not None
            assert process.stdout is not None
            peer = DrivenPeer(process.pid, process.stdin, process.stdout, log, self.index)
            try:
                peer.expect("ready")
                yield peer
            finally:
                process.stdin.close()
                try:
                    process.wait(_PATIENCE)
                except subprocess.TimeoutExpired:
                    process.kill()


class DrivenPeer:
    """A peer behind a driver."""

    def __init__(
        self, pid: int, requests: IO[str], answers: IO[str], log: Path, index: Path | None
    ) -> None:
        self.pid = pid
        self._requests = requests
        self._answers = answers
        self._log = log
        self._index = index

    def begin(self, root: Path) -> None:
        """Index everything: these peers answer when they are done."""
        self._say({"index": str(root)})
        self.expect("indexed")

    def finish(self) -> None:
        """Nothing is left to wait for."""

    def ask(self, text: str, limit: int) -> list[Target]:
        """Ask over the pipe."""
        self._say({"query": text, "limit": limit})
        return [(path, start, end) for path, start, end in self.expect("places")]

    def disk_bytes(self) -> int:
        """Return the size of the files below the folder of the index."""
        if self._index is None:
            return 0
        return sum(file.lstat().st_size for file in self._index.rglob("*") if file.is_file())

    def expect(self, name: str) -> Any:
        """Return a field of the next answer."""
        line = self._answers.readline()
        if not line:
            end = self._log.read_text(encoding="utf-8", errors="replace")[-3000:]
            raise RuntimeError(f"the driver ended instead of saying {name!r}:\n{end}")
        return json.loads(line)[name]

    def _say(self, request: dict[str, object]) -> None:
        self._requests.write(json.dumps(request) + "\n")
        self._requests.flush()

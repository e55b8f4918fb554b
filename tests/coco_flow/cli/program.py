"""Runs `coco-flow` as its users do: as a process of its own, with or without a terminal."""

from __future__ import annotations

import atexit
import fcntl
import json
import multiprocessing
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tests.waiting import until

__all__ = [
    "APP",
    "Background",
    "Screen",
    "calls",
    "coco_flow",
    "document",
    "environment",
    "fresh_process",
    "rows",
]

PROGRAM = [sys.executable, "-m", "coco_flow.cli"]

# Two words are a failure; every call is written down.
APP = """
from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import coco_flow
from coco_flow import functions, sources, targets

CHUNK_SIZE = 2000


@dataclass
class Hit:
    filename: str


@coco_flow.op.function(cache=True, behavior_version=1)
def count_words(text: str) -> int:
    with open("calls.txt", "a") as log:
        log.write(text.replace("\\n", " ") + "\\n")
    if "BOOM" in text:
        raise ValueError("boom in the text")
    return len(text.split())


@coco_flow.flow_def(name="DocFlow")
def doc_flow(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
    scope["documents"] = builder.add_source(
        sources.LocalFile(path="docs", included_patterns=["*.md"], watch_changes=True)
    )
    collector = scope.add_collector("chunks")
    with scope["documents"].row() as doc:
        doc["chunks"] = doc["content"].transform(
            functions.SplitRecursively(), language="markdown", chunk_size=CHUNK_SIZE
        )
        with doc["chunks"].row() as chunk:
            chunk["words"] = chunk["text"].transform(count_words)
            collector.collect(
                filename=doc["filename"],
                location=chunk["location"],
                text=chunk["text"],
                words=chunk["words"],
            )
    collector.export(
        "chunks",
        targets.SQLite(path="out.db", table_name="chunks"),
        primary_key_fields=["filename", "location"],
    )


@doc_flow.query_handler()
def search(query: str, limit: int = 10, exact: bool = False) -> coco_flow.QueryOutput:
    with sqlite3.connect("out.db") as connection:
        found = connection.execute(
            "SELECT filename, words FROM chunks WHERE text LIKE ? ORDER BY filename LIMIT ?",
            (query if exact else f"%{query}%", limit),
        ).fetchall()
    return coco_flow.QueryOutput(results=[{"filename": f, "words": w} for f, w in found])


@doc_flow.query_handler()
async def mean(factor: float = 1.0) -> coco_flow.QueryOutput:
    return coco_flow.QueryOutput(
        results=[{"factor": factor, "raw": b"ab", "hit": Hit("x")}],
        query_info=coco_flow.QueryInfo(
            embedding=[0.25, 0.5],
            similarity_metric=coco_flow.VectorSimilarityMetric.COSINE_SIMILARITY,
        ),
    )


@coco_flow.flow_def(name="OtherFlow")
def other_flow(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
    scope["notes"] = builder.add_source(sources.LocalFile(path="notes"))
    collector = scope.add_collector("texts")
    with scope["notes"].row() as note:
        collector.collect(filename=note["filename"], text=note["content"])
    collector.export(
        "notes",
        targets.SQLite(path="out.db", table_name="notes"),
        primary_key_fields=["filename"],
    )
"""


def environment(**variables: str) -> dict[str, str]:
    """Return this process's environment without settings of coco_flow, and with those given."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COCO_FLOW", "COCOINDEX", "FORCE_COLOR", "NO_COLOR"))
    }
    return {**kept, "TERM": "xterm", **variables}


def coco_flow(
    folder: Path, *arguments: str, answer: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder; `answer` is its standard input.

    Its process is forked from one that has loaded what every command loads, which saves most of
    the time; `fresh_process` starts one from nothing.
    """
    with tempfile.TemporaryDirectory() as streams:
        files = [Path(streams) / name for name in ("in", "out", "err")]
        files[0].write_text(answer)
        process = _forkserver().Process(
            target=_run_in_fork, args=(folder, arguments, environment(**variables), files)
        )
        process.start()
        process.join(120)
        assert process.exitcode is not None, "it hangs"
        out, err = (file.read_text() for file in files[1:])
        return subprocess.CompletedProcess([*PROGRAM, *arguments], process.exitcode, out, err)


def fresh_process(
    folder: Path, *arguments: str, answer: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder as a shell does; `answer` is its standard input."""
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=folder,
        env=environment(**variables),
        input=answer,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@cache
def _forkserver() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["coco_flow.cli.updating", "coco_flow.cli.program", "coco_flow.lib", "coco_flow.sources"]
    )
    return context


def _run_in_fork(
    folder: Path, arguments: Sequence[str], variables: dict[str, str], files: Sequence[Path]
) -> None:
    from coco_flow.cli import main

    for number, file in enumerate(files):
        opened = os.open(file, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT)
        os.dup2(opened, number)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - as long as the process lives
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    code = main(list(arguments))
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def document(done: subprocess.CompletedProcess[str]) -> Any:
    """Return the JSON document that a command wrote."""
    return json.loads(done.stdout)


def calls(folder: Path) -> list[str]:
    """Return what `count_words` was called with, and clear it."""
    log = folder / "calls.txt"
    found = log.read_text().splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return found


def rows(folder: Path, statement: str = "SELECT filename FROM chunks ORDER BY 1") -> list[Any]:
    """Return rows of the target; none if its table is not there."""
    import sqlite3
    from contextlib import closing

    if not (folder / "out.db").exists():
        return []
    with closing(sqlite3.connect(folder / "out.db")) as connection:
        try:
            return [row if len(row) > 1 else row[0] for row in connection.execute(statement)]
        except sqlite3.OperationalError as error:
            assert "no such table" in str(error)
            return []


class Background:
    """A command that runs until it is stopped; its output is read as it comes."""

    def __init__(self, folder: Path, *arguments: str, **variables: str) -> None:
        self.process = subprocess.Popen(
            [*PROGRAM, *arguments],
            cwd=folder,
            env=environment(PYTHONUNBUFFERED="1", **variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line

    def __enter__(self) -> Background:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Return the first match of a pattern in the output, once there is one."""

        def look() -> re.Match[str] | None:
            found = re.search(pattern, self.output)
            assert found or self.process.poll() is None, self.output
            return found

        return until(look)

    def stop(self, number: int = signal.SIGINT) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(30)
        self._reader.join()
        return code


class Screen:
    """A command on a terminal of its own: what it shows, and keys for it."""

    def __init__(self, folder: Path, *arguments: str, **variables: str) -> None:
        self._master, terminal = pty.openpty()
        size = struct.pack("HHHH", 40, 120, 0, 0)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)
        self.process = subprocess.Popen(
            [*PROGRAM, *arguments],
            cwd=folder,
            env=environment(**variables),
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)
        self.text = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                # Linux says so when the other end is closed.
                return
            if not data:
                return
            self.text += data.decode()

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        os.close(self._master)

    def press(self, keys: str) -> None:
        """Type keys."""
        os.write(self._master, keys.encode())

    def wait_for(self, text: str) -> None:
        """Wait until a text has been shown."""

        def look() -> bool:
            found = text in self.text
            assert found or self.process.poll() is None, self.text
            return found

        until(look)

    def end(self) -> int:
        """Wait for the end and return the exit code."""
        code = self.process.wait(60)
        self._reader.join()
        return code

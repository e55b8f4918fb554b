"""What the recursive splitter costs, and whether its chunks are those of the field's engine.

    python -m bench.flow.splitter [FOLDER ...] [--peer PYTHON_WITH_COCOINDEX_1] [--rounds 5]
        [--random 3] [--files 2000] [--json RESULTS.json]

Reads the files of the folders, each as the language of its suffix; without a folder it makes 1,000
Markdown files, the corpus of `bench.flow.build`. Every setting splits all files, in turn by us and
by the peer; figures are medians of CPU seconds of the process that splits. Then places of chunks
are compared; with `--random N` in N more settings for each file, drawn at random.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from bench.flow.build import make_corpus
from coco_flow.text import RecursiveSplitter, detect_code_language

Sizes = dict[str, int | None]
Places = list[tuple[int, int, int, int]]

SETTINGS: tuple[Sizes, ...] = (
    {"chunk_size": 1000, "chunk_overlap": 200},
    {"chunk_size": 1000},
    {"chunk_size": 2000, "chunk_overlap": 500},
    {"chunk_size": 300, "chunk_overlap": 60},
    {"chunk_size": 1000, "chunk_overlap": 50},
)
LARGEST = 400_000

# Runs in the peer's Python: reads (text, language, sizes) and answers (places, CPU seconds).
PEER = """
import os, pickle, sys, time
answers = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)
from cocoindex.ops.text import RecursiveSplitter
splitter = RecursiveSplitter()
while True:
    try:
        text, language, sizes = pickle.load(sys.stdin.buffer)
    except EOFError:
        break
    began = time.process_time()
    chunks = splitter.split(text, language=language, **sizes)
    spent = time.process_time() - began
    places = [
        (place.byte_offset, place.char_offset, place.line, place.column)
        for chunk in chunks
        for place in (chunk.start, chunk.end)
    ]
    pickle.dump((places, spent), answers)
    answers.flush()
"""


@dataclass(frozen=True)
class Document:
    name: str
    language: str | None
    text: str


class Ours:
    """Our splitter in this process."""

    def __init__(self) -> None:
        self._splitter = RecursiveSplitter()

    def split(self, document: Document, sizes: Sizes) -> tuple[Places, float]:
        began = time.process_time()
        chunks = self._splitter.split(document.text, language=document.language, **sizes)  # type: ignore[arg-type]
        spent = time.process_time() - began
        return [
            (place.byte_offset, place.char_offset, place.line, place.column)
            for chunk in chunks
            for place in (chunk.start, chunk.end)
        ], spent


class Peer:
    """The field's splitter in a process of its own Python."""

    def __init__(self, python: str) -> None:
        self._process = subprocess.Popen(
            [python, "-c", PEER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "COCOINDEX_DISABLE_USAGE_TRACKING": "1"},
        )

    def split(self, document: Document, sizes: Sizes) -> tuple[Places, float]:
        requests, answers = self._pipes()
        pickle.dump((document.text, document.language, sizes), requests)
        requests.flush()
        places, spent = pickle.load(answers)
        return places, spent

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin, self._process.stdout

    def close(self) -> None:
        self._pipes()[0].close()
        self._process.wait()


@dataclass
class Compared:
    """Runs and chunks of one language, and how many were the same."""

    runs: int = 0
    same_runs: int = 0
    chunks: int = 0
    same_chunks: int = 0
    other: list[str] = field(default_factory=list)

    def add(self, ours: Places, theirs: Places, what: str) -> None:
        pairs = (set(zip(p[::2], p[1::2], strict=True)) for p in (ours, theirs))
        common = len(set.intersection(*pairs))
        self.runs += 1
        self.chunks += len(theirs) // 2
        self.same_chunks += common
        if ours == theirs:
            self.same_runs += 1
        else:
            self.other.append(what)


def read(folders: list[Path], most: int) -> list[Document]:
    """Read at most so many files of each language, the same ones in each run."""
    chance = random.Random(1)
    paths = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    chance.shuffle(paths)
    documents: list[Document] = []
    seen: Counter[str | None] = Counter()
    for path in paths:
        language = detect_code_language(filename=path.name)
        if seen[language] >= most or path.stat().st_size > LARGEST:
            continue
        try:
            text = path.read_bytes().decode()
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            seen[language] += 1
            documents.append(Document(str(path), language, text))
    return documents


def measure(documents: list[Document], sides: dict[str, Any], rounds: int) -> list[dict[str, Any]]:
    """Split all documents with each setting, the sides in turn."""
    size = sum(len(document.text.encode()) for document in documents)
    figures = []
    print(f"{len(documents)} files, {size / 1e6:.2f} MB; median CPU seconds of {rounds} rounds\n")
    print("| setting | chunks | " + " | ".join(f"{side}, s" for side in sides) + " | MB/s |")
    print("|---|---:|" + "---:|" * (len(sides) + 1))
    for sizes in SETTINGS:
        spent: dict[str, list[float]] = {side: [] for side in sides}
        chunks = 0
        for _ in range(rounds):
            for side, splitter in sides.items():
                results = [splitter.split(document, sizes) for document in documents]
                spent[side].append(sum(seconds for _, seconds in results))
                chunks = sum(len(places) // 2 for places, _ in results)
        medians = {side: statistics.median(seconds) for side, seconds in spent.items()}
        name = ", ".join(f"{key} {value}" for key, value in sizes.items())
        rate = size / 1e6 / medians["ours"]
        shown = " | ".join(f"{seconds:.3f}" for seconds in medians.values())
        print(f"| {name} | {chunks} | {shown} | {rate:.1f} |", flush=True)
        figures.append({"sizes": sizes, "chunks": chunks, "seconds": medians})
    return figures


def random_sizes(chance: random.Random) -> Sizes:
    chunk_size = chance.choice([100, 200, 400, 800, 1500, 3000, 4000])
    return {
        "chunk_size": chunk_size,
        "min_chunk_size": chance.choice([None, chunk_size // 4, chunk_size // 2, chunk_size]),
        "chunk_overlap": chance.choice([None, 0, chunk_size // 20, chunk_size // 5, 500]),
    }


def compare(documents: list[Document], ours: Ours, peer: Peer, draws: int) -> dict[str, Compared]:
    """Split each document with the fixed settings and random ones; compare places."""
    chance = random.Random(2)
    found: dict[str, Compared] = {}
    for document in documents:
        compared = found.setdefault(document.language or "plain text", Compared())
        for sizes in (*SETTINGS, *(random_sizes(chance) for _ in range(draws))):
            places = ours.split(document, sizes)[0]
            compared.add(places, peer.split(document, sizes)[0], f"{document.name} {sizes}")
    print("\n| language | runs | equal | chunks | equal |\n|---|---:|---:|---:|---:|")
    for language, c in sorted(found.items(), key=lambda item: -item[1].runs):
        print(f"| {language} | {c.runs} | {c.same_runs} | {c.chunks} | {c.same_chunks} |")
    total = [
        sum(getattr(compared, name) for compared in found.values())
        for name in ("runs", "same_runs", "chunks", "same_chunks")
    ]
    print(f"| all | {' | '.join(map(str, total))} |")
    for compared in found.values():
        print("\n".join(compared.other), file=sys.stderr)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--peer", help="a Python with cocoindex 1.x")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--random", type=int, default=0, help="more settings for each file")
    parser.add_argument("--files", type=int, default=2000, help="most files of a language")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="coco-splitter-") as folder:
        folders = options.folders or [make_corpus(Path(folder) / "corpus", 1000)]
        documents = read(folders, options.files)
    sides: dict[str, Any] = {"ours": Ours()}
    if options.peer:
        sides["peer"] = Peer(options.peer)
    results: dict[str, Any] = {"settings": measure(documents, sides, options.rounds)}
    if options.peer:
        compared = compare(documents, sides["ours"], sides["peer"], options.random)
        results["compared"] = {name: vars(each) for name, each in compared.items()}
        sides["peer"].close()
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

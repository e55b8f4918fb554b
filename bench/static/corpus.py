"""Chunks of public repositories, cut and headed as CoCo itself cuts and heads them."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from coco_core.chunking import chunk_document
from coco_core.configs import ChunkingConfig
from coco_core.header import embedding_text, split_identifiers
from coco_core.languages import LanguageKind, detect_language, named_language
from coco_core.types import Chunk

__all__ = ["Source", "Text", "corpus", "read_sources"]

_KINDS = (LanguageKind.CODE, LanguageKind.DOCS, LanguageKind.CONFIG)
# Third parties' code, and files that no search is about: their texts repeat and teach nothing.
_WORTHLESS = re.compile(
    r"(^|/)(vendor|vendored|third_party|3rdparty|node_modules|dist|locales?|snapshots?|__snapshots__"
    r"|fixtures|testdata|translations)/|\.min\.|lock\.(json|yaml)$|CHANGELOG|CHANGES",
    re.IGNORECASE,
)
_LARGEST_FILE = 256 << 10
# A file of thousands of equal definitions must not outweigh the others.
_CHUNKS_PER_FILE = 12
# One chunk in this many also gives a short text, since queries are short.
_SHORT_SHARE = 4
_SHORTEST_LINE = 12
_LONGEST_LINE = 120


@dataclass(frozen=True, slots=True)
class Source:
    """A repository at a revision; ``under`` keeps what has the licence."""

    repository: str
    revision: str
    license: str
    under: tuple[str, ...] = ("",)


@dataclass(frozen=True, slots=True)
class Text:
    """What the teacher embeds."""

    repository: str
    language: str
    text: str
    short: bool
    order: int
    """A random number that depends on nothing but the text."""


def read_sources(path: Path) -> list[Source]:
    """Read ``sources.json``."""
    entries = json.loads(path.read_text(encoding="utf-8"))
    return [Source(**{**entry, "under": tuple(entry.get("under", [""]))}) for entry in entries]


def corpus(sources: list[Source], clones: Path, per_repository: int) -> list[Text]:
    """Return texts in an order that mixes the sources: any beginning of it is a fair sample."""
    found: list[Text] = []
    for source in sources:
        texts = islice(_texts(source, clones), per_repository)
        found += {text.text: text for text in texts}.values()
    return sorted(found, key=lambda text: text.order)


def _texts(source: Source, clones: Path) -> Iterator[Text]:
    config = ChunkingConfig()
    for doc_id, data in _files(source, clones):
        known = named_language(detect_language(doc_id, data[:1024]))
        if known is None or known.kind not in _KINDS or b"\0" in data[:4096]:
            continue
        chunks = [
            (_order(chunk.text), chunk) for chunk in chunk_document(doc_id, data, config).chunks
        ]
        chunks.sort(key=lambda pair: pair[0])
        for order, chunk in chunks[:_CHUNKS_PER_FILE]:
            text = embedding_text(doc_id, chunk)
            yield Text(source.repository, known.name, text, False, order)
            short = _short(chunk) if order % _SHORT_SHARE == 0 else ""
            if short:
                yield Text(source.repository, known.name, short, True, _order(short))


def _short(chunk: Chunk) -> str:
    """Return the longest sentence-like line of a chunk, as a query would be embedded."""
    lines = [line.strip(" \t#/*-\"'<>!;") for line in chunk.text.splitlines()]
    wordy = [
        line
        for line in lines
        if _SHORTEST_LINE <= len(line) <= _LONGEST_LINE and line.count(" ") >= 2
    ]
    return split_identifiers(max(wordy, key=lambda line: (line.count(" "), line), default=""))


def _order(text: str) -> int:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6)
    return int.from_bytes(digest.digest())


def _files(source: Source, clones: Path) -> Iterator[tuple[str, bytes]]:
    """Read blobs straight from git: a snapshot need not be checked out."""
    git_dir = clones / source.repository.replace("/", "+") / "repo"
    git = ["git", f"--git-dir={git_dir}"]
    listing = subprocess.run(
        [*git, "ls-tree", "-r", "-l", "-z", source.revision], capture_output=True, check=True
    )
    paths: dict[str, list[str]] = {}
    for entry in listing.stdout.decode("utf-8", "replace").split("\0"):
        if not entry:
            continue
        facts, _, path = entry.partition("\t")
        mode, kind, blob, size = facts.split()
        # A snapshot may lack its largest files; their size reads BAD.
        regular = kind == "blob" and mode != "120000" and size.isdigit()
        if not regular or int(size) > _LARGEST_FILE:
            continue
        if path.startswith(source.under) and not _WORTHLESS.search(path):
            paths.setdefault(blob, []).append(path)
    # Blobs in the order of their hashes: any beginning of it is a fair sample of the repository.
    blobs = sorted(paths)
    request = "".join(f"{blob}\n" for blob in blobs).encode()
    answer = subprocess.run(
        [*git, "cat-file", "--batch"], input=request, capture_output=True, check=True
    ).stdout
    place = 0
    for blob in blobs:
        end = answer.index(b"\n", place)
        head = answer[place:end].split()
        if head[1] == b"missing":
            place = end + 1
            continue
        data = answer[end + 1 : end + 1 + int(head[2])]
        place = end + 2 + int(head[2])
        yield paths[blob][0], data


def languages(texts: list[Text]) -> Counter[str]:
    """Return how many texts there are of each language."""
    return Counter(text.language for text in texts)

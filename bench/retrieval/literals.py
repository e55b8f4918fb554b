"""Does a text that stands literally in a repository lead to its line? Asked over HTTP.

    python -m bench.retrieval.literals CHECKOUT [CHECKOUT …] [--models DIR] [--each 6] [--misses]

From each repository literals are drawn by a seeded rule, so many of each kind: error messages and
log messages (what they are formatted with is filled in, as a user sees them), comments, constants,
lines of code, and pasted lines (a log line with its time and level, a hunk of a diff). Each is
asked in the default mode and by keywords alone; right is every line that holds the literal's
longest fixed part. Prints the share with a right line in the first hit and in the first five, by
mode, by kind and by repository.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.local.report import Report
from bench.retrieval.codesearch import place_of
from bench.retrieval.service import Service, service
from coco_core.languages import LanguageKind, detect_language, named_language
from coco_protocol.docs import Hit

_SEED = 14

# What a user sees in one screen, and what an agent reads without asking again.
_FIRST = 5

_LARGEST_FILE = 200_000

# Fewer words, or shorter ones, stand everywhere.
_FEWEST_WORDS = 4
_SHORTEST_LITERAL = 20
_LONGEST_LITERAL = 160

MODES: Mapping[str, dict[str, Any]] = {"default": {}, "fts": {"retrieval_mode": "fts"}}

_STRING = re.compile(r"\"((?:[^\"\\\n]|\\.)*)\"|'((?:[^'\\\n]|\\.)*)'|`([^`\n]*)`")
_PLACEHOLDER = re.compile(
    r"%[-+ #0]*\d*(?:\.\d+)?[a-zA-Z]|%\([\w.]+\)[a-z]|[$#]\{[^{}]*\}|\{[^{}\s][^{}]*\}|\{\}"
)
_ERROR = re.compile(r"\b(?:raise|throw|panic|\w*Error\w*|\w*Exception|\w*Errorf|bail!|fail)\b")
_LOG = re.compile(
    r"\b(?:log(?:ger|ging)?|console|warn(?:ing)?|debug\w*|print(?:f|ln|err)?!?|echo)\b"
)
_COMMENT = re.compile(r"^\s*(?:#+|//+!?|/?\*+|--|;;)\s+(.*\w.*?)\s*(?:\*/)?$")
_CONSTANT = re.compile(
    r"^\s*(?:[\w\s<>:,&'\[\]]*\s)?([A-Z][A-Z0-9_]{3,}\s*(?::\s*[\w&' ]+)?=\s*[^=\s].*)$"
)
_ESCAPE = re.compile(r"\\.")
_WORD = re.compile(r"[^\W\d_]{2,}")

_VALUES = ("foo", "42", "config.yml", "GET", "/srv/data/items.json", "10.0.0.5", "utf-8", "user_id")


@dataclass(frozen=True, slots=True)
class Literal:
    """Something to ask, and where the answer stands."""

    kind: str
    query: str
    doc_id: str
    line: int
    fixed: str
    """The longest part of the line that the query holds unchanged."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One literal in one mode."""

    repo: str
    kind: str
    mode: str
    query: str
    place: int | None
    """The rank of the first right hit, from 1; None if none of ten is right."""


def literals(root: Path, each: int, seed: int = _SEED) -> list[Literal]:
    """Draw ``each`` literals of every kind from a repository's code."""
    by_kind: dict[str, list[Literal]] = defaultdict(list)
    chosen = random.Random(f"{seed}:{root.name}")
    for doc_id, lines in _sources(root):
        for number, line in enumerate(lines, 1):
            for kind, found in _found(lines, number, line, chosen):
                query, fixed = found
                if _is_worth_asking(fixed):
                    by_kind[kind].append(Literal(kind, query, doc_id, number, fixed))
    drawn: list[Literal] = []
    for kind in sorted(by_kind):
        drawn += chosen.sample(by_kind[kind], min(each, len(by_kind[kind])))
    return drawn


def _found(
    lines: Sequence[str], number: int, line: str, chosen: random.Random
) -> Iterator[tuple[str, tuple[str, str]]]:
    comment = _COMMENT.match(line)
    if comment:
        yield "comment", (comment[1], comment[1])
        return
    strings = [a or b or c for a, b, c in _STRING.findall(line)]
    text = max(strings, key=len, default="")
    if text and (_ERROR.search(line) or _LOG.search(line)):
        message = _filled(text, chosen)
        if _ERROR.search(line):
            yield "error", message
        else:
            yield "log", message
        query, fixed = message
        day, minute, milli = chosen.randint(1, 9), chosen.randint(0, 9), chosen.randint(100, 999)
        stamp = f"2026-03-0{day} 12:0{minute}:17,{milli}"
        yield "pasted log line", (f"{stamp} ERROR [worker-3] {query}", fixed)
    constant = _CONSTANT.match(line)
    if constant:
        yield "constant", (constant[1].strip(), constant[1].strip())
    elif not text and len(_WORD.findall(line)) > _FEWEST_WORDS:
        yield "code", (line.strip(), line.strip())
        hunk = [f"+{each}" for each in lines[number - 1 : number + 2]]
        yield "hunk", ("\n".join([f"@@ -{number},2 +{number},3 @@", *hunk]), line.strip())


def _filled(text: str, chosen: random.Random) -> tuple[str, str]:
    """Return a format as a user sees it, and its longest part without a placeholder."""
    plain = _ESCAPE.sub(" ", text)
    parts = [part.strip() for part in _PLACEHOLDER.split(_ESCAPE.sub("\0", text))]
    fixed = max((piece.strip() for part in parts for piece in part.split("\0")), key=len)
    return _PLACEHOLDER.sub(lambda _: chosen.choice(_VALUES), plain).strip(), fixed


def _is_worth_asking(fixed: str) -> bool:
    words = _WORD.findall(fixed)
    return len(words) >= _FEWEST_WORDS and _SHORTEST_LITERAL <= len(fixed) <= _LONGEST_LITERAL


def _sources(root: Path) -> Iterator[tuple[str, list[str]]]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True
    )
    for doc_id in sorted(listed.stdout.split("\0")):
        path = root / doc_id
        if not doc_id or not path.is_file() or path.stat().st_size > _LARGEST_FILE:
            continue
        data = path.read_bytes()
        known = named_language(detect_language(doc_id, data[:1024]))
        if known is None or known.kind is not LanguageKind.CODE or "vendor" in doc_id:
            continue
        try:
            yield doc_id, data.decode("utf-8").splitlines()
        except UnicodeDecodeError:
            continue


def ask_all(there: Service, project_id: str, root: Path, drawn: Sequence[Literal]) -> list[Asked]:
    """Ask every literal in every mode."""
    asked: list[Asked] = []
    texts = dict(_sources(root))
    for literal in drawn:
        for mode, retrieval in MODES.items():
            hits = there.ask(project_id, literal.query, retrieval).hits
            right = _right(texts, literal)
            place = next((i for i, hit in enumerate(hits, 1) if right(hit)), None)
            asked.append(Asked(root.name, literal.kind, mode, literal.query, place))
    return asked


def _right(texts: Mapping[str, Sequence[str]], literal: Literal) -> Callable[[Hit], bool]:
    def holds(hit: Hit) -> bool:
        doc_id, start, end = place_of(hit)
        if start is None or end is None:
            return False
        if doc_id == literal.doc_id and start <= literal.line <= end:
            return True
        lines = texts.get(doc_id) or hit.chunk.content.splitlines()
        shown = lines[start - 1 : end] if doc_id in texts else lines
        return any(literal.fixed in line for line in shown)

    return holds


def shares(asked: Sequence[Asked]) -> dict[str, float]:
    """Return the share with a right line first, and among the first five."""
    count = len(asked)
    return {
        "literals": count,
        "first": sum(each.place == 1 for each in asked) / count,
        "in_five": sum(each.place is not None and each.place <= _FIRST for each in asked) / count,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkouts", type=Path, nargs="+", help="git checkouts")
    parser.add_argument("--models", type=Path, help="folder of installed models (~/.coco/models)")
    parser.add_argument("--each", type=int, default=6, help="literals of each kind and repository")
    parser.add_argument("--seed", type=int, default=_SEED)
    parser.add_argument("--misses", action="store_true", help="list what is not in the first five")
    arguments = parser.parse_args()
    report = Report("literals", models=arguments.models is not None, seed=arguments.seed)
    asked: list[Asked] = []
    with service(arguments.models) as there:
        for root in arguments.checkouts:
            ready = there.index(root, embedded=arguments.models is not None)
            drawn = literals(root.resolve(), arguments.each, arguments.seed)
            asked += ask_all(there, ready.project.project_id, root.resolve(), drawn)
    for mode in MODES:
        own = [each for each in asked if each.mode == mode]
        _print(mode, own)
        for part in ("kind", "repo"):
            for name in sorted({getattr(each, part) for each in own}):
                _print(f"  {name}", [each for each in own if getattr(each, part) == name])
    if arguments.misses:
        for each in asked:
            if each.place is None or each.place > _FIRST:
                print(f"{each.mode} {each.repo} {each.kind} {each.place}: {each.query!r}")
    report.add(**{mode: shares([a for a in asked if a.mode == mode]) for mode in MODES})
    report.keep(asked=[asdict(each) for each in asked])
    report.write()


def _print(name: str, asked: Sequence[Asked]) -> None:
    found = shares(asked)
    print(
        f"{name:24} {found['literals']:4.0f} literals  first {found['first']:.3f}  "
        f"in five {found['in_five']:.3f}",
        flush=True,
    )


if __name__ == "__main__":
    main()

"""Live search: quoted strings, and files that are not indexed yet."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from coco_core.query import Query
from coco_local.search.ripgrep import ripgrep
from coco_local.search.text_search import literal_pattern, search_text

__all__ = ["literal_lines", "promising_files"]

# Words of a query that are looked for in files that are not indexed yet.
_MOST_WORDS = 8

_SHORTEST_WORD = 3


def literal_lines(
    root: Path, phrases: Sequence[str], files: Mapping[str, str]
) -> dict[str, list[range]]:
    """Return the lines (half-open) of those files in which every phrase stands as written.

    ``files`` are doc ids with their encodings.
    """
    found: dict[str, list[range]] = {}
    for number, phrase in enumerate(phrases):
        lines: dict[str, list[range]] = defaultdict(list)
        arguments, pattern = ["--case-sensitive"], literal_pattern(phrase)
        for match in search_text(root, arguments, [pattern], files):
            lines[match.doc_id].append(range(match.line, match.line + 1 + phrase.count("\n")))
        if number == 0:
            found = dict(lines)
        else:
            found = {name: [*found[name], *lines[name]] for name in found.keys() & lines.keys()}
    return found


def promising_files(root: Path, query: Query, files: Collection[str], most: int) -> list[str]:
    """Return those of ``files`` that hold most of the query's words, best first."""
    words = [word for word in _words(query) if len(word) >= _SHORTEST_WORD][:_MOST_WORDS]
    if not words or not files:
        return []
    hits: dict[str, set[str]] = defaultdict(set)
    count: Counter[str] = Counter()
    arguments = ["--fixed-strings", "--ignore-case", "--max-count", "50"]
    for match in ripgrep(root, arguments, words, list(files)):
        text = match.text.lower()
        hits[match.doc_id].update(word for word in words if word in text)
        count[match.doc_id] += 1
    for name in files:
        path = name.lower()
        hits[name].update(word for word in words if word in path)
    ranked = [name for name in hits if hits[name]]
    ranked.sort(key=lambda name: (-len(hits[name]), -count[name], name))
    return ranked[:most]


def _words(query: Query) -> list[str]:
    """Return the longest words first: they tell files apart best."""
    words = {word.strip(".,;:!?()[]{}\"'`").lower() for word in query.text.split()}
    return sorted(words - {""}, key=lambda word: (-len(word), word))

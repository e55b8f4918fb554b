"""Map: a tree of files with their main definitions, as much as a token budget holds."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["MapFile", "MapLine", "MappedSymbol", "choose", "render", "weight_of"]

# As for the answers of MCP: vocabularies of current models take 3 to 4 bytes a token.
_BYTES_PER_TOKEN = 3.2

# A name with a mark of privacy is not what one calls from elsewhere.
_PRIVATE = 0.1
_NESTED = 0.5
# Tests, examples and generated code show no structure of the project.
_APART = 0.05

# After so many definitions that do not fit, none will.
_MOST_MISSES = 30

# Kinds by what they tell about a project.
_KINDS = {"class": 2.0, "function": 1.0, "method": 0.7, "code_block": 0.3}


@dataclass(frozen=True, slots=True)
class MappedSymbol:
    """A definition that the map may show."""

    symbol: str
    weight: float
    row: int
    """Where the index keeps it; not looked at here."""


@dataclass(frozen=True, slots=True)
class MapFile:
    """A file with all that it defines."""

    path: str
    symbols: Sequence[MappedSymbol]


@dataclass(frozen=True, slots=True)
class MapLine:
    """A line of the map: a directory (``files`` below it), a file, or files left out."""

    path: str
    files: int
    symbols: tuple[MappedSymbol, ...] = ()
    definitions: int = 0


def weight_of(symbol: str, kind: str, references: float, namesakes: int, *, apart: bool) -> float:
    """Return how much a definition says about its project.

    Args:
        symbol: its dotted path.
        kind: of the chunk that holds it.
        references: how many chunks hold its name.
        namesakes: how many definitions have the name; they share the references.
        apart: whether its file is a test, an example or generated.
    """
    parts = symbol.split(".")
    weight = _KINDS.get(kind, 0.2) * math.sqrt(1.0 + references / max(1, namesakes))
    if any(part.startswith(("_", "#")) for part in parts):
        weight *= _PRIVATE
    if len(parts) > 1:
        weight *= _NESTED ** (len(parts) - 1)
    return weight * _APART if apart else weight


def choose(files: Sequence[MapFile], max_tokens: int, base: str = "") -> list[MapLine]:
    """Return the lines of the map in the order of the tree; directories end in ``/``.

    Definitions are taken by weight until the budget is spent; a file that has none of them is
    counted in its directory, and a directory without any stays closed.
    """
    left = int(max_tokens * _BYTES_PER_TOKEN)
    counts = _directories(files, base)
    opened = {base}
    shown: dict[str, list[MappedSymbol]] = defaultdict(list)
    left -= sum(_cost_of_path(path) for path in _children(counts, base))
    ranked = sorted(
        ((symbol, file.path) for file in files for symbol in file.symbols),
        key=lambda pair: (-pair[0].weight, pair[1], pair[0].symbol),
    )
    misses = 0
    for symbol, path in ranked:
        cost = len(symbol.symbol) + 24
        fresh = [folder for folder in _above(path, base) if folder not in opened]
        if path not in shown:
            cost += _cost_of_path(path)
            cost += sum(
                _cost_of_path(child) for folder in fresh for child in _children(counts, folder)
            )
        if cost > left:
            misses += 1
            if misses >= _MOST_MISSES:
                break
            continue
        left -= cost
        opened.update(fresh)
        shown[path].append(symbol)
    for file in sorted(files, key=lambda file: (file.path.count("/"), file.path)):
        # What is left names files of opened directories.
        folder = _folder(file.path)
        if file.path not in shown and folder in opened:
            cost = _cost_of_path(file.path)
            if cost > left:
                break
            left -= cost
            shown[file.path] = []
    return _lines(files, counts, opened, shown, base)


def render(lines: Sequence[MapLine], labels: dict[tuple[str, str], str], base: str = "") -> str:
    """Return the map as a text; ``labels`` are the lines of symbols by path and symbol."""
    depth_of_base = base.count("/")
    written: list[str] = []
    for line in lines:
        depth = line.path.rstrip("/").count("/") - depth_of_base
        indent = "  " * depth
        name = line.path.rstrip("/").rpartition("/")[2]
        if line.path.endswith("/"):
            written.append(f"{indent}{name}/" + (f" ({line.files} files)" if line.files else ""))
        elif line.path.endswith("*"):
            written.append(f"{indent}({line.files} more files)")
        else:
            hidden = line.definitions - len(line.symbols)
            more = f" (+{hidden} definitions)" if hidden > 0 and line.symbols else ""
            written.append(f"{indent}{name}{more}")
            for symbol in line.symbols:
                nested = "  " * symbol.symbol.count(".")
                label = labels.get((line.path, symbol.symbol), symbol.symbol)
                written.append(f"{indent}  {nested}{label}")
    return "\n".join(written)


def _lines(
    files: Sequence[MapFile],
    counts: Counter[str],
    opened: set[str],
    shown: dict[str, list[MappedSymbol]],
    base: str,
) -> list[MapLine]:
    by_folder: dict[str, list[MapFile]] = defaultdict(list)
    for file in files:
        by_folder[_folder(file.path)].append(file)
    lines: list[MapLine] = []
    # A stack keeps the order of the tree: directories first, then files.
    pending: list[str] = [base]
    while pending:
        folder = pending.pop()
        if folder != base:
            closed = folder not in opened
            lines.append(MapLine(folder, counts[folder]))
            if closed:
                continue
        pending += sorted(
            (child for child in _children(counts, folder) if child.endswith("/")), reverse=True
        )
        hidden = 0
        for file in sorted(by_folder[folder], key=lambda each: each.path):
            if file.path in shown:
                order = {symbol: number for number, symbol in enumerate(file.symbols)}
                symbols = sorted(shown[file.path], key=lambda symbol: order[symbol])
                lines.append(MapLine(file.path, 1, tuple(symbols), len(file.symbols)))
            else:
                hidden += 1
        if hidden:
            lines.append(MapLine(f"{folder}*", hidden))
    return lines


def _directories(files: Iterable[MapFile], base: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for file in files:
        for folder in _above(file.path, base):
            counts[folder] += 1
    return counts


def _children(counts: Counter[str], folder: str) -> list[str]:
    level = folder.count("/") + 1
    return [each for each in counts if each.count("/") == level and each.startswith(folder)]


def _above(path: str, base: str) -> list[str]:
    """Return the directories between ``base`` and a file, each with ``/``."""
    found: list[str] = []
    at = len(base)
    while (end := path.find("/", at)) >= 0:
        found.append(path[: end + 1])
        at = end + 1
    return found


def _folder(path: str) -> str:
    return path[: path.rfind("/") + 1]


def _cost_of_path(path: str) -> int:
    """Return the bytes of a line of the tree: the last part, its indentation, a count."""
    plain = path.rstrip("/")
    return len(plain.rpartition("/")[2]) + 2 * plain.count("/") + 14

"""Map: a tree of files with their main definitions, as much as a token budget holds."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = [
    "MapFile",
    "MapLine",
    "MappedSymbol",
    "choose",
    "rank_key",
    "ranked_symbols",
    "render",
    "tokens_of",
    "weight_of",
]

# As for the answers of MCP: vocabularies of current models take 3 to 4 bytes a token.
_BYTES_PER_TOKEN = 3.2

# A name with a mark of privacy is not what one calls from elsewhere.
_PRIVATE = 0.1
_NESTED = 0.5
# Tests, examples and generated code show no structure of the project.
_APART = 0.05

# The line's number, what it is, the indentation.
_SYMBOL_BYTES = 24

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


def tokens_of(text: str) -> int:
    """Return about how many tokens a text is."""
    return int(len(text.encode("utf-8", "replace")) / _BYTES_PER_TOKEN) + 1


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
    if "_" in symbol and any(part.startswith("_") for part in parts):
        weight *= _PRIVATE
    if len(parts) > 1:
        weight *= _NESTED ** (len(parts) - 1)
    return weight * _APART if apart else weight


def rank_key(pair: tuple[MappedSymbol, str]) -> tuple[float, str, str]:
    """Return what definitions are ordered by: weight, then file and name."""
    return -pair[0].weight, pair[1], pair[0].symbol


def ranked_symbols(files: Iterable[MapFile]) -> list[tuple[MappedSymbol, str]]:
    """Return all definitions with their files, the weightiest first."""
    return sorted(((symbol, file.path) for file in files for symbol in file.symbols), key=rank_key)


def choose(
    files: Sequence[MapFile],
    max_tokens: int,
    base: str = "",
    ranked: Sequence[tuple[MappedSymbol, str]] | None = None,
) -> list[MapLine]:
    """Return the lines of the map in the order of the tree; directories end in ``/``.

    Definitions are taken by weight until the budget is spent; a file that has none of them is
    counted in its directory, and a directory without any stays closed.

    Args:
        files: those that the map is of.
        max_tokens: the budget; the directories at the top are shown in any case.
        base: the directory that the map begins at, with ``/``.
        ranked: `ranked_symbols` of these files, or of more.
    """
    tree = _Tree(files, base)
    left = int(max_tokens * _BYTES_PER_TOKEN) - tree.cost_of_opening(base)
    opened = {base}
    shown: dict[str, list[MappedSymbol]] = defaultdict(list)
    misses = 0
    for symbol, path in ranked if ranked is not None else ranked_symbols(files):
        if path not in tree.paths:
            continue
        cost = len(symbol.symbol) + _SYMBOL_BYTES
        fresh = [folder for folder in _above(path, base) if folder not in opened]
        if path not in shown:
            cost += _cost_of_path(path)
            cost += sum(tree.cost_of_opening(folder) for folder in fresh)
        if cost > left:
            misses += 1
            if misses >= _MOST_MISSES:
                break
            continue
        left -= cost
        opened.update(fresh)
        shown[path].append(symbol)
    for folder in sorted(opened, key=lambda each: (each.count("/"), each)):
        # What is left names the other files of opened directories.
        for file in tree.inside[folder]:
            cost = _cost_of_path(file.path) if file.path not in shown else 0
            if cost > left:
                return tree.lines(opened, shown)
            left -= cost
            shown.setdefault(file.path, [])
    return tree.lines(opened, shown)


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


class _Tree:
    """The directories of some files."""

    def __init__(self, files: Sequence[MapFile], base: str) -> None:
        self.paths = {file.path for file in files}
        self.inside: dict[str, list[MapFile]] = defaultdict(list)
        self._base = base
        self._counts: Counter[str] = Counter()
        self._folders: dict[str, list[str]] = defaultdict(list)
        for file in files:
            self.inside[_folder(file.path)].append(file)
        for folder, inside in self.inside.items():
            for above in _above(folder, base):
                if above not in self._counts:
                    self._folders[_folder(above[:-1])].append(above)
                self._counts[above] += len(inside)
            inside.sort(key=lambda file: file.path)

    def cost_of_opening(self, folder: str) -> int:
        """Return the bytes of the lines of the directories in a directory."""
        return sum(_cost_of_path(each) for each in self._folders[folder])

    def lines(self, opened: set[str], shown: dict[str, list[MappedSymbol]]) -> list[MapLine]:
        """Return the lines in the order of the tree."""
        lines: list[MapLine] = []
        pending = [self._base]
        while pending:
            folder = pending.pop()
            if folder != self._base:
                lines.append(MapLine(folder, self._counts[folder]))
                if folder not in opened:
                    continue
            pending += sorted(self._folders[folder], reverse=True)
            hidden = 0
            for file in self.inside[folder]:
                if file.path not in shown:
                    hidden += 1
                    continue
                order = {symbol.symbol: number for number, symbol in enumerate(file.symbols)}
                symbols = sorted(shown[file.path], key=lambda each: order[each.symbol])
                lines.append(MapLine(file.path, 1, tuple(symbols), len(file.symbols)))
            if hidden:
                lines.append(MapLine(f"{folder}*", hidden))
        return lines


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

"""Symbols: definitions, references and callers of a name, in files as they are on disk now."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from coco_core.code import (
    Definition,
    Finder,
    NamePath,
    Occurrence,
    Role,
    Wanted,
    module_parts,
    read_name,
)
from coco_core.errors import InvalidInput
from coco_core.languages import is_code
from coco_core.ranking.penalties import file_traits
from coco_core.tokens import term_ids, words
from coco_local.index.memory import MemoryIndex
from coco_local.indexing.indexer import ProjectIndexer
from coco_local.search.near_names import near_names
from coco_local.search.parsed_files import DiskSources, ParsedFiles

__all__ = ["Found", "SymbolSearch", "files_with"]

# A line or a name in a file, which is none of the project's.
_PLACE = re.compile(r"(.*\w\.\w+):(?!:).*|(.+/.+):(?!:).*")

# What is no reason to look at a file later.
_OWN = frozenset({"barrel", "tooling", "declaration"})

# What one answer may spend on parsing: about 200 files that were not asked about before. More is
# a page of its own.
_SECONDS = 0.4


class Indexed(NamedTuple):
    """A definition as the index knows it; lines are 1-based."""

    path: str
    symbol: str
    kind: str
    line: int
    end_line: int


@dataclass
class Found:
    """What was found of a name, and how far the search went."""

    definitions: list[Definition] = field(default_factory=list)
    indexed: list[Indexed] = field(default_factory=list)
    """Definitions in files that no built-in grammar parses, as the index has them."""
    occurrences: list[Occurrence] = field(default_factory=list)
    near: list[str] = field(default_factory=list)
    files: int = 0
    searched: int = 0
    next_after: str | None = None
    modules: list[Indexed] = field(default_factory=list)
    """Those of `indexed` that are whole files."""
    local: bool = False
    """Only functions have the name, as parameters and variables."""
    defined: bool = False
    """The project defines the name, perhaps in files that are left out."""
    outside: bool = False
    """The project uses the name and does not define it."""


class SymbolSearch:
    """One question about a name of one project."""

    def __init__(
        self,
        indexer: ProjectIndexer,
        parsed: ParsedFiles,
        allowed: Callable[[str], bool] = lambda _: True,
    ) -> None:
        memory = indexer.index.memory
        pending = indexer.backlog.files.all()
        self._memory = memory
        self._store = indexer.index.store
        self._pending = pending
        self._allowed = allowed
        self._sources = DiskSources(
            parsed, indexer.project.project_id, indexer.reader, {*memory.documents, *pending}
        )
        self._finder = Finder(self._sources)
        self._deadline = time.monotonic() + _SECONDS

    def named(self, text: str) -> NamePath:
        """Read what the user named; a file of the project in front of a colon counts as one."""
        at = text.find(":")
        while at > 0:
            path = text[:at].removeprefix("./")
            if path in self._sources.files:
                return read_name(text.removeprefix("./"), path)
            at = text.find(":", at + 1)
        name = read_name(text)
        place = _PLACE.fullmatch(text)
        if place is not None:
            raise InvalidInput(
                f"{place[1] or place[2]!r} is no file of the project: {text!r} names nothing.",
                hint="Give the file relative to the project's root.",
            )
        if not name.last.strip(".:#/\\->") or name.last.isdigit():
            raise InvalidInput(
                f"{text!r} names no symbol.",
                hint="Give a name, Class.method, path/file.py:Class.method or path/file.py:12.",
            )
        return name

    def definitions(self, name: NamePath) -> Found:
        """Return where a name is defined; names like it when it is not."""
        found = Found()
        if name.line is not None:
            found.definitions = self._finder.at(name.path, name.line, name.column)
            found.defined = bool(found.definitions)
            return found
        # All files: what is meant does not depend on where its uses are looked for.
        candidates = [name.path] if name.path else self._all_with(name.last)
        defining = self._defining(name.last)
        # What the index knows as a definition first; the others may still set an attribute.
        ordered = sorted(candidates, key=lambda path: (path not in defining, _order(path)))
        found.files = len(ordered)
        for path in ordered:
            if self._late():
                break
            if found.definitions and path not in defining and path not in self._pending:
                # The rest is looked at only for a name that the outlines do not know.
                found.searched = found.files
                break
            found.searched += 1
            if self._sources.holds(path, name.last):
                found.definitions += self._finder.definitions(path, name)
        if not found.definitions and name.path:
            found.definitions = self._finder.definitions(name.path, name, local=True)
        found.defined = bool(found.definitions)
        if not found.definitions:
            found.modules = self._modules(name)
            found.indexed = found.modules or self._indexed(name)
            found.defined = bool(found.indexed)
        if not found.definitions and not found.indexed:
            found.near = near_names(self._memory, name)
            if not name.qualifiers and not name.path:
                self._look_outside(candidates, name, found)
        return found

    def left(self, definitions: list[Definition]) -> list[Definition]:
        """Return the definitions in files that are meant."""
        return [each for each in definitions if self._allowed(each.path)]

    def references(
        self, name: NamePath, *, after: str, limit: int, calls: bool = False, sure: bool = False
    ) -> Found:
        """Return a page of the occurrences of a name."""
        wanted = Wanted(name.last)
        found = Found()
        bound = name.line is not None or bool(name.path) or bool(name.qualifiers)
        if bound or not self._defining(name.last):
            found = self.definitions(name)
            if found.definitions:
                last = found.definitions[0].entity.site.name
                targets = {each.entity.identity: each for each in found.definitions}
                wanted = Wanted(last, targets)
            elif found.modules:
                paths = frozenset(each.path for each in found.modules)
                wanted = Wanted(name.last, {}, modules=paths)
            elif found.outside:
                wanted = Wanted(name.last, outside=True)
            else:
                return found
        found.defined |= not found.outside
        self._collect(wanted, found, after=after, limit=limit, calls=calls, sure=sure)
        return found

    def references_to(self, definition: Definition, *, limit: int) -> Found:
        """Return the calls of one definition."""
        wanted = Wanted(definition.entity.site.name, {definition.entity.identity: definition})
        found = Found()
        self._collect(wanted, found, after="", limit=limit, calls=True, sure=True)
        return found

    def definition_around(self, occurrence: Occurrence) -> Definition | None:
        """Return the definition in which an occurrence lies."""
        if occurrence.enclosing is None:
            return None
        name = read_name(occurrence.enclosing.symbol)
        for each in self._finder.definitions(occurrence.path, name):
            if each.symbol == occurrence.enclosing.symbol:
                return each
        return None

    # --- the files -----------------------------------------------------------------------------

    def _collect(
        self, wanted: Wanted, found: Found, *, after: str, limit: int, calls: bool, sure: bool
    ) -> None:
        order = sorted(self._spread(wanted), key=_order)
        found.files = len(order)
        found.searched = 0
        start = _order(after) if after else None
        seen: set[str] = set()
        for path in self._walk(order, wanted):
            if start is not None and _order(path) <= start:
                found.searched += 1
                continue
            if self._late() or len(found.occurrences) >= limit:
                found.next_after = max(seen, key=_order, default="") or after or None
                break
            seen.add(path)
            found.searched += 1
            for each in self._finder.references(path, wanted):
                if (each.sure or not sure) and (each.role is Role.CALL or not calls):
                    found.occurrences.append(each)
        found.files = max(found.files, found.searched)

    def _walk(self, order: Sequence[str], wanted: Wanted) -> Iterator[str]:
        """Yield the files with the name, then those that hold only an alias found meanwhile."""
        done = set(order)
        yield from order
        known = {wanted.name}
        while wanted.aliases - known:
            alias = min(wanted.aliases - known)
            known.add(alias)
            more = [path for path in self._candidates(alias) if path not in done]
            done.update(more)
            yield from sorted(more, key=_order)

    def _spread(self, wanted: Wanted) -> list[str]:
        return self._candidates(wanted.name)

    def _candidates(self, name: str) -> list[str]:
        """Return the files that are meant and may hold a name."""
        return [path for path in self._all_with(name) if self._allowed(path)]

    def _all_with(self, name: str) -> list[str]:
        """Return the files that may hold a name, those that are not indexed yet among them."""
        found = files_with(self._memory, name)
        names = self._sources.files if found is None else {*found, *self._pending}
        return [path for path in names if path in self._sources.files]

    def _defining(self, name: str) -> set[str]:
        """Return the files of which the index knows that they define a name."""
        found: set[str] = set()
        for row in self._memory.rows_defining(name):
            chunk = self._memory.metadata[row]
            if is_code(chunk.language) and any(
                path.rpartition(".")[2] == name for path in chunk.definitions
            ):
                found.add(chunk.doc_id)
        return found

    def _indexed(self, name: NamePath) -> list[Indexed]:
        """Return the definitions that only the index knows: those of WebAssembly grammars."""
        metadata = self._memory.metadata
        rows = [
            row for row in self._memory.rows_defining(name.last) if is_code(metadata[row].language)
        ]
        chunks = self._store.chunks({metadata.key(row) for row in rows})
        paths = {metadata.key(row): metadata[row].doc_id for row in rows}
        return sorted(
            {
                Indexed(paths[key], each.path, each.kind.value, each.line, each.end_line)
                for key, indexed in chunks.items()
                for each in indexed.chunk.definitions
                if each.name == name.last and name.fits(paths[key], each.path)
                if self._sources.unit(paths[key]) is None
            }
        )

    def _look_outside(self, candidates: Sequence[str], name: NamePath, found: Found) -> None:
        """Find out whether a name that is not defined comes from outside, or is only local."""
        wanted = Wanted(name.last, outside=True)
        for path in candidates:
            unit = self._sources.unit(path) if self._sources.holds(path, name.last) else None
            if unit is not None and unit.sites(name.last):
                found.local = True
                if self._finder.references(path, wanted):
                    found.outside, found.local = True, False
                    return
            if self._late():
                return

    def _modules(self, name: NamePath) -> list[Indexed]:
        """Return the files that are modules of that name."""
        wanted = [*name.qualifiers, name.last]
        return [
            Indexed(path, ".".join(parts), "module", 1, 1)
            for path in sorted(self._sources.files, key=_order)
            if not name.path
            and name.last in path
            and (parts := module_parts(path))[-len(wanted) :] == wanted
            and self._sources.unit(path) is not None
        ]

    def _late(self) -> bool:
        return time.monotonic() > self._deadline


def files_with(memory: MemoryIndex, name: str) -> set[str] | None:
    """Return the indexed files whose text may hold a name; None when the index cannot tell."""
    ids = [found[0] for word in words(name) if (found := term_ids(word))]
    if not ids:
        return None
    snapshot = memory.snapshot()
    files: set[str] | None = None
    for rows, _ in memory.postings.lookup(ids):
        here = rows[rows < snapshot.rows]
        here = here[snapshot.live[here]]
        names = {memory.document_ids[number] for number in set(snapshot.document_of[here].tolist())}
        files = names if files is None else files & names
    return files


def _order(path: str) -> tuple[bool, str]:
    """Code of one's own before tests, examples and what is generated."""
    return bool(file_traits(path, "") - _OWN), path

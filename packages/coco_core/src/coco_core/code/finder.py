"""Finder: definitions, references and callers of a name, one file at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from coco_core.code.families import family_of
from coco_core.code.name import NamePath
from coco_core.code.resolver import Resolver, Sources
from coco_core.code.site import Kind, Role, Site
from coco_core.code.things import Entity, External, ModuleThing, Thing, Unknown
from coco_core.code.unit import Unit

__all__ = ["Definition", "Finder", "Occurrence", "Place", "Wanted", "is_local"]

_MEMBERS = frozenset({Kind.METHOD, Kind.FIELD})
_PASSED = frozenset({Role.IMPORT, Role.EXPORT})
_LOCAL = frozenset({Kind.PARAMETER, Kind.VARIABLE})
_WORD = re.compile(rb"[\w$\x80-\xff]+")


@dataclass(frozen=True, slots=True)
class Place:
    """The definition around an occurrence; lines are 1-based."""

    symbol: str
    kind: Kind
    start_line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One identifier; lines and columns are 1-based, columns count characters."""

    path: str
    line: int
    column: int
    end_column: int
    role: Role
    sure: bool
    why: str
    """Why it is what is sought, or why that is a guess."""
    text: str
    """The whole line."""
    enclosing: Place | None


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition with all of its lines, 1-based."""

    entity: Entity
    symbol: str
    kind: Kind
    line: int
    column: int
    end_line: int
    text: str

    @property
    def path(self) -> str:
        """The file that holds it."""
        return self.entity.unit.path


@dataclass
class Wanted:
    """What references are sought of; names are added while aliases are found."""

    name: str
    targets: dict[tuple[str, int], Definition] | None = None
    """By identity; None means every definition of the name that is not local to a function."""
    outside: bool = False
    """The project does not define the name: whatever has it is shown."""
    modules: frozenset[str] = frozenset()
    """Files that are sought as a whole."""
    aliases: set[str] = field(default_factory=set)
    """Other names under which files pass it on."""

    @property
    def names(self) -> list[str]:
        """All names to look for."""
        return [self.name, *sorted(self.aliases)]

    @property
    def as_member(self) -> bool:
        """Whether something behind a dot can be meant."""
        if self.targets is None:
            return True
        return any(target.kind in _MEMBERS for target in self.targets.values())

    @property
    def as_global(self) -> bool:
        """Whether a bare name can be meant."""
        if self.targets is None:
            return True
        return any(target.kind not in _MEMBERS for target in self.targets.values())

    def reaches(self, unit: Unit) -> bool:
        """Whether code in a file can use what is sought at all: only that of one language."""
        if self.targets is None or self.modules:
            return True
        family = family_of(unit.language)
        return any(
            family_of(target.entity.unit.language) == family for target in self.targets.values()
        )

    def means(self, entity: Entity) -> bool:
        """Whether a definition is sought."""
        if self.targets is not None:
            return entity.identity in self.targets
        return entity.site.name == self.name and not is_local(entity)


class Finder:
    """Looks into files for one answer."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._resolver = Resolver(sources)

    # --- definitions ---------------------------------------------------------------------------

    def definitions(self, path: str, name: NamePath, *, local: bool = False) -> list[Definition]:
        """Return what a file defines under a name; with ``local`` also what functions hold."""
        unit = self._sources.unit(path)
        if unit is None:
            return []
        found: dict[tuple[str, int], Definition] = {}
        for site in unit.defined(name.last):
            if site.role is not Role.DEFINITION:
                continue
            entity = self._resolver.identify(unit, site)
            if not isinstance(entity, Entity) or entity.identity in found:
                continue
            if is_local(entity) and not local:
                continue
            definition = self.described(entity)
            if name.fits(path, definition.symbol):
                found[entity.identity] = definition
        return list(found.values())

    def at(self, path: str, line: int, column: int | None) -> list[Definition]:
        """Return what is defined at a 1-based line, or what the name at that place means."""
        unit = self._sources.unit(path)
        if unit is None or line > unit.root.end_point.row + 1:
            return []
        sites = [
            site
            for site in _sites_on(unit, line - 1)
            if column is None or _column(unit, site)[0] <= column <= _column(unit, site)[1]
        ]
        if column is None:
            own = [s for s in sites if s.kind not in (None, Kind.IMPORT) and s.role is not Role.USE]
            solid = [site for site in own if site.kind is not Kind.PARAMETER]
            sites = solid or own or [site for site in sites if site.origin is not None]
        found: dict[tuple[str, int], Definition] = {}
        for site in sites:
            thing = self._resolver.identify(unit, site)
            if isinstance(thing, Entity):
                found.setdefault(thing.identity, self.described(thing))
        if not found and column is None:
            around = self._around(unit, line - 1)
            if around is not None:
                found[around.entity.identity] = around
        return list(found.values())

    def _around(self, unit: Unit, row: int) -> Definition | None:
        text = unit.line(row)
        indent = len(text) - len(text.lstrip())
        node = unit.root.descendant_for_point_range((row, indent), (row, indent))
        if node is None:
            return None
        for place in unit.parents(node):
            for site in unit.sites(unit.read(place.name)):
                if site.node == place.name:
                    return self.described(Entity(unit, site))
        return None

    def described(self, entity: Entity) -> Definition:
        """Return a definition with its place."""
        unit, site = entity.unit, entity.site
        whole = site.whole if site.whole is not None else site.node
        row = site.node.start_point.row
        return Definition(
            entity,
            unit.symbol_of(site),
            site.kind or Kind.VARIABLE,
            row + 1,
            _column(unit, site)[0],
            max(row, whole.end_point.row) + 1,
            unit.line(row),
        )

    # --- references ----------------------------------------------------------------------------

    def references(self, path: str, wanted: Wanted) -> list[Occurrence]:
        """Return the occurrences of what is wanted in a file, in order."""
        unit = self._sources.unit(path)
        if unit is None or not (wanted.outside or wanted.reaches(unit)):
            return []
        found: dict[int, Occurrence] = {}
        pending = [name for name in wanted.names if self._sources.holds(path, name)]
        local: list[str] = []
        modules = self._sources.modules(unit.language)
        for node, origin in () if wanted.outside else unit.origins():
            module = modules.find(path, origin.module)
            if module is None or not self._sources.holds(module, wanted.name):
                continue
            thing = self._resolver.imported(unit, origin, 8)
            if isinstance(thing, Entity) and wanted.means(thing):
                local.append(unit.read(node))
        done: set[str] = set()
        queue = [*pending, *local]
        while queue:
            name = queue.pop()
            if name in done:
                continue
            done.add(name)
            for site in unit.sites(name):
                occurrence = self._judge(unit, site, wanted, own=name in wanted.names)
                if occurrence is None:
                    continue
                found[site.start] = occurrence
                for alias, wide in unit.renamed(site):
                    queue.append(alias)
                    if wide and occurrence.sure:
                        wanted.aliases.add(alias)
        return [found[start] for start in sorted(found)]

    def _judge(self, unit: Unit, site: Site, wanted: Wanted, *, own: bool) -> Occurrence | None:
        thing = self._resolver.identify(unit, site)
        if isinstance(thing, Entity) and site.role in _PASSED and not wanted.means(thing):
            # One import may bring a type and a value of the same name.
            others = (self._resolver.identify(unit, site, space) for space in ("type", "value"))
            thing = next((t for t in others if isinstance(t, Entity) and wanted.means(t)), thing)
        if wanted.outside:
            return self._by_name(unit, site, thing)
        if isinstance(thing, ModuleThing) and thing.path in wanted.modules:
            return _occurrence(unit, site, sure=True, why="the module")
        if isinstance(thing, Entity):
            if not wanted.means(thing):
                return None
            return _occurrence(unit, site, sure=True, why=_reason(unit, site, thing))
        if not isinstance(thing, Unknown) or not own:
            return None
        if site.base is not None:
            if not wanted.as_member and not unit.may_be_module(site.base):
                return None
        elif site.keyword_of is not None:
            if not (unit.keys_are_members and wanted.as_member):
                return None
        elif not wanted.as_global and not unit.members_are_bare:
            return None
        return _occurrence(unit, site, sure=False, why=thing.why)

    def _by_name(self, unit: Unit, site: Site, thing: Thing) -> Occurrence | None:
        """Judge a name that the project does not define."""
        if isinstance(thing, Entity) and is_local(thing):
            return None
        if isinstance(thing, Entity | ModuleThing) or site.keyword_of is not None:
            return None
        imported = isinstance(thing, External) and site.base is None
        why = "imported from outside the project" if imported else "not defined in the project"
        return _occurrence(unit, site, sure=False, why=why)


def is_local(entity: Entity) -> bool:
    """Whether only the function around a definition can use it."""
    site = entity.site
    if site.member_of is not None or site.kind not in _LOCAL:
        return False
    return site.binds != entity.unit.module_scope


def _sites_on(unit: Unit, row: int) -> Iterator[Site]:
    start = unit.offset(row)
    raw = unit.line(row).encode("utf-8", "surrogatepass")
    for found in _WORD.finditer(raw):
        name = found.group().decode("utf-8", "replace")
        for site in unit.sites(name):
            if site.start == start + found.start():
                yield site


def _column(unit: Unit, site: Site) -> tuple[int, int]:
    """Return the first and the last column of a site, 1-based, in characters."""
    start = site.node.start_point
    before = unit.text[site.start - start.column : site.start]
    first = len(before.decode("utf-8", "replace")) + 1
    return first, first + len(site.name) - 1


def _reason(unit: Unit, site: Site, thing: Entity) -> str:
    if site.origin is not None:
        return "imported by this name" if site.role is Role.IMPORT else "exported"
    if site.start == thing.site.start and unit.path == thing.unit.path:
        return "the definition"
    if site.base is not None:
        return "the type of what stands before the dot is known"
    if unit.path == thing.unit.path:
        return "in scope"
    return "imported"


def _occurrence(unit: Unit, site: Site, *, sure: bool, why: str) -> Occurrence:
    row = site.node.start_point.row
    first, last = _column(unit, site)
    enclosing = next(iter(unit.parents(site.node)), None)
    if enclosing is not None and enclosing.name == site.node:
        around = list(unit.parents(site.node))[1:]
        enclosing = around[0] if around else None
    place = (
        Place(enclosing.symbol, enclosing.kind, enclosing.start_line + 1, enclosing.end_line + 1)
        if enclosing is not None
        else None
    )
    return Occurrence(unit.path, row + 1, first, last, site.role, sure, why, unit.line(row), place)

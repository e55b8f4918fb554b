"""Resolver: follows names through scopes, imports, classes and plain assignments."""

from __future__ import annotations

from typing import Protocol

from tree_sitter import Node

from coco_core.code.modules import Modules
from coco_core.code.site import Kind, Origin, Role, Site
from coco_core.code.things import Entity, External, Instance, ModuleThing, Thing, Unknown
from coco_core.code.unit import Form, Unit

__all__ = ["Resolver", "Sources"]

# Imports of imports, and values of values; deeper ones are circles or nothing that one reads.
_DEPTH = 12

_CLASSLIKE = frozenset({Kind.CLASS})
_CALLABLE = frozenset({Kind.FUNCTION, Kind.METHOD})


class Sources(Protocol):
    """The files of a project as they are now."""

    def unit(self, path: str) -> Unit | None:
        """Return the parsed file; None when it is gone or cannot be parsed."""
        ...

    def modules(self, language: str) -> Modules:
        """Return what resolves the imports of a language."""
        ...

    def holds(self, path: str, name: str) -> bool:
        """Whether a name stands in the text of a file; quicker than parsing it."""
        ...


class Resolver:
    """Says what identifiers are; made for one answer, so that it may remember."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._exports: dict[tuple[str, str], Thing | None] = {}
        self._members: dict[tuple[str, int, str], Thing | None] = {}

    # --- identifiers ---------------------------------------------------------------------------

    def identify(self, unit: Unit, site: Site) -> Thing:
        """Return what a site is or names, imports followed."""
        if site.origin is not None:
            return self.imported(unit, site.origin, _DEPTH)
        if site.member_of is not None and site.role in (Role.DEFINITION, Role.WRITE):
            return self._canonical_member(unit, site)
        if site.binds is not None:
            return self._canonical(unit, site)
        if site.role is Role.EXPORT and site.value is not None:
            return self.lookup(unit, unit.read(site.value), site.value, _DEPTH)
        if site.keyword_of is not None:
            return self._keyword(unit, site)
        if site.base is not None:
            owner = self.infer(unit, site.base, _DEPTH)
            return self.member(owner, site.name, _DEPTH, unit.read(site.base))
        return self.lookup(unit, site.name, site.node, _DEPTH)

    def lookup(self, unit: Unit, name: str, node: Node, depth: int) -> Thing:
        """Return what a bare name means at a place."""
        bindings = [site for site in unit.sites(name) if site.binds is not None]
        for scope in unit.scopes(node):
            for site in bindings:
                if site.binds == scope:
                    return self._bound(unit, site, depth)
        origin = unit.import_named(name)
        if origin is not None and depth:
            return self.imported(unit, origin, depth - 1)
        if depth:
            found = self._from_package(unit, name) or self._from_wildcards(unit, name, depth)
            if found is not None:
                return found
        if unit.names_are_global:
            return Unknown("the name alone; this language's imports are not followed")
        return External()

    def _from_package(self, unit: Unit, name: str) -> Thing | None:
        """Return what another file of the same package defines."""
        for path in self._sources.modules(unit.language).package(unit.path):
            if path != unit.path:
                found = self._at_top(path, name)
                if found is not None:
                    return found
        return None

    def _at_top(self, path: str, name: str) -> Entity | None:
        unit = self._sources.unit(path) if self._sources.holds(path, name) else None
        for site in unit.sites(name) if unit is not None else ():
            if unit is not None and site.binds == unit.module_scope and site.origin is None:
                return self._canonical(unit, site)
        return None

    def _bound(self, unit: Unit, site: Site, depth: int) -> Thing:
        if site.origin is not None:
            return self.imported(unit, site.origin, depth - 1) if depth else Unknown("a circle")
        return self._canonical(unit, site)

    def _canonical(self, unit: Unit, site: Site) -> Entity:
        """Return the first site that binds the same name in the same scope."""
        for other in unit.sites(site.name):
            if other.binds == site.binds and other.origin is None and other.kind is not None:
                return Entity(unit, other)
        return Entity(unit, site)

    def _canonical_member(self, unit: Unit, site: Site) -> Entity:
        in_body = [
            other
            for other in unit.sites(site.name)
            if other.member_of == site.member_of and other.kind is not None
        ]
        if not in_body:
            return Entity(unit, site)
        # What the body of the class declares stands before what its methods set.
        return Entity(unit, min(in_body, key=lambda each: (each.base is not None, each.start)))

    def _keyword(self, unit: Unit, site: Site) -> Thing:
        call = site.keyword_of
        if site.annotation is not None:
            owner = self._typed(unit, site.annotation, _DEPTH)
            return self.member(owner, site.name, _DEPTH, unit.read(site.annotation))
        expression = unit.expression(call) if call is not None else None
        if expression is None or expression.of is None:
            return Unknown("the called function is not known")
        called = self.infer(unit, expression.of, _DEPTH)
        if isinstance(called, Entity):
            if called.site.kind in _CALLABLE and called.site.whole is not None:
                for other in called.unit.sites(site.name):
                    if other.binds == called.site.whole.id and other.kind is Kind.PARAMETER:
                        return Entity(called.unit, other)
                return External()
            if called.site.kind is Kind.CLASS:
                maker = self.member(called, "__init__", _DEPTH, "")
                if isinstance(maker, Entity) and maker.site.whole is not None:
                    for other in maker.unit.sites(site.name):
                        if other.binds == maker.site.whole.id and other.kind is Kind.PARAMETER:
                            return Entity(maker.unit, other)
                    return External()
                return self.member(called, site.name, _DEPTH, "")
        if isinstance(called, External):
            return called
        return Unknown("the called function is not known")

    # --- imports -------------------------------------------------------------------------------

    def imported(self, unit: Unit, origin: Origin, depth: int) -> Thing:
        """Return what an import brings."""
        modules = self._sources.modules(unit.language)
        module = modules.find(unit.path, origin.module)
        if module is None:
            return External()
        if not origin.name:
            return ModuleThing(module, modules)
        return self.exported(ModuleThing(module, modules), origin.name, depth)

    def exported(self, thing: ModuleThing, name: str, depth: int) -> Thing:
        """Return what a module offers under a name."""
        module = thing.path
        key = module, name
        if key in self._exports:
            known = self._exports[key]
            return known if known is not None else Unknown("imports that go in a circle")
        if depth <= 0:
            return Unknown("imports that go in a circle")
        self._exports[key] = None
        found = self._exported(thing, name, depth)
        self._exports[key] = found
        return found

    def _exported(self, thing: ModuleThing, name: str, depth: int) -> Thing:
        module, modules = thing.path, thing.modules
        for path in modules.inside(module):
            top = self._at_top(path, name)
            if top is not None:
                return top
        unit = None if module.endswith("/") else self._sources.unit(module)
        if unit is not None:
            for origin in unit.exports(name):
                return self.imported(unit, origin, depth - 1)
            local = unit.exported_as(name)
            if local and self._sources.holds(module, local):
                for site in unit.sites(local):
                    if site.binds == unit.module_scope:
                        return self._bound(unit, site, depth)
                for site in unit.sites(local):
                    # `exports.f = …`: a member of the module.
                    if site.member_of == unit.root.id:
                        return self._canonical_member(unit, site)
            anonymous = unit.anonymous(name)
            if anonymous is not None:
                return Entity(unit, anonymous)
            if name == "export=":
                return thing
            passed_on = unit.import_named(name)
            if passed_on is not None and depth > 1:
                return self.imported(unit, passed_on, depth - 1)
        below = modules.below(module, name)
        if below is not None:
            return ModuleThing(below, modules)
        if unit is not None:
            found = self._from_wildcards(unit, name, depth)
            if found is not None:
                return found
        return Unknown(f"{module} does not say where it takes {name!r} from")

    def _from_wildcards(self, unit: Unit, name: str, depth: int) -> Thing | None:
        """Return what a name is through ``from x import *``; None when no such import has it."""
        unknown: Thing | None = None
        for module in unit.wildcards():
            modules = self._sources.modules(unit.language)
            path = modules.find(unit.path, module)
            if path is None:
                unknown = Unknown(f"{module!r} brings names that are not known")
                continue
            found = self.exported(ModuleThing(path, modules), name, depth - 1)
            if isinstance(found, Entity | ModuleThing):
                return found
        return unknown

    # --- members -------------------------------------------------------------------------------

    def member(self, owner: Thing, name: str, depth: int, text: str) -> Thing:
        """Return what ``owner.name`` is; ``text`` is how the owner is written."""
        if depth <= 0:
            return Unknown("a circle")
        match owner:
            case External():
                return owner
            case ModuleThing():
                return self.exported(owner, name, depth - 1)
            case Instance(of):
                return self._class_member(of, name, depth)
            case Entity(_, site) if site.kind is Kind.CLASS:
                return self._class_member(owner, name, depth)
            case Entity(unit, site) if site.whole is not None:
                # Members of what is no class: of an object, of a function.
                for other in unit.sites(name):
                    if other.member_of == site.whole.id:
                        return self._canonical_member(unit, other)
        return Unknown(f"the type of {_short(text)} is not known")

    def _class_member(self, of: Entity, name: str, depth: int) -> Thing:
        key = (*of.identity, name)
        if key in self._members:
            known = self._members[key]
            return known if known is not None else Unknown("classes that inherit in a circle")
        self._members[key] = None
        found = self._find_member(of, name, depth)
        self._members[key] = found
        return found

    def _find_member(self, of: Entity, name: str, depth: int) -> Thing:
        whole = of.site.whole
        if whole is None or depth <= 0:
            return Unknown(f"the members of {of.site.name} are not known")
        if self._sources.holds(of.unit.path, name):
            for site in of.unit.sites(name):
                if site.member_of is not None and of.unit.same_class(site.member_of, whole):
                    return self._canonical_member(of.unit, site)
        for path in self._sources.modules(of.unit.language).package(of.unit.path):
            # Methods of one type may stand in all files of its package.
            other = self._sources.unit(path) if self._sources.holds(path, name) else None
            for site in other.sites(name) if other is not None else ():
                if other is not None and site.member_of is not None and other.same_class(
                    site.member_of, whole
                ) and path != of.unit.path:
                    return self._canonical_member(other, site)
        outside = False
        for base in of.unit.bases(whole):
            thing = self.infer(of.unit, base, depth - 1)
            if isinstance(thing, Entity) and thing.site.kind is Kind.CLASS:
                found = self._class_member(thing, name, depth - 1)
                if isinstance(found, Entity):
                    return found
                outside |= isinstance(found, External)
            else:
                outside = True
        if outside:
            # It may be the library's; nothing of the project has it on this path.
            return External()
        return Unknown(f"{of.site.name} does not define {name!r}")

    # --- expressions ---------------------------------------------------------------------------

    def infer(self, unit: Unit, node: Node, depth: int) -> Thing:
        """Return what an expression is: a module, a class, a function, or an instance."""
        if depth <= 0:
            return Unknown("too many steps")
        expression = unit.expression(node)
        of = expression.of
        match expression.form:
            case Form.NAME:
                at = of if of is not None else node
                return self._value(self.lookup(unit, expression.name, at, depth - 1), depth)
            case Form.MEMBER if of is not None:
                owner = self.infer(unit, of, depth - 1)
                found = self.member(owner, expression.name, depth - 1, unit.read(of))
                return self._value(found, depth)
            case Form.CALL if of is not None:
                return self._result(self.infer(unit, of, depth - 1), depth)
            case Form.NEW if of is not None:
                made = self.infer(unit, of, depth - 1)
                return Instance(made) if isinstance(made, Entity) else made
            case Form.THIS if of is not None:
                return self._class_at(unit, of, instance=True)
            case Form.CLASS_ITSELF if of is not None:
                return self._class_at(unit, of, instance=False)
            case Form.SUPER if of is not None:
                return self._super(unit, of, depth)
            case Form.SAME if of is not None:
                return self.infer(unit, of, depth - 1)
            case Form.TYPED if of is not None:
                return self._typed(unit, of, depth)
            case Form.LITERAL:
                return External()
        return Unknown(f"the type of {_short(unit.read(node))} is not known")

    def _class_at(self, unit: Unit, whole: Node, *, instance: bool) -> Thing:
        name = unit.name_of(whole)
        if name is None:
            return Unknown("a class without a name")
        for site in unit.sites(unit.read(name)):
            if site.node == name:
                entity = Entity(unit, site)
                return Instance(entity) if instance else entity
        return Unknown("a class without a name")

    def _super(self, unit: Unit, whole: Node, depth: int) -> Thing:
        things = [self.infer(unit, base, depth - 1) for base in unit.bases(whole)]
        if len(things) == 1 and isinstance(things[0], Entity):
            return Instance(things[0])
        if things and all(isinstance(thing, External) for thing in things):
            return External()
        return Unknown("the base class is not known") if things else External()

    def _value(self, thing: Thing, depth: int) -> Thing:
        """Return what a name holds: of a variable its value, if one assignment decides it."""
        if not isinstance(thing, Entity) or thing.site.kind in _CLASSLIKE | {Kind.FUNCTION}:
            return thing
        unit, site = thing.unit, thing.site
        if site.kind is Kind.METHOD:
            if unit.is_property(site) and site.annotation is not None:
                return self._typed(unit, site.annotation, depth)
            return thing
        if site.annotation is not None:
            return self._typed(unit, site.annotation, depth)
        if site.value is None:
            return Unknown(f"the type of {site.name} is not known")
        others = [
            other
            for other in unit.sites(site.name)
            if other.start != site.start
            and other.kind is not None
            and ((other.binds is not None and other.binds == site.binds)
                 or (other.member_of is not None and other.member_of == site.member_of))
        ]
        if any(other.value is None or unit.read(other.value) != unit.read(site.value) for other in others):
            return Unknown(f"{site.name} is assigned more than once")
        found = self.infer(unit, site.value, depth - 1)
        if isinstance(found, External) and unit.expression(site.value).form is Form.LITERAL:
            return found
        if isinstance(found, Unknown) and site.whole is not None:
            return thing
        return found

    def _typed(self, unit: Unit, annotation: Node, depth: int) -> Thing:
        quoted = unit.quoted_type(annotation)
        if quoted is not None:
            named = self.lookup(unit, quoted, annotation, depth - 1)
        else:
            named = self.infer(unit, annotation, depth - 1)
        if isinstance(named, Entity) and named.site.kind is Kind.CLASS:
            return Instance(named)
        if isinstance(named, External):
            return named
        return Unknown(f"the type {_short(unit.read(annotation))} is not followed")

    def _result(self, called: Thing, depth: int) -> Thing:
        match called:
            case Entity(_, site) if site.kind is Kind.CLASS:
                return Instance(called)
            case Entity(unit, site) if site.kind in _CALLABLE and site.annotation is not None:
                return self._typed(unit, site.annotation, depth)
            case External():
                return called
        return Unknown("what the call returns is not known")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 40 else f"{line[:40]}…"

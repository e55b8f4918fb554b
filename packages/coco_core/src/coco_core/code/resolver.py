"""Resolver: follows names through scopes, imports, classes and plain assignments."""

from __future__ import annotations

from typing import Protocol

from tree_sitter import Node

from coco_core.code.inference import CALLABLE, DEPTH, Inference, shortened
from coco_core.code.modules import Modules
from coco_core.code.site import Kind, Origin, Role, Site
from coco_core.code.things import Entity, External, Instance, ModuleThing, Thing, Unknown
from coco_core.code.unit import Unit

__all__ = ["Resolver", "Sources"]


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


class Resolver(Inference):
    """Says what identifiers are; made for one answer, so that it may remember."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._exports: dict[tuple[str, str, str], Thing | None] = {}
        self._members: dict[tuple[str, int, str], Thing | None] = {}

    def identify(self, unit: Unit, site: Site, space: str = "") -> Thing:
        """Return what a site is or names, imports followed.

        An import may bring a type and a value of one name: ``space`` says which is meant.
        """
        if site.origin is not None:
            return self.imported(unit, site.origin, DEPTH, space)
        if site.member_of is not None and site.role in (Role.DEFINITION, Role.WRITE):
            return self._canonical_member(unit, site)
        if site.binds is not None:
            return self._canonical(unit, site)
        if site.role is Role.EXPORT and site.value is not None:
            return self.lookup(unit, unit.read(site.value), site.value, DEPTH, space)
        if site.keyword_of is not None:
            return self._keyword(unit, site)
        if site.base is not None:
            owner = self.infer(unit, site.base, DEPTH)
            space = space or unit.space_of(site.node)
            return self.member(owner, site.name, DEPTH, unit.read(site.base), space)
        return self.lookup(unit, site.name, site.node, DEPTH, space)

    def lookup(self, unit: Unit, name: str, node: Node, depth: int, space: str = "") -> Thing:
        """Return what a bare name means at a place."""
        space = space or unit.space_of(node)
        bindings = [site for site in unit.sites(name) if site.binds is not None]
        for scope in unit.scopes(node):
            for site in bindings:
                if site.binds == scope and site.meets(space):
                    return self._bound(unit, site, depth, space)
        for around in unit.classes_around(node) if depth else ():
            owner = self._class_at(unit, around, instance=True)
            member = self.member(owner, name, depth - 1, "")
            if isinstance(member, Entity):
                return member
        origin = unit.import_named(name)
        if origin is not None and depth:
            return self.imported(unit, origin, depth - 1, space)
        if depth:
            found = self._from_package(unit, name) or self._from_wildcards(unit, name, depth, space)
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

    def _bound(self, unit: Unit, site: Site, depth: int, space: str) -> Thing:
        if site.origin is not None:
            return (
                self.imported(unit, site.origin, depth - 1, space) if depth else Unknown("a circle")
            )
        return self._canonical(unit, site)

    def _canonical(self, unit: Unit, site: Site) -> Entity:
        """Return the first site that binds the same name in the same scope."""
        for other in unit.sites(site.name):
            same = other.binds == site.binds and other.meets(site.space)
            if same and other.origin is None and other.kind is not None:
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
            owner = self._typed(unit, site.annotation, DEPTH)
            return self.member(owner, site.name, DEPTH, unit.read(site.annotation))
        expression = unit.expression(call) if call is not None else None
        if expression is None or expression.of is None:
            return Unknown("the called function is not known")
        called = self.infer(unit, expression.of, DEPTH)
        if isinstance(called, External):
            return called
        if isinstance(called, Entity) and called.site.kind in CALLABLE:
            return self._argument(called, site.name)
        if isinstance(called, Entity) and called.site.kind is Kind.CLASS:
            return self._field_of(called, site.name)
        return Unknown("the called function is not known")

    def _argument(self, function: Entity, name: str) -> Thing:
        whole = function.site.whole
        for other in function.unit.sites(name) if whole is not None else ():
            if whole is not None and other.binds == whole.id and other.kind is Kind.PARAMETER:
                return Entity(function.unit, other)
        return External()

    def _field_of(self, called: Entity, name: str) -> Thing:
        """Return what ``C(name=…)`` gives a value to: an argument, or a field that is declared."""
        for maker in ("__init__", "__new__"):
            found = self.member(called, maker, DEPTH, "")
            if isinstance(found, Entity):
                return self._argument(found, name)
        field = self.member(called, name, DEPTH, "")
        if isinstance(field, Entity) and field.site.annotation is not None:
            return field
        return Unknown(f"what makes a {called.site.name} is not known")

    def imported(self, unit: Unit, origin: Origin, depth: int, space: str = "") -> Thing:
        """Return what an import brings."""
        modules = self._sources.modules(unit.language)
        module = modules.find(unit.path, origin.module)
        if module is None:
            return External()
        if not origin.name:
            return ModuleThing(module, modules)
        return self.exported(ModuleThing(module, modules), origin.name, depth, space)

    def exported(self, thing: ModuleThing, name: str, depth: int, space: str = "") -> Thing:
        """Return what a module offers under a name."""
        module = thing.path
        key = module, name, space
        if key in self._exports:
            known = self._exports[key]
            return known if known is not None else Unknown("imports that go in a circle")
        if depth <= 0:
            return Unknown("imports that go in a circle")
        self._exports[key] = None
        found = self._exported(thing, name, depth, space)
        self._exports[key] = found
        return found

    def _exported(self, thing: ModuleThing, name: str, depth: int, space: str) -> Thing:
        module, modules = thing.path, thing.modules
        for path in modules.inside(module):
            top = self._at_top(path, name)
            if top is not None:
                return top
        unit = None if module.endswith("/") else self._sources.unit(module)
        found = self._offered(thing, unit, name, depth, space) if unit is not None else None
        if found is not None:
            return found
        below = modules.below(module, name)
        if below is not None:
            return ModuleThing(below, modules)
        wild = self._from_wildcards(unit, name, depth, space) if unit is not None else None
        return wild or Unknown(f"{module} does not say where it takes {name!r} from")

    def _offered(
        self, thing: ModuleThing, unit: Unit, name: str, depth: int, space: str
    ) -> Thing | None:
        """Return what a file itself offers under a name, its own or passed on."""
        for origin in unit.exports(name):
            return self.imported(unit, origin, depth - 1, space)
        local = unit.exported_as(name)
        if local and self._sources.holds(unit.path, local):
            for site in unit.sites(local):
                if site.binds == unit.module_scope and site.meets(space):
                    return self._bound(unit, site, depth, space)
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
        return self.imported(unit, passed_on, depth - 1, space) if passed_on and depth > 1 else None

    def _from_wildcards(self, unit: Unit, name: str, depth: int, space: str) -> Thing | None:
        """Return what a name is through ``from x import *``; None when no such import has it."""
        unknown: Thing | None = None
        for module in unit.wildcards():
            modules = self._sources.modules(unit.language)
            path = modules.find(unit.path, module)
            if path is None:
                unknown = Unknown(f"{module!r} brings names that are not known")
                continue
            found = self.exported(ModuleThing(path, modules), name, depth - 1, space)
            if isinstance(found, Entity | ModuleThing):
                return found
        return unknown

    def member(self, owner: Thing, name: str, depth: int, text: str, space: str = "") -> Thing:
        """Return what ``owner.name`` is; ``text`` is how the owner is written."""
        if depth <= 0:
            return Unknown("a circle")
        match owner:
            case External():
                return owner
            case ModuleThing():
                return self.exported(owner, name, depth - 1, space)
            case Instance(of):
                return self._class_member(of, name, depth)
            case Entity(_, site) if site.kind is Kind.CLASS:
                return self._class_member(owner, name, depth)
            case Entity(unit, site) if site.whole is not None:
                # Members of what is no class: of an object, of a function.
                for other in unit.sites(name):
                    if other.member_of == site.whole.id:
                        return self._canonical_member(unit, other)
        return Unknown(f"the type of {shortened(text)} is not known")

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
                if (
                    other is not None
                    and site.member_of is not None
                    and other.same_class(site.member_of, whole)
                    and path != of.unit.path
                ):
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

"""Inference: what an expression is, as far as one assignment or one annotation decides it."""

from __future__ import annotations

from abc import ABC, abstractmethod

from tree_sitter import Node

from coco_core.code.site import Kind, Site
from coco_core.code.things import Entity, External, Instance, Thing, Unknown
from coco_core.code.unit import Form, Unit

__all__ = ["CALLABLE", "DEPTH", "Inference", "shortened"]

# Imports of imports, and values of values; deeper ones are circles or nothing that one reads.
DEPTH = 12

CALLABLE = frozenset({Kind.FUNCTION, Kind.METHOD})

# A longer expression does not help in a reason.
_MOST_SHOWN = 40


class Inference(ABC):
    """Follows values; names and members are the resolver's."""

    @abstractmethod
    def identify(self, unit: Unit, site: Site, space: str = "") -> Thing:
        """Return what a site is or names, imports followed."""

    @abstractmethod
    def lookup(self, unit: Unit, name: str, node: Node, depth: int, space: str = "") -> Thing:
        """Return what a bare name means at a place."""

    @abstractmethod
    def member(self, owner: Thing, name: str, depth: int, text: str, space: str = "") -> Thing:
        """Return what ``owner.name`` is."""

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
                space = unit.space_of(node)
                found = self.member(owner, expression.name, depth - 1, unit.read(of), space)
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
        return Unknown(f"the type of {shortened(unit.read(node))} is not known")

    def _class_at(self, unit: Unit, whole: Node, *, instance: bool) -> Thing:
        name = unit.name_of(whole)
        if name is None:
            return Unknown("a class without a name")
        for site in unit.sites(unit.read(name)):
            if site.node == name:
                # `impl Cart` names the class that it is for.
                known = Entity(unit, site) if site.kind else self.identify(unit, site)
                if isinstance(known, Entity):
                    return Instance(known) if instance else known
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
        if not isinstance(thing, Entity) or thing.site.kind in {Kind.CLASS, Kind.FUNCTION}:
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
            and (
                (other.binds is not None and other.binds == site.binds)
                or (other.member_of is not None and other.member_of == site.member_of)
            )
        ]
        if any(
            other.value is None or unit.read(other.value) != unit.read(site.value)
            for other in others
        ):
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
        return Unknown(f"the type {shortened(unit.read(annotation))} is not followed")

    def _result(self, called: Thing, depth: int) -> Thing:
        match called:
            case Entity(_, site) if site.kind is Kind.CLASS:
                return Instance(called)
            case Entity(unit, site) if site.kind in CALLABLE and site.annotation is not None:
                return self._typed(unit, site.annotation, depth)
            case External():
                return called
        return Unknown("what the call returns is not known")


def shortened(text: str) -> str:
    """Return an expression on one short line."""
    line = " ".join(text.split())
    return line if len(line) <= _MOST_SHOWN else f"{line[:_MOST_SHOWN]}…"

"""What an identifier or an expression turns out to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from coco_core.code.modules import Modules
from coco_core.code.site import Site
from coco_core.code.unit import Unit

__all__ = ["Entity", "External", "Instance", "ModuleThing", "Thing", "Unknown"]


@dataclass(frozen=True, slots=True)
class Entity:
    """A definition of the project."""

    unit: Unit
    site: Site

    @property
    def identity(self) -> tuple[str, int]:
        """Equal for all that is the same definition."""
        return self.unit.path, self.site.start


@dataclass(frozen=True, slots=True)
class Instance:
    """A value whose type is a class of the project."""

    of: Entity


@dataclass(frozen=True, slots=True)
class ModuleThing:
    """A file, or a directory of files, of the project as a whole."""

    path: str
    """The file; a directory ends in ``/``."""
    modules: Modules
    """What resolves its imports."""


@dataclass(frozen=True, slots=True)
class External:
    """Something that the project does not define: a library's, or built in."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """What syntax alone does not decide."""

    why: str


Thing: TypeAlias = Entity | Instance | ModuleThing | External | Unknown

"""Site: one identifier in a parsed file, and what its syntax says of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tree_sitter import Node

__all__ = ["Kind", "Origin", "Role", "Site"]


class Role(StrEnum):
    """What an identifier does where it stands."""

    DEFINITION = "definition"
    WRITE = "write"
    """A further assignment to what is defined already."""
    IMPORT = "import"
    EXPORT = "export"
    CALL = "call"
    USE = "use"


class Kind(StrEnum):
    """What a definition defines."""

    FUNCTION = "function"
    METHOD = "method"
    CLASS = "class"
    VARIABLE = "variable"
    FIELD = "field"
    PARAMETER = "parameter"
    MODULE = "module"
    IMPORT = "import"


@dataclass(frozen=True, slots=True)
class Origin:
    """What an import names: ``name`` of ``module``, or the whole module when it is empty."""

    module: str
    """As it is written: ``..a.b``, ``./a``, ``crate::a``."""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """One identifier; nodes belong to the tree of its unit."""

    node: Node
    name: str
    role: Role
    binds: int | None = None
    """Id of the scope in which it binds its name; None for what only uses one."""
    member_of: int | None = None
    """Id of the class of which it defines a member."""
    base: Node | None = None
    """What stands before the dot."""
    keyword_of: Node | None = None
    """The call of which it names an argument."""
    origin: Origin | None = None
    """What an import or a re-export brings."""
    kind: Kind | None = None
    """What it defines; None for what only uses a name."""
    whole: Node | None = None
    """The whole definition."""
    value: Node | None = None
    """What is assigned, if all of it goes to this name."""
    space: str = ""
    """``type`` or ``value`` where a language keeps names of both apart; empty for either."""
    annotation: Node | None = None
    """The declared type; of a function what it returns."""

    def meets(self, space: str) -> bool:
        """Whether what it binds can be seen in a space of names."""
        return not space or not self.space or self.space == space

    @property
    def start(self) -> int:
        """Offset of its first byte in the UTF-8 text: with the path, its identity."""
        return self.node.start_byte

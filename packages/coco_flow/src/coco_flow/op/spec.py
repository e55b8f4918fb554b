"""Base classes of specs: the plain-data parameters of sources, functions, targets and so on."""

from __future__ import annotations

import dataclasses
from enum import Enum
from typing import Any, dataclass_transform

__all__ = [
    "DeclarationSpec",
    "EmptyFunctionSpec",
    "FunctionSpec",
    "OpCategory",
    "SourceSpec",
    "SpecMeta",
    "TargetAttachmentSpec",
    "TargetSpec",
]


class OpCategory(Enum):
    """What an operation is in a flow."""

    FUNCTION = "function"
    SOURCE = "source"
    TARGET = "target"
    DECLARATION = "declaration"
    TARGET_ATTACHMENT = "target_attachment"


@dataclass_transform()
class SpecMeta(type):
    """Makes every subclass of a spec base a dataclass."""

    _op_category: OpCategory

    def __new__(
        mcs,
        name: str,
        bases: tuple[type, ...],
        attrs: dict[str, Any],
        category: OpCategory | None = None,
    ) -> SpecMeta:
        """Make a base class (with `category`) or a dataclass."""
        cls = super().__new__(mcs, name, bases, attrs)
        if category is not None:
            cls._op_category = category
            return cls
        made: SpecMeta = dataclasses.dataclass(cls)  # type: ignore[arg-type,assignment]
        return made


class SourceSpec(metaclass=SpecMeta, category=OpCategory.SOURCE):
    """Parameters of a source; subclasses list annotated fields and are made by keyword."""


class FunctionSpec(metaclass=SpecMeta, category=OpCategory.FUNCTION):
    """Parameters of a function; subclasses list annotated fields and are made by keyword."""


class TargetSpec(metaclass=SpecMeta, category=OpCategory.TARGET):
    """Parameters of a target; subclasses list annotated fields and are made by keyword."""


class TargetAttachmentSpec(metaclass=SpecMeta, category=OpCategory.TARGET_ATTACHMENT):
    """An extra set-up step of an export, with its own name, set-up and removal."""


class DeclarationSpec(metaclass=SpecMeta, category=OpCategory.DECLARATION):
    """Something that a flow declares without exporting rows, such as a kind of graph node."""


class EmptyFunctionSpec(FunctionSpec):
    """The spec of a function without parameters."""

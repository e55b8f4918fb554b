"""Types of constants: values that user code gives where a flow could have a field."""

from __future__ import annotations

import datetime
import sys
from types import GenericAlias
from typing import Any

from coco_flow.errors import DefinitionError
from coco_flow.types.analysis import DataTypeInfo, analyze_type_info, is_struct_type
from coco_flow.types.annotations import Json, LocalDateTime
from coco_flow.types.schema import EnrichedValueType, enriched_type

__all__ = ["constant_type"]


def constant_type(value: Any) -> tuple[DataTypeInfo, EnrichedValueType]:
    """Return the type of a constant, analyzed and as the engine's type.

    Raises:
        DefinitionError: The value's type is not specific, such as that of None or [].
    """
    annotation = _annotation_of(value)
    return analyze_type_info(annotation), enriched_type(annotation)


def _annotation_of(value: Any) -> Any:
    if value is None or (isinstance(value, list | tuple) and not value):
        raise DefinitionError(
            f"Specific type annotation is expected: {value!r} alone does not say of which type "
            "it is.",
            hint="Take the value from a function with a return annotation.",
        )
    if isinstance(value, list | tuple) and not is_struct_type(type(value)):
        if any(element is None for element in value):
            return Json
        annotations = {_annotation_of(element) for element in value}
        return GenericAlias(list, annotations.pop()) if len(annotations) == 1 else Json
    if isinstance(value, dict):
        return Json
    if isinstance(value, datetime.datetime) and value.tzinfo is None:
        return LocalDateTime
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray):
        return numpy.ndarray[Any, numpy.dtype[value.dtype.type]]
    return type(value)

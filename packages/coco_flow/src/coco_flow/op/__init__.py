"""Operations that users add: functions, sources, targets."""

from __future__ import annotations

import importlib
from typing import Any

_MODULES = {
    "ArgRelationship": "options",
    "DeclarationSpec": "spec",
    "EmptyFunctionSpec": "spec",
    "FunctionSpec": "spec",
    "NON_EXISTENCE": "source",
    "NO_ORDINAL": "source",
    "OpArgs": "options",
    "OpCategory": "spec",
    "PartialSourceRow": "source",
    "PartialSourceRowData": "source",
    "SourceReadOptions": "source",
    "SourceSpec": "spec",
    "SpecMeta": "spec",
    "TargetAttachmentSpec": "spec",
    "TargetSpec": "spec",
    "TargetStateCompatibility": "target",
    "executor_class": "definition",
    "function": "definition",
    "source_connector": "source",
    "target_connector": "target",
}

__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__

"""The flow that tests of the façade run: one source, one function of its content, one table."""

from __future__ import annotations

from typing import Any

import coco_flow
from coco_flow.op import SourceSpec, TargetSpec
from tests.flow_parts import MemorySource, MemoryTarget

__all__ = ["doc_flow"]


def doc_flow(
    function: Any = None,
    *,
    name: str = "F",
    source: SourceSpec | None = None,
    target: TargetSpec | None = None,
    key: str = "filename",
    options: dict[str, Any] | None = None,
) -> coco_flow.Flow:
    """Open a flow that exports each row's key with the content, or what the function makes of it.

    Args:
        function: A function of flows over the content.
        name: The flow's name.
        source: By default the memory source `docs`.
        target: By default the memory table `t`.
        key: The source's key field.
        options: Further arguments of `add_source`.
    """

    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["docs"] = builder.add_source(source or MemorySource(name="docs"), **(options or {}))
        out = scope.add_collector()
        with scope["docs"].row() as doc:
            value = doc["content"]
            if function is not None:
                value = doc["value"] = doc["content"].transform(function)
            out.collect(key=doc[key], value=value)
        out.export("t", target or MemoryTarget(name="t"), primary_key_fields=["key"])

    return coco_flow.open_flow(name, define)

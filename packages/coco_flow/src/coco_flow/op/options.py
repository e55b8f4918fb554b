"""Options of functions: caching, batching, processes, timeouts, relations between values."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from enum import Enum

from coco_flow.errors import DefinitionError

__all__ = ["ArgRelationship", "OpArgs"]

# The attribute names are part of the public schema that tools read.
_ATTRIBUTE_PREFIX = "cocoindex.io/"


class ArgRelationship(Enum):
    """How a function's output relates to one of its arguments."""

    EMBEDDING_ORIGIN_TEXT = _ATTRIBUTE_PREFIX + "embedding_origin_text"
    CHUNKS_BASE_TEXT = _ATTRIBUTE_PREFIX + "chunk_base_text"
    RECTS_BASE_IMAGE = _ATTRIBUTE_PREFIX + "rects_base_image"


@dataclass
class OpArgs:
    """How the engine calls a function.

    Attributes:
        gpu: Run in the worker process that all such functions share.
        cache: Keep results in the memo; needs `behavior_version`.
        batching: The function takes a list and returns a list of the same length.
        max_batch_size: Upper bound of such a list.
        behavior_version: Raise it when results change; without one, the function's source decides.
        timeout: Limit of one call (of one batch with `batching`).
        arg_relationship: What the result is to the named argument, for lineage.
    """

    gpu: bool = False
    cache: bool = False
    batching: bool = False
    max_batch_size: int | None = None
    behavior_version: int | None = None
    timeout: datetime.timedelta | None = None
    arg_relationship: tuple[ArgRelationship, str] | None = None

    def __post_init__(self) -> None:
        if self.cache and self.behavior_version is None:
            raise DefinitionError(
                "cache=True needs a behavior_version.",
                hint="Pass behavior_version=1 and raise it when the function's results change.",
            )
        if self.max_batch_size is not None and (not self.batching or self.max_batch_size < 1):
            raise DefinitionError(
                f"max_batch_size={self.max_batch_size} needs batching=True and at least 1."
            )

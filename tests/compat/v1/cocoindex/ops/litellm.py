"""Embedding through litellm under the public engine's names."""

from __future__ import annotations

import asyncio
import sys
import types
from typing import Any

from coco_flow.components import deadline
from coco_flow.components.ops import litellm as ours
from coco_flow.components.ops.litellm import LiteLLMEmbedder, LiteLLMTranscriber, litellm

__all__ = ["LiteLLMEmbedder", "LiteLLMTranscriber", "litellm"]

_asyncio = asyncio
_deadline = deadline
_is_retryable_litellm_error = ours.is_transient
_retry_litellm_call = ours.retry_call
_EMBEDDING_RETRY_TIMEOUT_SECONDS = ours.RETRY_SECONDS


class _Module(types.ModuleType):
    """Hands on what a test sets here to where it is read."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "_EMBEDDING_RETRY_TIMEOUT_SECONDS":
            ours.RETRY_SECONDS = value
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Module

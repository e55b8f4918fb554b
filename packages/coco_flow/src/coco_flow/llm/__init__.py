"""Language models behind APIs: their specs, and the limits on requests to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coco_flow.llm.spec import (
    AzureOpenAiConfig,
    LlmApiType,
    LlmSpec,
    OpenAiConfig,
    VertexAiConfig,
)

if TYPE_CHECKING:
    from coco_flow.llm.limits import RequestLimits, set_request_limits
    from coco_flow.llm.retry import HEAVY_LOAD, RetryOptions

__all__ = [
    "HEAVY_LOAD",
    "AzureOpenAiConfig",
    "LlmApiType",
    "LlmSpec",
    "OpenAiConfig",
    "RequestLimits",
    "RetryOptions",
    "VertexAiConfig",
    "set_request_limits",
]

# asyncio is a slow import, and few programs set limits.
_LAZY = {
    "HEAVY_LOAD": "coco_flow.llm.retry",
    "RequestLimits": "coco_flow.llm.limits",
    "RetryOptions": "coco_flow.llm.retry",
    "set_request_limits": "coco_flow.llm.limits",
}


def __getattr__(name: str) -> Any:
    module = _LAZY.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(module), name)

"""Lengths of the vectors of well-known embedding models."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from coco_flow.llm.spec import LlmApiType

__all__ = ["known_dimension"]

_OPENAI = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}
# Served under these names, with or without an owner before a slash, by many providers.
_OPEN_MODELS = {
    "all-minilm-l6-v2": 384,
    "all-minilm-l12-v2": 384,
    "all-mpnet-base-v2": 768,
    "bge-small-en-v1.5": 384,
    "bge-base-en-v1.5": 768,
    "bge-large-en-v1.5": 1024,
    "bge-m3": 1024,
    "e5-large-v2": 1024,
    "multilingual-e5-large": 1024,
    "gte-large": 1024,
    "nomic-embed-text-v1.5": 768,
    "qwen3-embedding-0.6b": 1024,
    "qwen3-embedding-4b": 2560,
    "qwen3-embedding-8b": 4096,
}
_VOYAGE = {
    "voyage-3-large": 1024,
    "voyage-3.5": 1024,
    "voyage-3.5-lite": 1024,
    "voyage-code-3": 1024,
    "voyage-finance-2": 1024,
    "voyage-law-2": 1024,
    "voyage-code-2": 1536,
    "voyage-3": 1024,
    "voyage-3-lite": 512,
    "voyage-multilingual-2": 1024,
    "voyage-large-2-instruct": 1024,
    "voyage-large-2": 1536,
    "voyage-2": 1024,
    "voyage-lite-02-instruct": 1024,
    "voyage-02": 1024,
    "voyage-01": 1024,
    "voyage-lite-01": 1024,
    "voyage-lite-01-instruct": 1024,
}
_OLLAMA = {
    "all-minilm": 384,
    "bge-large": 1024,
    "bge-m3": 1024,
    "embeddinggemma": 768,
    "granite-embedding": 384,
    "granite-embedding:278m": 768,
    "mxbai-embed-large": 1024,
    "nomic-embed-text": 768,
    "paraphrase-multilingual": 768,
    "qwen3-embedding:0.6b": 1024,
    "qwen3-embedding:4b": 2560,
    "qwen3-embedding:8b": 4096,
    "snowflake-arctic-embed": 1024,
    "snowflake-arctic-embed:22m": 384,
    "snowflake-arctic-embed:33m": 384,
    "snowflake-arctic-embed:110m": 768,
    "snowflake-arctic-embed:137m": 768,
    "snowflake-arctic-embed2": 1024,
}
# Whole families have one length each; the longer beginning comes first.
_GOOGLE_FAMILIES = (
    ("text-embedding-large-exp-", 3072),
    ("gemini-embedding-", 3072),
    ("text-embedding-", 768),
    ("text-multilingual-embedding-", 768),
    ("textembedding-gecko", 768),
    ("embedding-", 768),
)
_BY_NAME: Mapping[LlmApiType, Mapping[str, int]] = MappingProxyType(
    {
        LlmApiType.OPENAI: {**_OPENAI, **_OPEN_MODELS},
        LlmApiType.AZURE_OPENAI: _OPENAI,
        LlmApiType.LITE_LLM: {**_OPENAI, **_OPEN_MODELS, **_VOYAGE},
        LlmApiType.OPEN_ROUTER: {**_OPENAI, **_OPEN_MODELS},
        LlmApiType.NOVITA: _OPEN_MODELS,
        LlmApiType.VLLM: _OPEN_MODELS,
        LlmApiType.VOYAGE: _VOYAGE,
    }
)


def known_dimension(api_type: LlmApiType, model: str) -> int | None:
    """Return the length of a model's vectors, or None if the model is not known."""
    name = model.lower()
    if api_type is LlmApiType.OLLAMA:
        family = name.partition(":")[0] if name.endswith(":latest") else name
        return _OLLAMA.get(family)
    name = name.rpartition("/")[2]
    if api_type in {LlmApiType.GEMINI, LlmApiType.VERTEX_AI}:
        return next((size for start, size in _GOOGLE_FAMILIES if name.startswith(start)), None)
    return _BY_NAME.get(api_type, {}).get(name)

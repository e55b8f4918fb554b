"""Functions of flows that come with coco_flow; each module is imported at its first use."""

from __future__ import annotations

import importlib
from typing import Any

_MODULES = {
    "ChunkDocument": "coco_chunks",
    "ColPaliEmbedImage": "colpali",
    "ColPaliEmbedImageExecutor": "colpali",
    "ColPaliEmbedQuery": "colpali",
    "ColPaliEmbedQueryExecutor": "colpali",
    "CustomLanguageSpec": "text",
    "DetectProgrammingLanguage": "language",
    "Embed": "sentence_transformer",
    "EmbedText": "embed",
    "ExtractByLlm": "extract",
    "ImageInfo": "documents",
    "ParseJson": "json",
    "PdfPage": "documents",
    "PdfPageImage": "documents",
    "PdfPages": "documents",
    "ReadDocument": "documents",
    "ReadDocx": "documents",
    "ReadImageInfo": "documents",
    "ReadPdf": "documents",
    "ReadPptx": "documents",
    "ReadXlsx": "documents",
    "SentenceTransformerEmbed": "sentence_transformer",
    "SentenceTransformerEmbedExecutor": "sentence_transformer",
    "SplitBySeparators": "text",
    "SplitRecursively": "text",
    "max_sim": "vectors",
}

__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__

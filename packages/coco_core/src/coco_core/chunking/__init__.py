"""Chunking: splits documents along definitions and sections."""

from __future__ import annotations

from coco_core.chunking.document import ChunkedDocument, chunk_document
from coco_core.chunking.estimate import EstimatedTokenizer

__all__ = ["ChunkedDocument", "EstimatedTokenizer", "chunk_document"]

"""Functions around tensors."""

from __future__ import annotations

from colpali_engine.models import Vectors


def get_torch_device(device: str) -> str:
    """Return the processor."""
    assert device == "auto"
    return "cpu"


def unbind_padded_multivector_embeddings(embeddings: Vectors, padding_side: str) -> list[Vectors]:
    """Return the multi-vectors, which have no padding here."""
    assert padding_side == "right"
    return list(embeddings)

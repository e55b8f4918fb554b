"""The protocol of embedders: one text to one vector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Embedder"]


@runtime_checkable
class Embedder(Protocol):
    """Embeds texts; calls that run at the same time may share a batch."""

    async def embed(self, text: str) -> NDArray[np.float32]:
        """Return the vector of a text."""
        ...

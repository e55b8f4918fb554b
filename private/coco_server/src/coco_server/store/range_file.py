"""Files that can seek, over anything that gives ranges of bytes."""

from __future__ import annotations

import io
import os
from abc import abstractmethod

__all__ = ["RangeFile"]


class RangeFile(io.RawIOBase):
    """A file of a known size; subclasses say where its bytes come from."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self._place = 0

    @abstractmethod
    def _range(self, start: int, end: int) -> bytes:
        """Return the bytes from ``start`` up to ``end``, which lie within the file."""

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move, without reading, and return the new position."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self.size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def read(self, size: int | None = -1, /) -> bytes:
        """Return exactly ``size`` bytes, fewer only at the end."""
        left = max(0, self.size - self._place)
        wanted = left if size is None or size < 0 else min(size, left)
        found = self._range(self._place, self._place + wanted) if wanted else b""
        self._place += len(found)
        return found

    def readall(self) -> bytes:
        """Return everything that is left."""
        return self.read()

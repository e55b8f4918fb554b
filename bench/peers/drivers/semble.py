"""semble as its MCP server uses it: one index in memory, kept in a cache on disk."""

from __future__ import annotations

import sys
from pathlib import Path

from semble import SembleIndex
from semble.cache import save_index_to_cache
from semble.index.dense import load_model

from bench.peers.drivers.wire import Place, serve


class Semble:
    """The library with a static model from a local folder."""

    def __init__(self, model: Path) -> None:
        self._model = str(model)
        self._index: SembleIndex | None = None
        load_model(self._model)

    def index(self, root: str) -> None:
        self._index = SembleIndex.from_path(root, model_path=self._model)
        save_index_to_cache(self._index, root)

    def query(self, text: str, limit: int) -> list[Place]:
        assert self._index is not None
        chunks = (result.chunk for result in self._index.search(text, top_k=limit))
        return [(chunk.file_path, chunk.start_line, chunk.end_line) for chunk in chunks]

    def close(self) -> None:
        """Nothing runs beside this process."""


if __name__ == "__main__":
    serve(Semble(Path(sys.argv[1])))

"""Plain BM25 over windows of fixed length, with the defaults of bm25s and nothing of our own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import bm25s

from bench.peers.drivers.wire import Place, serve

# About as long as the chunks of the other peers; half of it again in the next window.
_LINES = 40
_STEP = 20
# Larger files are data; the other peers leave them out as well.
_MOST_BYTES = 1_000_000


class PlainBm25:
    """An index in memory, saved to disk."""

    def __init__(self, ripgrep: str, folder: Path) -> None:
        self._ripgrep = ripgrep
        self._folder = folder
        self._places: list[Place] = []
        self._index = bm25s.BM25()

    def index(self, root: str) -> None:
        texts: list[str] = []
        self._places = []
        for path in self._files(root):
            data = (Path(root) / path).read_bytes()
            if len(data) > _MOST_BYTES or b"\0" in data:
                continue
            lines = data.decode("utf-8", errors="replace").splitlines()
            for start in range(0, max(1, len(lines) - _STEP), _STEP):
                window = lines[start : start + _LINES]
                texts.append("\n".join(window))
                self._places.append((path, start + 1, start + max(1, len(window))))
        self._index = bm25s.BM25()
        tokens = bm25s.tokenize(texts, stopwords="en", show_progress=False)
        self._index.index(tokens, show_progress=False)
        self._index.save(str(self._folder))

    def query(self, text: str, limit: int) -> list[Place]:
        tokens = bm25s.tokenize([text], stopwords="en", show_progress=False)
        limit = min(limit, len(self._places))
        found, scores = self._index.retrieve(tokens, k=limit, show_progress=False)
        pairs = zip(found[0], scores[0], strict=True)
        return [self._places[int(i)] for i, score in pairs if score > 0]

    def close(self) -> None:
        """Nothing runs beside this process."""

    def _files(self, root: str) -> list[str]:
        command = [self._ripgrep, "--files", "--null", "--no-require-git"]
        done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, check=True)
        return sorted(done.stdout.decode("utf-8", errors="surrogateescape").split("\0")[:-1])


if __name__ == "__main__":
    serve(PlainBm25(sys.argv[1], Path(sys.argv[2])))

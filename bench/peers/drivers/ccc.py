"""cocoindex-code through its own client: a daemon, asked over its socket.

COCOINDEX_CODE_DIR names the home of this daemon, so that one that runs already is not touched.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cocoindex_code import client
from cocoindex_code.settings import (
    EmbeddingSettings,
    UserSettings,
    default_project_settings,
    save_project_settings,
    save_user_settings,
)

from bench.peers.drivers.wire import Place, serve


class CocoindexCode:
    """The daemon with a sentence-transformers model from a local folder."""

    def __init__(self, model: Path) -> None:
        self._root = ""
        embedding = EmbeddingSettings(provider="sentence-transformers", model=str(model))
        save_user_settings(UserSettings(embedding=embedding))
        # The first request starts the daemon and waits for it.
        client.daemon_status()

    def index(self, root: str) -> None:
        self._root = root
        save_project_settings(Path(root), default_project_settings())
        answer = client.index(root)
        if not answer.success:
            raise RuntimeError(f"indexing of {root!r} failed: {answer.message}")

    def query(self, text: str, limit: int) -> list[Place]:
        answer = client.search(self._root, text, limit=limit)
        if not answer.success:
            raise RuntimeError(f"the query {text!r} failed: {answer.message}")
        return [(hit.file_path, hit.start_line, hit.end_line) for hit in answer.results]

    def close(self) -> None:
        client.stop_daemon()


if __name__ == "__main__":
    serve(CocoindexCode(Path(sys.argv[1])))

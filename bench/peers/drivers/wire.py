"""How a driver talks: one JSON object a line, requests on stdin and answers on stdout.

A driver runs inside a peer's own virtual environment and imports the standard library and its peer.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Protocol

# Path relative to the indexed root, first and last line (1-based, inclusive); without lines a file.
Place = tuple[str, int | None, int | None]


class Driven(Protocol):
    """What a driver makes of its peer."""

    def index(self, root: str) -> None:
        """Index a directory and return when all of it can be found."""

    def query(self, text: str, limit: int) -> Sequence[Place]:
        """Return the best places, best first."""

    def close(self) -> None:
        """End what the peer started."""


def serve(peer: Driven) -> None:
    """Answer requests until stdin ends."""
    # Whatever the peer prints goes to stderr, so that it cannot disturb the conversation.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(answer: object) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    try:
        say({"ready": True})
        for line in sys.stdin:
            request = json.loads(line)
            if "index" in request:
                peer.index(request["index"])
                say({"indexed": True})
            else:
                say({"places": list(peer.query(request["query"], request["limit"]))})
    finally:
        peer.close()

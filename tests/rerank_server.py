"""A server on loopback that speaks the ``/rerank`` protocol in the forms that servers speak it.

The share of the query's words that stand in a text is its score.

    python -m tests.rerank_server [--form documents|texts|data|logits] [--port 0]
"""

from __future__ import annotations

import argparse
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.http_server import Handler, served

__all__ = ["Form", "RerankServer", "rerank_server"]

Form = Literal["documents", "texts", "data", "logits"]

_WORD = re.compile(r"\w+")


def overlap(query: str, text: str) -> float:
    asked = set(_WORD.findall(query.lower()))
    return len(asked & set(_WORD.findall(text.lower()))) / max(len(asked), 1)


@dataclass
class RerankServer:
    """The running server, and what a test wants of it."""

    url: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    """The bodies, in order."""
    keys: list[str | None] = field(default_factory=list)
    score: Callable[[str, str], float] = overlap
    """Of a query and a text."""
    faults: list[tuple[int, object]] = field(default_factory=list)
    """(status, body) of the next answers, instead of what would be right."""
    gate: threading.Event = field(default_factory=threading.Event)
    """Answers wait for it; set unless a test clears it."""


def _answer(
    form: Form, body: Mapping[str, Any], score: Callable[[str, str], float]
) -> tuple[int, object]:
    wanted = "texts" if form == "texts" else "documents"
    if wanted not in body:
        return 422, {"error": f"missing field `{wanted}`"}
    scores = [score(body["query"], text) for text in body[wanted]]
    if form == "logits":
        scores = [20 * score - 10 for score in scores]
    order = sorted(range(len(scores)), key=lambda place: -scores[place])
    if form == "texts":
        return 200, [{"index": place, "score": scores[place]} for place in order]
    results = [{"index": place, "relevance_score": scores[place]} for place in order]
    return 200, {"data" if form == "data" else "results": results}


@contextmanager
def rerank_server(form: Form = "documents", *, port: int = 0) -> Iterator[RerankServer]:
    """Run the server until the block ends."""
    state = RerankServer(url="")
    state.gate.set()

    class Reranking(Handler):
        def respond(self) -> None:
            body = json.loads(self.read_body())
            state.requests.append(body)
            state.keys.append(self.headers.get("Authorization"))
            fault = state.faults.pop(0) if state.faults else None
            state.gate.wait()
            if self.path != "/v1/rerank":
                self.answer(404, {"error": "no such route"})
                return
            self.answer(*(fault or _answer(form, body, state.score)))

    with served(Reranking, port=port) as server:
        state.url = f"http://127.0.0.1:{server.server_port}/v1"
        try:
            yield state
        finally:
            state.gate.set()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--form", default="documents")
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    with rerank_server(arguments.form, port=arguments.port) as running:
        print(f'url = "{running.url}"', flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()

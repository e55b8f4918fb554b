"""A server on loopback that speaks OpenAI's embeddings protocol, for tests and for trying out.

It answers with the ONNX model when one is given, else with a hashing embedder: the words of a text,
each in a place and with a sign that its hash says. Texts that share words are near each other, and
the same text has the same vector everywhere.

    python -m tests.embedding_server [--dimension 384] [--port 0] [--model DIRECTORY]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from coco_core.types import FloatMatrix
from tests.http_server import Handler, served

Embed = Callable[[Sequence[str]], FloatMatrix]

_WORD = re.compile(r"\w+")


@dataclass
class EmbeddingServer:
    """The running server, and what a test wants of it."""

    url: str
    requests: int = 0
    texts: int = 0
    """Those that got a vector."""
    refusals: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """(status, headers) of the next answers."""
    gate: threading.Event = field(default_factory=threading.Event)
    """Answers wait for it; set unless a test clears it."""
    lock: threading.Lock = field(default_factory=threading.Lock)


def hashing(dimension: int) -> Embed:
    def embed(texts: Sequence[str]) -> FloatMatrix:
        vectors = np.zeros((len(texts), dimension), np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in _WORD.findall(text.lower()) or [text]:
                digest = hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest()
                number = int.from_bytes(digest, "little")
                row[number % dimension] += 1.0 if number >> 63 else -1.0
            if not row.any():
                row[0] = 1.0
        return vectors

    return embed


@contextmanager
def embedding_server(
    *, dimension: int = 384, embed: Embed | None = None, port: int = 0
) -> Iterator[EmbeddingServer]:
    """Run the server until the block ends."""
    compute = embed or hashing(dimension)
    state = EmbeddingServer(url="")
    state.gate.set()

    class Embeddings(Handler):
        def respond(self) -> None:
            body = json.loads(self.read_body())
            with state.lock:
                state.requests += 1
                refusal = state.refusals.pop(0) if state.refusals else None
            state.gate.wait()
            if refusal is not None:
                self.answer(refusal[0], {}, refusal[1])
                return
            with state.lock:
                state.texts += len(body["input"])
            vectors = compute(body["input"]).tolist()
            data = [{"index": place, "embedding": row} for place, row in enumerate(vectors)]
            self.answer(200, {"data": data})

    with served(Embeddings, port=port) as server:
        state.url = f"http://127.0.0.1:{server.server_port}/v1"
        try:
            yield state
        finally:
            state.gate.set()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--model", type=Path, help="a models directory with the ONNX model")
    arguments = parser.parse_args()
    embed = None
    if arguments.model is not None:
        from coco_embed.onnx import OnnxEmbedder
        from coco_embed.store import ModelStore

        embed = OnnxEmbedder(ModelStore(arguments.model).require()).embed_documents
    serving = embedding_server(dimension=arguments.dimension, embed=embed, port=arguments.port)
    with serving as running:
        print(f"COCO_EMBED_URL={running.url}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()

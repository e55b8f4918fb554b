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
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from coco_core.types import FloatMatrix

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
    """Return the hashing embedder."""

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


class _Server(ThreadingHTTPServer):
    """Clients may be killed in the middle of a request; the next one is answered all the same."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        error = sys.exception()
        if not isinstance(error, ConnectionError | json.JSONDecodeError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def embedding_server(
    *, dimension: int = 384, embed: Embed | None = None, port: int = 0
) -> Iterator[EmbeddingServer]:
    """Run the server until the block ends."""
    compute = embed or hashing(dimension)
    state = EmbeddingServer(url="")
    state.gate.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with state.lock:
                state.requests += 1
                refusal = state.refusals.pop(0) if state.refusals else None
            state.gate.wait()
            if refusal is not None:
                self._answer(refusal[0], refusal[1], b"{}")
                return
            with state.lock:
                state.texts += len(body["input"])
            vectors = compute(body["input"]).tolist()
            data = [{"index": place, "embedding": row} for place, row in enumerate(vectors)]
            self._answer(200, {}, json.dumps({"data": data}).encode())

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            try:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = _Server(("127.0.0.1", port), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        state.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()


def main() -> None:
    """Serve until interrupted."""
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

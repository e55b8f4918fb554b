"""A server on loopback that speaks the protocols of providers of language models, by script.

It records every request. What it answers is scripted: values for requests that generate, failures
for whichever request comes next; texts that are to be embedded get vectors of their words' hashes.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.embedding_server import hashing
from tests.http_server import Handler, served


@dataclass(frozen=True)
class Received:
    path: str
    query: str
    headers: Mapping[str, str]
    body: Any
    raw: bytes


@dataclass
class Failure:
    """An answer that is none."""

    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    reset: bool = False
    """Break the connection off instead of answering."""


@dataclass
class LlmServer:
    """The running server, and what a test wants of it."""

    url: str = ""
    dimension: int = 8
    received: list[Received] = field(default_factory=list)
    failures: deque[Failure] = field(default_factory=deque)
    answers: deque[Any] = field(default_factory=deque)
    """What the model says next: JSON values, or texts as they are."""
    model: Callable[[Received], Any] | None = None
    """Says what the model answers when no answer is left."""
    gate: threading.Event = field(default_factory=threading.Event)
    """Answers wait for it; set unless a test clears it."""
    under_way: int = 0
    most_under_way: int = 0
    cut: bool = False
    """Whether answers say that they were cut at the model's longest output."""
    errors: list[BaseException] = field(default_factory=list)
    """What went wrong in the server itself; raised when it ends."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def bodies(self) -> list[Any]:
        return [each.body for each in self.received]

    def answer(self, *values: Any) -> None:
        """Let the model say these next."""
        self.answers.extend(values)

    def fail(
        self,
        status: int,
        *,
        times: int = 1,
        headers: Mapping[str, str] | None = None,
        body: bytes | Mapping[str, Any] = b"{}",
    ) -> None:
        """Answer the next requests with an error."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.failures.extend(Failure(status, headers or {}, content) for _ in range(times))

    def reset(self, times: int = 1) -> None:
        """Break the next connections off."""
        self.failures.extend(Failure(reset=True) for _ in range(times))

    def say(self, received: Received) -> Any:
        if self.answers:
            return self.answers.popleft()
        assert self.model is not None, f"no answer is scripted for {received.path}"
        return self.model(received)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _embedded(server: LlmServer, texts: list[str]) -> list[list[float]]:
    vectors: list[list[float]] = hashing(server.dimension)(texts).tolist()
    return vectors


def _openai_chat(server: LlmServer, received: Received) -> Any:
    reason = "length" if server.cut else "stop"
    message = {"role": "assistant", "content": _text(server.say(received))}
    return {"choices": [{"index": 0, "message": message, "finish_reason": reason}]}


def _openai_embeddings(server: LlmServer, received: Received) -> Any:
    rows = _embedded(server, received.body["input"])
    # In another order than asked: the index counts.
    data = [{"index": n, "embedding": row} for n, row in enumerate(rows)]
    return {"data": data[::-1], "model": received.body["model"]}


def _openai_transcription(server: LlmServer, received: Received) -> Any:
    return {"text": _text(server.say(received))}


def _anthropic_messages(server: LlmServer, received: Received) -> Any:
    value = server.say(received)
    tools = received.body.get("tools")
    block: dict[str, Any] = {"type": "text", "text": _text(value)}
    if tools and not isinstance(value, str):
        block = {"type": "tool_use", "id": "t1", "name": tools[0]["name"], "input": value}
    return {"content": [block], "stop_reason": "max_tokens" if server.cut else "tool_use"}


def _gemini_generate(server: LlmServer, received: Received) -> Any:
    parts = [{"text": "Let me see.", "thought": True}, {"text": _text(server.say(received))}]
    reason = "MAX_TOKENS" if server.cut else "STOP"
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": reason}
    return {"candidates": [candidate], "usageMetadata": {"totalTokenCount": 1}}


def _gemini_embed(server: LlmServer, received: Received) -> Any:
    texts = [each["content"]["parts"][0]["text"] for each in received.body["requests"]]
    return {"embeddings": [{"values": row} for row in _embedded(server, texts)]}


def _vertex_predict(server: LlmServer, received: Received) -> Any:
    texts = [each["content"] for each in received.body["instances"]]
    rows = _embedded(server, texts)
    return {"predictions": [{"embeddings": {"values": row}} for row in rows]}


def _ollama_generate(server: LlmServer, received: Received) -> Any:
    reason = "length" if server.cut else "stop"
    return {"response": _text(server.say(received)), "done": True, "done_reason": reason}


def _ollama_embed(server: LlmServer, received: Received) -> Any:
    return {"embeddings": _embedded(server, received.body["input"])}


def _google_token(server: LlmServer, received: Received) -> Any:
    return {"access_token": "a-token", "expires_in": 3600, "token_type": "Bearer"}


def _bedrock_converse(server: LlmServer, received: Received) -> Any:
    value = server.say(received)
    block: dict[str, Any] = {"text": _text(value)}
    if "toolConfig" in received.body and not isinstance(value, str):
        block = {"toolUse": {"toolUseId": "t1", "name": "report_result", "input": value}}
    stop = "max_tokens" if server.cut else "tool_use"
    return {"output": {"message": {"role": "assistant", "content": [block]}}, "stopReason": stop}


_ENDPOINTS: tuple[tuple[str, Callable[[LlmServer, Received], Any]], ...] = (
    ("/chat/completions", _openai_chat),
    ("/embeddings", _openai_embeddings),
    ("/audio/transcriptions", _openai_transcription),
    ("/v1/messages", _anthropic_messages),
    (":generateContent", _gemini_generate),
    (":batchEmbedContents", _gemini_embed),
    (":predict", _vertex_predict),
    ("/api/generate", _ollama_generate),
    ("/api/embed", _ollama_embed),
    ("/converse", _bedrock_converse),
    ("/token", _google_token),
)


class _Handler(Handler):
    state: LlmServer

    def respond(self) -> None:
        raw = self.read_body()
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        is_json = headers.get("content-type", "").startswith("application/json")
        body = json.loads(raw) if is_json else None
        received = Received(unquote(parts.path), parts.query, headers, body, raw)
        state = self.state
        with state.lock:
            state.received.append(received)
            state.under_way += 1
            state.most_under_way = max(state.most_under_way, state.under_way)
            failure = state.failures.popleft() if state.failures else None
        state.gate.wait()
        try:
            self._reply(received, failure)
        finally:
            with state.lock:
                state.under_way -= 1

    def _reply(self, received: Received, failure: Failure | None) -> None:
        if failure is not None and failure.reset:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
            self.close_connection = True
            return
        if failure is not None:
            headers = {"Content-Type": "application/json", **failure.headers}
            self.answer(failure.status, failure.body, headers)
            return
        for ending, reply in _ENDPOINTS:
            if received.path.endswith(ending):
                try:
                    with self.state.lock:
                        body = reply(self.state, received)
                except Exception as error:  # noqa: BLE001 - raised when the server ends
                    self.state.errors.append(error)
                    self.answer(400, {"error": f"{error!r}"})
                    return
                self.answer(200, body)
                return
        self.answer(404, {"error": {"message": "no such path"}})


@contextmanager
def llm_server() -> Iterator[LlmServer]:
    """Run the server until the block ends."""
    state = LlmServer()
    state.gate.set()
    handler = type("Handler", (_Handler,), {"state": state})
    with served(handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield state
        finally:
            state.gate.set()
    for error in state.errors:
        raise error

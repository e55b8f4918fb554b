"""A server on this machine that answers like a language model's, by rules, for the examples.

It speaks the protocol of OpenAI, so that the examples run with real HTTP, without a key and without
a network. It is no language model: it reads the text in the prompt and answers with the terms in it
that are written with capital letters, and with its first sentence. Tokens are counted as words.

    python examples/models/local_llm.py        prints its address, and serves until it is stopped
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["answer", "local_llm"]

# One word with a capital inside or two capitals, or several capitalized words in a row.
_TERM = re.compile(
    r"\b(?:[A-Z][A-Za-z]+(?: [A-Z][A-Za-z]+)+|[A-Z][a-z]*[A-Z][A-Za-z]*|[A-Z][a-z]{3,})\b"
)
_INPUT = re.compile(r"\[\[ ## (\w+) ## \]\]\n(.*?)(?=\n\n\[\[ ##|\n\nRespond with|\Z)", re.DOTALL)
_WANTED = re.compile(r"`\[\[ ## (\w+) ## \]\]`")
# Words that begin sentences, and so have a capital without being a name.
_COMMON = """
    also and because before both but each even every first from have here however into just like
    look make many more most next note once only other over same should some such than that their
    them then there these they this those through under until very well were what when where which
    while will with without would your
"""


def terms(text: str) -> list[str]:
    """Return the terms with capital letters in a text, each once, in order."""
    found = dict.fromkeys(match[0] for match in _TERM.finditer(text))
    common = set(_COMMON.split())
    return [one for one in found if one.lower() not in common]


def answer(prompt: str) -> str:
    """Return what a prompt of DSPy is answered with: each field that it asks for."""
    inputs = dict(_INPUT.findall(prompt))
    text = next(iter(inputs.values()), "")
    parts = []
    for field in dict.fromkeys(_WANTED.findall(prompt)):
        if field == "completed":
            continue
        sentence = text.strip().partition("\n")[0][:200]
        value = sentence if field == "summary" else json.dumps(terms(text))
        parts.append(f"[[ ## {field} ## ]]\n{value}")
    return "\n\n".join([*parts, "[[ ## completed ## ]]"])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = "\n".join(str(one["content"]) for one in request["messages"])
        said = answer(str(request["messages"][-1]["content"]))
        usage = {"prompt_tokens": len(prompt.split()), "completion_tokens": len(said.split())}
        message = {"role": "assistant", "content": said}
        self._send(
            {
                "id": "local",
                "object": "chat.completion",
                "model": request["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {**usage, "total_tokens": sum(usage.values())},
            }
        )

    def _send(self, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


@contextmanager
def local_llm() -> Iterator[str]:
    """Run the server until the block ends; the value is its address."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()


if __name__ == "__main__":
    with local_llm() as address:
        print(address, flush=True)  # noqa: T201
        threading.Event().wait()

"""Registered rerankers: the ``[rerankers.NAME]`` tables of a TOML file.

It imports nothing heavy: settings are read by commands that rerank nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coco_core.settings import Setting, text
from coco_embed.registration import LARGEST, ModelTable, server_url, variable_name, whole_number

__all__ = ["RERANKERS", "RegisteredReranker"]

# A person waits for the answer; with fewer tokens there is no room for a query and a text.
_MOST_SECONDS = 120
_FEWEST_TOKENS = 16


@dataclass(frozen=True, slots=True)
class RegisteredReranker:
    """One cross-encoder; exactly one of ``path`` and ``url`` is set."""

    name: str
    origin: str
    """``FILE:LINE`` of its table."""
    path: Path | None = None
    """The directory of an ONNX model."""
    file: str | None = None
    """The graph's file in it, where there are several."""
    url: str | None = None
    """The server's address, up to and without ``/rerank``."""
    model: str | None = None
    """The server's name of the model; None is ``name``."""
    api_key_env: str | None = None
    """The environment variable with the server's key."""
    max_tokens: int | None = None
    """Longest input, query and text together; None is what the directory says, or a server's
    usual 512."""
    timeout_seconds: int = 5
    """How long a query waits before the first stage's order answers."""


RERANKERS: Final = ModelTable(
    name="rerankers",
    make=RegisteredReranker,
    fields={
        field.name: field
        for field in (
            Setting("path", text, "a directory with model.onnx and tokenizer.json"),
            Setting("file", text, "a file in the directory, such as onnx/model_quantized.onnx"),
            Setting("url", server_url("/rerank"), "a URL such as http://127.0.0.1:8000/v1"),
            Setting("model", text, "the server's name of the model"),
            Setting("api_key_env", variable_name, "the name of an environment variable"),
            Setting(
                "max_tokens",
                whole_number(_FEWEST_TOKENS),
                f"a whole number, {_FEWEST_TOKENS} to {LARGEST}",
            ),
            Setting(
                "timeout_seconds", whole_number(1, _MOST_SECONDS), f"seconds, 1 to {_MOST_SECONDS}"
            ),
        )
    },
    goes_with={
        "path": "path",
        "file": "path",
        "url": "url",
        "model": "url",
        "api_key_env": "url",
    },
    example_url="http://HOST/v1",
)
"""The table of a settings file that holds them."""

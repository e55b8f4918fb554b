"""Custom models: the ``[models.NAME]`` tables of a TOML file, each an embedding model.

It imports nothing heavy: settings are read by commands that embed nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coco_core.settings import Setting, WrongValue, one_of, text
from coco_embed.registration import (
    LARGEST,
    ModelTable,
    server_url,
    variable_name,
    whole_number,
)

__all__ = ["MODELS", "POOLINGS", "CustomModel"]

POOLINGS: Final = ("mean", "cls", "last", "max", "weighted_mean", "none")
"""How the vectors of a text's tokens become one; with ``none`` the graph does it itself."""


@dataclass(frozen=True, slots=True)
class CustomModel:
    """One model; exactly one of ``path`` and ``url`` is set."""

    name: str
    origin: str
    """``FILE:LINE`` of its table."""
    path: Path | None = None
    """The directory of an ONNX model."""
    file: str | None = None
    """The graph's file in it, where there are several."""
    pooling: str | None = None
    """One of `POOLINGS`; None is what the directory says."""
    url: str | None = None
    """OpenAI's protocol, up to and without ``/embeddings``."""
    model: str | None = None
    """The server's name of the model; None is ``name``."""
    api_key_env: str | None = None
    """The environment variable with the server's key."""
    dimension: int | None = None
    """Length of a vector; None is what the graph or the server says."""
    max_tokens: int | None = None
    """Longest input; None is what the directory says, or a server's usual 512."""
    query_prefix: str | None = None
    """Put before every query; None is what the directory says."""
    document_prefix: str | None = None
    """Put before every document; None is what the directory says."""


def _prefix(given: object, base: Path) -> str:
    del base
    # Blank space at its end belongs to it: "query: ".
    if not isinstance(given, str):
        raise WrongValue("it is not a text")
    return given


MODELS: Final = ModelTable(
    name="models",
    make=CustomModel,
    fields={
        field.name: field
        for field in (
            Setting("path", text, "a directory with model.onnx and tokenizer.json"),
            Setting("file", text, "a file in the directory, such as onnx/model_quantized.onnx"),
            Setting("pooling", one_of(*POOLINGS), ", ".join(POOLINGS)),
            Setting("url", server_url("/embeddings"), "a URL such as http://127.0.0.1:8000/v1"),
            Setting("model", text, "the server's name of the model"),
            Setting("api_key_env", variable_name, "the name of an environment variable"),
            Setting("dimension", whole_number(1), f"a whole number, 1 to {LARGEST}"),
            Setting("max_tokens", whole_number(8), f"a whole number, 8 to {LARGEST}"),
            Setting("query_prefix", _prefix, 'a text such as "query: "'),
            Setting("document_prefix", _prefix, 'a text such as "passage: "'),
        )
    },
    goes_with={
        "path": "path",
        "file": "path",
        "pooling": "path",
        "url": "url",
        "model": "url",
        "api_key_env": "url",
    },
    example_url="http://HOST/v1",
    taken=frozenset({"all-MiniLM-L6-v2", "coco-static"}),
)
"""The table of a settings file that holds them."""

"""Embedding input of a chunk: a header that names its location, then its text."""

from __future__ import annotations

import re

from coco_core.types import Chunk

__all__ = ["embedding_text", "split_identifiers"]

# Models read the first 128 word pieces only; the header may take about a third of them, at four
# to five characters each.
_LONGEST_HEADER = 200
# The head of a definition says most in its name and first parameters.
_LONGEST_SIGNATURE = 100

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# Underscores between letters; those at the ends and in runs belong to the language.
_SNAKE = re.compile(r"(?<=[A-Za-z0-9])_(?=[A-Za-z0-9])")
_EXTENSION = re.compile(r"\.\w{1,10}$")


def split_identifiers(text: str) -> str:
    """Put spaces into camelCase and snake_case, for models whose vocabulary is made of words."""
    return _SNAKE.sub(" ", _CAMEL.sub(" ", text))


def embedding_text(doc_id: str, chunk: Chunk) -> str:
    """Return header and text of a document's chunk, identifiers split as in `Query.embed_text`."""
    place = _EXTENSION.sub("", doc_id).replace("/", " ").replace("-", " ")
    trail = " > ".join(chunk.heading_trail) or chunk.symbol.replace(".", " ")
    lines = [f"{place} | {trail}" if trail else place]
    head = chunk.signature.strip()
    if head and head not in chunk.text:
        lines.append(head[:_LONGEST_SIGNATURE])
    header = split_identifiers("\n".join(lines))
    if len(header) > _LONGEST_HEADER:
        # The end of a path and the innermost name tell more than the beginning.
        header = header[-_LONGEST_HEADER:].partition(" ")[2]
    return f"{header}\n{split_identifiers(chunk.text)}"

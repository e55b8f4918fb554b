"""Definition boost: chunks that define a symbol named in the query."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from coco_core.fusion import Scores
from coco_core.query import Query
from coco_core.ranking.paths import file_stem
from coco_core.types import ChunkMetadata

__all__ = ["definition_boosts", "definition_match"]

# A query that is a name asks for its definition: no sum of other evidence may outweigh it.
_SYMBOL_WEIGHT = 3.0

# In a sentence a name is one hint among several.
_MENTION_WEIGHT = 0.7

# How sure a match is: the very path; the last name of another path; the same but for case.
_EXACT = 1.0
_SAME_NAME = 0.8
_SAME_BUT_CASE = 0.7
_SAME_NAME_BUT_CASE = 0.5

# A file named after the symbol is where it lives, not where a namesake is declared.
_OWN_FILE = 1.3

# Of two definitions of one name the one further up is the one that others import; below stand
# variants of it (`v1/`, `experimental/`, `platform/`). Enough to turn a tie, no more.
_PER_DIRECTORY = 0.97


def definition_boosts(query: Query, chunks: Sequence[ChunkMetadata]) -> Scores:
    """Return a boost for every chunk that defines a symbol of the query."""
    boosts = np.zeros(len(chunks))
    if not query.symbols:
        return boosts
    weight = _SYMBOL_WEIGHT if query.shape == "symbol" else _MENTION_WEIGHT
    for name in query.symbols:
        folded = name.casefold()
        last = folded.rpartition(".")[2]
        for i, chunk in enumerate(chunks):
            for path in chunk.definitions:
                # Cheap refusal first: nearly no chunk defines the name.
                if not path.casefold().endswith(last):
                    continue
                found = definition_match(name, path)
                if found:
                    own = _OWN_FILE if _is_named(chunk.doc_id, last) else 1.0
                    depth = _PER_DIRECTORY ** chunk.doc_id.count("/")
                    boosts[i] = max(boosts[i], weight * found * own * depth)
    return boosts


def _is_named(doc_id: str, folded: str) -> bool:
    """Tell whether a file bears the name and nothing more: not `Client.d.ts`, `Client.Proxy.cs`."""
    name = doc_id.rpartition("/")[2]
    return file_stem(doc_id).casefold() == folded and name.count(".") <= 1


def definition_match(name: str, path: str) -> float:
    """Say how well a defined dotted ``path`` answers to ``name``, from 0 to 1."""
    if path == name:
        return _EXACT
    # `run` asks for any run; `App.run` for an App.run wherever that is nested.
    if path.endswith(f".{name}"):
        return _EXACT
    folded_name, folded_path = name.casefold(), path.casefold()
    if folded_path == folded_name or folded_path.endswith(f".{folded_name}"):
        return _SAME_BUT_CASE
    if "." not in name:
        return 0.0
    if path.rpartition(".")[2] == name.rpartition(".")[2]:
        return _SAME_NAME if "." not in path else 0.3
    return 0.0

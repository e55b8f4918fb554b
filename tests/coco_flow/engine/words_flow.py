"""The flow that the engine's tests run: lines of texts, and the words that texts share."""

from __future__ import annotations

from dataclasses import dataclass

import coco_flow
from tests.flow_parts import MemorySource, MemoryTarget

__all__ = ["Calls", "Line", "words_flow"]


@dataclass
class Line:
    number: int
    text: str


@dataclass
class Word:
    word: str
    origin: str


class Calls:
    """What functions were called with."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.upper: list[str] = []


def words_flow(
    name: str,
    calls: Calls | None = None,
    *,
    version: int = 1,
    sources: tuple[str, ...] = ("a", "b"),
    with_length: bool = False,
    with_words: bool = True,
) -> coco_flow.Flow:
    """Open a flow over the memory sources into the tables `lines` (own keys) and `words` (shared).

    A line "BOOM" fails. `version` changes what `upper` returns, and its behavior_version.
    """
    seen = calls or Calls()

    @coco_flow.op.function()
    def lines(text: str) -> list[Line]:
        seen.lines.append(text)
        return [Line(number, line) for number, line in enumerate(text.split("\n"))]

    @coco_flow.op.function(cache=True, behavior_version=version)
    def upper(text: str) -> str:
        seen.upper.append(text)
        if text == "BOOM":
            raise ValueError("boom!")
        return f"{text.upper()}:{version}"

    @coco_flow.op.function(behavior_version=1)
    def words(text: str, origin: str) -> list[Word]:
        return [Word(word, f"{origin}:{len(text)}") for word in sorted(set(text.split()))]

    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        line_rows, word_rows = scope.add_collector(), scope.add_collector()
        for source in sources:
            scope[source] = builder.add_source(MemorySource(name=source))
            with scope[source].row() as doc:
                doc["lines"] = doc["content"].transform(lines)
                with doc["lines"].row() as line:
                    line["upper"] = line["text"].transform(upper)
                    fields = {
                        "source": source,
                        "filename": doc["filename"],
                        "number": line["number"],
                        "upper": line["upper"],
                    }
                    if with_length:
                        fields["size"] = line["text"]
                    line_rows.collect(**fields)
                if with_words:
                    doc["words"] = doc["content"].transform(words, doc["filename"])
                    with doc["words"].row() as word:
                        word_rows.collect(word=word["word"], origin=word["origin"])
        line_rows.export(
            "lines",
            MemoryTarget(name="lines"),
            primary_key_fields=["source", "filename", "number"],
        )
        if with_words:
            word_rows.export("words", MemoryTarget(name="words"), primary_key_fields=["word"])

    return coco_flow.open_flow(name, define)

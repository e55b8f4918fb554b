"""Search syntax: words, and filters such as ``lang:python path:src/**``."""

from __future__ import annotations

from dataclasses import dataclass

from coco_protocol.docs import FiltersBody

__all__ = ["SearchWords", "parse_search"]


@dataclass(frozen=True, slots=True)
class SearchWords:
    """The query without its filters, and the filters."""

    query: str
    filters: FiltersBody


def parse_search(text: str) -> SearchWords:
    """Split filters from words; a prefix that is no filter stays a word (``std::move``)."""
    languages: list[str] = []
    include: list[str] = []
    exclude: list[str] = []
    kinds: list[str] = []
    symbol: str | None = None
    words: list[str] = []
    for word in text.split():
        name, colon, value = word.partition(":")
        if not colon or not value:
            words.append(word)
        elif name == "lang":
            languages.append(value)
        elif name == "path":
            include.append(value)
        elif name == "-path":
            exclude.append(value)
        elif name == "kind":
            kinds.append(value)
        elif name == "symbol":
            symbol = value
        else:
            words.append(word)
    filters = FiltersBody(
        languages=languages, include=include, exclude=exclude, kinds=kinds, symbol=symbol
    )
    return SearchWords(" ".join(words), filters)

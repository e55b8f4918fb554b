"""Filters inside a query's text: ``lang:py path:src symbol:App -path:tests retry with backoff``.

What they mean, in one place: the command line, HTTP, MCP and the dashboard send the text as it was
typed. Which words are filters, `coco_core.filter_words` says.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from coco_core.errors import InvalidInput, InvalidIntent
from coco_core.filter_words import FILTER_NAMES, FilterWord, split_filters
from coco_core.filters import Filters, kind_named
from coco_core.languages import language
from coco_core.types import ChunkKind

__all__ = ["ParsedQuery", "parse_filters", "with_filters"]

# A value at the end of a clause: "in lang:python, where …".
_PUNCTUATION = ",;?!"
# How languages join the names of a dotted path.
_SEPARATOR = re.compile(r"::|->|[#/\\]")


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """A query without its filters, and the conditions that they are; each list means *any of*."""

    text: str
    languages: tuple[str, ...] = ()
    kinds: tuple[ChunkKind, ...] = ()
    paths: tuple[str, ...] = ()
    """Globs, as are the following."""
    files: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    symbol: str | None = None


def parse_filters(text: str) -> ParsedQuery:
    """Split a query's filters from its words.

    A query of nothing but filters searches for the symbol or the file that they name.

    Raises:
        InvalidIntent: a language or kind that does not exist, a filter that cannot exclude, two
            symbols, or no word at all.
    """
    rest, words = split_filters(text)
    if not words:
        return ParsedQuery(text)
    reader = _Reader()
    for word in words:
        reader.read(word)
    return reader.parsed(rest, text)


class _Reader:
    """Collects the filters of one query."""

    def __init__(self) -> None:
        self._values: dict[str, list[str]] = {name: [] for name in (*FILTER_NAMES, "exclude")}

    def read(self, word: FilterWord) -> None:
        name = word.name
        values = [word.value]
        if name in {"lang", "ext", "kind"} and not word.quoted:
            values = [each for each in re.split(f"[{_PUNCTUATION}]", word.value) if each]
        if not values:
            raise InvalidIntent(f"The filter {name}: has no value.", hint=_as_text(name, ""))
        if not word.negative:
            self._values[name] += values
            return
        if name not in {"path", "file", "ext"}:
            raise InvalidIntent(
                f"-{name}: cannot leave anything out.",
                hint="-path:, -file: and -ext: can, as in -ext:md.",
            )
        self._values["exclude"] += [_GLOBS[name](each) for each in values]

    def parsed(self, rest: str, text: str) -> ParsedQuery:
        values = self._values
        symbols = list(dict.fromkeys(map(_dotted, values["symbol"])))
        if len(symbols) > 1:
            raise InvalidIntent(
                f"The query names the symbols {' and '.join(symbols)}.",
                hint="One symbol: filter is possible; search for the other by its name.",
            )
        rest = rest or " ".join([*symbols, *map(_plain_name, values["file"])]).strip()
        if not rest:
            raise InvalidIntent(
                f"The query {text.strip()!r} has filters and no words.",
                hint="Say what to search for among what passes them.",
            )
        return ParsedQuery(
            rest,
            languages=_unique(_language(each) for each in values["lang"]),
            kinds=tuple(dict.fromkeys(_kind(each) for each in values["kind"])),
            paths=_unique(map(_GLOBS["path"], values["path"])),
            files=_unique(map(_GLOBS["file"], values["file"])),
            extensions=_unique(map(_GLOBS["ext"], values["ext"])),
            exclude=_unique(values["exclude"]),
            symbol=symbols[0] if symbols else None,
        )


def with_filters(parsed: ParsedQuery, given: Filters) -> Filters:
    """Return filters that demand both what was ``given`` and what the query says.

    Raises:
        InvalidIntent: nothing can pass both.
    """
    groups = [
        group for group in (given.include, parsed.paths, parsed.files, parsed.extensions) if group
    ]
    if given.symbol is not None and parsed.symbol not in {None, given.symbol}:
        raise _contradiction("symbol", (given.symbol,))
    return replace(
        given,
        languages=_both("lang", given.languages, parsed.languages),
        kinds=_both("kind", given.kinds, parsed.kinds),
        include=groups[0] if groups else (),
        narrowed=(*given.narrowed, *groups[1:]),
        exclude=(*given.exclude, *parsed.exclude),
        symbol=parsed.symbol or given.symbol,
    )


def _language(word: str) -> str:
    try:
        return language(word).name
    except InvalidInput as error:
        raise InvalidIntent(error.message, hint=f"{error.hint} {_as_text('lang', word)}") from None


def _kind(word: str) -> ChunkKind:
    wanted = word.lower().replace("-", "_")
    try:
        return kind_named(wanted)
    except InvalidIntent:
        close = difflib.get_close_matches(wanted, list(ChunkKind), n=1)
        guess = f"; did you mean {close[0]}?" if close else "."
        raise InvalidIntent(
            f"There is no kind {word!r}{guess}",
            hint=f"Kinds: {', '.join(ChunkKind)}. {_as_text('kind', word)}",
        ) from None


def _as_text(name: str, value: str) -> str:
    return f'To search for it as text, put it in quotes: "{name}:{value}".'


def _path_glob(value: str) -> str:
    return value.removeprefix("./") or "**"


def _file_glob(value: str) -> str:
    """Return the glob of a file's name at any depth; without a suffix any suffix will do."""
    value = value.removeprefix("./").lstrip("/")
    directory, _, name = value.rpartition("/")
    name = name if "." in name or "*" in name else f"{{{name},{name}.*}}"
    # Without the double star an inner slash would bind it to the project's root.
    return f"**/{directory}/{name}" if directory else name


def _extension_glob(value: str) -> str:
    return f"*.{value.removeprefix('*').lstrip('.')}"


_GLOBS: dict[str, Callable[[str], str]] = {
    "path": _path_glob,
    "file": _file_glob,
    "ext": _extension_glob,
}


def _dotted(symbol: str) -> str:
    return _SEPARATOR.sub(".", symbol.removesuffix("()"))


def _plain_name(file: str) -> str:
    """Return what a file filter names, without its wildcards: words to rank by."""
    return " ".join(re.sub(r"[*?\[\]{},]", " ", file).split())


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


V = TypeVar("V", bound=str)


def _both(name: str, given: tuple[V, ...], said: tuple[V, ...]) -> tuple[V, ...]:
    """Return what two lists of alternatives both allow; an empty one allows everything."""
    if not given or not said:
        return given or said
    shared = tuple(each for each in said if each in given)
    if not shared:
        raise _contradiction(name, given)
    return shared


def _contradiction(name: str, given: tuple[str, ...]) -> InvalidIntent:
    return InvalidIntent(
        f"The query's {name}: contradicts the search's own filter, which is {', '.join(given)}.",
        hint="Leave one of them out.",
    )

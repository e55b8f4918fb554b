"""Matching of code by its structure: patterns with holes, over sources that are parsed once."""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coco_flow.components.chunk import Chunk
from coco_flow.components.ops.code_pattern import Match, Pattern
from coco_flow.components.ops.code_tree import CodeTree
from coco_flow.components.ops.code_view import render_range
from coco_flow.components.view import SourceView
from coco_flow.text.chunks import as_chunk, locate
from coco_flow.text.languages import find_language

__all__ = [
    "CodeMatch",
    "CodePattern",
    "CodeSource",
    "FileMatch",
    "index_terms",
    "match_code",
    "render_match",
]

# Languages whose grammar only divides a text into blocks, or holds other languages.
_NOT_MATCHED = frozenset({"astro", "markdown", "svelte", "vue"})

_WORD = re.compile(r"[^\W\d]\w*")


class CodeSource:
    """A source and its syntax tree, which is made when it is first needed and then kept."""

    def __init__(self, text: str, language: str | None = None) -> None:
        """Take a text; `language` is a name, an alias or a suffix, and need not be known."""
        self._text = text
        self._language = language
        self._trees: dict[str, CodeTree] = {}
        self._lock = threading.Lock()

    @property
    def text(self) -> str:
        """The source."""
        return self._text

    @property
    def language(self) -> str | None:
        """The language as it was given."""
        return self._language

    @property
    def source(self) -> str:
        """The source, by its former name."""
        _warn("CodeSource.source", "CodeSource.text")
        return self._text

    def __repr__(self) -> str:
        return f"CodeSource(language={self._language!r}, text_len={len(self._text)})"

    def __coco_memo_key__(self) -> object:
        """Identify the source by its text and language."""
        return (self._text, self._language)

    def tree(self, language: str) -> CodeTree:
        """Return the tree in a language, given by its own name."""
        with self._lock:
            if language not in self._trees:
                self._trees[language] = _parsed(self._text, language)
            return self._trees[language]


@dataclass(frozen=True, slots=True)
class CodeMatch:
    """Where a pattern matched.

    Attributes:
        kind: The grammar's name for the node that was matched, or that holds the matched nodes.
        chunks: The matched text; one chunk.
        captures: What each hole matched; one chunk each.
    """

    kind: str
    chunks: list[Chunk]
    captures: dict[str, list[Chunk]]


@dataclass(frozen=True, slots=True)
class FileMatch:
    """The matches in a file, and its source, whose tree can be used again."""

    path: str
    source: CodeSource
    matches: list[CodeMatch]

    @property
    def ast(self) -> CodeSource:
        """The source, by its former name."""
        _warn("FileMatch.ast", "FileMatch.source")
        return self.source


class CodePattern:
    r"""A pattern for many sources.

    `\NAME` is a hole for one node, `\(NAME*\)` for neighboring nodes, `\(NAME:/REGEX/\)` for a node
    with such a text: `def \NAME(\(ARGS*\)):` finds functions. `code_pattern` has the rest.
    """

    def __init__(self, pattern: str, language: str, *, min_len: int = 3) -> None:
        """Take a pattern apart.

        Args:
            pattern: The pattern.
            language: Name, alias or suffix of the language.
            min_len: Shorter words are not looked for before a source is parsed.

        Raises:
            ValueError: The pattern is not valid, or code of the language cannot be matched.
        """
        self._language = language
        self._name = _matched_language(language)
        self._pattern = Pattern(pattern)
        self._required = self._pattern.required_terms(min_len)

    @property
    def language(self) -> str:
        """The language as it was given."""
        return self._language

    def might_match(self, source: str) -> bool:
        """Say whether a source has the words that a match needs; it is not parsed for that."""
        return all(word in source for word in self._required)

    def match_source(self, source: str | CodeSource) -> list[CodeMatch]:
        """Return the matches in a source."""
        if isinstance(source, str):
            source = CodeSource(source, self._language)
        if not self.might_match(source.text):
            return []
        tree = source.tree(self._name)
        return list(_code_matches(source.text, tree, self._pattern.matches(tree)))

    def match_file(self, path: str) -> FileMatch | None:
        """Return the matches in a file, or None if there are none or it is not UTF-8.

        Raises:
            OSError: It cannot be read.
        """
        try:
            text = Path(path).read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            return None
        source = CodeSource(text, self._language)
        matches = self.match_source(source)
        return FileMatch(path, source, matches) if matches else None


def match_code(
    pattern: str, source: str | CodeSource, language: str | None = None
) -> list[CodeMatch]:
    """Return the matches of a pattern in one source; a `str` needs the language.

    Raises:
        ValueError: The language is missing, or given with a CodeSource, or the pattern is invalid.
    """
    source = _with_language(source, language)
    return CodePattern(pattern, source.language or "").match_source(source)


def index_terms(
    source: str | CodeSource, language: str | None = None, min_len: int = 3
) -> list[str]:
    """Return the names in a source and the words in its strings, each once, for a search index.

    Raises:
        ValueError: The language is missing, or given with a CodeSource, or has no grammar.
    """
    source = _with_language(source, language)
    tree = source.tree(_grammar_language(source.language or ""))
    words: dict[str, None] = {}
    for token in tree.tokens:
        # A keyword or a sign is no named node; the text of a string is one.
        if token.named:
            words.update(dict.fromkeys(_WORD.findall(token.text)))
    return [word for word in words if len(word) >= min_len]


def render_match(source: CodeSource, match: CodeMatch) -> SourceView:
    """Return a match with the first lines of the scopes around it.

    Args:
        source: The source that the match is from.
        match: The match.
    """
    chunk = match.chunks[0]
    tree = source.tree(_grammar_language(source.language or ""))
    return render_range(tree, chunk.start.byte_offset, chunk.end.byte_offset)


def _with_language(source: str | CodeSource, language: str | None) -> CodeSource:
    if isinstance(source, CodeSource):
        if language is not None:
            raise ValueError("language must not be given with a CodeSource; it carries its own")
        return source
    if language is None:
        raise ValueError("language is required when source is a str")
    return CodeSource(source, language)


def _code_matches(text: str, tree: CodeTree, matches: list[Match]) -> Iterator[CodeMatch]:
    spans = [span for m in matches for span in ((m.start, m.end), *m.captures.values())]
    offsets = sorted({offset for span in spans for offset in span})
    at = dict(zip(offsets, locate(tree.data, offsets), strict=True))

    def chunk(start: int, end: int) -> Chunk:
        return as_chunk(text, at[start], at[end])

    for match in matches:
        captures = {name: [chunk(*span)] for name, span in match.captures.items()}
        yield CodeMatch(match.kind, [chunk(match.start, match.end)], captures)


def _matched_language(language: str) -> str:
    """Return the name of a language whose code can be matched."""
    name = _name_of(language)
    if name is None or name in _NOT_MATCHED:
        raise ValueError(f'structural matching is not supported for language "{language}"')
    return name


def _grammar_language(language: str) -> str:
    name = _name_of(language)
    if name is None:
        raise ValueError(f'unknown or non-tree-sitter language: "{language}"')
    return name


def _name_of(language: str) -> str | None:
    """Return the name of a language that has a grammar."""
    found = find_language(language)
    return found.name if found is not None and found.grammar else None


def _parsed(text: str, language: str) -> CodeTree:
    from coco_flow.text.syntax import parse

    data = text.encode("utf-8", "replace")
    found = find_language(language)
    syntax = None if found is None else parse(data, found)
    if syntax is None:
        raise ValueError(
            f"A source of {len(data)} bytes cannot be parsed as {language!r}: the grammar is not "
            "installed (pip install 'coco-flow[grammars]'), or it would take too long with this."
        )
    return CodeTree(data, syntax.root)


def _warn(old: str, new: str) -> None:
    warnings.warn(f"{old} is deprecated; use {new}", DeprecationWarning, stacklevel=3)


def __getattr__(name: str) -> Any:
    if name != "CodeAst":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _warn("CodeAst", "CodeSource")
    return CodeSource

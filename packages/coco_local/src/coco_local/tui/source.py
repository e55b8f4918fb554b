"""Source text as highlighted lines: line numbers stay those of the file, whatever it contains."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.lexers.special import TextLexer
from pygments.token import Token, _TokenType
from pygments.util import ClassNotFound
from textual.content import Content, Span

__all__ = ["highlight_lines", "word_pattern"]

# A line longer than this is data, and nobody scrolls that far to the right.
_LONGEST = 1000
_TAB = 4
# What would move the cursor or end the line early on a terminal, each shown as one character.
_CONTROLS = dict.fromkeys((*range(9), *range(11, 32), 127, 0x2028, 0x2029, 0x85), "·")
# Words this short occur on every line.
_SHORTEST_WORD = 3

_STYLES: dict[_TokenType, str] = {
    Token.Comment: "$muted italic",
    Token.Comment.Preproc: "$code-keyword",
    Token.Keyword: "$code-keyword",
    Token.Keyword.Type: "$code-type",
    Token.Literal.Number: "$code-number",
    Token.Literal.String: "$code-string",
    Token.Literal.String.Doc: "$muted italic",
    Token.Name.Attribute: "$code-name",
    Token.Name.Builtin: "$code-type",
    Token.Name.Class: "$code-type bold",
    Token.Name.Constant: "$code-number",
    Token.Name.Decorator: "$code-number",
    Token.Name.Exception: "$code-type",
    Token.Name.Function: "$code-name bold",
    Token.Name.Function.Magic: "$code-name bold",
    Token.Name.Tag: "$code-keyword",
    Token.Operator.Word: "$code-keyword",
    Token.Generic.Heading: "$code-name bold",
    Token.Generic.Subheading: "$code-name bold",
    Token.Generic.Strong: "bold",
    Token.Generic.Emph: "italic",
}


def highlight_lines(text: str, path: str, language: str = "") -> tuple[Content, ...]:
    """One content for each line, as line feeds separate them, colored by the language."""
    shown = "\n".join(_printable(line) for line in text.split("\n"))
    rows: list[tuple[list[str], list[Span]]] = [([], [])]
    length = 0
    for _, kind, value in _lexer(path, language).get_tokens_unprocessed(shown):
        style = _style(kind)
        for number, piece in enumerate(value.split("\n")):
            if number:
                rows.append(([], []))
                length = 0
            if piece:
                pieces, spans = rows[-1]
                pieces.append(piece)
                if style:
                    spans.append(Span(length, length + len(piece), style))
                length += len(piece)
    return tuple(Content("".join(pieces), spans) for pieces, spans in rows)


def word_pattern(query: str) -> re.Pattern[str] | None:
    """What finds the words of a query in a line, whatever their case; None when it has none."""
    words: Sequence[str] = re.findall(r"\w+", query)
    chosen = sorted({word for word in words if len(word) >= _SHORTEST_WORD}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, chosen)), re.IGNORECASE) if chosen else None


def _printable(line: str) -> str:
    line = line.removesuffix("\r").replace("\ufeff", "")
    line = line.encode("utf-8", "replace").decode("utf-8")
    return line[:_LONGEST].expandtabs(_TAB).translate(_CONTROLS)


def _style(kind: _TokenType) -> str:
    """The style of the token or of the nearest kind above it."""
    found: _TokenType | None = kind
    while found is not None:
        if found in _STYLES:
            return _STYLES[found]
        found = found.parent
    return ""


def _lexer(path: str, language: str) -> Lexer:
    """By file name first: it tells dialects apart; then by CoCo's name of the language."""
    try:
        return get_lexer_for_filename(path)
    except ClassNotFound:
        pass
    try:
        return get_lexer_by_name(language.replace("_", "-") or "text")
    except ClassNotFound:
        return TextLexer()

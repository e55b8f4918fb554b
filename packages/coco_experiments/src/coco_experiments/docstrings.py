"""The first paragraph of what documents a definition or a section, as it stands in its chunk."""

from __future__ import annotations

import re
from itertools import takewhile

from coco_core.stopwords import word_set
from coco_core.types import Chunk, Definition

__all__ = ["definition_paragraph", "section_paragraph"]

# How line comments begin, where it is not with slashes.
_MARKERS = {
    **dict.fromkeys(
        word_set("ruby bash perl r elixir julia make hcl nix fish gdscript powershell crystal"),
        ("#",),
    ),
    **dict.fromkeys(word_set("lua haskell sql elm ada agda purescript"), ("--",)),
    **dict.fromkeys(word_set("clojure emacs_lisp common_lisp scheme racket"), (";",)),
    **dict.fromkeys(word_set("erlang latex matlab prolog"), ("%",)),
    "php": ("//", "#"),
}
_SLASHES = ("//",)

_MOST_SIGNATURE_LINES = 30

_PYTHON_DOC = re.compile(r"""[rRuU]?(\"\"\"|''')(.*)""")
_QUOTED_DOC = re.compile(r'(?:@\w*doc\s+)?(?:~[sS])?"""(.*)')

# Between a comment and the name it documents.
_ATTRIBUTE = re.compile(r"(?:@(?!\w*doc\b)|#\[|\[|template\s*<)")
_C_TYPE = re.compile(r"[A-Za-z_][\w\s*&:<>,]*$")
_C_LIKE = word_set("c cpp objc cuda")

_LINE_START = re.compile(r"(?:/{2,3}!?|#+:?|-{2,3}\s*[|^]?|;+|%+|/\*+!?|\*+/?)\s?")
_TAG = re.compile(r"[@\\](?:brief|short|summary)\s+")
# From here on single parameters are described.
_PARTS = re.compile(
    r"(?:[@\\:]\w|<(?:param|returns|typeparam|remarks|example)\b|[-*+]\s|\d+[.)]\s)"
)
_SECTION_NAMES = re.compile(
    r"(?:Args|Arguments|Parameters|Returns|Raises|Yields|Example\w*|Usage):"
)

# No prose: fences, tables, lists, quotes, directives, attributes, HTML, rules, indented code.
_NOT_PARAGRAPH = re.compile(
    r"(?:```|~~~|\||[-*+]\s|\d+[.)]\s|>|\.\.|:\w|<|\{|\[|={3,}|-{3,}|~{3,}|\+{3,}|!|\$|#|\s{4})"
)
_RULE = re.compile(r"\s*([=\-~^\"'#*+._:])\1{2,}\s*$")


def definition_paragraph(chunk: Chunk, definition: Definition) -> str:
    """Return the first paragraph that documents a definition beginning in a chunk, or nothing."""
    lines = chunk.text.splitlines()
    at = definition.line - chunk.span.start_line
    if not 0 <= at < len(lines):
        return ""
    if chunk.language == "python":
        return _paragraph(_python_doc(lines, at))
    return _paragraph(_comment_above(lines, at, chunk.language))


def section_paragraph(chunk: Chunk, section: Definition) -> str:
    """Return the first paragraph of prose below a heading that begins in a chunk, or nothing."""
    lines = chunk.text.splitlines()
    start = section.line - chunk.span.start_line + 1
    nexts = [each.line for each in chunk.definitions if each.line > section.line]
    end = min(nexts, default=chunk.span.end_line + 1) - chunk.span.start_line
    paragraph: list[str] = []
    for line in lines[start:end]:
        if not line.strip() or _RULE.match(line):
            if paragraph:
                break
        elif _NOT_PARAGRAPH.match(line):
            # What follows a list, a listing or a notice seldom says what the section is about.
            break
        else:
            paragraph.append(line.strip())
    return " ".join(paragraph)


def _python_doc(lines: list[str], at: int) -> list[str]:
    for number in range(at, min(at + _MOST_SIGNATURE_LINES, len(lines))):
        code = lines[number].split("  #")[0].rstrip()
        if code.endswith(":"):
            break
    else:
        return []
    below = iter(lines[number + 1 :])
    opening = _PYTHON_DOC.match(next(below, "").strip())
    if opening is None:
        return []
    quotes, first = opening.groups()
    if quotes in first:
        return [first.split(quotes)[0]]
    body = list(takewhile(lambda line: quotes not in line, below))
    return [first, *body]


def _comment_above(lines: list[str], at: int, language: str) -> list[str]:
    above = at - 1
    while above >= 0 and _belongs(lines[above].strip(), language):
        above -= 1
    if above < 0:
        return []
    last = lines[above].strip()
    if last.endswith("*/"):
        return _block(lines, above)
    if last.endswith('"""'):
        return _quoted(lines, above)
    markers = _MARKERS.get(language, _SLASHES)
    comment = list(
        takewhile(lambda line: line.strip().startswith(markers), reversed(lines[: above + 1]))
    )
    return [_LINE_START.sub("", line.strip(), count=1) for line in reversed(comment)]


def _belongs(line: str, language: str) -> bool:
    if _ATTRIBUTE.match(line):
        return True
    return language in _C_LIKE and _C_TYPE.match(line) is not None


def _block(lines: list[str], last: int) -> list[str]:
    for first in range(last, -1, -1):
        if lines[first].strip().startswith("/*"):
            block = [line.strip().removesuffix("*/") for line in lines[first : last + 1]]
            return [_LINE_START.sub("", line, count=1) for line in block]
    return []


def _quoted(lines: list[str], last: int) -> list[str]:
    one_line = re.fullmatch(r'(?:@\w*doc\s+)?"{3}(.+)"{3}', lines[last].strip())
    if one_line is not None:
        return [one_line.group(1)]
    for first in range(last - 1, -1, -1):
        opening = _QUOTED_DOC.match(lines[first].strip())
        if opening is not None:
            return [opening.group(1), *lines[first + 1 : last]]
    return []


def _paragraph(lines: list[str]) -> str:
    """Return the text up to the first blank line, or to where parameters are described."""
    paragraph: list[str] = []
    for raw in lines:
        line = _TAG.sub("", raw.strip(), count=1)
        if not line or _PARTS.match(line) or _SECTION_NAMES.match(line):
            if paragraph:
                break
        else:
            paragraph.append(line)
    return " ".join(paragraph)

"""Single-file components (Vue, Svelte, Astro): markup whose scripts are code of their own.

The page is parsed as HTML, and once more as TypeScript with everything but the scripts blanked out,
so that offsets need no translation; the two results become one. Astro's first script stands before
the markup, between two lines of dashes.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from coco_core.languages.syntax import WHOLE, Grammar, Range, Syntax

__all__ = ["ComponentGrammar"]

# Only blank space and comments may stand above; the others have no such lines.
_FRONT = re.compile(rb"\A\s*---[ \t]*\r?\n(?P<code>.*?)^---[ \t]*\r?$", re.MULTILINE | re.DOTALL)

_ANYTHING_BUT_LINE_ENDS = re.compile(rb"[^\n]")


class ComponentGrammar:
    """Parses markup and scripts of one file together."""

    def __init__(self, grammar_for: Callable[[str], Grammar | None]) -> None:
        """Take the parts from a source of grammars."""
        self._grammar_for = grammar_for

    def parse(self, source: bytes) -> Syntax | None:
        """Parse UTF-8 text; ``None`` when it takes too long."""
        html = self._grammar_for("html")
        script = self._grammar_for("typescript")
        if html is None or script is None:
            return None
        front = _FRONT.match(source)
        markup = source
        if front is not None:
            markup = _ANYTHING_BUT_LINE_ENDS.sub(b" ", front[0]) + source[front.end() :]
        page = html.parse(markup)
        if page is None:
            return None
        texts = page.plain.get("script.text", [])
        heads = [front.span("code")] if front is not None else []
        code = script.parse(_only(source, [*heads, *texts]))
        return page if code is None else _joined(page, code, texts, heads)


def _only(source: bytes, ranges: list[Range]) -> bytes:
    parts: list[bytes] = []
    done = 0
    for start, end in sorted(ranges):
        parts += [_ANYTHING_BUT_LINE_ENDS.sub(b" ", source[done:start]), source[start:end]]
        done = end
    parts.append(_ANYTHING_BUT_LINE_ENDS.sub(b" ", source[done:]))
    return b"".join(parts)


def _joined(page: Syntax, code: Syntax, scripts: list[Range], heads: list[Range]) -> Syntax:
    plain = {kind: list(ranges) for kind, ranges in code.plain.items()}
    plain.setdefault("body", []).extend(page.plain.get("body", []))
    plain.setdefault("spread", []).extend([*page.plain.get("script", []), *scripts, *heads])
    statements = code.parts(*WHOLE)
    of_page = set(page.plain.get("body", []))
    elements = page.plain.get("script", [])

    def parts(start: int, end: int) -> list[Range]:
        if (start, end) == WHOLE:
            return heads + page.parts(start, end)
        if (start, end) in of_page:
            return page.parts(start, end)
        if (start, end) in elements:
            return [text for text in scripts if start <= text[0] and text[1] <= end]
        if (start, end) in scripts or (start, end) in heads:
            return [part for part in statements if start <= part[0] and part[1] <= end]
        return code.parts(start, end)

    return Syntax(code.named, plain, parts)

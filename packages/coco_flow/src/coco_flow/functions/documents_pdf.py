"""Reads PDF files with PDFium: text with headings as Markdown, and images of pages."""

from __future__ import annotations

import ctypes
import io
import math
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from coco_core.errors import Unreadable
from coco_flow.functions.documents_markdown import heading, one_line

__all__ = ["Page", "pdf_pages", "pdf_to_markdown"]

# PDFium may be used by one thread at a time.
_pdfium = threading.Lock()

# What PDFium writes for a hyphen at the end of a line; the line's break is gone then.
_LINE_HYPHEN = "\ufffe"
_HYPHENATED = re.compile(rf"(\w+){_LINE_HYPHEN}(\w+)")
# A hyphen that typesetters put there themselves stays, with its line break.
_TYPESET_HYPHEN = "\u2010"
_WORD = re.compile(r"[\w-]+")
_NUMBERED = re.compile(r"(\d{1,2}|[A-Z])(\.\d{1,2})*\.?\s+[A-Z]")
_REAL_WORD = re.compile(r"[^\W\d_]{3,}")
_BULLET = re.compile(r"^(\s*)[•·▪◦‣●○■□➢]\s+")
_LIKE_HEADING = re.compile(r"^(?=#{1,6}(\s|$))")

_BOLD = 600
_LONGEST_FONT_NAME = 256
# A heading is at least so much larger than the text, not longer than a line, and mostly letters.
_LARGER = 1.15
_LONGEST_HEADING = 120
_LONGEST_BOLD_HEADING = 80
_LETTERS = 0.5
_LEVELS_BY_SIZE = 3
# A distance between two lines that is so much larger than the lines separates paragraphs.
_PARAGRAPH_GAP = 1.6


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its number from 1, its size in points, its text, and its image if asked for."""

    number: int
    width: float
    height: float
    text: str
    image: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    """A line; `bold` says whether it looks like a numbered heading in bold.

    `top` and `bottom` are the feet of its first and its last character. They differ where a word
    was cut at the end of a line: PDFium goes on in the same line then.
    """

    text: str
    height: float = 0.0
    top: float = 0.0
    bottom: float = 0.0
    bold: bool = False


def pdf_pages(content: bytes, *, dpi: int | None = None) -> list[Page]:
    """Return the pages of a file; `dpi` adds their images as PNG.

    Raises:
        Unreadable: It is damaged, has a password, or is no PDF.
    """
    with _opened(content) as document:
        lines, sizes, images = [], [], []
        for number in range(len(document)):
            page = document[number]
            try:
                lines.append(_read_lines(page))
                sizes.append(page.get_size())
                images.append(_render(page, dpi) if dpi is not None else None)
            finally:
                page.close()
    texts = _markdown(lines)
    return [
        Page(number, width, height, text, image)
        for number, ((width, height), text, image) in enumerate(
            zip(sizes, texts, images, strict=True), 1
        )
    ]


def pdf_to_markdown(content: bytes) -> str:
    """Return the text of a file; a comment marks the beginning of each page.

    Raises:
        Unreadable: It is damaged, has a password, or is no PDF.
    """
    pages = pdf_pages(content)
    return "\n\n".join(f"<!-- page {page.number} -->\n\n{page.text}".rstrip() for page in pages)


@contextmanager
def _opened(content: bytes) -> Iterator[Any]:
    import pypdfium2

    with _pdfium:
        try:
            document = pypdfium2.PdfDocument(content)
        except pypdfium2.PdfiumError as error:
            raise _unreadable(error) from error
        try:
            yield document
        except pypdfium2.PdfiumError as error:
            raise _unreadable(error) from error
        finally:
            document.close()


def _unreadable(error: Exception) -> Unreadable:
    locked = "password" in str(error).lower()
    return Unreadable(
        f"The PDF cannot be read: {error}",
        hint="Remove its password." if locked else "Check that the file is a complete PDF.",
    )


def _render(page: Any, dpi: int) -> bytes:
    """Return an image of the page."""
    image = io.BytesIO()
    bitmap = page.render(scale=dpi / 72)
    try:
        bitmap.to_pil().save(image, "PNG")
    finally:
        bitmap.close()
    return image.getvalue()


def _read_lines(page: Any) -> list[_Line]:
    """Return the lines of a page in the order in which the file has them."""
    text_page = page.get_textpage()
    try:
        text: str = text_page.get_text_range()
        # Characters beyond the basic plane shift all positions: then lines have no style.
        styled = text_page.count_chars() == len(text)
        lines, start = [], 0
        for part in text.split("\r\n"):
            lines.append(_line(text_page, part, start) if styled else _Line(part.rstrip()))
            start += len(part) + 2
        return lines
    finally:
        text_page.close()


def _line(text_page: Any, text: str, start: int) -> _Line:
    import pypdfium2.raw as pdfium

    stripped = text.strip()
    if not stripped:
        return _Line("")
    first = start + len(text) - len(text.lstrip())
    last = start + len(text.rstrip()) - 1
    box = pdfium.FS_RECTF()
    heights, feet = [], []
    for index in (first, last):
        pdfium.FPDFText_GetLooseCharBox(text_page, index, ctypes.byref(box))
        heights.append(abs(box.top - box.bottom))
        feet.append(box.bottom)
    if not all(map(math.isfinite, (*heights, *feet))):
        return _Line(text.rstrip())
    numbered = len(stripped) <= _LONGEST_BOLD_HEADING and bool(_NUMBERED.match(stripped))
    bold = numbered and all(_is_bold(text_page, index) for index in (first, last))
    # The smaller of both ends: an initial or a footnote's mark makes no heading.
    return _Line(text.rstrip(), min(heights), feet[0], feet[1], bold)


def _is_bold(text_page: Any, index: int) -> bool:
    """Say whether a character is bold, by its font's weight or, if that says nothing, its name."""
    import pypdfium2.raw as pdfium

    if pdfium.FPDFText_GetFontWeight(text_page, index) >= _BOLD:
        return True
    flags = ctypes.c_int()
    name = ctypes.create_string_buffer(_LONGEST_FONT_NAME)
    pdfium.FPDFText_GetFontInfo(text_page, index, name, len(name), ctypes.byref(flags))
    return b"bold" in name.value.lower()


def _markdown(pages: list[list[_Line]]) -> list[str]:
    """Return the text of each page with headings and paragraphs."""
    words = _words(line.text for lines in pages for line in lines)
    heights: Counter[float] = Counter()
    for lines in pages:
        for line in lines:
            heights[_rounded(line.height)] += len(line.text)
    body = heights.most_common(1)[0][0] if heights else 0.0
    larger = sorted(
        {
            _rounded(line.height)
            for lines in pages
            for line in lines
            if _is_larger(line, body) and _may_be_heading(line)
        },
        reverse=True,
    )
    levels = {height: min(n, _LEVELS_BY_SIZE) for n, height in enumerate(larger, 1)}
    return [_page_markdown(lines, body, levels, words) for lines in pages]


def _page_markdown(
    lines: list[_Line], body: float, levels: dict[float, int], words: Counter[str]
) -> str:
    out: list[str] = []
    previous: _Line | None = None
    previous_level = 0
    for line in lines:
        if not line.text:
            previous, previous_level = None, 0
            out.append("")
            continue
        level = _level(line, body, levels)
        gap = previous is not None and (
            abs(previous.bottom - line.top) > _PARAGRAPH_GAP * max(previous.height, line.height)
        )
        text = _BULLET.sub(r"\1- ", _joined_hyphens(line.text, words))
        if level and level == previous_level and not gap and not _NUMBERED.match(text):
            out[-1] = f"{out[-1]} {one_line(text)}"
        elif level:
            out += ["", heading(level, text)]
        elif out and out[-1].endswith(_TYPESET_HYPHEN) and text[0].islower():
            out[-1] = out[-1].removesuffix(_TYPESET_HYPHEN) + text
        else:
            out += [""] if gap or previous_level else []
            out.append(_LIKE_HEADING.sub(r"\\", text))
        previous, previous_level = line, level
    return re.sub(r"\n{3,}", "\n\n", "\n".join(out)).strip("\n")


def _level(line: _Line, body: float, levels: dict[float, int]) -> int:
    """Return the level of a heading; 0 for a line that is none."""
    if not _may_be_heading(line):
        return 0
    if _is_larger(line, body):
        return levels[_rounded(line.height)]
    return _LEVELS_BY_SIZE + 1 if line.bold else 0


def _may_be_heading(line: _Line) -> bool:
    text = line.text.strip()
    if not text or len(text) > _LONGEST_HEADING:
        return False
    if not text[0].isalnum() or text[-1] in ".,;":
        return False
    if not _REAL_WORD.search(text):
        return False
    return sum(each.isalpha() or each.isspace() for each in text) >= _LETTERS * len(text)


def _is_larger(line: _Line, body: float) -> bool:
    return body > 0 and line.height >= _LARGER * body


def _rounded(height: float) -> float:
    return round(height * 2) / 2


def _words(texts: Iterable[str]) -> Counter[str]:
    """Count words, and each two parts of words with hyphens of their own."""
    words: Counter[str] = Counter()
    for text in texts:
        for word in _WORD.findall(text.lower()):
            parts = word.split("-")
            words[word] += 1
            words.update(f"{a}-{b}" for a, b in pairwise(parts) if len(parts) > 2)
    return words


def _joined_hyphens(text: str, words: Counter[str]) -> str:
    """Join words that were cut at the end of a line, unless the hyphen is their own."""

    def join(match: re.Match[str]) -> str:
        before, after = match.groups()
        own = words[f"{before}-{after}".lower()] > words[f"{before}{after}".lower()]
        return f"{before}-{after}" if own or not after[0].islower() else before + after

    return _HYPHENATED.sub(join, text).replace(_LINE_HYPHEN, "-")

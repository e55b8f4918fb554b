"""Reads Word files (DOCX) as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from coco_flow.functions.documents_markdown import heading, join_blocks, table
from coco_flow.functions.documents_office import reading

if TYPE_CHECKING:
    from docx.table import Table
    from docx.text.paragraph import Paragraph
    from docx.text.run import Run

__all__ = ["docx_to_markdown"]

_HEADING = re.compile(r"heading (\d+)", re.IGNORECASE)
_NUMBERED_STYLE = re.compile(r"list number", re.IGNORECASE)
_LIST_STYLE = re.compile(r"list (bullet|number|paragraph)\s*(\d*)", re.IGNORECASE)
_NUMBER_FORMATS = ("decimal", "lowerLetter", "upperLetter", "lowerRoman", "upperRoman")


def docx_to_markdown(content: bytes) -> str:
    """Return the body of a file: headings, paragraphs, lists and tables.

    Raises:
        Unreadable: It is damaged, or no DOCX.
    """
    import docx

    with reading(content, "DOCX") as file:
        document = docx.Document(file)
        return join_blocks(_blocks(document.iter_inner_content(), document))


def _blocks(items: Iterable[Any], document: Any) -> Iterator[str]:
    from docx.text.paragraph import Paragraph

    pending: list[str] = []
    for item in items:
        if isinstance(item, Paragraph):
            entry = _list_entry(item, document)
            if entry is not None:
                # The entries of a list have no blank lines between them.
                pending.append(entry)
                continue
            yield "\n".join(pending)
            pending = []
            yield _paragraph(item)
        else:
            yield "\n".join(pending)
            pending = []
            yield _table(item)
    yield "\n".join(pending)


def _paragraph(paragraph: Paragraph) -> str:
    style = _style(paragraph)
    match = _HEADING.fullmatch(style)
    if match or style.lower() == "title":
        return heading(int(match[1]) if match else 1, paragraph.text) if paragraph.text else ""
    return _inline(paragraph)


def _list_entry(paragraph: Paragraph, document: Any) -> str | None:
    """Return the paragraph as an entry of a list; None if it is not in one."""
    # python-docx has no public way to a paragraph's numbering.
    properties = paragraph._p.pPr
    numbering: Any = properties.numPr if properties is not None else None
    style = _style(paragraph)
    match = _LIST_STYLE.fullmatch(style)
    if numbering is None and match is None:
        return None
    level = int(match[2]) - 1 if match and match[2] else 0
    if numbering is not None and numbering.ilvl is not None:
        level = int(numbering.ilvl.val)
    numbered = bool(_NUMBERED_STYLE.match(style))
    if numbering is not None and numbering.numId is not None:
        if int(numbering.numId.val) == 0:
            return None
        numbered = numbered or _is_numbered(document, int(numbering.numId.val), level)
    text = _inline(paragraph)
    if not text:
        return None
    return f"{'   ' * level}{'1.' if numbered else '-'} {text}"


def _is_numbered(document: Any, number: int, level: int) -> bool:
    """Say whether a level of a numbering definition has numbers, and no bullets."""
    try:
        definitions = document.part.numbering_part.element
    except (KeyError, NotImplementedError):
        return False
    found = definitions.xpath(
        f'.//w:abstractNum[@w:abstractNumId=//w:num[@w:numId="{number}"]/w:abstractNumId/@w:val]'
        f'/w:lvl[@w:ilvl="{level}"]/w:numFmt/@w:val'
    )
    return bool(found) and found[0] in _NUMBER_FORMATS


def _style(paragraph: Paragraph) -> str:
    style = paragraph.style
    return (style.name or "") if style is not None else ""


def _inline(paragraph: Paragraph) -> str:
    """Return a paragraph's text with its links and emphasis."""
    from docx.text.hyperlink import Hyperlink

    parts: list[tuple[str, str]] = []
    for item in paragraph.iter_inner_content():
        if isinstance(item, Hyperlink):
            link = f"[{item.text}]({item.url})" if item.url and item.text else item.text
            parts.append(("", link))
        else:
            parts.append((_mark(item), item.text))
    merged: list[tuple[str, str]] = []
    for mark, text in parts:
        if merged and merged[-1][0] == mark:
            merged[-1] = (mark, merged[-1][1] + text)
        else:
            merged.append((mark, text))
    return "".join(_emphasized(mark, text) for mark, text in merged).strip()


def _mark(run: Run) -> str:
    return ("**" if run.bold else "") + ("*" if run.italic else "")


def _emphasized(mark: str, text: str) -> str:
    """Put the marks around the text; spaces at its ends stay outside, as Markdown wants it."""
    inner = text.strip()
    if not mark or not inner:
        return text
    before, _, after = text.partition(inner)
    return f"{before}{mark}{inner}{mark[::-1]}{after}"


def _table(source: Table) -> str:
    rows: list[list[str]] = []
    for row in source.rows:
        cells: list[str] = []
        seen: set[Any] = set()
        for cell in row.cells:
            # A merged cell comes once for each column that it covers.
            element = cell._tc
            cells.append("" if element in seen else cell.text)
            seen.add(element)
        rows.append(cells)
    return table(rows)

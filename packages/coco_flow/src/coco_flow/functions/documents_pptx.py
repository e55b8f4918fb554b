"""Reads PowerPoint files (PPTX) as Markdown, one section for each slide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from coco_flow.functions.documents_markdown import heading, join_blocks, one_line, table
from coco_flow.functions.documents_office import reading

__all__ = ["pptx_to_markdown"]


def pptx_to_markdown(content: bytes) -> str:
    """Return the slides of a file: titles, texts, tables, charts' data and notes.

    Raises:
        Unreadable: It is damaged, or no PPTX.
    """
    import pptx

    with reading(content, "PPTX") as file:
        presentation = pptx.Presentation(file)
        return join_blocks(
            block
            for number, slide in enumerate(presentation.slides, 1)
            for block in _slide(slide, number)
        )


def _slide(slide: Any, number: int) -> Iterator[str]:
    title = slide.shapes.title
    text = one_line(title.text_frame.text) if title is not None else ""
    yield heading(2, f"Slide {number}: {text}" if text else f"Slide {number}")
    title_id = title.shape_id if title is not None else None
    yield from _shapes(shape for shape in slide.shapes if shape.shape_id != title_id)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        notes = slide.notes_slide.notes_text_frame.text.strip()
        if notes:
            yield f"Notes: {notes}"


def _shapes(shapes: Iterable[Any]) -> Iterator[str]:
    for shape in shapes:
        # Groups, and only they, contain shapes.
        if hasattr(shape, "shapes"):
            yield from _shapes(shape.shapes)
        elif getattr(shape, "has_table", False):
            yield table([[cell.text for cell in row.cells] for row in shape.table.rows])
        elif getattr(shape, "has_chart", False):
            yield _chart(shape.chart)
        elif shape.has_text_frame:
            yield _text(shape.text_frame)
        else:
            # python-pptx has no public way to a picture's description.
            described = shape._element.xpath(".//p:cNvPr/@descr")
            if described and described[0].strip():
                yield f"![{one_line(described[0])}]()"


def _text(frame: Any) -> str:
    paragraphs = [
        (paragraph.level, one_line(paragraph.text))
        for paragraph in frame.paragraphs
        if paragraph.text.strip()
    ]
    if len(paragraphs) == 1 and paragraphs[0][0] == 0:
        return str(paragraphs[0][1])
    return "\n".join(f"{'  ' * level}- {text}" for level, text in paragraphs)


def _chart(chart: Any) -> str:
    """Return the data of a chart as a table."""
    title = chart.chart_title.text_frame.text if chart.has_title else ""
    rows: list[list[str]] = []
    for plot in chart.plots:
        series = list(plot.series)
        rows.append(["", *(str(each.name) for each in series)])
        values = [list(each.values) for each in series]
        rows += [
            [str(category), *(_number(column, at) for column in values)]
            for at, category in enumerate(plot.categories)
        ]
    return join_blocks([one_line(title), table(rows)])


def _number(column: list[Any], at: int) -> str:
    value = column[at] if at < len(column) else None
    return "" if value is None else f"{value:g}"

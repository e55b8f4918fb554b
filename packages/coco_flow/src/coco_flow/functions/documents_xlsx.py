"""Reads Excel files (XLSX) as Markdown, one table for each sheet."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from coco_flow.functions.documents_markdown import heading, join_blocks, table
from coco_flow.functions.documents_office import reading

__all__ = ["xlsx_to_markdown"]


def xlsx_to_markdown(content: bytes) -> str:
    """Return the sheets of a file; a formula shows the value that was last computed.

    Raises:
        Unreadable: It is damaged, or no XLSX.
    """
    import openpyxl

    with reading(content, "XLSX") as file:
        workbook = openpyxl.load_workbook(file, read_only=True, data_only=True)
        try:
            return join_blocks(block for sheet in workbook for block in _sheet(sheet))
        finally:
            workbook.close()


def _sheet(sheet: Any) -> Iterator[str]:
    yield heading(2, sheet.title)
    # Sheets that hold a chart have no cells.
    rows = sheet.iter_rows(values_only=True) if hasattr(sheet, "iter_rows") else ()
    filled = [row for row in ([_cell(value) for value in row] for row in rows) if any(row)]
    if not filled:
        return
    # Columns that are empty at the left are as meaningless as those at the right.
    first = min(next(n for n, text in enumerate(row) if text) for row in filled)
    yield table([row[first:] for row in filled])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat(" ")
    if isinstance(value, float):
        return f"{value:.15g}"
    return str(value)

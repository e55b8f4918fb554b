"""The characters of an exported picture, row by row."""

from __future__ import annotations

import html
import re

# Rich draws a cell this wide.
_CELL = 12.2

_TEXT = re.compile(r'<text class="[^"]*-r\d+" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>')


def screen_text(svg: str) -> str:
    """What stands on the screen, without colors."""
    rows: dict[float, str] = {}
    for x, y, text in _TEXT.findall(svg):
        row = rows.get(float(y), "")
        start = round(float(x) / _CELL)
        rows[float(y)] = row.ljust(start) + html.unescape(text).replace("\xa0", " ")
    return "\n".join(rows[y].rstrip() for y in sorted(rows))

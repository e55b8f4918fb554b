"""Command output: tables for people, JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, TypeAlias

import typer

from coco_core.terminal import table_lines
from coco_protocol.base import Answer, json_bytes

__all__ = ["AsJson", "show", "table"]

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def show(data: Answer, rows: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    """Print ``data`` as JSON, or ``rows`` as a table."""
    sys.stdout.write(json_bytes(data).decode() + "\n" if as_json else table(rows))


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """Return rows in columns; a single row as one line for each value."""
    if not rows:
        return "(none)\n"
    if len(rows) == 1:
        width = max(map(len, rows[0]))
        return "".join(f"{name:<{width}}  {_text(value)}\n" for name, value in rows[0].items())
    names = list(rows[0])
    cells = [[_text(row[name]) for name in names] for row in rows]
    return "\n".join(table_lines([name.upper() for name in names], cells)) + "\n"


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M")
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={each}" for name, each in value.items()) or "-"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return str(value)

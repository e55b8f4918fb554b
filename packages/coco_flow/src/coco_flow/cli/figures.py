"""Numbers, times and sizes as people read them."""

from __future__ import annotations

import datetime

__all__ = ["byte_count", "count", "duration", "moment"]


def count(number: int, singular: str, plural: str | None = None) -> str:
    """Return ``1 row``, ``1,200 rows``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def duration(seconds: float) -> str:
    """Return ``0.03 s``, ``12 s``, ``3 min 20 s``, ``2 h 5 min``, ``3 d 4 h``."""
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    hours = int(seconds // 3600)
    if hours < 48:
        return f"{hours} h {int(seconds % 3600 // 60)} min"
    return f"{hours // 24} d {hours % 24} h"


def moment(timestamp: float | None) -> str:
    """Return a time of the wall clock here; the date only where it is not today."""
    if timestamp is None:
        return "-"
    there = datetime.datetime.fromtimestamp(timestamp).astimezone()
    today = datetime.datetime.now().astimezone().date()
    return there.strftime("%H:%M:%S" if there.date() == today else "%Y-%m-%d %H:%M")


def byte_count(number: float) -> str:
    """Return ``512 B``, ``3.2 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    raise AssertionError

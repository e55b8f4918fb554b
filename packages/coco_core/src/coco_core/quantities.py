"""Durations, sizes and counts as people read them."""

from __future__ import annotations

__all__ = ["byte_count", "count", "duration"]

_MINUTE = 60
_HOUR = 3600
_DAY = 86_400


def duration(seconds: float) -> str:
    """Return ``850 ms``, ``42 s``, ``3 min 20 s``, ``2 h 5 min`` or ``4 d 3 h``."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    for unit, name, smaller, part in (
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", 1, "s"),
    ):
        if whole >= unit:
            rest = whole % unit // smaller
            return f"{whole // unit} {name}" + (f" {rest} {part}" if rest else "")
    raise AssertionError("a minute is the smallest unit above")


def byte_count(size: float) -> str:
    """Return ``512 B``, ``3.4 MB`` or ``21 GB``: three digits at most, powers of 1000."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(size) < 999.5 or unit == "TB":
            return (
                f"{size:.0f} {unit}" if unit == "B" or abs(size) >= 9.95 else f"{size:.1f} {unit}"
            )
        size /= 1000
    raise AssertionError("the last unit takes everything")


def count(number: int, singular: str, plural: str | None = None) -> str:
    """Return ``1 file`` or ``2,000 files``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"

"""Terminal escaping: makes control characters in text from files harmless."""

from __future__ import annotations

__all__ = ["visible"]

# A file may hold sequences that steer a terminal; shown ones are made harmless. Tab and line feed
# are text.
_CONTROLS = {code: f"^{chr(code ^ 0x40)}" for code in (*range(32), 127) if code not in {9, 10}}
_CONTROLS |= dict.fromkeys(range(0x80, 0xA0), "\N{REPLACEMENT CHARACTER}")


def visible(text: str) -> str:
    """Return text that moves no cursor and changes no title when a terminal shows it."""
    return text.translate(_CONTROLS)

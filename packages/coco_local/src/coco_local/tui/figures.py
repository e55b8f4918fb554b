"""Number, time, and path formats of fixed shape, so that columns stay aligned."""

from __future__ import annotations

import os
import time
from pathlib import Path

from rich.cells import cell_len

__all__ = [
    "clock",
    "count",
    "duration",
    "home_short",
    "milliseconds",
    "one_line",
    "percent",
    "size",
    "tail",
    "uptime",
]

# Above a second, milliseconds are noise.
_SECOND_MS = 1000.0
# From here on the decimal of a latency says nothing.
_WHOLE_MS = 100.0


def count(value: int) -> str:
    """``12345`` as ``12,345``."""
    return f"{value:,}"


def size(value: float) -> str:
    """Bytes in the unit that leaves at most four digits: ``412 MB``, ``1.3 GB``."""
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def milliseconds(value: float) -> str:
    """A latency: ``4.1 ms``, ``312 ms``, ``1.2 s``."""
    if value >= _SECOND_MS:
        return f"{value / 1000:.1f} s"
    return f"{value:.0f} ms" if value >= _WHOLE_MS else f"{value:.1f} ms"


def duration(seconds: float) -> str:
    """A span in its two largest units: ``8 s``, ``2 min 05 s``, ``3 h 12 min``, ``4 d 2 h``."""
    whole = max(0, int(seconds + 0.5))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def uptime(seconds: float) -> str:
    """A span that changes once a minute: ``<1 min``, ``12 min``, ``3 h 12 min``, ``4 d 2 h``."""
    minutes = int(seconds // 60)
    if minutes >= 60:
        return duration(minutes * 60)
    return f"{minutes} min" if minutes else "<1 min"


def clock(at: float) -> str:
    """A Unix time as local ``HH:MM:SS``: unlike an age it does not change while it is shown."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def percent(share: float) -> str:
    """``0.624`` as ``62 %``; 100 % only when all of it is done."""
    value = min(100, max(0, int(share * 100)))
    return f"{value} %"


def one_line(text: str) -> str:
    """The text without line breaks, and without what no terminal can encode."""
    printable = text.encode("utf-8", "replace").decode("utf-8")
    return " ".join(printable.split())


def home_short(path: str) -> str:
    """The path with the user's home directory as ``~``."""
    home = str(Path.home())
    return "~" + path[len(home) :] if path == home or path.startswith(home + os.sep) else path


def tail(text: str, width: int) -> str:
    """The end of a path that fits ``width`` cells, after an ellipsis: its end tells files apart."""
    text = one_line(text)
    if cell_len(text) <= width:
        return text
    while text and cell_len(text) >= width:
        text = text[1:]
    return f"…{text}" if width > 0 else ""

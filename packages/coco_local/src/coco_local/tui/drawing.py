"""Text graphics: aligned rows, progress bars, sparklines."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

__all__ = ["bar", "fit", "sparkline", "spread", "stack"]

# Eighths of a cell, from empty to full.
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_STEPS = len(_EIGHTHS) - 1


def fit(content: Content | str, width: int, *, right: bool = False) -> Content:
    """The content in exactly ``width`` cells: cut with an ellipsis, or padded."""
    if isinstance(content, str):
        content = Content(content)
    if width <= 0:
        return Content.empty()
    content = content.truncate(width, ellipsis=True)
    missing = width - content.cell_length
    return content.pad_left(missing) if right else content.pad_right(missing)


def spread(width: int, left: Content, right: Content | str = "") -> Content:
    """``left`` and ``right`` at the two ends of a line; the left one gives way."""
    if isinstance(right, str):
        right = Content(right)
    if not right:
        return fit(left, width)
    room = width - right.cell_length - 1
    return fit(left, room) + Content(" ") + right if room >= 0 else fit(right, width)


def stack(lines: Sequence[Content], height: int) -> Content:
    """The first ``height`` lines as one content."""
    return Content("\n").join(lines[: max(0, height)])


def bar(share: float, width: int, style: str = "$accent") -> Content:
    """A progress bar of one line; it is full only when the share is 1."""
    halves = int(min(1.0, max(0.0, share)) * width * 2)
    full, half = divmod(halves, 2)
    done = "━" * full + "╸" * half
    return Content.assemble((done, style), ("━" * (width - len(done)), "$line"))


def sparkline(
    values: Sequence[float],
    width: int,
    height: int = 1,
    style: str = "$accent",
    *,
    top: float | None = None,
) -> list[Content]:
    """The newest values as columns, newest at the right; the largest, or ``top``, is full."""
    shown = list(values[-width:])
    shown = [0.0] * (width - len(shown)) + shown
    top = max([*shown, top or 0.0])
    # A value above nothing is at least one eighth high, so that it is seen.
    levels = [max(1, round(v / top * _STEPS * height)) if v > 0 else 0 for v in shown]
    lines = []
    for row in reversed(range(height)):
        cells = [_EIGHTHS[min(_STEPS, max(0, level - row * _STEPS))] for level in levels]
        if row:
            lines.append(Content("".join(cells)).stylize(style))
        else:
            lines.append(_ground_line(cells, style))
    return lines


def _ground_line(cells: Sequence[str], style: str) -> Content:
    """The lowest line, where nothing is drawn as a faint floor."""
    parts: list[tuple[str, str]] = []
    for cell in cells:
        mark, look = ("▁", "$line") if cell == " " else (cell, style)
        if parts and parts[-1][1] == look:
            parts[-1] = (parts[-1][0] + mark, look)
        else:
            parts.append((mark, look))
    return Content.assemble(*parts)

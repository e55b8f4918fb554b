"""Machine panel: memory, CPU, and disk space of the daemon."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content

from coco_local.tui.drawing import fit, sparkline, spread
from coco_local.tui.figures import size
from coco_local.tui.panels.panel import Panel

__all__ = ["Machine", "MachineState"]

# The name, the value and a gap beside the chart.
_NAME, _VALUE = 8, 9
# Narrower than this a chart says nothing.
_CHART = 8
# A chart of steady memory stands at half height, so that growth and release are both seen.
_MEMORY_ROOM = 2.0
# One busy core is a full column; work on more cores raises the scale.
_CPU_TOP = 100.0


@dataclass(frozen=True, slots=True)
class MachineState:
    """The figures now, and the last minutes of those that move."""

    memory_bytes: int
    cpu_percent: float
    index_bytes: int
    memory_history: tuple[float, ...]
    cpu_history: tuple[float, ...]


class Machine(Panel[MachineState]):
    """Memory and CPU with their recent course, and the size of the index."""

    TITLE = "Machine"

    def draw(self, state: MachineState, width: int, _: int, /) -> list[Content]:
        """One line a figure."""
        memory_top = max(state.memory_history, default=0.0) * _MEMORY_ROOM
        return [
            _figure("Memory", size(state.memory_bytes), state.memory_history, memory_top, width),
            _figure("CPU", f"{state.cpu_percent:.1f} %", state.cpu_history, _CPU_TOP, width),
            _figure("Index", size(state.index_bytes), (), 0.0, width),
        ]


def _figure(name: str, value: str, history: tuple[float, ...], top: float, width: int) -> Content:
    label = Content.styled(name, "$muted")
    number = Content.styled(value, "$strong")
    room = width - _NAME - _VALUE - 2
    if room < _CHART:
        return spread(width, label, number)
    chart = sparkline(history, room, style="$faint", top=top)[0] if history else Content.blank(room)
    parts = [fit(label, _NAME), fit(number, _VALUE, right=True), Content("  "), chart]
    return Content("").join(parts)

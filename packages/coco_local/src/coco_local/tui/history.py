"""History of figures of which the daemon gives only the current value."""

from __future__ import annotations

from collections import deque

from coco_local.tui.panels.machine import MachineState
from coco_protocol.system import StatsData

__all__ = ["History"]

# Four minutes at one figure a second: wider than any chart that is drawn of it.
_KEPT = 240
# Jitter below this is not worth a redraw: a megabyte, a tenth of a percent.
_MEMORY_STEP = 1_000_000


class History:
    """Memory and CPU of the last minutes."""

    def __init__(self) -> None:
        self._memory: deque[float] = deque(maxlen=_KEPT)
        self._cpu: deque[float] = deque(maxlen=_KEPT)

    def add(self, stats: StatsData) -> None:
        """Note the figures of now."""
        self._memory.append(stats.memory_bytes // _MEMORY_STEP * _MEMORY_STEP)
        self._cpu.append(round(stats.cpu_percent, 1))

    def machine(self, stats: StatsData) -> MachineState:
        """What the machine panel shows."""
        return MachineState(
            memory_bytes=stats.memory_bytes // _MEMORY_STEP * _MEMORY_STEP,
            cpu_percent=round(stats.cpu_percent, 1),
            index_bytes=stats.index_bytes,
            memory_history=tuple(self._memory),
            cpu_history=tuple(self._cpu),
        )

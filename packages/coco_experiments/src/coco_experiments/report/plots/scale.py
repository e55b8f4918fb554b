"""Axis scales: values to positions, and ticks at round numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Scale", "linear", "logarithmic", "ticks"]

# Each step of ticks is one of these times a power of ten.
_STEPS = (1.0, 2.0, 5.0, 10.0)
# A span of nothing still needs an axis.
_LEAST_SPAN = 1e-9


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis from ``low`` to ``high``."""

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Return where a value stands, in percent of the axis; what is outside stands at an end."""
        low, high, at = self.low, self.high, value
        if self.log:
            low, high, at = math.log(low), math.log(high), math.log(max(value, self.low))
        return round(100 * min(1.0, max(0.0, (at - low) / (high - low))), 2)

    @property
    def ticks(self) -> tuple[float, ...]:
        """Return the values to be written at the axis."""
        if not self.log:
            return ticks(self.low, self.high)
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        every = [step * 10.0**power for power in powers for step in _STEPS[:3]]
        return tuple(value for value in every if self.low <= value <= self.high)


def linear(values: Iterable[float], *, least: float | None = None) -> Scale:
    """Return an axis that ends at round numbers around the values; its start may be given."""
    given = [*values]
    low = min(given, default=0.0) if least is None else least
    high = max(given, default=1.0)
    if high - low < _LEAST_SPAN:
        low, high = low - 0.5, high + 0.5
    step = _step(low, high, 5)
    if least is None:
        low = math.floor(low / step + 1e-9) * step
    return Scale(low, math.ceil(high / step - 1e-9) * step)


def logarithmic(values: Iterable[float]) -> Scale:
    """Return a logarithmic axis around positive values, with room at both ends."""
    positive = [value for value in values if value > 0]
    low, high = min(positive, default=1.0), max(positive, default=10.0)
    return Scale(low / 1.25, high * 1.25, log=True)


def ticks(low: float, high: float, wanted: int = 5) -> tuple[float, ...]:
    """Return about ``wanted`` round values between two ends."""
    step = _step(low, high, wanted)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(round(number * step, 10) for number in range(first, last + 1))


def _step(low: float, high: float, wanted: int) -> float:
    rough = max(high - low, _LEAST_SPAN) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in _STEPS if step * power >= rough * 0.999)

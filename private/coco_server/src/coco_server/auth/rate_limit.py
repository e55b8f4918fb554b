"""Rates of an org: the service's settings, and what the org's own limits say instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from coco_server.settings import Settings

__all__ = ["Rates", "rates_of"]


@dataclass(frozen=True, slots=True)
class Rates:
    """How fast a project may be asked, in each lane."""

    per_minute: int
    burst: int


def rates_of(settings: Settings, limits: Mapping[str, object]) -> Rates:
    """Return the rates of an org with these limits of its own."""
    return Rates(
        _own(limits, "rate_limit_per_min") or settings.rate_limit_per_min,
        _own(limits, "rate_limit_burst") or settings.rate_limit_burst,
    )


def _own(limits: Mapping[str, object], name: str) -> int | None:
    value = limits.get(name)
    return value if isinstance(value, int) else None

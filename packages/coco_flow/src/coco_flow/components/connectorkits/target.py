"""Types that target connectors share."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["ManagedBy"]


class ManagedBy(StrEnum):
    """Who creates and removes a resource; one that the user manages is only filled."""

    SYSTEM = "system"
    USER = "user"

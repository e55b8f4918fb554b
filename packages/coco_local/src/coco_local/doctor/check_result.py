"""The result of a check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["CheckResult", "Level"]


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    """CoCo works, but slower or with less than it could."""
    FAIL = "fail"
    """Something does not work."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found, and how to mend it."""

    check: str
    level: Level
    message: str
    fix: str | None = None
    """What to do about it; every result that is not ok has one."""
    details: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def ok(cls, check: str, message: str, **details: object) -> CheckResult:
        """Nothing to do."""
        return cls(check, Level.OK, message, None, details)

    @classmethod
    def warn(cls, check: str, message: str, fix: str, **details: object) -> CheckResult:
        """Something to do when there is time."""
        return cls(check, Level.WARN, message, fix, details)

    @classmethod
    def fail(cls, check: str, message: str, fix: str, **details: object) -> CheckResult:
        """Something to do now."""
        return cls(check, Level.FAIL, message, fix, details)

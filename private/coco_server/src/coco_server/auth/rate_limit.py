"""Rates and quotas of an org: the service's settings, and what the org's own limits say instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from coco_server.settings import Settings
from coco_server.store.usage import Quotas

__all__ = ["Rates", "quotas_of", "rates_of"]


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


def quotas_of(settings: Settings, limits: Mapping[str, object]) -> Quotas:
    """Return the quotas of an org with these limits of its own; 0 means nothing at all."""

    def chosen(name: str, general: int | None) -> int | None:
        own = _own(limits, name)
        return general if own is None else own

    return Quotas(
        documents=chosen("org_max_documents", settings.org_max_documents),
        chunks=chosen("org_max_chunks", settings.org_max_chunks),
        storage_bytes=chosen("org_max_storage_bytes", settings.org_max_storage_bytes),
        embeddings_per_day=chosen(
            "org_max_embeddings_per_day", settings.org_max_embeddings_per_day
        ),
    )


def _own(limits: Mapping[str, object], name: str) -> int | None:
    value = limits.get(name)
    return value if isinstance(value, int) else None

"""Indexing configs of an org, immutable once registered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from coco_core.errors import ConfigConflict, ConfigNotFound
from coco_server.store.rows import all_rows, json_value, one_row
from coco_server.store.session import Session, TenantSession

__all__ = ["StoredConfig", "get", "list_all", "register"]


@dataclass(frozen=True, slots=True)
class StoredConfig:
    """An indexing config as plain data, with the dimension of its vectors."""

    org_id: str
    config_id: str
    body: Mapping[str, Any]
    dimension: int
    fingerprint: str
    created_at: datetime


def register(
    session: TenantSession,
    config_id: str,
    body: Mapping[str, object],
    *,
    dimension: int,
    fingerprint: str,
) -> StoredConfig:
    """Register a config; registering it again with the same content changes nothing.

    Raises:
        ConfigConflict: a config of this id exists with other content.
    """
    found = one_row(
        session,
        StoredConfig,
        "INSERT INTO indexing_configs (org_id, config_id, body, dimension, fingerprint) "
        "VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING {columns}",
        (session.org_id, config_id, json_value(body), dimension, fingerprint),
    )
    if found is not None:
        return found
    there = get(session, config_id)
    if (there.fingerprint, there.dimension) != (fingerprint, dimension):
        raise ConfigConflict(
            f"The config {config_id!r} exists with other content.",
            hint="A config never changes: register the new content under another config_id.",
            details={"config_id": config_id, "fingerprint": there.fingerprint},
        )
    return there


def get(session: TenantSession, config_id: str) -> StoredConfig:
    """Return a config.

    Raises:
        ConfigNotFound: the org has none of this id.
    """
    found = one_row(
        session,
        StoredConfig,
        "SELECT {columns} FROM indexing_configs WHERE org_id = %s AND config_id = %s",
        (session.org_id, config_id),
    )
    if found is None:
        raise ConfigNotFound(f"There is no indexing config {config_id!r}.")
    return found


def list_all(session: Session) -> list[StoredConfig]:
    """Return the configs that the session sees, by id."""
    return all_rows(
        session,
        StoredConfig,
        "SELECT {columns} FROM indexing_configs ORDER BY org_id, config_id",
    )

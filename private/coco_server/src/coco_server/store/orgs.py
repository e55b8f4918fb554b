"""Orgs, their users, and their usage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from coco_core.errors import NotFound
from coco_server.store.ids import new_id
from coco_server.store.rows import all_rows, json_value, one_row
from coco_server.store.session import Session, SystemSession, TenantSession

__all__ = [
    "Org",
    "OrgTotals",
    "create",
    "find",
    "get",
    "list_all",
    "remember_user",
    "save",
    "set_sign_in",
    "totals",
]


@dataclass(frozen=True, slots=True)
class Org:
    """A tenant."""

    org_id: str
    name: str
    limits: Mapping[str, Any]
    """What differs from the service's quotas and rates, by the setting's name."""
    sign_in: Mapping[str, Any] | None
    """The fields of `coco_server.auth.sign_in.SignIn`; None: as the service's settings say."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class OrgTotals:
    """What an org holds now, in all versions that exist."""

    documents: int
    chunks: int
    storage_bytes: int


def create(
    session: SystemSession,
    name: str,
    *,
    org_id: str | None = None,
    limits: Mapping[str, object] | None = None,
) -> Org:
    """Create an org; one of that id that exists already is returned as it is."""
    found = one_row(
        session,
        Org,
        "INSERT INTO orgs (org_id, name, limits) VALUES (%s, %s, %s) "
        "ON CONFLICT (org_id) DO NOTHING RETURNING {columns}",
        (org_id or new_id("org"), name, json_value(limits or {})),
    )
    if found is None:
        assert org_id is not None
        return get(session, org_id)
    session.connection.execute("INSERT INTO org_totals (org_id) VALUES (%s)", (found.org_id,))
    return found


def save(
    session: SystemSession,
    name: str,
    *,
    org_id: str | None = None,
    limits: Mapping[str, object] | None = None,
) -> Org:
    """Create an org, or give the one of that id this name and these limits."""
    created = create(session, name, org_id=org_id, limits=limits)
    changed = one_row(
        session,
        Org,
        "UPDATE orgs SET name = %s, limits = %s WHERE org_id = %s RETURNING {columns}",
        (name, json_value(limits or {}), created.org_id),
    )
    assert changed is not None, "orgs are not deleted while they are saved"
    return changed


def set_sign_in(session: SystemSession, org_id: str, sign_in: Mapping[str, object] | None) -> Org:
    """Say whose user tokens an org takes; None: those that the service's settings name.

    Raises:
        NotFound: there is no such org.
    """
    get(session, org_id)
    session.connection.execute(
        "UPDATE orgs SET sign_in = %s WHERE org_id = %s", (json_value(sign_in), org_id)
    )
    return get(session, org_id)


def find(session: Session, org_id: str) -> Org | None:
    """Return the org of that id, if there is one."""
    return one_row(
        session,
        Org,
        "SELECT {columns} FROM orgs WHERE org_id = %s AND erased_at IS NULL",
        (org_id,),
    )


def get(session: Session, org_id: str) -> Org:
    """Return the org of that id.

    Raises:
        NotFound: there is none.
    """
    found = find(session, org_id)
    if found is None:
        raise NotFound(f"There is no org {org_id!r}.")
    return found


def list_all(session: SystemSession) -> list[Org]:
    """Return all orgs, oldest first."""
    return all_rows(
        session,
        Org,
        "SELECT {columns} FROM orgs WHERE erased_at IS NULL ORDER BY created_at, org_id",
    )


def totals(session: TenantSession) -> OrgTotals:
    """Return what the org holds."""
    found = one_row(
        session,
        OrgTotals,
        "SELECT {columns} FROM org_totals WHERE org_id = %s",
        (session.org_id,),
    )
    return found or OrgTotals(0, 0, 0)


def remember_user(session: TenantSession, user_id: str) -> None:
    """Note that a user of the org exists."""
    session.connection.execute(
        "INSERT INTO users (org_id, user_id) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        (session.org_id, user_id),
    )

"""Usage and quotas of an org, updated in the transactions that use them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from coco_core.errors import QuotaExceeded
from coco_server.settings import BackendSettings
from coco_server.store.session import Session, TenantSession

__all__ = [
    "Quotas",
    "consume",
    "count",
    "embeddings_today",
    "hold_embeddings",
    "quotas_of",
    "release",
    "release_unused",
    "reserve",
    "reserve_build",
    "use_held",
]


@dataclass(frozen=True, slots=True)
class Quotas:
    """The most that an org may hold or use; None is no limit."""

    documents: int | None = None
    chunks: int | None = None
    storage_bytes: int | None = None
    embeddings_per_day: int | None = None


def quotas_of(settings: BackendSettings, limits: Mapping[str, object]) -> Quotas:
    """Return the quotas of an org with these limits of its own; 0 means nothing at all."""

    def chosen(name: str) -> int | None:
        own = limits.get(name)
        general: int | None = getattr(settings, name)
        return own if isinstance(own, int) else general

    return Quotas(
        documents=chosen("org_max_documents"),
        chunks=chosen("org_max_chunks"),
        storage_bytes=chosen("org_max_storage_bytes"),
        embeddings_per_day=chosen("org_max_embeddings_per_day"),
    )


def reserve(
    session: TenantSession,
    quotas: Quotas,
    *,
    documents: int = 0,
    chunks: int = 0,
    storage_bytes: int = 0,
) -> None:
    """Add to what the org holds, unless that exceeds a quota; concurrent callers take turns.

    Raises:
        QuotaExceeded: nothing was added; the message names quota, limit and use.
    """
    row = session.connection.execute(
        "UPDATE org_totals SET documents = documents + %s, chunks = chunks + %s, "
        "storage_bytes = storage_bytes + %s WHERE org_id = %s "
        "RETURNING documents, chunks, storage_bytes",
        (documents, chunks, storage_bytes, session.org_id),
    ).fetchone()
    assert row is not None, "every org has its totals from its creation on"
    for name, limit, used, added in (
        ("documents", quotas.documents, row[0], documents),
        ("chunks", quotas.chunks, row[1], chunks),
        ("storage_bytes", quotas.storage_bytes, row[2], storage_bytes),
    ):
        # What is only freed or left as it is may stay above a limit that was lowered.
        if limit is not None and used > limit and added > 0:
            raise _exceeded(f"COCO_ORG_MAX_{name.upper()}", limit, used - added, added)


def reserve_build(
    session: TenantSession,
    quotas: Quotas,
    version_id: str,
    *,
    documents: int,
    storage_bytes: int,
) -> None:
    """Reserve for a build what its import brings; `consume` and `release_unused` spend it.

    Raises:
        QuotaExceeded: nothing was reserved; the message names quota, limit and use.
    """
    reserve(session, quotas, documents=documents, storage_bytes=storage_bytes)
    session.connection.execute(
        "UPDATE project_versions SET reserved_documents = reserved_documents + %s, "
        "reserved_bytes = reserved_bytes + %s WHERE org_id = %s AND version_id = %s",
        (documents, storage_bytes, session.org_id, version_id),
    )


def consume(
    session: TenantSession, version_id: str, *, documents: int, storage_bytes: int
) -> tuple[int, int]:
    """Use up what is reserved for a build; returns the documents and bytes beyond it."""
    row = session.connection.execute(
        "SELECT reserved_documents, reserved_bytes FROM project_versions "
        "WHERE org_id = %s AND version_id = %s FOR UPDATE",
        (session.org_id, version_id),
    ).fetchone()
    if row is None:
        return documents, storage_bytes
    held = min(documents, row[0]), min(storage_bytes, row[1])
    if any(held):
        session.connection.execute(
            "UPDATE project_versions SET reserved_documents = reserved_documents - %s, "
            "reserved_bytes = reserved_bytes - %s WHERE org_id = %s AND version_id = %s",
            (*held, session.org_id, version_id),
        )
    return documents - held[0], storage_bytes - held[1]


def hold_embeddings(
    session: TenantSession, quotas: Quotas, version_id: str, embeddings: int
) -> None:
    """Take embeddings of the day for a batch of a build, before they are made.

    The attempt that comes after a lost one holds them for the same batch already. `use_held`
    settles them with the batch, `release_unused` gives them back with the build.

    Raises:
        QuotaExceeded: the embeddings of the day are used up; nothing was taken.
    """
    row = session.connection.execute(
        "SELECT held_embeddings FROM project_versions "
        "WHERE org_id = %s AND version_id = %s FOR UPDATE",
        (session.org_id, version_id),
    ).fetchone()
    assert row is not None, "a version is not removed while it is built"
    if embeddings <= row[0]:
        # The batch may be a smaller one; what is left over is given back with the build.
        return
    count(session, quotas, embeddings=embeddings - row[0])
    session.connection.execute(
        "UPDATE project_versions SET held_embeddings = %s, "
        "held_on = (now() AT TIME ZONE 'UTC')::date WHERE org_id = %s AND version_id = %s",
        (embeddings, session.org_id, version_id),
    )


def use_held(session: TenantSession, version_id: str, embeddings: int) -> None:
    """Settle embeddings that were held for a batch, in the transaction that writes it."""
    session.connection.execute(
        "UPDATE project_versions SET held_embeddings = greatest(0, held_embeddings - %s) "
        "WHERE org_id = %s AND version_id = %s AND held_embeddings > 0",
        (embeddings, session.org_id, version_id),
    )


def release_unused(session: Session, version_id: str) -> None:
    """Give back what a build that has ended did not use of its reservation; once."""
    session.connection.execute(
        "WITH rest AS (SELECT org_id, held_embeddings AS held, held_on AS day "
        "FROM project_versions WHERE version_id = %(version)s FOR UPDATE), "
        "cleared AS (UPDATE project_versions SET held_embeddings = 0 "
        "WHERE version_id = %(version)s AND held_embeddings > 0) "
        "UPDATE usage SET embeddings = greatest(0, usage.embeddings - rest.held) FROM rest "
        "WHERE usage.org_id = rest.org_id AND usage.day = rest.day AND rest.held > 0",
        {"version": version_id},
    )
    session.connection.execute(
        "WITH rest AS (SELECT org_id, reserved_documents AS documents, reserved_bytes AS bytes "
        "FROM project_versions WHERE version_id = %(version)s FOR UPDATE), "
        "cleared AS (UPDATE project_versions SET reserved_documents = 0, reserved_bytes = 0 "
        "WHERE version_id = %(version)s) "
        "UPDATE org_totals SET documents = org_totals.documents - rest.documents, "
        "storage_bytes = org_totals.storage_bytes - rest.bytes "
        "FROM rest WHERE org_totals.org_id = rest.org_id "
        "AND (rest.documents > 0 OR rest.bytes > 0)",
        {"version": version_id},
    )


def release(
    session: TenantSession, *, documents: int = 0, chunks: int = 0, storage_bytes: int = 0
) -> None:
    """Take back what a version held that is dropped."""
    session.connection.execute(
        "UPDATE org_totals SET documents = greatest(0, documents - %s), "
        "chunks = greatest(0, chunks - %s), storage_bytes = greatest(0, storage_bytes - %s) "
        "WHERE org_id = %s",
        (documents, chunks, storage_bytes, session.org_id),
    )


def count(
    session: TenantSession,
    quotas: Quotas,
    *,
    queries: int = 0,
    embeddings: int = 0,
    items: int = 0,
) -> None:
    """Add to what the org used today (UTC).

    Raises:
        QuotaExceeded: the embeddings of the day are used up; nothing was added.
    """
    row = session.connection.execute(
        "INSERT INTO usage (org_id, day, queries, embeddings, items) "
        "VALUES (%s, (now() AT TIME ZONE 'UTC')::date, %s, %s, %s) "
        "ON CONFLICT (org_id, day) DO UPDATE SET queries = usage.queries + excluded.queries, "
        "embeddings = usage.embeddings + excluded.embeddings, "
        "items = usage.items + excluded.items RETURNING embeddings",
        (session.org_id, queries, embeddings, items),
    ).fetchone()
    assert row is not None
    limit = quotas.embeddings_per_day
    if limit is not None and embeddings > 0 and row[0] > limit:
        raise _exceeded("COCO_ORG_MAX_EMBEDDINGS_PER_DAY", limit, row[0] - embeddings, embeddings)


def embeddings_today(session: TenantSession) -> int:
    """Return how many embeddings the org has used today (UTC)."""
    row = session.connection.execute(
        "SELECT embeddings FROM usage WHERE org_id = %s AND day = (now() AT TIME ZONE 'UTC')::date",
        (session.org_id,),
    ).fetchone()
    return int(row[0]) if row else 0


def _exceeded(quota: str, limit: int, used: int, asked: int) -> QuotaExceeded:
    return QuotaExceeded(
        f"The quota {quota} is {limit}; {used} are in use and {asked} more were asked for.",
        hint="Remove what is no longer needed, or ask the administrator for a higher quota.",
        details={"quota": quota, "limit": limit, "used": used, "requested": asked},
    )

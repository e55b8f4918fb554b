"""Database connection of administration commands."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager

from coco_core.errors import InvalidConfig
from coco_server.database_urls import DATABASE_FIELDS, with_tls
from coco_server.settings import explain_settings, read_fields
from coco_server.store.audit import Act, Actor, AuditAction
from coco_server.store.blobs import BlobStore
from coco_server.store.migrate import open_checked
from coco_server.store.preflight import refuse_embedded
from coco_server.store.session import Database
from coco_server.store.vector_backend import open_vectors
from coco_server.store.vectors import VectorStore

__all__ = ["act", "blob_store", "chosen_vectors", "database_url", "opened"]


def database_url() -> str:
    """Return the URL in the environment, with the TLS settings of the environment.

    Raises:
        InvalidConfig: there is none, or it names no server.
    """
    entries = read_fields(DATABASE_FIELDS, {}, os.environ)
    url = with_tls({entry.name: entry.value for entry in entries})["meta_db"]
    if url:
        refuse_embedded(url)
        return str(url)
    raise InvalidConfig(
        "COCO_META_DB is not set.",
        hint="Set it as for the service: postgresql://user:password@host:5432/coco.",
    )


def chosen_vectors() -> VectorStore:
    """Return where the service keeps vectors, by the environment."""
    values = {each.name: each.value for each in explain_settings(environ=os.environ)}

    def text(name: str) -> str | None:
        return None if values[name] is None else str(values[name])

    return open_vectors(
        "qdrant" if values["vector_backend"] == "qdrant" else "pgvector",
        url=text("vector_db_url"),
        prefix=text("vector_db_collection_prefix"),
        # Secrets are not among the values that are explained.
        api_key=os.environ.get("COCO_VECTOR_DB_API_KEY"),
    )


def act(
    action: AuditAction,
    org_id: str | None,
    *,
    project_id: str | None = None,
    target: str | None = None,
) -> Act:
    """Return what the audit log notes of a command: the account that ran it."""
    try:
        account = getpass.getuser()
    except (KeyError, OSError):
        # A container's user need not have a name.
        account = f"uid {os.getuid()}"
    actor = Actor(f"cli:{account}")
    return Act(actor, action, org_id=org_id, project_id=project_id, target=target)


def blob_store() -> BlobStore:
    """Return the service's blob store, by the environment.

    Raises:
        InvalidConfig: none is named.
    """
    url = {each.name: each.value for each in explain_settings(environ=os.environ)}["blob_url"]
    if url is None:
        raise InvalidConfig("COCO_BLOB_URL is not set.", hint="Set it as for the service.")
    return BlobStore(str(url))


@contextmanager
def opened() -> Iterator[Database]:
    """Yield the database, checked as at the service's start.

    Raises:
        DatabaseIncompatible: it lacks something; the hint says what mends it.
        Unavailable: it cannot be reached.
    """
    url = database_url()
    open_checked(url)
    with Database(url, most=2, name="coco-server-cli") as database:
        yield database

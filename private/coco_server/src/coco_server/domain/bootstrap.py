"""First-start set-up: an org with the key in ``COCO_API_KEY``."""

from __future__ import annotations

import structlog

from coco_server.settings import Settings
from coco_server.store import keys, orgs
from coco_server.store.session import Database

__all__ = ["BOOTSTRAP_ORG", "bootstrap"]

BOOTSTRAP_ORG = "org_default"

_SCOPES = ("query", "ingest", "manage", "memo")

_log = structlog.get_logger(__name__)


def bootstrap(settings: Settings) -> None:
    """Make the org and its key, unless they are there already; a revoked key stays revoked."""
    if settings.api_key is None:
        return
    with Database(settings.meta_db, most=1) as database, database.system() as session:
        org = orgs.create(session, "Default", org_id=BOOTSTRAP_ORG)
        key = keys.ensure(session, org.org_id, "COCO_API_KEY", _SCOPES, settings.api_key)
    if key.revoked_at is not None:
        _log.warning("bootstrap_key_revoked", org_id=org.org_id, key_id=key.key_id)
    _log.info("bootstrapped", org_id=org.org_id, key_id=key.key_id)

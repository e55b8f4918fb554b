"""Text rules of an org: the modules that its imports may name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from coco_core.errors import Conflict, NotFound, WasmRejected
from coco_server.store.blobs import BlobInfo
from coco_server.store.ids import new_id
from coco_server.store.rows import all_rows, one_row
from coco_server.store.session import TenantSession

__all__ = ["MODULE_SUFFIX", "StoredRule", "delete", "find", "list_of", "register", "require"]

MODULE_SUFFIX = "wasm"
"""Of blobs that hold rules; no import is stored under it."""

# Each may stay compiled in every worker.
_MOST_RULES = 100


@dataclass(frozen=True, slots=True)
class StoredRule:
    """A registered rule."""

    rule_id: str
    name: str
    wasm_module_ref: str
    """What an import names to run it."""
    sha256: str
    size_bytes: int
    created_at: datetime


def register(session: TenantSession, name: str, stored: BlobInfo) -> StoredRule:
    """Let imports name a module that was checked.

    Raises:
        Conflict: the org has as many rules as it may have, or this one since a moment.
    """
    row = session.connection.execute(
        "SELECT count(*) FROM text_rules WHERE org_id = %s", (session.org_id,)
    ).fetchone()
    if row is not None and row[0] >= _MOST_RULES:
        raise Conflict(
            f"The org has {row[0]} rules, which is the most.", hint="Delete one that is not needed."
        )
    made = one_row(
        session,
        StoredRule,
        "INSERT INTO text_rules (rule_id, org_id, name, wasm_module_ref, sha256, size_bytes) "
        "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING {columns}",
        (new_id("rule"), session.org_id, name, stored.ref, stored.sha256, stored.size),
    )
    if made is None:
        raise Conflict("The rule was registered by another request.", hint="List the rules.")
    return made


def find(session: TenantSession, sha256: str) -> StoredRule | None:
    """Return the rule with this content, if the org has it."""
    return one_row(
        session,
        StoredRule,
        "SELECT {columns} FROM text_rules WHERE org_id = %s AND sha256 = %s",
        (session.org_id, sha256),
    )


def require(session: TenantSession, wasm_module_ref: str) -> StoredRule:
    """Return the rule that an import names.

    Raises:
        WasmRejected: the org has registered none of this reference.
    """
    found = one_row(
        session,
        StoredRule,
        "SELECT {columns} FROM text_rules WHERE org_id = %s AND wasm_module_ref = %s",
        (session.org_id, wasm_module_ref),
    )
    if found is None:
        raise WasmRejected(
            f"There is no rule {wasm_module_ref!r}.",
            hint="Register the module: POST /v1/rules with a key that has the scope manage, or "
            "coco-server rule add.",
        )
    return found


def list_of(session: TenantSession) -> list[StoredRule]:
    """Return the org's rules, oldest first."""
    return all_rows(
        session,
        StoredRule,
        "SELECT {columns} FROM text_rules WHERE org_id = %s ORDER BY rule_id",
        (session.org_id,),
    )


def delete(session: TenantSession, rule_id: str) -> StoredRule:
    """Let no import name a rule any more; its module is the caller's to remove.

    Raises:
        NotFound: the org has none of this id.
    """
    found = one_row(
        session,
        StoredRule,
        "DELETE FROM text_rules WHERE org_id = %s AND rule_id = %s RETURNING {columns}",
        (session.org_id, rule_id),
    )
    if found is None:
        raise NotFound(f"There is no rule {rule_id!r}.")
    return found

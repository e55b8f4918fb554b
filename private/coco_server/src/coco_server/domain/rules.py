"""Registration of text rules: a module is compiled and checked before it is stored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager

from coco_core.errors import WasmRejected
from coco_server.store import rules
from coco_server.store.blobs import BlobStore
from coco_server.store.rule_compiler import compile_rule
from coco_server.store.rules import StoredRule
from coco_server.store.session import Session, TenantSession

__all__ = ["delete_rule", "register_rule"]

_MAGIC = b"\0asm"

Transaction = Callable[[], AbstractContextManager[TenantSession]]


def register_rule(
    begin: Transaction,
    blobs: BlobStore,
    name: str | None,
    module: bytes,
    log: Callable[[Session], None],
) -> StoredRule:
    """Check a rule and let the org's imports name it; again with the same content changes nothing.

    Args:
        begin: opens a transaction of the org; none is open while the module is compiled.
        blobs: where modules are kept.
        name: what people call it; without one, the beginning of its checksum.
        module: WebAssembly in binary form.
        log: notes the registration, in its transaction.

    Raises:
        WasmRejected: it is no rule, or takes too much to compile.
        Conflict: the org has as many rules as it may have.
    """
    digest = hashlib.sha256(module).hexdigest()
    name = name or digest[:12]
    if not module.startswith(_MAGIC):
        raise WasmRejected(
            f"The rule {name!r} is not a WebAssembly module in binary form.",
            hint="Send the .wasm file itself, not its text format.",
        )
    compile_rule(module, name=name)
    with begin() as session:
        there = rules.find(session, digest)
        org_id = session.org_id
    if there is not None:
        return there
    stored = blobs.put_bytes(org_id, rules.MODULE_SUFFIX, module)
    try:
        with begin() as session:
            log(session)
            return rules.register(session, name, stored)
    except BaseException:
        blobs.delete(org_id, stored.ref)
        raise


def delete_rule(
    begin: Transaction, blobs: BlobStore, rule_id: str, log: Callable[[Session], None]
) -> StoredRule:
    """Remove a rule; imports that name it fail, and versions that it made stay.

    Raises:
        NotFound: the org has none of this id.
    """
    with begin() as session:
        gone = rules.delete(session, rule_id)
        log(session)
        org_id = session.org_id
    blobs.delete(org_id, gone.wasm_module_ref)
    return gone

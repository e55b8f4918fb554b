from __future__ import annotations

from importlib import resources

import pytest
import wasmtime

from coco_server.jobs import rejections
from tests.coco_worker.conftest import Start
from tests.coco_worker.items_made import documents
from tests.tenant import Tenant


def test_a_rule_changes_texts_before_they_are_cut(tenant: Tenant, start: Start) -> None:
    start()
    rule = resources.files("coco_core.wasm") / "examples" / "redact.wasm"
    ref = tenant.blobs.put_bytes(tenant.org_id, "wasm", rule.read_bytes()).ref
    secret = "AKIAIOSFODNN7EXAMPLE"
    items = [
        {"doc_id": "a.md", "content": f"the key is {secret} here"},
        {"doc_id": "b.md", "content": f"its key is {secret}", "ordinal": 0},
        {"doc_id": "c.md", "content": "nothing to hide"},
    ]
    active = tenant.succeeded(tenant.enqueue(tenant.ndjson(items), wasm_module_ref=ref))
    texts = {row[0]: row[2] for row in tenant.rows(active)}
    assert secret not in "".join(texts.values())
    assert texts["c.md"] == "nothing to hide"
    assert "key is" in texts["a.md"] and "key is" in texts["b.md"]


# A rule that traps on texts that begin with an exclamation mark, and loops on a question mark.
HOSTILE = """
(module
  (memory (export "memory") 2)
  (func (export "alloc") (param i32) (result i32) (i32.const 16))
  (func (export "apply") (param $text i32) (param $length i32) (result i64)
    (if (i32.eq (i32.load8_u (local.get $text)) (i32.const 33)) (then unreachable))
    (if (i32.eq (i32.load8_u (local.get $text)) (i32.const 63)) (then (loop $on (br $on))))
    (i64.or (i64.shl (i64.extend_i32_u (local.get $text)) (i64.const 32))
            (i64.extend_i32_u (local.get $length)))))
"""


def test_a_rule_that_fails_costs_the_item_and_not_the_worker(tenant: Tenant, start: Start) -> None:
    start()
    ref = tenant.blobs.put_bytes(tenant.org_id, "wasm", bytes(wasmtime.wat2wasm(HOSTILE))).ref
    items = [
        {"doc_id": "good", "content": "as it is"},
        {"doc_id": "trap", "content": "! unreachable"},
        {"doc_id": "loop", "content": "? endless"},
        {"doc_id": "fine", "content": "as it was"},
    ]
    job = tenant.enqueue(tenant.ndjson(items), wasm_module_ref=ref)
    active = tenant.succeeded(job)
    with tenant.database.tenant(tenant.org_id) as session:
        listed = rejections.read(session, job.job_id)
    assert [(each.item, each.code) for each in listed] == [(1, "rule_failed"), (2, "rule_failed")]
    assert {row[0] for row in tenant.rows(active)} == {"good", "fine"}


@pytest.mark.parametrize("body", [None, b"not wasm", b"\0asm\x01\0\0\0"])
def test_what_is_no_rule_ends_the_job(tenant: Tenant, start: Start, body: bytes | None) -> None:
    start()
    ref = f"{tenant.org_id}/{'0' * 32}.wasm"
    if body is not None:
        ref = tenant.blobs.put_bytes(tenant.org_id, "wasm", body).ref
    job = tenant.ended(tenant.enqueue(tenant.ndjson(documents(3)), wasm_module_ref=ref))
    assert job.state == "failed" and job.error is not None
    assert (job.error["code"], job.attempt) == ("wasm_rejected", 1)

from __future__ import annotations

from importlib import resources

import psutil
import pytest
import wasmtime

from coco_core.errors import WasmRejected
from coco_server.jobs import rejections
from coco_server.store.rule_compiler import compile_rule
from tests.coco_worker.conftest import Start
from tests.coco_worker.items_made import documents
from tests.hostile_rules import echo_rule, growing_rule, slow_to_compile
from tests.tenant import Tenant
from tests.waiting import until


def test_a_rule_changes_texts_before_they_are_cut(tenant: Tenant, start: Start) -> None:
    start()
    rule = resources.files("coco_core.wasm") / "examples" / "redact.wasm"
    ref = tenant.rule(rule.read_bytes())
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
    ref = tenant.rule(bytes(wasmtime.wat2wasm(HOSTILE)))
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
        ref = tenant.rule(body)
    job = tenant.ended(tenant.enqueue(tenant.ndjson(documents(3)), wasm_module_ref=ref))
    assert job.state == "failed" and job.error is not None
    assert (job.error["code"], job.attempt) == ("wasm_rejected", 1)


def test_only_registered_rules_run(tenant: Tenant, start: Start) -> None:
    """A module that came as an import, or was put into the store, is no rule."""
    start()
    module = echo_rule()
    for suffix in ("ndjson", "wasm"):
        ref = tenant.blobs.put_bytes(tenant.org_id, suffix, module).ref
        job = tenant.ended(tenant.enqueue(tenant.ndjson(documents(3)), wasm_module_ref=ref))
        assert job.error is not None
        assert (job.state, job.error["code"]) == ("failed", "wasm_rejected")


def test_another_orgs_rule_does_not_run(tenant: Tenant, start: Start) -> None:
    start()
    other = Tenant.create(tenant.database, tenant.blobs)
    job = tenant.enqueue(tenant.ndjson(documents(3)), wasm_module_ref=other.rule(echo_rule()))
    assert tenant.ended(job).state == "failed"


def test_growth_is_bounded(tenant: Tenant, start: Start) -> None:
    start()
    ref = tenant.rule(growing_rule(60 << 20))
    items = [{"doc_id": "a", "content": "small"}, {"doc_id": "b", "content": "small", "ordinal": 0}]
    job = tenant.ended(tenant.enqueue(tenant.ndjson(items), wasm_module_ref=ref))
    assert job.state == "failed"
    with tenant.database.tenant(tenant.org_id) as session:
        listed = rejections.read(session, job.job_id)
    assert [each.code for each in listed] == ["rule_failed", "rule_failed"]
    assert "62914560 bytes of 5" in listed[0].message


def compiling() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if "coco_server.store.rule_compiler" in child.cmdline()
    ]


def test_a_job_is_cancelled_while_its_rule_is_compiled(tenant: Tenant, start: Start) -> None:
    worker = start()
    ref = tenant.rule(slow_to_compile())
    job = tenant.enqueue(tenant.ndjson(documents(3)), wasm_module_ref=ref)
    until(compiling)
    assert worker.cancel(job.job_id)
    assert tenant.ended(job).state == "cancelled"
    until(lambda: not compiling())


def test_a_rule_is_compiled_once(tenant: Tenant) -> None:
    first = compile_rule(echo_rule(), name="echo")
    assert compile_rule(echo_rule(), name="echo") is first
    assert first.apply("as it is") == "as it is"


def test_compiling_is_bounded() -> None:
    with pytest.raises(WasmRejected, match="more than 1 s of computing"):
        compile_rule(slow_to_compile(), name="slow", seconds=1)


@pytest.mark.parametrize(
    "memory", ['(memory (export "memory") 1 2 shared)', '(memory (export "memory") i64 1)']
)
def test_memory_that_no_limit_counts_is_refused(memory: str) -> None:
    with pytest.raises(WasmRejected):
        compile_rule(bytes(wasmtime.wat2wasm(f"(module {memory})")))

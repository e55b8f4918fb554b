from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib import resources

import pytest
import wasmtime
from scripts import build_wasm

from coco_core.errors import WasmFailed, WasmRejected
from coco_core.wasm.rules import RuleLimits, TextRule

EXAMPLE = resources.files("coco_core.wasm") / "examples/redact.wasm"

ALLOC = '(func (export "alloc") (param i32) (result i32) (i32.const 1024))'
APPLY = '(func (export "apply") (param i32 i32) (result i64) {body})'
# Gives back what it got.
SAME = (
    "(i64.or (i64.shl (i64.extend_i32_u (local.get 0)) (i64.const 32))"
    " (i64.extend_i32_u (local.get 1)))"
)


def rule(body: str, limits: RuleLimits | None = None, memory: str = "1") -> TextRule:
    wat = f'(module (memory (export "memory") {memory}) {ALLOC} {APPLY.format(body=body)})'
    return TextRule(bytes(wasmtime.wat2wasm(wat)), name="mine", limits=limits)


@pytest.fixture(scope="module")
def redact() -> TextRule:
    return TextRule(EXAMPLE.read_bytes(), name="redact")


def test_the_committed_modules_are_built_from_their_sources() -> None:
    sources = sorted(build_wasm.SOURCES.rglob("*.wat"))
    assert sources
    assert [source.name for source in sources if build_wasm.stale(source) is not None] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("key = AKIAIOSFODNN7EXAMPLE\n", "key = [REDACTED]\n"),
        ('{"password": "hunter22", "user": "me"}', '{"password": "[REDACTED]", "user": "me"}'),
        ("API_KEY=abcdefgh12\nx = 1\n", "API_KEY=[REDACTED]\nx = 1\n"),
        ("auth: ghp_0123456789012345678901234567890123456789", "auth: [REDACTED]"),
        ("token = read(path)", "token = read(path)"),
        ("NOTAKIAIOSFODNN7EXAMPLE", "NOTAKIAIOSFODNN7EXAMPLE"),
        ("passwords are kept by the vault", "passwords are kept by the vault"),
        ("größe 😀 secret=geheim123!", "größe 😀 secret=[REDACTED]"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabcd\n-----END RSA PRIVATE KEY-----\nx\n",
            "-----BEGIN RSA PRIVATE KEY-----[REDACTED]\n\n\n-----END RSA PRIVATE KEY-----\nx\n",
        ),
        ("-----BEGIN PUBLIC KEY-----\nMIIE\n", "-----BEGIN PUBLIC KEY-----\nMIIE\n"),
    ],
)
def test_the_example_redacts_secrets_alone(redact: TextRule, text: str, expected: str) -> None:
    assert redact.apply(text) == expected


def test_a_rule_is_shared_by_threads(redact: TextRule) -> None:
    texts = [f"n{number} token=abcdefgh{number:04}\n" * 50 for number in range(40)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(redact.apply, texts))
    assert results == [f"n{number} token=[REDACTED]\n" * 50 for number in range(40)]


def test_one_text_leaves_nothing_for_the_next() -> None:
    # Counts its calls at address 0 and answers with so many bytes.
    counting = rule(
        "(i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))"
        "(i64.or (i64.shl (i64.const 1024) (i64.const 32)) (i64.load32_u (i32.const 0)))"
    )
    assert [counting.apply("abc") for _ in range(3)] == ["a", "a", "a"]


def test_an_endless_loop_runs_out_of_fuel() -> None:
    with pytest.raises(WasmFailed, match=r"'mine' failed: it used up its fuel"):
        rule("(loop $l (br $l)) (i64.const 0)").apply("x")


@pytest.mark.slow
def test_an_endless_loop_with_much_fuel_is_stopped_by_the_clock() -> None:
    limits = RuleLimits(fuel=1 << 60, seconds=0.2)
    with pytest.raises(WasmFailed, match="it exceeded the time limit"):
        rule("(loop $l (br $l)) (i64.const 0)", limits).apply("x")


def test_a_memory_bomb_gets_no_more_than_its_share() -> None:
    grow = (
        "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))"
        "(i64.store (i32.const 1024) (i64.extend_i32_u (memory.size)))"
        "(i64.or (i64.shl (i64.const 1024) (i64.const 32)) (i64.const 8))"
    )
    grown = rule(grow, RuleLimits(memory_bytes=8 << 20)).apply("x")
    assert int.from_bytes(grown.encode(), "little") * 65_536 <= 8 << 20
    with pytest.raises(WasmFailed, match="memory"):
        rule(SAME, RuleLimits(memory_bytes=1 << 20), memory="32").apply("x")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("unreachable", "it gave up"),
        ("(i64.const -1)", "of its memory, which has 65536"),
        ("(i64.load (i32.const -8))", "it reached outside its memory"),
        ("(i32.store8 (local.get 0) (i32.const 255))" + SAME, "its result is not UTF-8"),
    ],
)
def test_a_failing_rule_says_why(body: str, message: str) -> None:
    with pytest.raises(WasmFailed, match=message):
        rule(body).apply("text")


@pytest.mark.parametrize(
    ("wat", "message"),
    [
        ('(module (import "env" "open" (func)))', r"imports env\.open"),
        ("(module)", "does not export its memory"),
        (f'(module (memory (export "memory") 1) {ALLOC})', r"does not export apply\(i32, i32\)"),
        (
            f'(module (memory (export "memory") 1) {ALLOC} (func (export "apply")))',
            r"does not export apply\(i32, i32\)",
        ),
    ],
)
def test_a_module_that_is_no_rule_is_refused(wat: str, message: str) -> None:
    with pytest.raises(WasmRejected, match=message):
        TextRule(bytes(wasmtime.wat2wasm(wat)))


def test_a_file_that_is_no_module_is_refused() -> None:
    with pytest.raises(WasmRejected, match="not a valid WebAssembly module"):
        TextRule(b"#!/bin/sh\n")
    with pytest.raises(WasmRejected, match="at most 100 are taken"):
        TextRule(EXAMPLE.read_bytes(), limits=RuleLimits(module_bytes=100))

"""A WebAssembly grammar gives the chunks of the native one, and a bad one does no harm."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import wasmtime

from coco_core.chunking import chunk_document
from coco_core.configs import ChunkingConfig
from coco_core.errors import CocoError, WasmFailed, WasmRejected
from coco_core.languages import grammars
from coco_core.languages.queries import LanguageQuery, load_query, parse_query
from coco_core.languages.syntax import WHOLE, Syntax
from coco_core.wasm.engine import Engine
from coco_core.wasm.grammar import WasmGrammar, probe

pytestmark = pytest.mark.slow

GRAMMARS = Path(__file__).parents[2] / "grammars"
JSON = (GRAMMARS / "tree-sitter-json.wasm").read_bytes()

# What a grammar begins with: a dylink section, and what the host gives.
HEAD = (
    "(module (@dylink.0 (mem-info (memory 1024 4) (table 0 0)))"
    ' (import "env" "memory" (memory 1)) (import "env" "__memory_base" (global $base i32))'
)

Load = Callable[..., WasmGrammar]


class Compiled:
    """Compiles every module once for all tests."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.modules: dict[bytes, wasmtime.Module] = {}

    def __call__(self, wasm: bytes) -> wasmtime.Module:
        if wasm not in self.modules:
            self.modules[wasm] = self.engine.compile(wasm)
        return self.modules[wasm]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine()


@pytest.fixture(scope="module")
def modules(engine: Engine) -> Compiled:
    return Compiled(engine)


@pytest.fixture(scope="module")
def load(engine: Engine, modules: Compiled) -> Load:
    """Loads a grammar, that of JSON if not said otherwise."""

    def load(wasm: bytes = JSON, query: LanguageQuery | None = None, **more: Any) -> WasmGrammar:
        return WasmGrammar(engine, modules, wasm, query or load_query("json"), name="json", **more)

    return load


@pytest.fixture(scope="module")
def json_grammar(load: Load) -> Iterator[WasmGrammar]:
    grammar = load()
    yield grammar
    grammar.close()


def module_of(body: str, imports: str = "") -> bytes:
    return bytes(wasmtime.wat2wasm(f"{HEAD} {imports} {body})"))


def parts_of(syntax: Syntax) -> list[list[tuple[int, int]]]:
    bodies = sorted(set(syntax.plain.get("body", [])))
    return [syntax.parts(*WHOLE), *(syntax.parts(start, end) for start, end in bodies)]


def documents() -> list[bytes]:
    """Return texts of every sort: nested, broken, foreign, with what scanners stumble over."""
    rng = random.Random(11)

    def value(depth: int) -> str:
        kind = rng.randrange(6 if depth else 3)
        if kind == 0:
            return str(rng.randrange(10**6))
        if kind == 1:
            letters = string.ascii_letters + "äß€漢😀🤖"
            return '"' + "".join(rng.choice(letters) for _ in range(rng.randrange(30))) + '"'
        if kind == 2:
            return rng.choice(["true", "false", "null"])
        inner = [value(depth - 1) for _ in range(rng.randrange(8))]
        if kind == 3:
            return "[" + ",\n ".join(inner) + "]"
        return "{" + ",\n ".join(f'"k{at}é": {each}' for at, each in enumerate(inner)) + "}"

    texts = [value(5) for _ in range(60)]
    texts += [text[: len(text) * 2 // 3] for text in texts[:20]]
    texts += ["", "\0", '{"a":\0 1}', '\ufeff{"a": 1}', '{"a": 1}\r\n', "[" * 5_000, "[,," * 9_000]
    texts += ["{" + ", ".join(f'"k{at}": {{"x": [{at}]}}' for at in range(3_000)) + "}"]
    return [text.encode() for text in texts]


def test_records_are_those_of_the_native_grammar(json_grammar: WasmGrammar) -> None:
    native = grammars.grammar_for("json")
    assert native is not None
    parsed = 0
    for source in documents():
        expected, found = native.parse(source), json_grammar.parse(source)
        assert (expected is None) == (found is None), source[:80]
        if expected is None or found is None:
            continue
        parsed += 1
        assert found.named == expected.named
        assert found.plain == expected.plain
        assert parts_of(found) == parts_of(expected)
    assert parsed > 70


def test_chunks_are_those_of_the_native_grammar(
    json_grammar: WasmGrammar, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ChunkingConfig(chunk_size=60)
    expected = [chunk_document("a.json", source, config) for source in documents()]
    monkeypatch.setitem(grammars._grammars, "json", json_grammar)
    assert [chunk_document("a.json", source, config) for source in documents()] == expected
    assert any(document.parsed for document in expected)


def test_a_grammar_is_shared_by_threads(json_grammar: WasmGrammar) -> None:
    sources = [b'{"n": [%d]}' % number * 40 for number in range(64)]
    with ThreadPoolExecutor(4) as pool:
        together = [syntax and syntax.plain for syntax in pool.map(json_grammar.parse, sources)]
    assert together == [(found := json_grammar.parse(each)) and found.plain for each in sources]


def test_a_sandbox_that_grew_large_is_not_kept(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    grammar = load()
    assert [grammar.parse(b"[1]") is not None, len(grammar._idle)] == [True, 1]
    small = grammar._idle[0].memory_bytes
    monkeypatch.setattr("coco_core.wasm.grammar._KEPT_BYTES", small)
    assert grammar.parse(b"[" + b'{"x": 1},' * 80_000 + b"1]") is not None
    assert grammar._idle == []


HOSTILE = {
    "a loop in the language's function": (
        '(func (export "tree_sitter_x") (result i32) (loop $l (br $l)) (i32.const 0))',
        "it exceeded the time limit",
    ),
    "a loop in a constructor": (
        '(func (export "__wasm_call_ctors") (loop $l (br $l)))'
        ' (func (export "tree_sitter_x") (result i32) (i32.const 0))',
        "it exceeded the time limit",
    ),
    "a loop in the start function": (
        '(func $s (loop $l (br $l))) (start $s) (func (export "tree_sitter_x") (result i32)'
        " (i32.const 0))",
        "it exceeded the time limit",
    ),
    "endless recursion": (
        "(func $r (param i32) (result i32)"
        " (i32.add (call $r (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))"
        ' (func (export "tree_sitter_x") (result i32) (call $r (i32.const 0)))',
        "its calls nest too deeply",
    ),
    "a memory bomb": (
        '(func (export "tree_sitter_x") (result i32) (local $a i32)'
        " (loop $l (br_if $l (i32.ne (memory.grow (i32.const 256)) (i32.const -1))))"
        # More than its share would be touched here.
        " (i32.store (i32.const 0x20000000) (i32.const 1)) (i32.const 0))",
        "it reached outside its memory",
    ),
    "a null language": (
        '(func (export "tree_sitter_x") (result i32) (i32.const 0))',
        "ABI",
    ),
    "a language outside the memory": (
        '(func (export "tree_sitter_x") (result i32) (i32.const -16))',
        "it reached outside its memory",
    ),
    "an old ABI": (
        '(func (export "tree_sitter_x") (result i32)'
        " (i32.store (global.get $base) (i32.const 12)) (global.get $base))",
        "has ABI 12; this version of CoCo reads 13 to 15",
    ),
    "an ABI of the future": (
        '(func (export "tree_sitter_x") (result i32)'
        " (i32.store (global.get $base) (i32.const 99)) (global.get $base))",
        "has ABI 99",
    ),
    "no language at all": (
        '(func (export "hello") (result i32) (i32.const 0))',
        r"it exports no function tree_sitter_\*",
    ),
    "a language that is not an address": (
        '(func (export "tree_sitter_x") (result f32) (f32.const 0))',
        "its language is not an address",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_grammar_is_stopped_with_a_reason(
    load: Load, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coco_core.wasm.sandbox.LOAD_SECONDS", 0.2)
    body, message = HOSTILE[case]
    with pytest.raises((WasmRejected, WasmFailed), match=message):
        load(module_of(body), parse_query(""))


def test_a_missing_import_fails_only_when_it_is_called(load: Load) -> None:
    imports = '(import "env" "system" (func $f (param i32) (result i32)))'
    language = '(func (export "tree_sitter_x") (result i32) (call $f (i32.const 0)))'
    with pytest.raises(WasmFailed, match="called 'system', which there is not"):
        load(module_of(language, imports), parse_query(""))


@pytest.mark.parametrize(
    ("wasm", "message"),
    [
        (b"", "does not begin with its magic number"),
        (b"<!doctype html>", "does not begin with its magic number"),
        (b"\0asm\1\0\0\0", "no tree-sitter grammar"),
        (bytes(wasmtime.wat2wasm("(module)")), "no tree-sitter grammar"),
        (JSON[:20], "truncated|damaged"),
        (JSON[: len(JSON) // 2], "not a valid WebAssembly module"),
        (JSON[:-10], "not a valid WebAssembly module"),
    ],
)
def test_a_file_that_is_no_grammar_is_refused(load: Load, wasm: bytes, message: str) -> None:
    with pytest.raises(WasmRejected, match=message):
        load(wasm, parse_query(""))


def test_damaged_grammars_never_harm_the_host(engine: Engine) -> None:
    """Most byte flips are refused or trap; whatever parses yields ranges inside the text."""
    rng = random.Random(5)
    source = b'{"a": [1, {"b": "c"}]}\n' * 20
    outcomes = {"refused": 0, "parsed": 0, "text": 0}
    core = Compiled(engine)
    for _ in range(60):
        damaged = bytearray(JSON)
        for _ in range(rng.choice((1, 3, 20))):
            damaged[rng.randrange(60, len(damaged))] = rng.randrange(256)

        def modules(wasm: bytes, damaged: bytes = bytes(damaged)) -> wasmtime.Module:
            return engine.compile(wasm) if wasm == damaged else core(wasm)

        try:
            grammar = WasmGrammar(engine, modules, bytes(damaged), load_query("json"), name="json")
        except CocoError:
            outcomes["refused"] += 1
            continue
        syntax = grammar.parse(source)
        outcomes["text" if syntax is None else "parsed"] += 1
        if syntax is not None:
            assert all(0 <= a <= b <= len(source) for a, b in syntax.parts(*WHOLE))
        grammar.close()
    assert outcomes["refused"] and outcomes["parsed"]


def test_a_grammar_that_keeps_failing_is_asked_no_more(load: Load) -> None:
    heard: list[CocoError] = []
    grammar = load(on_failure=heard.append)
    good = grammar._wasm
    # From here on every new sandbox meets another file.
    grammar.close()
    grammar._wasm = JSON[:100]
    assert [grammar.parse(b"[1]") for _ in range(5)] == [None] * 5
    assert len(heard) == 3
    assert grammar.broken is not None
    assert good == JSON


def test_a_query_that_does_not_fit_says_where(load: Load) -> None:
    query = LanguageQuery("(object) @body (nothing) @lead", {})
    with pytest.raises(WasmRejected, match=r"no such kind of node \(at 'nothing"):
        load(JSON, query)


def test_a_query_is_fitted_to_another_grammar_version(engine: Engine, modules: Compiled) -> None:
    query = "(pair key: (_) @name) @definition.config\n(gone) @body\n(object) @body\n"
    found = probe(engine, modules, JSON, query, "json")
    assert found.query_origin == "fitted"
    assert "gone" not in found.query
    assert "(object) @body" in found.query


def test_a_grammar_without_query_gets_one_from_its_names(engine: Engine, modules: Compiled) -> None:
    wasm = (GRAMMARS / "tree-sitter-properties.wasm").read_bytes()
    found = probe(engine, modules, wasm, "", "properties")
    assert (found.exported_name, found.query_origin) == ("properties", "derived")
    assert "(comment) @lead" in found.query

"""How code is cut: definitions alone, small ones together, large ones at their inner blocks."""

from __future__ import annotations

import pytest

from coco_core.chunking import ChunkedDocument, chunk_document
from coco_core.configs import ChunkingConfig
from coco_core.types import Chunk, ChunkKind

BODY = "".join(f"    value_{i} = compute(value_{i - 1}, {i})\n" for i in range(1, 9))


def chunked(path: str, text: str, size: int = 128) -> ChunkedDocument:
    document = chunk_document(path, text.encode(), ChunkingConfig(chunk_size=size))
    assert document.parsed
    assert "".join(chunk.text for chunk in document.chunks) == text
    return document


def with_symbol(document: ChunkedDocument, symbol: str) -> list[Chunk]:
    return [chunk for chunk in document.chunks if chunk.symbol == symbol]


def test_a_definition_of_some_size_stands_alone_with_what_describes_it() -> None:
    text = (
        f"import os\nimport sys\nfrom a.b import c, d, e, f\n\n\n"
        f"# About one.\n@decorated\ndef one():\n{BODY}\n\n"
        f"# Not about two.\n\n# About two.\ndef two():\n{BODY}"
    )
    document = chunked("a.py", text)
    (one,) = with_symbol(document, "one")
    (two,) = with_symbol(document, "two")
    assert one.text.startswith("# About one.\n@decorated\ndef one")
    assert two.text.startswith("# About two.\ndef two")
    assert (one.kind, one.signature, one.imports) == (
        ChunkKind.FUNCTION,
        "def one()",
        ("os", "sys", "a.b"),
    )


def test_small_neighbors_share_a_chunk() -> None:
    document = chunked("a.py", "".join(f"def f{i}():\n    return {i}\n\n\n" for i in range(12)), 64)
    assert 1 < len(document.chunks) < 6
    assert all(len(chunk.definitions) > 1 for chunk in document.chunks)


def test_a_large_function_is_cut_at_its_blocks_and_keeps_its_signature() -> None:
    loops = "".join(f"    for item_{i} in items:\n    {BODY}" for i in range(4)).replace(
        "\n    value", "\n        value"
    )
    document = chunked("a.py", f"class A:\n    x = 1\n\n    def run(self, items):\n{loops}")
    pieces = with_symbol(document, "A.run") or document.chunks
    document = chunked("a.py", f"def run(items: list[int]) -> None:\n{loops}")
    pieces = with_symbol(document, "run")
    assert len(pieces) == len(document.chunks) >= 4
    assert {piece.signature for piece in pieces} == {"def run(items: list[int]) -> None"}
    assert {piece.kind for piece in pieces} == {ChunkKind.FUNCTION}
    assert sum(piece.text.lstrip().startswith("for item_") for piece in pieces) >= 3
    assert [len(piece.definitions) for piece in pieces] == [1] + [0] * (len(pieces) - 1)


def test_a_class_that_is_cut_has_its_head_as_a_chunk() -> None:
    doc = '    """What it is for, in a sentence that says it."""\n\n    limit: int = 10\n\n'
    methods = "".join(f"    def m{i}(self):\n{BODY.replace('    v', '        v')}\n" for i in "ab")
    document = chunked("a.py", f"class Store(Base):\n{doc}{methods}")
    head, first, second = document.chunks
    assert (head.kind, head.symbol, head.signature) == (
        ChunkKind.CLASS,
        "Store",
        "class Store(Base)",
    )
    assert [d.path for d in head.definitions] == ["Store", "Store.limit"]
    assert (first.symbol, first.kind) == ("Store.ma", ChunkKind.METHOD)
    assert second.symbol == "Store.mb"


def test_clauses_of_one_function_stay_together() -> None:
    text = "module A where\n\n" + "".join(
        f"-- | Doc.\nname{i} :: Int -> Int\nname{i} 0 = {i}\nname{i} n = n * factor\n\n"
        for i in range(6)
    )
    for chunk in chunked("a.hs", text, 48).chunks:
        assert chunk.text.count("::") == len(chunk.definitions)


def test_namespaces_and_conditionals_are_transparent() -> None:
    body = BODY.replace("\n", ";\n")
    functions = "".join(f"int f{i}(int a) {{\n{body}}}\n\n" for i in range(3))
    text = (
        f"#ifndef A_H\n#define A_H\nnamespace a {{\nnamespace b {{\n\n{functions}}}\n}}\n#endif\n"
    )
    document = chunked("a.hpp", text)
    assert [d.path for c in document.chunks for d in c.definitions] == ["f0", "f1", "f2"]
    assert {"f0", "f1", "f2"} <= {chunk.symbol for chunk in document.chunks}


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        (
            "pyproject.toml",
            '[project]\nname = "x"\n\n[tool.ruff]\nline-length = 100\n\n[[tool.x.y]]\na = 1\n',
            ["project", "tool.ruff", "tool.x.y"],
        ),
        (
            "a.yaml",
            "on:\n  push: 1\njobs:\n  test:\n    steps:\n      - run: a\n---\nsecond: 1\n",
            ["on", "on.push", "jobs", "jobs.test", "second"],
        ),
        (
            "a.json",
            '{"name": "x", "scripts": {"build": {"deep": 1}}}',
            ["name", "scripts", "scripts.build"],
        ),
        (
            "a.tf",
            'resource "aws_vpc" "main" {\n  a = 1\n}\nvariable "name" {}\nlocals {\n  a = 1\n}\n',
            ["aws_vpc.main", "variable.name", "locals"],
        ),
    ],
)
def test_config_files_define_their_keys(path: str, text: str, found: list[str]) -> None:
    document = chunked(path, text)
    assert [d.path for c in document.chunks for d in c.definitions] == found
    assert {chunk.kind for chunk in document.chunks} == {ChunkKind.CONFIG}


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        (
            "Makefile",
            "CC := gcc\n\nall: main.o\n\t$(CC) x\n\nclean:\n\trm x\n",
            ["CC", "all", "clean"],
        ),
        (
            "a.sql",
            "CREATE TABLE users (id int);\nCREATE VIEW v AS SELECT 1;\n"
            "CREATE FUNCTION f(a int) RETURNS int AS $$ SELECT 1 $$ LANGUAGE sql;\n",
            ["users", "v", "f"],
        ),
        (
            "a.css",
            ".a > p:hover { color: red }\n@keyframes k { from { top: 0 } }\n",
            [".a > p:hover", "k"],
        ),
        (
            "a.jl",
            'module M\n"Doc."\nfunction f(x::Int)\n  1\nend\nstruct S <: T\nend\ng(x) = 1\nend\n',
            ["M", "M.f", "M.S", "M.g"],
        ),
        (
            "a.ml",
            "type t = A | B\nlet f x = x\nmodule M = struct\n  let a = 1\n  let g y = y\nend\n",
            ["t", "f", "M", "M.a", "M.g"],
        ),
        ("a.mli", "val f : int -> int\ntype t\n", ["f", "t"]),
        (
            "a.vue",
            '<template/>\n<script lang="ts">\nconst x = 1\nfunction click() {}\n</script>',
            ["x", "click"],
        ),
        ("a.svelte", "<script>\nexport function f() {}\n</script>\n<p>{f()}</p>\n", ["f"]),
    ],
)
def test_other_languages(path: str, text: str, found: list[str]) -> None:
    assert [d.path for c in chunked(path, text).chunks for d in c.definitions] == found


def test_languages_without_a_grammar_are_text() -> None:
    document = chunk_document("a.cob", b"IDENTIFICATION DIVISION.\n" * 40, ChunkingConfig())
    assert (document.language, document.parsed) == ("cobol", False)
    assert {chunk.kind for chunk in document.chunks} == {ChunkKind.CODE_BLOCK}
    assert chunk_document("a.txt", b"hello\n", ChunkingConfig()).chunks[0].kind is ChunkKind.TEXT


def test_a_file_without_a_known_name_shows_by_its_content() -> None:
    document = chunk_document(
        "tool", b"#!/usr/bin/env python3\ndef f():\n    pass\n", ChunkingConfig()
    )
    assert document.language == "python"
    assert document.chunks[0].symbol == "f"

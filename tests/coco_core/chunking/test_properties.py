"""What holds for any input: nothing lost, nothing twice, places right, sizes kept."""

from __future__ import annotations

import codecs
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coco_core.chunking import ChunkedDocument, EstimatedTokenizer, chunk_document
from coco_core.configs import ChunkingConfig
from coco_core.decoding import decode

SAMPLES = sorted((Path(__file__).parent / "samples").iterdir())
REPOSITORY = Path(__file__).parents[3]

PATHS = """
a.py a.js a.ts a.tsx a.go a.rs a.c a.cpp a.java a.kt a.scala a.cs a.swift a.rb a.php a.lua a.ex a.hs
a.zig a.sh a.jl a.ml a.sql a.css a.tf Makefile a.json a.yaml a.toml a.md a.html a.rst a.adoc a.ipynb
a.org a.tex a.vue a.svelte a.txt a.unknown
""".strip().split()

# Fragments that mean something to one format or another; their mixtures are broken everywhere.
FRAGMENTS = st.sampled_from(
    [
        "def f(x):\n", "    return 1\n", "class A {\n", "}\n", "# Title\n", "Title\n=====\n",
        "```python\n", "```\n", "| a | b |\n|---|---|\n", "- item\n", "\n", "\r\n", "\r", "\t",
        "<h2>x</h2>", "<script>", "</script>", "---\n", "key: value\n", '{"cells": [', "]}", '"',
        "'", "/* ", " */", "// c\n", "\0", "é漢😀", "x" * 50, "fn main() {\n", "func F() {\n",
        "end\n", "@a\n", "#if X\n", "#endif\n", "(", ")", "== Sub\n",
        ".. code-block:: python\n\n", "::\n",
        "    ", "\\section{A}\n", "* Org\n",
        "----\n", "<div>\n", "public ", "static ", ";", ",",
    ]
)  # fmt: skip
SOURCES = st.lists(FRAGMENTS, max_size=60).map("".join)


def check(document: ChunkedDocument, data: bytes) -> None:
    """Everything that must hold without overlap."""
    source = decode(data)
    if source.text.isspace() or not source.text:
        assert document.chunks == ()
        return
    assert "".join(chunk.text for chunk in document.chunks) == source.text
    assert document.chunks[0].span.start_byte == source.mark
    assert document.chunks[-1].span.end_byte == len(data)
    for chunk in document.chunks:
        span = chunk.span
        assert (
            data[span.start_byte : span.end_byte].decode(source.encoding, "replace") == chunk.text
        )
        assert chunk.text.strip()
        before = data[: span.start_byte].decode(source.encoding, "replace")
        assert span.start_line == before.count("\n") + 1
        assert span.end_line == span.start_line + chunk.text.rstrip("\n").count("\n") + (
            max(len(chunk.text) - len(chunk.text.rstrip("\n")) - 1, 0)
        )
        for definition in chunk.definitions:
            assert span.start_line <= definition.line <= span.end_line
    for above, below in pairwise(document.chunks):
        assert above.span.end_byte == below.span.start_byte


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PATHS), SOURCES, st.sampled_from([16, 60, 256]))
@example("a.md", "\n\n", 16)
@example("a.py", "x" * 5_000, 16)
def test_chunks_concatenate_to_the_file(path: str, text: str, size: int) -> None:
    data = text.encode()
    document = chunk_document(path, data, ChunkingConfig(chunk_size=size))
    check(document, data)
    assert all(chunk.token_count <= size for chunk in document.chunks)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PATHS), st.binary(max_size=300))
def test_any_bytes_are_chunked(path: str, data: bytes) -> None:
    document = chunk_document(path, data, ChunkingConfig(chunk_size=32))
    assert "".join(chunk.text for chunk in document.chunks) in (decode(data).text, "")


@settings(max_examples=100, deadline=None)
@example("a.py", "def f(x):\ndef f(x):\n", "recursive_char", (16, 15), "chars")
@given(
    st.sampled_from(["a.py", "a.md", "a.txt"]),
    SOURCES,
    st.sampled_from(["ast", "fixed_token", "recursive_char", "markdown_header"]),
    st.sampled_from([(16, 0), (16, 15), (40, 10), (100, 50)]),
    st.sampled_from(["tokens", "chars"]),
)
def test_every_strategy_covers_the_file(
    path: str, text: str, strategy: str, sizes: tuple[int, int], unit: str
) -> None:
    config = ChunkingConfig(strategy, *sizes, unit)  # type: ignore[arg-type]
    document = chunk_document(path, text.encode(), config)
    if not text.strip():
        assert document.chunks == ()
        return
    reached = 0
    for chunk in document.chunks:
        assert chunk.span.start_byte <= reached < chunk.span.end_byte
        reached = chunk.span.end_byte
        if strategy in ("fixed_token", "recursive_char"):
            length = len(chunk.text) if unit == "chars" else chunk.token_count
            assert length <= sizes[0]
    assert reached == len(text.encode())


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
@pytest.mark.parametrize("size", [16, 64, 256])
@pytest.mark.parametrize("form", ["utf-8", "bom", "crlf", "utf-16", "truncated", "cr"])
def test_samples_in_every_form(path: Path, size: int, form: str) -> None:
    text = path.read_text(encoding="utf-8")
    data = {
        "utf-8": text.encode(),
        "bom": codecs.BOM_UTF8 + text.encode(),
        "crlf": text.replace("\n", "\r\n").encode(),
        "utf-16": codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
        "truncated": text.encode()[: len(text) * 2 // 3],
        "cr": text.replace("\n", "\r").encode(),
    }[form]
    name = path.name.removesuffix(".sample")
    check(chunk_document(name, data, ChunkingConfig(chunk_size=size)), data)


def test_our_own_files() -> None:
    paths = [p for p in REPOSITORY.glob("packages/**/*") if p.suffix in {".py", ".md", ".toml"}]
    assert len(paths) > 20
    for path in paths[:150]:
        data = path.read_bytes()
        check(chunk_document(path.name, data, ChunkingConfig()), data)


def test_symbols_do_not_depend_on_the_encoding() -> None:
    text = '"""Größe."""\n\nclass Straße:\n    def länge(self):\n        return "😀"\n'
    symbols = None
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1"):
        plain = text.replace("😀", "x") if encoding == "latin-1" else text
        document = chunk_document("a.py", plain.encode(encoding), ChunkingConfig(chunk_size=16))
        found = [(d.path, d.line) for chunk in document.chunks for d in chunk.definitions]
        symbols = symbols or found
        assert found == symbols == [("Straße", 3), ("Straße.länge", 4)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("a.py", b"x = 1\n" * 26_000),
        ("a.py", b"def f():\n    return 1\n\n\n" * 7_000),
        ("a.js", b"a=1;" * 250_000),
        ("a.txt", b"word " * 200_000),
        ("a.txt", b"x" * 1_000_000),
        ("a.md", b"# T\n\n" + b"word " * 100_000),
        ("a.md", b"## T\n\ntext\n\n" * 10_000),
        ("a.json", b'{"a": [' + b'{"b": 1},\n' * 30_000 + b"1]}"),
        ("a.rst", b"T\n==\n\ntext\n\n" * 5_000),
        ("a.html", b"<p>text</p>\n" * 20_000),
        ("a.c", b"\0" * 100_000 + b"int f(void) {}\n"),
        ("a.adoc", b"----\n" * 20_001),
        (
            "a.ipynb",
            b'{"cells": [' + b'{"cell_type": "code", "source": ["x\\n"]},\n' * 5_000 + b"{}]}",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_large_input_takes_time_in_proportion(path: str, data: bytes) -> None:
    document = chunk_document(path, data, ChunkingConfig())
    assert "".join(chunk.text for chunk in document.chunks) == decode(data).text
    assert all(chunk.token_count <= 256 for chunk in document.chunks)


@pytest.mark.parametrize("data", [b"", b" \n\t\r\n ", codecs.BOM_UTF8, codecs.BOM_UTF16_LE])
def test_nothing_has_no_chunks(data: bytes) -> None:
    for path in PATHS:
        assert chunk_document(path, data, ChunkingConfig()).chunks == ()


def test_fixed_windows_are_exact() -> None:
    text = "one two three four five six seven eight nine ten " * 20
    for tokenizer in (None, EstimatedTokenizer()):
        config = ChunkingConfig("fixed_token", 16, 4)
        chunks = chunk_document("a.txt", text.encode(), config, tokenizer).chunks
        starts = [span[0] for span in EstimatedTokenizer().spans(text)]
        assert all(chunk.token_count == 16 for chunk in chunks[:-1])
        for above, below in pairwise(chunks):
            shared = [s for s in starts if below.span.start_byte <= s < above.span.end_byte]
            assert len(shared) == 4
    chunks = chunk_document(
        "a.txt", text.encode(), ChunkingConfig("fixed_token", 100, 25, "chars")
    ).chunks
    assert all(len(chunk.text) == 100 for chunk in chunks[:-1])
    assert all(b.span.start_byte == a.span.end_byte - 25 for a, b in pairwise(chunks))


def test_recursive_windows_break_at_separators_and_overlap_exactly() -> None:
    text = "A sentence of some words. " * 60
    config = ChunkingConfig("recursive_char", 120, 20, "chars")
    chunks = chunk_document("a.txt", text.encode(), config).chunks
    assert all(chunk.text.endswith(". ") for chunk in chunks[:-1])
    assert all(b.span.start_byte == a.span.end_byte - 20 for a, b in pairwise(chunks))


def test_overlap_repeats_whole_lines_within_the_size() -> None:
    data = b"".join(b"value_%d = compute(%d)\n" % (i, i) for i in range(300))
    chunks = chunk_document("a.py", data, ChunkingConfig(chunk_size=100, chunk_overlap=20)).chunks
    assert all(chunk.token_count <= 100 for chunk in chunks)
    for above, below in pairwise(chunks):
        assert above.span.start_line < below.span.start_line <= above.span.end_line
        assert below.text.startswith("value_")


def test_a_given_tokenizer_counts() -> None:
    class Letters:
        def count(self, text: str) -> int:
            return len(text)

        def spans(self, text: str) -> list[tuple[int, int]]:
            return [(at, at + 1) for at in range(len(text))]

    data = b"alpha = 1\nbeta = 2\n" * 50
    chunks = chunk_document("a.py", data, ChunkingConfig(chunk_size=64), Letters()).chunks
    assert all(chunk.token_count == len(chunk.text) <= 64 for chunk in chunks)

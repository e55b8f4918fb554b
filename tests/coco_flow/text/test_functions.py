"""The functions of flows over the splitters, in transform flows and flows."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import coco_flow
from coco_core.errors import Unreadable
from coco_flow.errors import DefinitionError
from coco_flow.functions import (
    ChunkDocument,
    CustomLanguageSpec,
    DetectProgrammingLanguage,
    ParseJson,
    SplitBySeparators,
    SplitRecursively,
)
from coco_flow.op.definition import Argument, definition_of
from coco_flow.types.schema import BasicValueType, EnrichedValueType
from tests.flow_parts import MemorySource, MemoryTarget, flow_state, rows_of, table_of

SAMPLES = Path(__file__).parent / "samples"


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    with flow_state(tmp_path):
        yield


def bound(spec: Any, *kinds: str, **named: str) -> Any:
    definition, spec = definition_of(spec)
    return definition.bind(
        spec,
        [Argument(EnrichedValueType(BasicValueType(kind))) for kind in kinds],
        {
            name: Argument(EnrichedValueType(BasicValueType(kind), nullable=True))
            for name, kind in named.items()
        },
    )


def test_the_tables_have_the_fields_of_the_field() -> None:
    position = "Struct(offset: Int64, line: Int64, column: Int64)"
    expected = f"KTable(1)(Struct(location: Range, text: Str, start: {position}, end: {position}))"
    for spec, kinds in ((SplitRecursively(), ("Str", "Int64")), (SplitBySeparators(), ("Str",))):
        result = bound(spec, *kinds).result_type
        assert str(result.type) == expected
        assert list(result.attrs) == ["cocoindex.io/chunk_base_text"]


def test_rows_are_keyed_by_their_place() -> None:
    text = "Größe.\n\nNächster Absatz 🐝."
    rows = bound(SplitRecursively(), "Str", "Int64").call(text, 24, min_chunk_size=6)
    assert rows == [
        [(0, 6), "Größe.", [0, 1, 1], [6, 1, 7]],
        [(8, 26), "Nächster Absatz 🐝.", [8, 3, 1], [26, 3, 19]],
    ]
    empty = bound(SplitBySeparators(["x*"], include_empty=True), "Str").call("ab")
    assert [row[0] for row in empty] == sorted({row[0] for row in empty})


@pytest.mark.row("TX-3 keep_separator")
def test_the_three_modes_by_their_names_in_flows() -> None:
    for keep, expected in (
        ("NONE", ["a", "b"]),
        (None, ["a", "b"]),
        ("LEFT", ["a--", "b"]),
        ("RIGHT", ["a", "--b"]),
    ):
        spec = SplitBySeparators(["--"], keep_separator=keep)
        assert [row[1] for row in bound(spec, "Str").call("a--b")] == expected
    with pytest.raises(DefinitionError, match="keep_separator='left' is not known"):
        bound(SplitBySeparators(["--"], keep_separator="left"), "Str")


def test_a_wrong_spec_is_told_when_the_flow_is_defined() -> None:
    with pytest.raises(DefinitionError, match=r"separators_regex\[0\] is not valid|not a valid"):
        bound(SplitBySeparators(["("]), "Str")
    with pytest.raises(DefinitionError, match="Duplicate language name"):
        languages = [CustomLanguageSpec("a", []), CustomLanguageSpec("A", [])]
        bound(SplitRecursively(custom_languages=languages), "Str", "Int64")


@pytest.mark.row("FN-1 ParseJson")
def test_json_is_parsed_whatever_the_language() -> None:
    document = '{"a": [1, 2.5, {"b": null}], "ü": "🐝", "c": true}'
    parse = bound(ParseJson(), "Str", language="Str")
    assert str(parse.result_type.type) == "Json"
    value = {"a": [1, 2.5, {"b": None}], "ü": "🐝", "c": True}
    assert parse.call(document) == parse.call(document, language="yaml") == value
    for wrong in ("", "{", '{"a": NaN}', "[1] 2", "x" * 99):
        with pytest.raises(Unreadable, match="The text is not JSON"):
            parse.call(wrong)


@pytest.mark.row("FN-1 ParseJson")
def test_malformed_json_fails_its_row_only() -> None:
    @coco_flow.flow_def(name="Parse")
    def flow(builder: Any, scope: Any) -> None:
        scope["rows"] = builder.add_source(MemorySource("json"))
        found = scope.add_collector()
        with scope["rows"].row() as row:
            row["value"] = row["content"].transform(ParseJson())
            found.collect(filename=row["filename"], value=row["value"])
        found.export("values", MemoryTarget("values"), primary_key_fields=["filename"])

    rows_of("json")["good"] = '{"a": 1}'
    rows_of("json")["bad"] = "{"
    flow.setup()
    info = flow.update()
    assert table_of("values").rows == {("good",): ({"a": 1},)}
    assert "1 errors" in str(info) or "error" in str(info).lower()


@pytest.mark.row("FN-2 language detection")
@pytest.mark.row("TXT-3c language per file")
def test_every_file_is_split_by_its_own_grammar() -> None:
    @coco_flow.flow_def(name="Code")
    def flow(builder: Any, scope: Any) -> None:
        scope["files"] = builder.add_source(MemorySource("files"))
        found = scope.add_collector()
        with scope["files"].row() as file:
            file["language"] = file["filename"].transform(DetectProgrammingLanguage())
            file["chunks"] = file["content"].transform(
                SplitRecursively(), language=file["language"], chunk_size=150, min_chunk_size=40
            )
            with file["chunks"].row() as chunk:
                found.collect(
                    filename=file["filename"],
                    location=chunk["location"],
                    text=chunk["text"],
                    start=chunk["start"],
                    language=file["language"],
                )
        found.export("code", MemoryTarget("code"), primary_key_fields=["filename", "location"])

    python = "\n\n".join(f"def f{n}(x):\n    # Why\n    return x + {n}" for n in range(8))
    rust = "\n\n".join(f"fn f{n}(x: i32) -> i32 {{\n    x + {n}\n}}" for n in range(8))
    toml = "\n".join(f"[part_{n}]\nsize = {n}\nname = 'part {n}'\n" for n in range(8))
    guide = (SAMPLES / "guide.md").read_text(encoding="utf-8")
    texts = {"a.py": python, "a.rs": rust, "a.toml": toml, "a.md": guide, "Dockerfile": guide}
    for name, text in texts.items():
        rows_of("files")[name] = text
    flow.setup()
    flow.update()
    rows = table_of("code").rows
    languages = {key[0]: value[-1] for key, value in rows.items()}
    assert languages == {
        "a.py": "python",
        "a.rs": "rust",
        "a.toml": "toml",
        "a.md": "markdown",
        "Dockerfile": None,
    }
    for (name, (start, end)), (text, position, _) in rows.items():
        assert texts[name][start:end] == text
        assert position[:2] == [start, texts[name][:start].count("\n") + 1]
    assert all(value[0].startswith("def ") for key, value in rows.items() if key[0] == "a.py")
    assert all(value[0].startswith("fn ") for key, value in rows.items() if key[0] == "a.rs")
    assert all(value[0].startswith("[part_") for key, value in rows.items() if key[0] == "a.toml")


@pytest.mark.row("FN-9 in-place functions")
def test_splitting_needs_no_process_and_no_network() -> None:
    for spec, kinds in (
        (SplitRecursively(), ("Str", "Int64")),
        (SplitBySeparators(), ("Str",)),
        (DetectProgrammingLanguage(), ("Str",)),
        (ParseJson(), ("Str",)),
        (ChunkDocument(), ("Str", "Str")),
    ):
        function = bound(spec, *kinds)
        assert not function.options.gpu
        assert not function.options.batching
        assert not function.is_async
    used: list[str] = []

    def watch(event: str, _arguments: object) -> None:
        if event.startswith(("socket.", "subprocess.", "os.fork", "os.posix_spawn", "os.exec")):
            used.append(event)

    # A hook stays for the life of the process; it does nothing once this list is dropped.
    sys.addaudithook(watch)
    guide = (SAMPLES / "guide.md").read_text(encoding="utf-8")
    rows = bound(SplitRecursively(), "Str", "Int64", language="Str").call(
        guide, 200, language="markdown"
    )
    assert len(rows) > 3
    assert used == []


def test_cocos_chunks_say_what_they_are() -> None:
    function = bound(ChunkDocument(chunk_size=64), "Str", "Str")
    guide = (SAMPLES / "guide.md").read_text(encoding="utf-8")
    names = [field.name for field in function.result_type.type.row.fields]
    assert names[:4] == ["location", "text", "start", "end"]
    rows = [dict(zip(names, row, strict=True)) for row in function.call(guide, "docs/guide.md")]
    assert "".join(row["text"] for row in rows) == guide
    for row in rows:
        start, end = row["location"]
        assert guide[start:end] == row["text"]
        assert row["start"][:2] == [start, guide[:start].count("\n") + 1]
        assert row["language"] in ("markdown", "python", "html", "yaml")
        assert row["token_count"] > 0
    tools = next(row for row in rows if "hive tool" in row["text"])
    assert tools["heading_trail"] == ["Keeping bees", "Tools"]
    assert {"table", "section"} <= {row["kind"] for row in rows}

    code = "class Hive:\n    def weigh(self, frames):\n        return sum(frames)\n"
    (row,) = function.call(code, "hive.py")
    assert dict(zip(names, row, strict=True))["symbol"].startswith("Hive")


def test_cocos_chunks_check_their_sizes() -> None:
    with pytest.raises(DefinitionError, match="chunk_size is 3; it must be 16"):
        bound(ChunkDocument(chunk_size=3), "Str", "Str")

"""The functions in flows: from files to a table, and what a second update does not do again."""

from __future__ import annotations

import datetime
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import coco_flow
from coco_flow.auth import add_transient_auth_entry
from coco_flow.functions import documents_docx, documents_pdf
from coco_flow.functions.documents import PdfPages, ReadDocument
from coco_flow.functions.embed import EmbedText
from coco_flow.functions.extract import ExtractByLlm
from coco_flow.functions.sentence_transformer import Embed
from coco_flow.llm import LlmApiType, LlmSpec
from coco_flow.sources import LocalFile
from coco_flow.targets import SQLite
from tests.coco_flow.functions import documents
from tests.embedding_server import hashing
from tests.flow_parts import MemorySource, MemoryTarget, flow_state, rows_of, table_of
from tests.llm_server import LlmServer


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    with flow_state(tmp_path):
        yield


@dataclass
class Method:
    """A method that the manual describes."""

    name: str
    since: datetime.date | None


@dataclass
class Module:
    """A module that the manual describes."""

    title: str
    methods: list[Method]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "documents"
    found.mkdir()
    (found / "report.pdf").write_bytes(documents.report_pdf())
    (found / "report.docx").write_bytes(documents.report_docx())
    (found / "slides.pptx").write_bytes(documents.slides_pptx())
    (found / "sheets.xlsx").write_bytes(documents.sheets_xlsx())
    return found


@pytest.mark.row("PDF-1 PDF search")
@pytest.mark.row("PDF-3 office formats")
def test_documents_are_searchable_and_not_converted_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "broken.pdf").write_bytes(documents.report_pdf()[:300])
    conversions: list[str] = []

    def counted(module: Any, name: str) -> None:
        convert = getattr(module, name)

        def count(content: bytes) -> str:
            conversions.append(name)
            text: str = convert(content)
            return text

        monkeypatch.setattr(module, name, count)

    counted(documents_pdf, "pdf_to_markdown")
    counted(documents_docx, "docx_to_markdown")

    @coco_flow.flow_def(name="Documents")
    def flow(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["files"] = builder.add_source(LocalFile(path=str(folder), binary=True))
        rows = scope.add_collector()
        with scope["files"].row() as file:
            file["text"] = file["content"].transform(ReadDocument())
            file["vector"] = file["text"].transform(Embed(model="coco-static"))
            rows.collect(filename=file["filename"], text=file["text"], vector=file["vector"])
        rows.export("documents", MemoryTarget(name="documents"), primary_key_fields=["filename"])

    flow.setup()
    info = flow.update()
    assert info.stats["files"] == {"num_insertions": 4, "num_errors": 1}
    assert sorted(conversions) == ["docx_to_markdown", "pdf_to_markdown", "pdf_to_markdown"]
    found = {key[0]: row for key, row in table_of("documents").rows.items()}
    texts = {name: row[0] for name, row in found.items()}
    assert "transformers, of which there are many" in texts["report.pdf"]
    assert "Speak slowly." in texts["slides.pptx"]

    @coco_flow.transform_flow()
    def embedded(text: coco_flow.DataSlice[str]) -> coco_flow.DataSlice[Any]:
        return text.transform(Embed(model="coco-static"))

    query = embedded.eval("every transformer counts for the profit of the company")
    assert max(found, key=lambda name: float(found[name][1] @ query)) == "report.pdf"

    conversions.clear()
    assert flow.update().stats["files"] == {"num_no_change": 4, "num_errors": 1}
    # Another name, the same content.
    (folder / "report.pdf").rename(folder / "renamed.pdf")
    flow.update()
    assert ("renamed.pdf",) in table_of("documents").rows
    assert conversions.count("docx_to_markdown") == 0
    # Only the broken one is tried again, at each update.
    assert conversions.count("pdf_to_markdown") <= 2
    assert {row[0] for row in table_of("documents").rows.values()} == set(texts.values())


@pytest.mark.row("PDF-1 PDF search")
def test_the_pages_of_a_pdf_are_rows(folder: Path) -> None:
    @coco_flow.flow_def(name="Pages")
    def flow(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["files"] = builder.add_source(
            LocalFile(path=str(folder), binary=True, included_patterns=["*.pdf"])
        )
        rows = scope.add_collector()
        with scope["files"].row() as file:
            file["pages"] = file["content"].transform(PdfPages())
            with file["pages"].row() as page:
                rows.collect(filename=file["filename"], number=page["number"], text=page["text"])
        rows.export("pages", MemoryTarget(name="pages"), primary_key_fields=["filename", "number"])

    flow.setup()
    flow.update()
    pages = table_of("pages").rows
    assert set(pages) == {("report.pdf", 1), ("report.pdf", 2)}
    assert pages["report.pdf", 2][0].startswith("#### 1.1 Outlook")


@pytest.mark.row("PDF-4 nested extraction")
@pytest.mark.row("EM-3 extraction")
def test_nested_values_are_stored_and_read_as_json(server: LlmServer, tmp_path: Path) -> None:
    rows_of("manuals")["array.md"] = "array: append(x)"
    server.answer({"title": "array", "methods": [{"name": "append", "since": "2031-05-17"}]})

    @coco_flow.flow_def(name="Manuals")
    def flow(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["manuals"] = builder.add_source(MemorySource(name="manuals"))
        rows = scope.add_collector()
        with scope["manuals"].row() as manual:
            manual["module"] = manual["content"].transform(
                ExtractByLlm(
                    llm_spec=LlmSpec(LlmApiType.OLLAMA, "llama3.2", address=server.url),
                    output_type=Module,
                )
            )
            rows.collect(filename=manual["filename"], module=manual["module"])
        path = str(tmp_path / "target.db")
        rows.export(
            "modules", SQLite(path=path, table_name="modules"), primary_key_fields=["filename"]
        )

    flow.setup()
    assert not flow.update().has_errors
    connection = sqlite3.connect(tmp_path / "target.db")
    try:
        query = (
            "SELECT module ->> '$.title', module ->> '$.methods[0].name', "
            "module ->> '$.methods[0].since' FROM modules"
        )
        assert connection.execute(query).fetchall() == [("array", "append", "2031-05-17")]
    finally:
        connection.close()
    flow.update()
    assert len(server.received) == 1


@pytest.mark.row("KG-1 structured extraction")
def test_an_answer_that_is_no_json_fails_its_row_only(server: LlmServer) -> None:
    rows_of("manuals")["bad.md"] = "bad"
    rows_of("manuals")["good.md"] = "good"
    server.model = lambda request: (
        "Sorry." if request.body["prompt"].startswith("bad") else {"title": "t", "methods": []}
    )

    @coco_flow.flow_def(name="Triples")
    def flow(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["manuals"] = builder.add_source(MemorySource(name="manuals"))
        rows = scope.add_collector()
        with scope["manuals"].row() as manual:
            manual["module"] = manual["content"].transform(
                ExtractByLlm(
                    llm_spec=LlmSpec(LlmApiType.OLLAMA, "llama3.2", address=server.url),
                    output_type=Module,
                )
            )
            rows.collect(filename=manual["filename"], title=manual["module"]["title"])
        rows.export("titles", MemoryTarget(name="titles"), primary_key_fields=["filename"])

    flow.setup()
    assert flow.update().stats["manuals"] == {"num_insertions": 1, "num_errors": 1}
    assert table_of("titles").rows == {("good.md",): ("t",)}
    (error,) = flow.store.errors(flow.store.flow_id("Triples") or 0)
    assert "gave no valid value in 3 answers" in error.message


@pytest.mark.row("EM-2 batch cap")
@pytest.mark.row("FN-10 retry")
def test_texts_are_embedded_in_batches_and_once(server: LlmServer) -> None:
    rows = rows_of("texts")
    for number in range(130):
        rows[f"{number}.txt"] = f"text {number}"

    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["texts"] = builder.add_source(MemorySource(name="texts"))
        collected = scope.add_collector()
        with scope["texts"].row() as text:
            text["vector"] = text["content"].transform(
                EmbedText(
                    api_type=LlmApiType.OPENAI,
                    model="m",
                    address=server.url,
                    expected_output_dimension=8,
                    # Made again at each start of the program.
                    api_key=add_transient_auth_entry("key"),
                )
            )
            collected.collect(filename=text["filename"], vector=text["vector"])
        collected.export("vectors", MemoryTarget(name="vectors"), primary_key_fields=["filename"])

    server.fail(429)
    flow = coco_flow.open_flow("Texts", define)
    flow.setup()
    assert not flow.update().has_errors
    sizes = [len(body["input"]) for body in server.bodies[1:]]
    assert max(sizes) <= 64
    assert sum(sizes) == 130
    vectors = table_of("vectors").rows
    assert np.array_equal(vectors["7.txt",][0], hashing(8)(["text 7"])[0])

    rows["7.txt"] = "another text"
    flow.close()
    before = len(server.received)
    coco_flow.open_flow("Texts", define).update()
    assert [body["input"] for body in server.bodies[before:]] == [["another text"]]

"""Programs of v0 that read documents with models."""

from __future__ import annotations

import json
import shutil
from typing import Any

from tests.compat.programs.program import Run, program, stand_in
from tests.compat.programs.services import asked_schema, asked_text, drive, language_model
from tests.compat.programs.v0_search import answers
from tests.llm_server import Received

PATIENT: dict[str, Any] = {
    "name": "Emily",
    "dob": "1985-05-06",
    "gender": "female",
    "address": {"street": "1 Main St", "city": "Springfield", "state": "IL", "zip_code": "62701"},
    "phone": "555-0100",
    "email": "emily@example.com",
    "preferred_contact_method": "phone",
    "emergency_contact": {"name": "Joe", "phone": "555-0101", "relationship": "brother"},
    "insurance": None,
    "reason_for_visit": "a cough",
    "symptoms_duration": "a week",
    "past_conditions": [{"name": "asthma", "diagnosed": True}],
    "current_medications": [],
    "allergies": [{"name": "pollen"}],
    "surgeries": [],
    "occupation": None,
    "pharmacy": None,
    "consent_given": True,
    "consent_date": None,
}


@program("v0", "paper_metadata", doubled="marker: pypdf; OpenAI; temporary files are kept")
def paper_metadata(run: Run) -> None:
    """Titles and authors of papers, three exports, and the abstracts' sentences embedded."""
    run.own_database()
    run.modules.append(stand_in("documents"))
    # The program converts its temporary file after the block that deletes it.
    run.environment["COMPAT_KEEP_TEMPORARY"] = "1"
    for path in (run.folder / "papers").iterdir():
        if path.name not in ("1706.03762v7.pdf", "1810.04805v2.pdf"):
            path.unlink()

    def read(received: Received) -> Any:
        assert set(asked_schema(received)["properties"]) == {"title", "authors", "abstract"}
        attention = "Attention Is All You Need" in asked_text(received)
        return {
            "title": "Attention" if attention else "BERT",
            "authors": [
                {"name": name, "email": None, "affiliation": "Google"}
                for name in (("Vaswani", "Shazeer") if attention else ("Devlin",))
            ],
            "abstract": "A short sentence about a model. " * 30,
        }

    with language_model(run, read) as model:
        run.cocoindex("update", "--setup", "-f", "main")
        papers = run.rows(
            "SELECT filename, title, authors, num_pages FROM papermetadata__paper_metadata"
        )
        by_name = {row[0]: row[1:] for row in papers}
        assert by_name["1706.03762v7.pdf"][0::2] == ("Attention", 15)
        assert [author["name"] for author in by_name["1810.04805v2.pdf"][1]] == ["Devlin"]
        authors = "SELECT author_name FROM papermetadata__author_papers ORDER BY 1"
        assert [row[0] for row in run.rows(authors)] == ["Devlin", "Shazeer", "Vaswani"]
        parts = dict(
            run.rows("SELECT location, count(*) FROM papermetadata__metadata_embeddings GROUP BY 1")
        )
        assert parts["title"] == 2
        assert parts["abstract"] > 4
        calls = len(model.received)
        run.cocoindex("update", "main")
        assert len(model.received) == calls == 2
        (run.folder / "papers/1810.04805v2.pdf").unlink()
        run.cocoindex("update", "main")
        assert [row[0] for row in run.rows(authors)] == ["Shazeer", "Vaswani"]


@program("v0", "pdf_embedding", doubled="marker: pypdf")
def pdf_embedding(run: Run) -> None:
    """PDF files as Markdown, in chunks with generated keys, and a search loop."""
    run.own_database()
    run.modules.append(stand_in("documents"))
    for path in (run.folder / "pdf_files").iterdir():
        if path.name != "rfc8259.pdf":
            path.unlink()
    run.cocoindex("update", "--setup", "-f", "main.py")
    [(chunks, keys)] = run.rows(
        "SELECT count(*), count(DISTINCT id) FROM pdfembedding__pdf_embeddings"
    )
    assert chunks == keys > 10
    output = run.python("main.py", typed="how are strings escaped?\n\n")
    assert len(answers(output)) == 5
    assert "escape" in output
    shutil.copy(run.folder / "pdf_files/rfc8259.pdf", run.folder / "pdf_files/copy.pdf")
    run.cocoindex("update", "main.py")
    (run.folder / "pdf_files/rfc8259.pdf").unlink()
    run.cocoindex("update", "main.py")
    found = run.rows("SELECT filename, count(*) FROM pdfembedding__pdf_embeddings GROUP BY 1")
    assert found == [("copy.pdf", chunks)]


@program("v0", "manuals_llm_extraction", doubled="marker: pypdf; Ollama")
def manuals_llm_extraction(run: Run) -> None:
    """Nested structures out of manuals, and a function over them."""
    run.own_database()
    run.modules.append(stand_in("documents"))

    def read(received: Received) -> Any:
        first = asked_text(received).split()[0]
        method = {"name": "m", "args": [{"name": "a", "description": ""}], "description": ""}
        return {
            "title": first,
            "description": "a module",
            "classes": [{"name": "C", "description": "", "methods": [method, method]}],
            "methods": [method],
        }

    with language_model(run, read):
        run.cocoindex("update", "--setup", "-f", "main.py")
        found = run.rows("SELECT filename, module_info, module_summary FROM modules_info")
        assert sorted(row[0] for row in found) == [
            "array.pdf",
            "base64.pdf",
            "copy.pdf",
            "glob.pdf",
        ]
        for _, info, summary in found:
            assert summary == {"num_classes": 1, "num_methods": 1}
            assert info["classes"][0]["methods"][1]["args"] == [{"name": "a", "description": ""}]


@program("v0", "patient_intake_extraction", doubled="OpenAI")
def patient_intake_extraction(run: Run) -> None:
    """Forms in two formats by markitdown, as one deep structure each."""
    run.own_database()
    seen: list[str] = []

    def read(received: Received) -> Any:
        seen.append(asked_text(received))
        return PATIENT

    with language_model(run, read):
        run.cocoindex("update", "--setup", "-f", "main.py")
        found = run.rows("SELECT filename, patient_info FROM patients_info ORDER BY 1")
        assert len(found) == 4
        assert found[0][1] == PATIENT
        assert all("Patient" in text for text in seen)


@program("v0", "patient_intake_extraction_baml", doubled="the client that BAML generates")
def patient_intake_extraction_baml(run: Run) -> None:
    """A Pydantic model as the result of a coroutine function."""
    run.own_database()
    run.modules.append(stand_in("prompts"))
    run.cocoindex("update", "--setup", "-f", "main.py")
    found = run.rows(
        "SELECT filename, patient_info FROM patientintakeextractionbaml__patients ORDER BY 1"
    )
    assert len(found) == 4
    assert found[0][1]["address"]["city"] == "Springfield"
    assert found[0][1]["insurance"] is None


def dspy_answer() -> str:
    """Return the patient as DSPy wants answers."""
    parts = ("reasoning", "it says so"), ("patient", json.dumps(PATIENT)), ("completed", "")
    return "\n\n".join(f"[[ ## {name} ## ]]\n{value}" for name, value in parts)


@program("v0", "patient_intake_extraction_dspy", doubled="Gemini")
def patient_intake_extraction_dspy(run: Run) -> None:
    """Pages as images by pymupdf, read by DSPy, whose model the settings function chooses."""
    run.own_database()

    def read(received: Received) -> Any:
        assert b"inline_data" in received.raw or b"inlineData" in received.raw
        return dspy_answer()

    with language_model(run, read):
        run.cocoindex("update", "--setup", "-f", "main.py")
        found = run.rows("SELECT filename, patient_info FROM patients_info_dspy ORDER BY 1")
        assert len(found) == 4
        assert found[0][1]["emergency_contact"]["name"] == "Joe"


@program("v0", "slides_to_speech", doubled="Google Drive, BAML's client, piper, pydub")
def slides_to_speech(run: Run) -> None:
    """Slides from Google Drive as images, notes and sound in LanceDB."""
    import lancedb

    run.own_database()
    run.modules += [stand_in("prompts"), stand_in("speech")]
    run.write("en_US-lessac-medium.onnx", "")
    slides = (run.checkout / "examples/pdf_embedding/pdf_files/rfc8259.pdf").read_bytes()
    with drive(run, "slides") as files:
        files.put("s", "slides", slides, "application/pdf", "s.pdf")
        files.put("t", "slides", b"text", "text/plain", "t.txt")
        run.cocoindex("update", "--setup", "-f", "main.py")
    table = lancedb.connect(run.folder / "lancedb_data").open_table("slides_to_speech")
    rows = table.to_arrow().to_pylist()
    assert sorted(row["page"] for row in rows) == list(range(1, 17))
    assert {len(row["voice"]) for row in rows} == {4 * 320}
    assert all(row["image"].startswith(b"\x89PNG") for row in rows)
    output = run.python(
        "-c",
        "import cocoindex, main; cocoindex.init();"
        "print([(r['filename'], len(r['voice'])) for r in main.search('slide', 2).results])",
    )
    assert "[('s.pdf', 1280), ('s.pdf', 1280)]" in output

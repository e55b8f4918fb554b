"""Programs of v1 that embed images, with models that see colors."""

from __future__ import annotations

from typing import Any

from tests.compat.programs.program import Run, program, stand_in
from tests.compat.programs.services import language_model
from tests.compat.programs.v0_images import (
    judge_search,
    only,
    picture,
    points_of,
    qdrant,
)
from tests.llm_server import Received


@program("v1", "image_search", doubled="CLIP; Qdrant")
def image_search(run: Run) -> None:
    """A FastAPI application with a live update of its own, awaited at the start."""
    with qdrant(run) as store:
        judge_search(run, store, "api:app", "ImageSearch")


@program("v1", "image_search_colpali", doubled="ColPali; Qdrant")
def image_search_colpali(run: Run) -> None:
    """The same with ColPali's multi-vectors."""
    with qdrant(run) as store:
        judge_search(run, store, "api:app", "ImageSearchColpali")


@program("v1", "face_recognition", doubled="face_recognition; Qdrant")
def face_recognition(run: Run) -> None:
    """Faces of pictures, a point for each."""
    with qdrant(run) as store:
        only(run, "images", {"a.png": picture("red"), "b.png": picture("white")})
        run.cocoindex("update", "main")
        [point] = points_of(store, "face_embeddings")
        assert point.payload["filename"].endswith("a.png")
        assert (point.payload["min_x"], point.payload["max_y"]) == (4, 72)
        (run.folder / "images/c.png").write_bytes(picture("blue"))
        (run.folder / "images/a.png").unlink()
        run.cocoindex("update", "main")
        [point] = points_of(store, "face_embeddings")
        assert point.payload["filename"].endswith("c.png")
        (run.folder / "query.png").write_bytes(picture("blue"))
        assert "c.png" in run.python("main.py", "query", "query.png")


@program("v1", "multi_format_indexing", doubled="ColPali; poppler; Qdrant")
def multi_format_indexing(run: Run) -> None:
    """Pages of PDF files and pictures as multi-vectors."""
    with qdrant(run) as store:
        pdf = run.checkout / "examples/manuals_llm_extraction/manuals/copy.pdf"
        only(run, "source_files", {"copy.pdf": pdf.read_bytes(), "red.png": picture("red")})
        run.write("source_files/notes.txt", "not an image")
        run.cocoindex("update", "main")
        points = points_of(store, "MultiFormatIndexing")
        assert len(points) > 1
        assert "red.png" in run.python("main.py", "red").splitlines()[0]


@program("v1", "slides_to_speech", doubled="Gemini, pocket-tts, pydub")
def slides_to_speech(run: Run) -> None:
    """Slides as images, with notes by DSPy and sound, a component for each slide."""
    import lancedb

    run.modules.append(stand_in("speech"))
    run.environment["COCOINDEX_DB"] = str(run.folder / "cocoindex.db")
    pdf = run.checkout / "examples/pdf_embedding/pdf_files/rfc8259.pdf"
    only(run, "slides", {"s.pdf": pdf.read_bytes()})

    def speak(received: Received) -> Any:
        assert b"inline_data" in received.raw
        return "[[ ## speaker_notes ## ]]\nTwo words\n\n[[ ## completed ## ]]\n"

    with language_model(run, speak) as model:
        run.cocoindex("update", "main")
        table = lancedb.connect(run.folder / "lancedb_data").open_table("slides_to_speech")
        rows = table.to_arrow().to_pylist()
        assert sorted(row["page"] for row in rows) == list(range(1, 17))
        assert {(row["speaker_notes"], len(row["voice"])) for row in rows} == {("Two words", 4000)}
        calls = len(model.received)
        run.cocoindex("update", "main")
        assert len(model.received) == calls
        assert "s.pdf slide" in run.python("main.py", "two words")

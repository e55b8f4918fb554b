"""Programs of v0 that embed images, with models that see colors."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.coco_flow.targets.qdrant_grpc import qdrant_grpc_server
from tests.compat.programs.program import Run, program, stand_in
from tests.waiting import until


def picture(color: str, size: tuple[int, int] = (64, 64)) -> bytes:
    """Return a PNG with a rectangle of a color on white."""
    from PIL import Image

    out = io.BytesIO()
    image = Image.new("RGB", (size[0] * 2, size[1] * 2), "white")
    image.paste(Image.new("RGB", size, color), (4, 8))
    image.save(out, "PNG")
    return out.getvalue()


@contextmanager
def qdrant(run: Run) -> Iterator[Any]:
    """Run Qdrant, with models that see colors in the program; yields its store."""
    run.own_database()
    run.environment["COCOINDEX_DB"] = str(run.folder / "cocoindex.db")
    run.modules += [stand_in("vision"), stand_in("documents")]
    # The native gRPC library resolves no names through Python: it needs the port as written.
    with qdrant_grpc_server(6334) as (_, store):
        yield store


def points_of(store: Any, collection: str) -> list[Any]:
    """Return the points of a collection."""
    points: list[Any] = store.scroll(collection, limit=1000, with_vectors=True)[0]
    return points


def only(run: Run, folder: str, files: dict[str, bytes]) -> None:
    """Let a folder of the program have these files."""
    path = run.folder / folder
    path.mkdir(exist_ok=True)
    for old in path.iterdir():
        old.unlink()
    for name, content in files.items():
        (path / name).write_bytes(content)


def judge_search(run: Run, store: Any, application: str, collection: str) -> None:
    """Start the program's web application and search it for a color."""
    import httpx

    only(run, "img", {f"{color}.png": picture(color) for color in ("red", "green", "blue")})
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def ask() -> Any:
        try:
            url = f"http://127.0.0.1:{port}/search"
            return httpx.get(url, params={"q": "green grass", "limit": 2}, timeout=60)
        except httpx.ConnectError:
            return None

    with run.started("-m", "uvicorn", application, "--port", str(port)):
        until(ask, 60)
        until(lambda: len(points_of(store, collection)) == 3, 60)
        results = ask().json()["results"]
        assert results[0]["filename"].endswith("green.png")
        assert len(results) == 2


@program("v0", "image_search", doubled="CLIP; Qdrant")
def image_search(run: Run) -> None:
    """A FastAPI application with its own live updater, and CLIP in the program."""
    with qdrant(run) as store:
        judge_search(run, store, "main:app", "ImageSearch")


@program("v0", "image_search/colpali_main.py", doubled="ColPali; Qdrant")
def image_search_colpali(run: Run) -> None:
    """The same with ColPali's multi-vectors."""
    with qdrant(run) as store:
        judge_search(run, store, "colpali_main:app", "ImageSearchColpali")


@program("v0", "face_recognition", doubled="face_recognition; Qdrant")
def face_recognition(run: Run) -> None:
    """Faces of pictures with their rectangles, as rows of a nested table."""
    with qdrant(run) as store:
        only(run, "images", {"a.png": picture("red"), "b.png": picture("white")})
        run.cocoindex("update", "--setup", "-f", "main.py")
        [point] = points_of(store, "face_embeddings")
        # A vector without a declared length is no vector for Qdrant.
        assert len(point.payload.pop("embedding")) == 128
        assert point.payload == {
            "filename": "a.png",
            "rect": {"min_x": 4, "min_y": 8, "max_x": 68, "max_y": 72},
        }
        (run.folder / "images/c.png").write_bytes(picture("blue"))
        (run.folder / "images/a.png").unlink()
        run.cocoindex("update", "main.py")
        assert [p.payload["filename"] for p in points_of(store, "face_embeddings")] == ["c.png"]


@program("v0", "multi_format_indexing", doubled="ColPali; poppler; Qdrant")
def multi_format_indexing(run: Run) -> None:
    """Pages of PDF files and pictures as multi-vectors, and a search loop."""
    with qdrant(run) as store:
        pdf = run.checkout / "examples/manuals_llm_extraction/manuals/copy.pdf"
        only(run, "source_files", {"copy.pdf": pdf.read_bytes(), "red.png": picture("red")})
        run.write("source_files/notes.txt", "not an image")
        run.cocoindex("update", "--setup", "-f", "main.py")
        points = points_of(store, "MultiFormatIndexings")
        pages = sorted(
            (point.payload["filename"], point.payload.get("page") or 0) for point in points
        )
        assert pages[0] == ("copy.pdf", 1)
        assert pages[-1] == ("red.png", 0)
        assert len(points[0].vector["embedding"]) == 2
        output = run.python("main.py", typed="red\n\n")
        assert output.count("---") == min(5, len(points))
        assert "red.png" in output.partition("---")[0]


@program("v0", "pdf_elements_embedding", doubled="CLIP; Qdrant")
def pdf_elements_embedding(run: Run) -> None:
    """Texts and images of PDF pages in two collections."""
    with qdrant(run) as store:
        pdf = run.checkout / "examples/pdf_embedding/pdf_files/1706.03762v7.pdf"
        only(run, "source_files", {"paper.pdf": pdf.read_bytes()})
        run.cocoindex("update", "--setup", "-f", "main.py")
        texts = points_of(store, "PdfElementsEmbeddingText")
        assert {point.payload["page"] for point in texts} == set(range(1, 16))
        assert len(texts[0].vector["embedding"]) == 384
        images = points_of(store, "PdfElementsEmbeddingImage")
        assert len(images) == 3
        # Without a declared length it is no vector for Qdrant.
        assert len(images[0].payload["embedding"]) == 768

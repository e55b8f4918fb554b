"""PDF files with texts and images, each kind in a table of its own with its own vectors."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pypdfium2
import pytest
from PIL import Image, ImageDraw

import coco_flow
from coco_flow import VectorIndexDef, VectorSimilarityMetric, functions, op, sources, targets
from tests.coco_flow.functions.documents import report_pdf
from tests.flow_parts import flow_state

# Rules, bullets and other small decoration are no pictures.
SMALLEST = 16
LARGEST = 512


@dataclass
class Picture:
    name: str
    data: bytes


@dataclass
class Page:
    number: int
    text: str
    pictures: list[Picture]


@op.function(cache=True, behavior_version=1)
def read_pages(content: bytes) -> list[Page]:
    """Return texts, and pictures as PNG of at most 512 pixels a side."""
    pages = []
    document = pypdfium2.PdfDocument(content)
    for number, page in enumerate(document, start=1):
        pictures = []
        for place, found in enumerate(page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE])):
            image = found.get_bitmap().to_pil().convert("RGB")
            if min(image.size) < SMALLEST:
                continue
            image.thumbnail((LARGEST, LARGEST))
            data = io.BytesIO()
            image.save(data, "PNG")
            pictures.append(Picture(f"{number}-{place}.png", data.getvalue()))
        pages.append(Page(number, page.get_textpage().get_text_bounded(), pictures))
    document.close()
    return pages


@op.function(behavior_version=1)
def colors(data: bytes) -> coco_flow.Vector[np.float32, Literal[12]]:
    """Return how often each quarter of the range of red, green and blue occurs."""
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).reshape(-1, 3) // 64
    counts = [np.bincount(pixels[:, color], minlength=4) for color in range(3)]
    return (np.concatenate(counts) / len(pixels)).astype(np.float32)


def _mixed_pdf() -> bytes:
    """Return the report with a large red picture, a blue one, and a dot of decoration."""
    document = pypdfium2.PdfDocument(report_pdf())
    for number, size, color in ((0, (900, 600), "red"), (1, (64, 48), "blue"), (1, (8, 8), "red")):
        image = Image.new("RGB", size, "white")
        ImageDraw.Draw(image).rectangle((0, 0, size[0] * 3 // 4, size[1]), fill=color)
        jpeg = io.BytesIO()
        image.save(jpeg, "JPEG")
        made = pypdfium2.PdfImage.new(document)
        made.load_jpeg(jpeg, inline=True)
        made.set_matrix(pypdfium2.PdfMatrix().scale(100, 80).translate(72, 200))
        page = document[number]
        page.insert_obj(made)
        page.gen_content()
    saved = io.BytesIO()
    document.save(saved)
    document.close()
    return saved.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "pdfs").mkdir()
    (tmp_path / "pdfs" / "mixed.pdf").write_bytes(_mixed_pdf())
    with flow_state(tmp_path):
        yield tmp_path


@pytest.mark.row("IMG-6 mixed PDFs")
def test_pictures_and_texts_have_tables_and_vectors_of_their_own(folder: Path) -> None:
    rows = str(folder / "rows.db")

    @coco_flow.flow_def(name="Mixed")
    def flow(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        path = str(folder / "pdfs")
        scope["files"] = builder.add_source(sources.LocalFile(path=path, binary=True))
        texts, pictures = scope.add_collector(), scope.add_collector()
        with scope["files"].row() as file:
            file["pages"] = file["content"].transform(read_pages)
            with file["pages"].row() as page:
                page["vector"] = page["text"].transform(functions.Embed(model="coco-static"))
                texts.collect(
                    filename=file["filename"],
                    page=page["number"],
                    text=page["text"],
                    vector=page["vector"],
                )
                with page["pictures"].row() as picture:
                    picture["vector"] = picture["data"].transform(colors)
                    pictures.collect(
                        filename=file["filename"],
                        name=picture["name"],
                        data=picture["data"],
                        vector=picture["vector"],
                    )
        for name, collector, key, metric in (
            ("texts", texts, "page", VectorSimilarityMetric.COSINE_SIMILARITY),
            ("pictures", pictures, "name", VectorSimilarityMetric.L2_DISTANCE),
        ):
            collector.export(
                name,
                targets.SQLite(rows, name),
                primary_key_fields=["filename", key],
                vector_indexes=[VectorIndexDef("vector", metric)],
            )

    flow.setup()
    assert not flow.update().has_errors
    with closing(sqlite3.connect(rows)) as connection:
        found = connection.execute("SELECT name, data FROM pictures ORDER BY name").fetchall()
        texts = connection.execute("SELECT page, text FROM texts ORDER BY page").fetchall()
    assert [name.partition("-")[0] for name, _ in found] == ["1", "2"], "the dot is absent"
    sizes = [Image.open(io.BytesIO(data)).size for _, data in found]
    assert sizes == [(512, 341), (64, 48)]
    assert [page for page, _ in texts] == [1, 2]
    assert "sold more machines" in texts[0][1]
    blue = colors(_png("blue"))
    query = """SELECT p.name FROM pictures__vector__vec v JOIN pictures p ON p.rowid = v.rowid
               WHERE v.vector MATCH ? AND k = 1"""
    with closing(targets.connect_sqlite(rows)) as connection:
        assert connection.execute(query, [blue.tobytes()]).fetchall() == [(found[1][0],)]


def _png(color: str) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (20, 20), color).save(data, "PNG")
    return data.getvalue()

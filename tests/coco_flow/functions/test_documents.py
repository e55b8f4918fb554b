"""The readers of documents, on documents that the test makes itself."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from coco_core.errors import Unreadable
from coco_flow.errors import DefinitionError, ExtraMissing
from coco_flow.functions import documents_office
from coco_flow.functions.documents import (
    ImageInfo,
    PdfPage,
    PdfPageImage,
    PdfPages,
    PdfPagesExecutor,
    ReadDocument,
    ReadDocumentExecutor,
    ReadDocx,
    ReadDocxExecutor,
    ReadImageInfo,
    ReadImageInfoExecutor,
    ReadPdf,
    ReadPdfExecutor,
    ReadPptx,
    ReadPptxExecutor,
    ReadXlsx,
    ReadXlsxExecutor,
)
from tests.coco_flow.functions import documents

PDF = """\
<!-- page 1 -->

# Annual Report

The company sold more machines than ever before, and its
profit grew by a third. Most of it came from transformers, of which there are many. \
Every transformer counts.

A second paragraph begins after a gap.

## Sales

- Machines
- Spare parts

<!-- page 2 -->

#### 1.1 Outlook

\\# 1 in the market, the company looks ahead without fear."""

DOCX = """\
# Annual Report

# Sales

Sold **many** machines, *really* [see here](https://example.com/)

- Machines
   - Large ones
1. First

| Year | Sales |
| --- | --- |
| 2030 | 1\\|2 |
| both |  |

## Outlook

No fear."""

PPTX = """\
## Slide 1: Road map

- Ship the index
  - with filters

Notes: Speak slowly.

## Slide 2

| A | B |
| --- | --- |
| 1 | 2 |

By region

|  | Sales |
| --- | --- |
| East | 1.5 |
| West | 2 |

In a group

![A red square]()"""

XLSX = """\
## Sales

| Day | Amount |
| --- | --- |
| 2031-05-17 | 0.3 |
| 2031-05-17 12:30:00 | True |

## Empty"""

READERS = {
    "pdf": (ReadPdfExecutor, ReadPdf(), documents.report_pdf, PDF),
    "docx": (ReadDocxExecutor, ReadDocx(), documents.report_docx, DOCX),
    "pptx": (ReadPptxExecutor, ReadPptx(), documents.slides_pptx, PPTX),
    "xlsx": (ReadXlsxExecutor, ReadXlsx(), documents.sheets_xlsx, XLSX),
}


def made(executor_class: type, spec: Any) -> Any:
    executor = executor_class()
    executor.spec = spec
    executor.analyze()
    return executor


@pytest.mark.slow
@pytest.mark.row("PDF-1 PDF search")
@pytest.mark.row("PDF-3 office formats")
@pytest.mark.parametrize("kind", READERS)
def test_a_document_as_markdown(kind: str) -> None:
    executor_class, spec, make, expected = READERS[kind]
    assert made(executor_class, spec)(make()) == expected


@pytest.mark.row("PDF-3 office formats")
@pytest.mark.parametrize("kind", READERS)
def test_the_content_decides_the_kind(kind: str) -> None:
    _, _, make, expected = READERS[kind]
    assert made(ReadDocumentExecutor, ReadDocument())(make()) == expected


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"# Title\n", "# Title\n"),
        ("\ufeffBOM".encode(), "BOM"),
        ("für".encode("utf-16"), "für"),
        (b"", ""),
        (b"caf\xe9", "caf\ufffd"),
    ],
)
def test_a_text_is_read_as_it_is(content: bytes, text: str) -> None:
    assert made(ReadDocumentExecutor, ReadDocument())(content) == text


@pytest.mark.row("PDF-1 PDF search")
@pytest.mark.parametrize("kind", READERS)
def test_a_damaged_document_is_an_error_with_its_reason(kind: str) -> None:
    executor_class, spec, make, _ = READERS[kind]
    executor, content = made(executor_class, spec), make()
    for broken in (b"", b"no document", content[: len(content) // 3], bytes(200)):
        with pytest.raises(Unreadable, match=rf"The {kind.upper()}.* cannot be read: \S+"):
            executor(broken)


@pytest.mark.slow
@pytest.mark.parametrize("kind", READERS)
def test_no_damage_makes_a_reader_raise_anything_else(kind: str) -> None:
    """Flip bytes here and there: either the document is still readable, or it says that not."""
    executor_class, spec, make, _ = READERS[kind]
    executor, content = made(executor_class, spec), make()
    for at in range(0, len(content), max(1, len(content) // 150)):
        broken = bytearray(content)
        broken[at] ^= 0xFF
        try:
            assert isinstance(executor(bytes(broken)), str)
        except Unreadable as error:
            assert error.hint


def test_a_document_inside_another_format_is_no_document() -> None:
    executor = made(ReadDocumentExecutor, ReadDocument())
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.txt", "text")
    # An archive that says it needs version 9.8 of the format.
    newer = bytearray(archive.getvalue())
    newer[newer.rfind(b"PK\x01\x02") + 6] = 98
    for content in (archive.getvalue(), bytes(newer), b"\x7fELF" + bytes(60)):
        with pytest.raises(Unreadable, match="it is no PDF, DOCX, PPTX, XLSX or text"):
            executor(content)
    with pytest.raises(Unreadable, match="before 2007, or has a password"):
        executor(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(60))


def test_an_archive_that_unpacks_to_too_much_is_not_unpacked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(documents_office, "_LARGEST_UNPACKED", 1_000_000)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("word/document.xml", bytes(1_000_001))
    with pytest.raises(Unreadable, match="unpacks to 1000001 bytes"):
        made(ReadDocxExecutor, ReadDocx())(archive.getvalue())


@pytest.mark.row("PDF-1 PDF search")
def test_the_pages_of_a_pdf_are_a_table() -> None:
    executor = made(PdfPagesExecutor, PdfPages())
    assert executor.analyze() == list[PdfPage]
    first, second = executor(documents.report_pdf())
    assert (first.number, second.number) == (1, 2)
    assert (first.width, first.height) == (612, 792)
    assert first.text.startswith("# Annual Report")
    assert "page 1" not in first.text


def test_the_pages_of_a_pdf_as_images() -> None:
    from PIL import Image

    executor = made(PdfPagesExecutor, PdfPages(dpi=36))
    assert executor.analyze() == list[PdfPageImage]
    pages = executor(documents.report_pdf())
    for page in pages:
        with Image.open(io.BytesIO(page.image)) as image:
            assert image.size == (306, 396)
            # There is something on it.
            assert image.convert("L").getextrema() != (255, 255)


def test_a_resolution_out_of_range() -> None:
    for dpi in (0, 5000):
        with pytest.raises(DefinitionError, match=f"dpi is {dpi}"):
            made(PdfPagesExecutor, PdfPages(dpi=dpi))


def test_threads_may_read_at_the_same_time() -> None:
    executor, content = made(ReadPdfExecutor, ReadPdf()), documents.report_pdf()
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(executor, [content] * 64)) == {PDF}


def test_an_image_says_what_it_is() -> None:
    from PIL import Image

    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Acme\0", 1
    exif.get_ifd(0x8769)[0x829A] = 1 / 250
    image = Image.new("L", (30, 20))
    image.save(out, "JPEG", exif=exif, dpi=(72, 72))
    info = made(ReadImageInfoExecutor, ReadImageInfo())(out.getvalue())

    assert (info.format, info.mode, info.width, info.height) == ("JPEG", "L", 30, 20)
    assert info.metadata["Make"] == "Acme"
    assert info.metadata["Orientation"] == 1
    assert info.metadata["ExposureTime"] == pytest.approx(1 / 250)
    assert info.metadata["dpi"] == [72, 72]


def test_a_damaged_image_is_an_error_with_its_reason() -> None:
    executor = made(ReadImageInfoExecutor, ReadImageInfo())
    content = documents.image_png()
    assert executor(content) == ImageInfo("PNG", "RGB", 8, 8, {})
    for broken in (b"", b"no image", content[:50]):
        with pytest.raises(Unreadable, match="The image cannot be read"):
            executor(broken)


@pytest.mark.row("FN-11 missing extra")
@pytest.mark.parametrize(
    ("executor_class", "spec", "module", "package"),
    [
        (ReadPdfExecutor, ReadPdf(), "pypdfium2", "pypdfium2"),
        (ReadDocxExecutor, ReadDocx(), "docx", "python-docx"),
        (ReadPptxExecutor, ReadPptx(), "pptx", "python-pptx"),
        (ReadXlsxExecutor, ReadXlsx(), "openpyxl", "openpyxl"),
        (ReadImageInfoExecutor, ReadImageInfo(), "PIL", "pillow"),
        (PdfPagesExecutor, PdfPages(dpi=72), "PIL", "pillow"),
        (ReadDocumentExecutor, ReadDocument(), "pptx", "python-pptx"),
    ],
)
def test_a_missing_package_is_told_when_the_flow_is_built(
    executor_class: type,
    spec: Any,
    module: str,
    package: str,
    without_module: Callable[[str], None],
) -> None:
    without_module(module)
    with pytest.raises(ExtraMissing, match=rf"'{package}'.*pip install 'coco-flow\[documents\]'"):
        made(executor_class, spec)

"""Functions that read PDF, Word, PowerPoint and Excel as Markdown, and metadata of images."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from coco_core.errors import Unreadable
from coco_flow.errors import DefinitionError, missing_extra
from coco_flow.op.definition import executor_class
from coco_flow.op.spec import FunctionSpec
from coco_flow.types.annotations import Json

__all__ = [
    "ImageInfo",
    "PdfPage",
    "PdfPageImage",
    "PdfPages",
    "PdfPagesExecutor",
    "ReadDocument",
    "ReadDocumentExecutor",
    "ReadDocx",
    "ReadDocxExecutor",
    "ReadImageInfo",
    "ReadImageInfoExecutor",
    "ReadPdf",
    "ReadPdfExecutor",
    "ReadPptx",
    "ReadPptxExecutor",
    "ReadXlsx",
    "ReadXlsxExecutor",
]

# The import's name and the package's, for each kind.
_PACKAGES = {
    "PDF": ("pypdfium2", "pypdfium2"),
    "DOCX": ("docx", "python-docx"),
    "PPTX": ("pptx", "python-pptx"),
    "XLSX": ("openpyxl", "openpyxl"),
    "image": ("PIL", "pillow"),
}
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BINARY_SAMPLE = 8192
_LARGEST_DPI = 1200


class ReadDocument(FunctionSpec):
    """Reads a PDF, DOCX, PPTX, XLSX or text file as Markdown; the content decides which it is."""


class ReadPdf(FunctionSpec):
    """Reads a PDF file as Markdown; a comment marks each page."""


class ReadDocx(FunctionSpec):
    """Reads a Word file as Markdown."""


class ReadPptx(FunctionSpec):
    """Reads a PowerPoint file as Markdown, a section for each slide."""


class ReadXlsx(FunctionSpec):
    """Reads an Excel file as Markdown, a table for each sheet."""


class PdfPages(FunctionSpec):
    """Reads a PDF file as a table of pages.

    Attributes:
        dpi: Resolution of the pages' images; by default there are none.
    """

    dpi: int | None = None


class ReadImageInfo(FunctionSpec):
    """Reads kind, size and metadata of an image."""


@dataclass
class PdfPage:
    """A page of a PDF: its number from 1, its size in points, and its text as Markdown."""

    number: int
    width: float
    height: float
    text: str


@dataclass
class PdfPageImage(PdfPage):
    """A page of a PDF with its image as PNG."""

    image: bytes


@dataclass
class ImageInfo:
    """Kind, size and metadata of an image; sizes are in pixels."""

    format: str
    mode: str
    width: int
    height: int
    metadata: Json


@executor_class(cache=True, behavior_version=1)
class ReadDocumentExecutor:
    """Runs `ReadDocument`."""

    spec: ReadDocument

    def analyze(self) -> Any:
        """Return the type, if the packages for every kind of document are installed."""
        _require("PDF", "DOCX", "PPTX", "XLSX")
        return str

    def __call__(self, content: bytes) -> str:
        """Return the document as Markdown.

        Raises:
            Unreadable: It is damaged, or of a kind that cannot be read.
        """
        return _read(content)


@executor_class(cache=True, behavior_version=1)
class ReadPdfExecutor:
    """Runs `ReadPdf`."""

    spec: ReadPdf

    def analyze(self) -> Any:
        """Return the type, if PDFium is installed."""
        _require("PDF")
        return str

    def __call__(self, content: bytes) -> str:
        """Return the document as Markdown; a damaged one raises `Unreadable`."""
        from coco_flow.functions.documents_pdf import pdf_to_markdown

        return pdf_to_markdown(content)


@executor_class(cache=True, behavior_version=1)
class ReadDocxExecutor:
    """Runs `ReadDocx`."""

    spec: ReadDocx

    def analyze(self) -> Any:
        """Return the type, if python-docx is installed."""
        _require("DOCX")
        return str

    def __call__(self, content: bytes) -> str:
        """Return the document as Markdown; a damaged one raises `Unreadable`."""
        from coco_flow.functions.documents_docx import docx_to_markdown

        return docx_to_markdown(content)


@executor_class(cache=True, behavior_version=1)
class ReadPptxExecutor:
    """Runs `ReadPptx`."""

    spec: ReadPptx

    def analyze(self) -> Any:
        """Return the type, if python-pptx is installed."""
        _require("PPTX")
        return str

    def __call__(self, content: bytes) -> str:
        """Return the slides as Markdown; a damaged file raises `Unreadable`."""
        from coco_flow.functions.documents_pptx import pptx_to_markdown

        return pptx_to_markdown(content)


@executor_class(cache=True, behavior_version=1)
class ReadXlsxExecutor:
    """Runs `ReadXlsx`."""

    spec: ReadXlsx

    def analyze(self) -> Any:
        """Return the type, if openpyxl is installed."""
        _require("XLSX")
        return str

    def __call__(self, content: bytes) -> str:
        """Return the sheets as Markdown; a damaged file raises `Unreadable`."""
        from coco_flow.functions.documents_xlsx import xlsx_to_markdown

        return xlsx_to_markdown(content)


@executor_class(cache=True, behavior_version=1)
class PdfPagesExecutor:
    """Runs `PdfPages`."""

    spec: PdfPages

    def analyze(self) -> Any:
        """Return the type, if what it takes is installed.

        Raises:
            DefinitionError: The resolution is out of range.
        """
        dpi = self.spec.dpi
        _require("PDF")
        if dpi is None:
            return list[PdfPage]
        if not 1 <= dpi <= _LARGEST_DPI:
            raise DefinitionError(f"dpi is {dpi}.", hint=f"Use 1 to {_LARGEST_DPI}; 150 is usual.")
        _require("image")
        return list[PdfPageImage]

    def __call__(self, content: bytes) -> list[Any]:
        """Return the pages; a damaged file raises `Unreadable`."""
        from coco_flow.functions.documents_pdf import pdf_pages

        pages = pdf_pages(content, dpi=self.spec.dpi)
        return [
            PdfPage(page.number, page.width, page.height, page.text)
            if page.image is None
            else PdfPageImage(page.number, page.width, page.height, page.text, page.image)
            for page in pages
        ]


@executor_class(cache=True, behavior_version=1)
class ReadImageInfoExecutor:
    """Runs `ReadImageInfo`."""

    spec: ReadImageInfo

    def analyze(self) -> Any:
        """Return the type, if Pillow is installed."""
        _require("image")
        return ImageInfo

    def __call__(self, content: bytes) -> ImageInfo:
        """Return the image's kind, size and metadata; a damaged one raises `Unreadable`."""
        from coco_flow.functions.documents_image import image_properties

        return ImageInfo(*image_properties(content))


def _require(*kinds: str) -> None:
    """Raise `ExtraMissing` unless the packages that read these kinds are installed."""
    for kind in kinds:
        module, package = _PACKAGES[kind]
        if find_spec(module) is None:
            raise missing_extra(f"Reading {kind} files", package, "documents")


def _read(content: bytes) -> str:
    from coco_flow.functions.documents_office import office_kind

    # Some writers put a few bytes before the head.
    if b"%PDF-" in content[:1024]:
        from coco_flow.functions.documents_pdf import pdf_to_markdown

        return pdf_to_markdown(content)
    kind = office_kind(content) if content.startswith(b"PK") else None
    if kind == "DOCX":
        from coco_flow.functions.documents_docx import docx_to_markdown

        return docx_to_markdown(content)
    if kind == "PPTX":
        from coco_flow.functions.documents_pptx import pptx_to_markdown

        return pptx_to_markdown(content)
    if kind == "XLSX":
        from coco_flow.functions.documents_xlsx import xlsx_to_markdown

        return xlsx_to_markdown(content)
    return _read_text(content)


def _read_text(content: bytes) -> str:
    if content.startswith(_OLD_OFFICE):
        raise Unreadable(
            "The document is an Office file of the format before 2007, or has a password.",
            hint="Save it as DOCX, PPTX or XLSX, without a password.",
        )
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    if b"\0" in content[:_BINARY_SAMPLE]:
        raise Unreadable(
            f"The document begins with {content[:8]!r}; it is no PDF, DOCX, PPTX, XLSX or text.",
            hint="Leave such files out with the source's excluded_patterns.",
        )
    return content.decode("utf-8-sig", "replace")

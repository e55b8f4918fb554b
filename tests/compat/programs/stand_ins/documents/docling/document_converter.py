"""The conversion."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pypdf

from docling.datamodel.base_models import DocumentStream


@dataclass
class PdfFormatOption:
    """Options for PDF files."""

    pipeline_options: Any = None


class DocumentConverter:
    """Reads the text of each page."""

    def __init__(self, format_options: Any = None) -> None:
        self.options = format_options

    def convert(self, source: Any) -> Any:
        """Return the result, whose document can be exported."""
        found = source.stream if isinstance(source, DocumentStream) else source
        text = "\n\n".join(page.extract_text() for page in pypdf.PdfReader(found).pages)
        return SimpleNamespace(document=SimpleNamespace(export_to_markdown=lambda: text))

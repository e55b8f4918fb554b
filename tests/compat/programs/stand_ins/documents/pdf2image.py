"""Stands in for pdf2image, which needs poppler's programs."""

from __future__ import annotations

from typing import Any

import pypdfium2


def convert_from_bytes(content: bytes, dpi: int = 200) -> list[Any]:
    """Return an image of each page."""
    document = pypdfium2.PdfDocument(content)
    return [page.render(scale=dpi / 72).to_pil() for page in document]

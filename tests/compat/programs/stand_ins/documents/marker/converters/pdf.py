"""The conversion of a PDF."""

from typing import Any

import pypdf


class PdfConverter:
    """Reads the text of each page."""

    def __init__(self, artifact_dict: dict[str, Any], config: Any = None) -> None:
        assert artifact_dict == {"layout": None}

    def __call__(self, path: str) -> list[str]:
        """Return the pages' texts."""
        return [page.extract_text() for page in pypdf.PdfReader(path).pages]

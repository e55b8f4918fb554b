"""Stands in for Document AI: a document's text is its bytes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

Document = RawDocument = ProcessRequest = SimpleNamespace


class DocumentProcessorServiceClient:
    """Answers without a service."""

    def __init__(self, client_options: Any) -> None:
        assert client_options.api_endpoint == "us-documentai.googleapis.com"

    def processor_path(self, project: str, location: str, processor: str) -> str:
        """Return the processor's name."""
        return f"projects/{project}/locations/{location}/processors/{processor}"

    def process_document(self, request: Any) -> Any:
        """Return the document."""
        text = request.raw_document.content.decode()
        return SimpleNamespace(document=SimpleNamespace(text=text))

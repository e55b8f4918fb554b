"""Options of a conversion."""

from dataclasses import dataclass
from typing import Any


@dataclass
class PdfPipelineOptions:
    """Options for PDF files."""

    accelerator_options: Any = None

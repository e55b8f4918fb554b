"""Inputs of a conversion."""

from dataclasses import dataclass
from enum import Enum
from io import BytesIO


class InputFormat(Enum):
    """A format."""

    PDF = "pdf"


@dataclass
class DocumentStream:
    """A document in memory."""

    name: str
    stream: BytesIO

"""Model manifest: ``manifest.json`` in an installed model's directory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from coco_core.errors import Unreadable

__all__ = ["FORMAT", "MANIFEST_NAME", "Conversion", "FileRecord", "Manifest", "file_sha256"]

MANIFEST_NAME = "manifest.json"
# Raise it when a reader of the older format could not use the model.
FORMAT = 1


@dataclass(frozen=True, slots=True)
class FileRecord:
    """Size and checksum of one file of the model."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a model was made, and its cosine to the float model on texts outside the calibration."""

    recipe: str
    dimension: int
    weight_limit: int
    agreement_mean: float
    agreement_minimum: float


@dataclass(frozen=True, slots=True)
class Manifest:
    """The record of one installed model."""

    name: str
    source: str
    created: str
    conversion: Conversion
    files: Mapping[str, FileRecord]
    format: int = FORMAT

    @property
    def fingerprint(self) -> str:
        """Eight hex digits that tell this model from any other."""
        return self.files["model.onnx"].sha256[:8]

    def to_json(self) -> str:
        """Return the content of the manifest file."""
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"

    @classmethod
    def read(cls, directory: Path) -> Manifest:
        """Read the manifest of ``directory``; anything wrong with it raises `Unreadable`."""
        path = directory / MANIFEST_NAME
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["format"] != FORMAT:
                raise ValueError(f"its format is {data['format']!r}, not {FORMAT}")
            files = {name: FileRecord(**record) for name, record in data.pop("files").items()}
            if not {"model.onnx", "tokenizer.json"} <= set(files):
                raise ValueError("it does not name model.onnx and tokenizer.json")
            for name in files:
                if name != Path(name).name:
                    raise ValueError(f"it names {name!r}, which is outside its folder")
            conversion = Conversion(**data.pop("conversion"))
            return cls(files=files, conversion=conversion, **data)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unreadable(
                f"{path} is not the manifest of a model: {error}.", hint="Run: coco setup"
            ) from error


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

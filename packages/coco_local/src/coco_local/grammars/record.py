"""Grammar manifest: ``grammar.json`` in an installed grammar's directory."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from coco_core.errors import Unreadable
from coco_core.languages import Language, LanguageKind

__all__ = ["MANIFEST", "GrammarRecord"]

MANIFEST = "grammar.json"
"""Written last: a folder without it is not a grammar."""

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class GrammarRecord:
    """One grammar, and the language it makes known."""

    language: str
    sha256: str
    """Of ``grammar.wasm``."""
    size: int
    source: str
    """``npm:package:member``, a URL without credentials, or a path."""
    version: str
    licence: str
    """As the package names it; its text is in ``LICENSE`` where the package has one."""
    exported_name: str
    abi: int
    query_origin: str
    """``own``, ``fitted``, ``derived`` or ``given``; see `coco_core.wasm.fit`."""
    installed_at: float
    stubs: tuple[str, ...] = ()
    kind: str = "code"
    extensions: tuple[str, ...] = ()
    filenames: tuple[str, ...] = ()
    shebangs: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    def as_language(self) -> Language | None:
        """Return the language that was added with the grammar; None if it was known before."""
        if not (self.extensions or self.filenames or self.shebangs):
            return None
        return Language(
            name=self.language,
            kind=LanguageKind(self.kind),
            extensions=self.extensions,
            filenames=self.filenames,
            shebangs=self.shebangs,
            aliases=self.aliases,
            grammar="wasm",
        )

    def write(self, folder: Path) -> None:
        """Write the manifest into the grammar's folder."""
        data = {"format": _FORMAT, **asdict(self)}
        text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
        (folder / MANIFEST).write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> GrammarRecord:
        """Read the manifest of a folder.

        Raises:
            Unreadable: there is none, or it is not one.
        """
        path = folder / MANIFEST
        try:
            data: Any = json.loads(path.read_text(encoding="utf-8"))
            if data.pop("format") != _FORMAT:
                raise ValueError("it is of another format")
            known = {field.name: field for field in fields(cls)}
            values: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value
                for name, value in data.items()
                if name in known
            }
            record = cls(**values)
            LanguageKind(record.kind)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise Unreadable(
                f"{str(path)!r} cannot be read: {error}.",
                hint=f"Install the grammar again, or remove the folder {str(folder)!r}.",
            ) from error
        return record

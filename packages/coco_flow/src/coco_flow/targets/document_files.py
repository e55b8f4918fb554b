"""A folder with a file for each document: names for keys, atomic writes, front matter."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from coco_flow.errors import FlowError

__all__ = ["DocumentFolder", "file_name", "possible_names", "with_front_matter"]

_MARK = ".coco-flow"
"""Subdirectory for the folder's owner and for files that are being written."""

# What CoCo's scanner would leave out at other places was exported on purpose.
_RULES = f"!*\n/{_MARK}/\n/.cocoignore\n"

# Not possible in names, or with a meaning of their own, on some system.
_ESCAPED = frozenset('%\\:*?"<>|') | {chr(code) for code in (*range(32), 127)}

# The longest name of most file systems, less what replaces a file while it is written.
_LONGEST_NAME = 240

_MARKDOWN = frozenset({".md", ".markdown", ".mdx", ".mdown", ".mkd", ".qmd", ".rmd"})


class DocumentFolder:
    """A folder that belongs to one target."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._own = root / _MARK

    def create(self, owner: str) -> None:
        """Make the folder, or take it if it is this owner's already.

        Raises:
            FlowError: It has files that this owner has not written.
        """
        mark = self._own / "owner"
        if self.root.exists() and any(self.root.iterdir()):
            found = mark.read_text("utf-8") if mark.exists() else None
            if found != owner:
                whose = "files that no flow wrote" if found is None else f"the documents of {found}"
                raise FlowError(
                    f"The folder {str(self.root)!r} holds {whose}.",
                    hint="Name an empty folder: CocoLocal(directory=…).",
                )
        self._own.mkdir(parents=True, exist_ok=True)
        mark.write_text(owner, "utf-8")
        (self.root / ".cocoignore").write_text(_RULES, "utf-8")

    def remove(self, owner: str) -> None:
        """Remove the folder with all documents, if it is this owner's."""
        mark = self._own / "owner"
        if mark.exists() and mark.read_text("utf-8") == owner:
            shutil.rmtree(self.root)

    def exists(self) -> bool:
        """Say whether the folder was created."""
        return self._own.exists()

    def write(self, name: str, content: str) -> bool:
        """Write a document so that readers see the old or the new one; say whether it changed."""
        path = self.root / name
        data = content.encode("utf-8", "surrogatepass")
        try:
            if path.read_bytes() == data:
                return False
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            pass
        handle, made = tempfile.mkstemp(dir=self._own)
        temporary = Path(made)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            # mkstemp permits only its user to read; the daemon that reads may run as another one.
            temporary.chmod(0o644)
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.replace(path)
        except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
            temporary.unlink()
            raise FlowError(
                f"The document {name!r} cannot be written: another document's name needs a folder "
                "where this one needs a file.",
                hint="Give the documents keys of which none is the folder of another.",
            ) from error
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return True

    def delete(self, name: str) -> None:
        """Remove a document, if it is there, and the folders that it leaves empty."""
        path = self.root / name
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError):
            if path.is_file():
                raise
            return
        for parent in path.parents:
            if parent == self.root:
                return
            try:
                parent.rmdir()
            except OSError:
                # It has other documents.
                return


def file_name(key: str, language: str | None = None) -> str:
    """Return the relative name of a document's file: the key, where it can be one.

    Different keys have different names. Where the key's ending does not give the language, as the
    daemon needs it, the language's ending follows after a percent sign; Markdown's by default.
    """
    from coco_core.languages import detect_language, named_language

    base = _base_name(key)
    detected = detect_language(key)
    if language is None:
        known = detected != "text" or PurePosixPath(key).suffix.lower() == ".txt"
        return base if known else f"{base}%.md"
    found = named_language(language)
    if found is None or not found.extensions or found.name == detected:
        return base
    return f"{base}%{found.extensions[0]}"


def possible_names(key: str) -> list[str]:
    """Return all names that `file_name` can give a key, by the language of its content."""
    from coco_core.languages import languages

    base = _base_name(key)
    endings = {each.extensions[0] for each in languages() if each.extensions}
    return [base, f"{base}%.md", *(f"{base}%{ending}" for ending in endings - {".md"})]


def with_front_matter(name: str, content: str, fields: Mapping[str, Any]) -> str:
    """Return a Markdown document with metadata as front matter; others stay as they are.

    A document that has front matter keeps its own.
    """
    if not fields or PurePosixPath(name).suffix.lower() not in _MARKDOWN:
        return content
    if content.lstrip("\ufeff").startswith(("---\n", "---\r\n", "+++\n", "+++\r\n")):
        return content
    # JSON is YAML, and needs no second way of quoting.
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items()]
    return "\n".join(("---", *lines, "---", "", content))


def _base_name(key: str) -> str:
    return "/".join(_shortened(_escaped(part)) for part in key.split("/"))


def _escaped(part: str) -> str:
    if not part:
        # Two slashes in a row, or one at the beginning or end.
        return "%2F"
    text = "".join(f"%{ord(c):02X}" if c in _ESCAPED else c for c in part)
    if text[0] == ".":
        # Hidden, or a way out of the folder.
        text = f"%2E{text[1:]}"
    if text[-1] in ". ":
        text = f"{text[:-1]}%{ord(text[-1]):02X}"
    return text


def _shortened(part: str) -> str:
    if len(part.encode("utf-8", "replace")) <= _LONGEST_NAME:
        return part
    import hashlib

    suffix = PurePosixPath(part).suffix[:20]
    digest = hashlib.sha256(part.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    # A name that is cut is not a key's own: those have no percent sign before a tilde.
    return f"{part.encode()[:150].decode('utf-8', 'ignore')}%~{digest}{suffix}"

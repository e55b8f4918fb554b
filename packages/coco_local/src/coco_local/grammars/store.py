"""The grammars on disk: ``<root>/<language>@<checksum>/``, each with its manifest.

Installing renames a finished folder into place and removing renames it away, so that the daemon
and a command may do either at the same time. Of two folders of a language the newer one counts.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coco_core.errors import GrammarNotFound, Unreadable
from coco_local.grammars.record import GrammarRecord

__all__ = ["GRAMMAR", "LICENCE", "QUERY", "GrammarStore"]

GRAMMAR = "grammar.wasm"
QUERY = "query.scm"
LICENCE = "LICENSE"

_STAGING = ".new-"
_GONE = ".gone-"
_OWNER_ONLY = 0o700

# What a killed install left behind is removed after this time; none takes as long.
_LEFT_BEHIND_SECONDS = 3_600


class GrammarStore:
    """The grammars under one directory, ``~/.coco/grammars`` in local mode."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def compiled(self) -> Path:
        """Compiled modules: native code, so only the owner may write here."""
        return self.root / "compiled"

    @property
    def downloads(self) -> Path:
        """Packages as they were fetched, and what arrived of them before a cut."""
        return self.root / "downloads"

    def stamp(self) -> int:
        """Return a number that changes with every install and removal."""
        try:
            return self.root.stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def all(self) -> dict[str, GrammarRecord]:
        """Return the installed grammars by language; a broken folder is passed over."""
        found: dict[str, GrammarRecord] = {}
        for folder in self._folders():
            try:
                record = GrammarRecord.read(folder)
            except Unreadable:
                continue
            other = found.get(record.language)
            if other is None or other.installed_at < record.installed_at:
                found[record.language] = record
        return dict(sorted(found.items()))

    def find(self, language: str) -> GrammarRecord | None:
        """Return a language's grammar, or None."""
        return self.all().get(language)

    def require(self, language: str) -> GrammarRecord:
        """Return a language's grammar.

        Raises:
            GrammarNotFound: it is not installed.
        """
        record = self.find(language)
        if record is None:
            raise GrammarNotFound(
                f"No grammar of {language!r} is installed under {self.root}.",
                hint=f"Run: coco grammar install {language}",
            )
        return record

    def folder(self, record: GrammarRecord) -> Path:
        """Return where a grammar's files are."""
        return self.root / f"{record.language}@{record.sha256[:12]}"

    def wasm(self, record: GrammarRecord) -> bytes:
        """Read a grammar's file and compare its checksum.

        Raises:
            Unreadable: it is missing, or not what was installed.
        """
        path = self.folder(record) / GRAMMAR
        try:
            data = path.read_bytes()
        except OSError as error:
            raise Unreadable(f"{str(path)!r} cannot be read: {error.strerror}.") from error
        if hashlib.sha256(data).hexdigest() != record.sha256:
            raise Unreadable(
                f"{str(path)!r} is not the file that was installed: its checksum differs.",
                hint=f"Run: coco grammar install {record.language} --force",
            )
        return data

    def query(self, record: GrammarRecord) -> str:
        """Read the query that fits a grammar."""
        path = self.folder(record) / QUERY
        try:
            return path.read_text(encoding="utf-8")
        except OSError as error:
            raise Unreadable(f"{str(path)!r} cannot be read: {error.strerror}.") from error

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """Yield an empty folder beside the grammars; what is not installed from it is removed."""
        self._ensure()
        folder = Path(tempfile.mkdtemp(prefix=_STAGING, dir=self.root))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def add(self, staged: Path, record: GrammarRecord) -> None:
        """Put a finished folder in the place of the language's grammar, in one step."""
        record.write(staged)
        target = self.folder(record)
        if target.exists():
            self._discard(target)
        staged.rename(target)
        for folder in self._folders():
            if folder != target and folder.name.rpartition("@")[0] == record.language:
                self._discard(folder)
        self._drop_compiled()

    def remove(self, language: str) -> GrammarRecord:
        """Remove a language's grammar; `GrammarNotFound` if there is none."""
        record = self.require(language)
        self._discard(self.folder(record))
        self._drop_compiled()
        return record

    # --- folders -------------------------------------------------------------------------------

    def _ensure(self) -> None:
        self.root.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
        self.compiled.mkdir(mode=_OWNER_ONLY, exist_ok=True)
        self.downloads.mkdir(mode=_OWNER_ONLY, exist_ok=True)
        oldest = time.time() - _LEFT_BEHIND_SECONDS
        for folder in self.root.iterdir():
            if folder.name.startswith((_STAGING, _GONE)) and folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)

    def _folders(self) -> list[Path]:
        try:
            entries = sorted(self.root.iterdir())
        except FileNotFoundError:
            return []
        return [entry for entry in entries if "@" in entry.name and entry.name[0] != "."]

    def _discard(self, folder: Path) -> None:
        # Renamed first: a folder that is half removed must not pass for a grammar.
        gone = Path(tempfile.mkdtemp(prefix=_GONE, dir=self.root))
        folder.rename(gone / folder.name)
        shutil.rmtree(gone, ignore_errors=True)

    def _drop_compiled(self) -> None:
        """Remove compiled forms of grammars that are not installed any more."""
        from coco_core.wasm.sandbox import core_checksums

        kept = {record.sha256 for record in self.all().values()} | core_checksums()
        for path in self.compiled.glob("*.cwasm"):
            if path.name.partition("-")[0] not in kept:
                path.unlink(missing_ok=True)

"""Home directory of the daemon, ``~/.coco``: the paths in it."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from coco_core.errors import InvalidConfig

__all__ = ["CocoHome"]

# The index holds the text of private projects, so nobody else on the machine may look.
_OWNER_ONLY = 0o700


@dataclass(frozen=True, slots=True)
class CocoHome:
    """The folder of one daemon; two homes are two independent daemons."""

    root: Path

    @classmethod
    def find(cls, environ: Mapping[str, str]) -> CocoHome:
        """Return the home that ``COCO_HOME`` names, or ``~/.coco``."""
        named = environ.get("COCO_HOME", "").strip()
        if named:
            return cls(Path(named).expanduser().resolve())
        try:
            return cls(Path.home() / ".coco")
        except RuntimeError as error:
            raise InvalidConfig(
                "The home directory of this user is not known.",
                hint="Set COCO_HOME to a directory for CoCo's files.",
            ) from error

    @property
    def database(self) -> Path:
        """SQLite: projects, documents, chunks, jobs."""
        return self.root / "coco.db"

    @property
    def vectors(self) -> Path:
        """LanceDB's directory."""
        return self.root / "lancedb"

    @property
    def models(self) -> Path:
        """Embedding models, one folder each."""
        return self.root / "models"

    @property
    def lock(self) -> Path:
        """Who serves this home: PID, start time, port, version."""
        return self.root / "service.lock"

    @property
    def log(self) -> Path:
        """The daemon's log; older parts stand beside it with a number."""
        return self.root / "coco.log"

    @property
    def config(self) -> Path:
        """The user's settings."""
        return self.root / "config.toml"

    @property
    def grammars(self) -> Path:
        """WebAssembly grammars that were added."""
        return self.root / "grammars"

    @property
    def cookies(self) -> Path:
        """Files that the watcher touches to know that it has seen everything before."""
        return self.root / "cookies"

    def ensure(self) -> None:
        """Create the folder for its owner only, and take rights away that others were given.

        Raises:
            InvalidConfig: the folder cannot be created or written.
        """
        try:
            self.root.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
            if os.name == "posix":
                mode = stat.S_IMODE(self.root.stat().st_mode)
                if mode & ~_OWNER_ONLY:
                    self.root.chmod(_OWNER_ONLY)
        except OSError as error:
            raise InvalidConfig(
                f"CoCo's home {str(self.root)!r} cannot be used: {error.strerror or error}.",
                hint="Make it a directory that you can write, or set COCO_HOME to another one.",
                details={"path": str(self.root)},
            ) from error
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise InvalidConfig(
                f"CoCo's home {str(self.root)!r} cannot be written.",
                hint="Change its owner to yourself, or set COCO_HOME to another directory.",
                details={"path": str(self.root)},
            )

"""A git repository to work in, for tests."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

__all__ = ["GitWork"]


class GitWork:
    """A work tree; time goes on by an hour with each commit."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._hours = 0
        self.git("init", "--quiet", "--initial-branch=main")

    @property
    def path(self) -> str:
        return str(self.folder)

    def git(self, *arguments: str) -> str:
        moment = f"2026-01-02T{self._hours:02}:00:00+02:00"
        who = {"NAME": "Ada Ü", "EMAIL": "ada@example.org", "DATE": moment}
        names = {f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER") for k, v in who.items()}
        done = subprocess.run(
            ["git", "-C", self.path, *arguments],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | names | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        )
        return done.stdout.strip()

    def write(self, files: dict[str, str | bytes]) -> None:
        for name, content in files.items():
            self.put(name, content)

    def put(self, name: str, content: str | bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def commit(self, message: str = "A change") -> str:
        """Commit everything and return the hash."""
        self._hours += 1
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

"""Configuration change: old text, new text, and a write that loses nothing."""

from __future__ import annotations

import difflib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from coco_core.errors import Conflict, Unavailable, Unreadable

__all__ = ["Change", "read_text", "write"]

BACKUP_SUFFIX = ".coco-backup"
# Configurations are kilobytes; something else was found under this name.
MAX_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Change:
    """What an installer does to a file; ``before`` is ``None`` when there was none."""

    path: Path
    before: str | None
    after: str
    client: str
    """The client's name for people."""
    note: str
    """What the user does for the change to count."""
    backup: Path | None = None
    """Where the file as it was is kept; ``None`` when nothing was written over."""
    keeps_backup: bool = True
    """A project's files are under version control, and a copy would only lie in its way."""

    @property
    def deletes(self) -> bool:
        """Whether nothing is left of a file of instructions."""
        return self.before is not None and not self.after and self.path.suffix in (".md", ".mdc")

    @property
    def changed(self) -> bool:
        """Whether there was anything to do."""
        return (self.before or "") != self.after

    @property
    def diff(self) -> str:
        """The change as a unified diff; empty when there is none."""
        lines = difflib.unified_diff(
            (self.before or "").splitlines(),
            self.after.splitlines(),
            str(self.path) if self.before is not None else os.devnull,
            str(self.path),
            lineterm="",
        )
        return "".join(f"{line}\n" for line in lines)


def read_text(path: Path) -> str | None:
    """Return the file's text with its line ends as they are; ``None`` when there is no file.

    Raises:
        Unreadable: it is not a text file in UTF-8, or may not be read.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Unreadable(f"{path} is larger than {MAX_BYTES} bytes: not a configuration.")
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise Unreadable(
            f"{path} is not UTF-8 text: {error.reason} at byte {error.start}.",
            hint="Save it as UTF-8, then run the command again.",
        ) from error
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}.") from error


def write(change: Change) -> Path | None:
    """Write the change in one step and return the backup of what was there.

    A link is followed, the mode is kept, and a file that changed meanwhile is left alone.

    Raises:
        Conflict: somebody else wrote the file since it was read.
        Unavailable: the file system refuses.
    """
    target = Path(os.path.realpath(change.path))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        backup = None
        if change.before is not None and change.keeps_backup:
            backup = target.with_name(target.name + BACKUP_SUFFIX)
            shutil.copy2(target, backup)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(change.after.encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
            if change.before is not None:
                shutil.copymode(target, name)
            if read_text(target) != change.before:
                raise Conflict(
                    f"{change.path} was changed by another program just now.",
                    hint=f"Close {change.client} if it is running and try again.",
                )
            if change.deletes:
                target.unlink()
                Path(name).unlink()
            else:
                Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise Unavailable(
            f"{change.path} cannot be written: {error.strerror}.",
            hint="Check the permissions of the file and its directory, or use --print.",
        ) from error
    return backup

"""Files that differ from a git revision: changed in any way since then, or not tracked."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from coco_core.errors import InvalidInput, Unavailable
from coco_protocol.docs import FiltersBody

__all__ = ["NO_FILE", "changed_files", "resolved_revision"]

NO_FILE = "\0"
"""No file has this name: in a filter it says that the other names come from a revision, perhaps
none."""

# git compares a large working tree in a second; a network mount may never answer.
_TIMEOUT_SECONDS = 10.0


def changed_files(root: Path, revision: str) -> frozenset[str]:
    """Return the files below ``root`` that differ from a revision, relative to ``root``.

    Committed since then, staged, only saved, or new: all of them count. Deleted ones do, too.

    Raises:
        InvalidInput: git does not know the revision, or ``root`` is in no repository.
        Unavailable: git is missing or does not answer.
    """
    known = _git(root, ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{}}"])
    if known.returncode:
        if _git(root, ["rev-parse", "--git-dir"]).returncode:
            raise InvalidInput(
                f"{str(root)!r} is in no git repository, so nothing is known of {revision!r}.",
                hint="Leave out the revision.",
            )
        raise InvalidInput(
            f"git knows no revision {revision!r} in {str(root)!r}.",
            hint="Give a commit, branch or tag of the project: HEAD~5, main, v1.2.",
        )
    commit = known.stdout.decode().strip()
    changed = _git(
        root, ["diff", "--name-only", "--no-renames", "--relative", "-z", commit, "--", "."]
    )
    if changed.returncode:
        raise InvalidInput(
            f"git cannot compare the files with {revision!r}: {_said(changed.stderr)}",
            hint="Give a commit, branch or tag of the project: HEAD~5, main, v1.2.",
        )
    untracked = _git(root, ["ls-files", "--others", "--exclude-standard", "-z", "--", "."])
    return frozenset(
        os.fsdecode(name)
        for output in (changed.stdout, untracked.stdout)
        for name in output.split(b"\0")
        if name
    )


def resolved_revision(root: Path, filters: FiltersBody) -> FiltersBody:
    """Return filters with a revision replaced by the files that differ from it."""
    if filters.since_revision is None:
        return filters
    changed = changed_files(root, filters.since_revision)
    if filters.doc_ids:
        changed &= frozenset(filters.doc_ids)
    update = {"since_revision": None, "doc_ids": [NO_FILE, *sorted(changed)]}
    return filters.model_copy(update=update)


def _git(root: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    # Looking must not take the lock that a commit of the user needs at the same moment.
    environ = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        environ.pop(name, None)
    command = ["git", "-c", "core.quotePath=false", "-c", "core.fsmonitor=false", *arguments]
    try:
        return subprocess.run(
            command,
            cwd=root,
            env=environ,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise Unavailable(
            "git is not installed, and only it knows what changed since a revision.",
            hint="Install git, or leave out the revision.",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(
            f"git did not say within {_TIMEOUT_SECONDS:.0f} seconds what changed.",
            hint="Try again, or leave out the revision.",
        ) from error


def _said(message: bytes) -> str:
    text = message.decode("utf-8", "replace").strip().splitlines()
    return text[0] if text else "no reason given"

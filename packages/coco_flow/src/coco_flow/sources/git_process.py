"""The git program, on local repositories and on mirrors of remote ones."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from coco_core.errors import Unavailable
from coco_flow.errors import DefinitionError, FlowError
from coco_flow.setting import DEFAULT_STATE_PATH

__all__ = ["Git", "open_git"]

# Addresses of remote repositories: a URL, or host:path.
_URL = re.compile(r"(https?|ssh|git|file)://.+|[\w.-]+@[\w.-]+:.+")

_CHUNK = 1 << 16


class Git:
    """One repository."""

    def __init__(self, folder: Path, url: str | None) -> None:
        self._folder = folder
        self._url = url

    @property
    def name(self) -> str:
        """What the user called the repository."""
        return self._url or str(self._folder)

    def fetch(self) -> None:
        """Bring a mirror up to date; a local repository always is.

        Raises:
            Unavailable: The remote repository does not answer, or denies access.
        """
        if self._url is None:
            return
        try:
            if not (self._folder / "HEAD").is_file():
                self._folder.mkdir(parents=True, exist_ok=True)
                _output(["clone", "--quiet", "--mirror", "--", self._url, str(self._folder)])
            else:
                _output(["-C", str(self._folder), "remote", "update", "--prune"])
        except FlowError as error:
            raise Unavailable(
                f"The repository {self._url!r} cannot be fetched: {error.message}",
                hint="Check the URL, the network, and that git can sign in without asking.",
            ) from error

    def resolve(self, revision: str) -> str:
        """Return the commit that a revision names.

        Raises:
            FlowError: There is no such revision, or no repository.
        """
        wanted = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]
        try:
            return self.output(wanted).decode().strip()
        except FlowError as error:
            if "said" not in error.details:
                raise
            # With --quiet git reports no unknown revision, but everything else.
            reason = error.details["said"] or "it names no commit"
            raise FlowError(
                f"The revision {revision!r} of {self.name!r} cannot be read: {reason}.",
                hint="Correct `path` or `revision`. Nothing was deleted from the targets.",
            ) from error

    def output(self, arguments: Sequence[str], given: bytes | None = None) -> bytes:
        """Return what git writes.

        Raises:
            FlowError: Git fails.
        """
        return _output(["-C", str(self._folder), *arguments], given)

    def stream(self, arguments: Sequence[str], separator: bytes) -> Iterator[bytes]:
        """Yield what git writes, split at each separator, while it writes.

        Raises:
            FlowError: Git fails.
        """
        command = ["git", "-C", str(self._folder), *arguments]
        with _started(command) as process:
            assert process.stdout is not None
            rest = b""
            while chunk := process.stdout.read(_CHUNK):
                *parts, rest = (rest + chunk).split(separator)
                yield from parts
            if rest:
                yield rest
            assert process.stderr is not None
            said = process.stderr.read().decode(errors="replace")
            if process.wait() != 0:
                raise _failed(arguments, said)


def open_git(path: str) -> Git:
    """Return a repository by its folder or URL; a remote one is mirrored next to the state.

    Raises:
        DefinitionError: It is neither.
    """
    if _URL.fullmatch(path) and not Path(path).exists():
        digest = hashlib.sha256(path.encode()).hexdigest()[:16]
        return Git(Path(DEFAULT_STATE_PATH).absolute().parent / "git" / digest, path)
    if path.startswith("-") or "::" in path:
        raise DefinitionError(
            f"{path!r} is neither a folder nor the URL of a repository.",
            hint="Write the path of a repository, or a URL of https, ssh, git or file.",
        )
    return Git(Path(path).absolute(), None)


def _output(arguments: Sequence[str], given: bytes | None = None) -> bytes:
    try:
        done = subprocess.run(
            ["git", *arguments],
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            check=False,
            env=_environment(),
        )
    except FileNotFoundError as error:
        raise _missing() from error
    if done.returncode != 0:
        raise _failed(arguments, done.stderr.decode(errors="replace"))
    return done.stdout


def _started(command: Sequence[str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
        )
    except FileNotFoundError as error:
        raise _missing() from error


def _environment() -> dict[str, str]:
    # A hook's variables would lead to its own repository; nothing may wait for a password.
    kept = {name: value for name, value in os.environ.items() if name not in _HOOK_VARIABLES}
    return kept | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}


_HOOK_VARIABLES = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"),
    *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_PREFIX"),
)


def _failed(arguments: Sequence[str], said: str) -> FlowError:
    said = said.strip().removeprefix("fatal: ")
    return FlowError(f"git {' '.join(arguments)} failed: {said}", details={"said": said})


def _missing() -> FlowError:
    return FlowError("The program git is not installed.", hint="Install git and try again.")

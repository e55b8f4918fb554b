"""Source of the files of a git repository at a revision, without a checkout."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import timedelta

from coco_flow.errors import FlowError, RowFailed
from coco_flow.op.spec import SourceSpec
from coco_flow.ports import Key, ListedRow, ReadRow
from coco_flow.sources.file_content import FileContent
from coco_flow.sources.file_patterns import FilePatterns
from coco_flow.sources.registry import register_source
from coco_flow.sources.revision_poll import RevisionSource

__all__ = ["GitRepository", "GitRepositorySource"]

log = logging.getLogger(__name__)

_BATCH = 512

# Names are passed to git as arguments, of which a system takes some 100 kB at least.
_NAMES_AT_ONCE = 100

# Names are literal, not patterns.
_LIST_NAMES = ("--literal-pathspecs", "ls-tree", "-z", "-l", "--full-tree")

# Modes of files in a tree; the others are links and submodules.
_FILE_MODES = (b"100644", b"100755", b"100664")


class GitRepository(SourceSpec):
    """Files of a repository at a revision, as rows of `filename` and `content`.

    Attributes:
        path: The repository's folder, or its URL: then a mirror is kept next to the state.
        revision: A branch, a tag, a commit; whatever git understands.
        binary: Give the content as bytes instead of text.
        included_patterns: Only files that match one of these; `*` matches "/" too.
        excluded_patterns: No files, and nothing below folders, that match one of these.
        max_file_size: Larger files, in bytes, are ignored.
        poll_interval: In live mode, check so often whether the revision is another commit.
    """

    path: str
    revision: str = "HEAD"
    binary: bool = False
    included_patterns: list[str] | None = None
    excluded_patterns: list[str] | None = None
    max_file_size: int | None = None
    poll_interval: timedelta | None = None


class GitRepositorySource(RevisionSource):
    """Lists, reads and follows the files at one revision."""

    def __init__(self, spec: GitRepository) -> None:
        super().__init__(spec.path, spec.revision, spec.poll_interval)
        self._content = FileContent(binary=spec.binary)
        self.schema = self._content.schema
        self.content_options: object = self._content.options
        self._patterns = FilePatterns(spec.included_patterns, spec.excluded_patterns)
        self._max_file_size = spec.max_file_size

    def list_rows(self) -> Iterator[list[ListedRow]]:
        """Yield the files of the commit that the revision names now; blobs are the tokens."""
        self._git.fetch()
        commit = self._git.resolve(self._revision)
        batch: list[ListedRow] = []
        arguments = ["ls-tree", "-r", "-z", "-l", "--full-tree", commit]
        for entry in self._git.stream(arguments, b"\0"):
            described, _, raw = entry.partition(b"\t")
            mode, _, blob, size = described.split()
            name = self._name(raw)
            if mode not in _FILE_MODES or name is None or not self._patterns.accepts(name):
                continue
            if self._is_small(size):
                batch.append(ListedRow((name,), blob, size=int(size)))
            if len(batch) == _BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def read(self, keys: Sequence[Key]) -> list[ReadRow | Exception]:
        """Read files as the revision has them now."""
        commit = self._git.resolve(self._revision)
        names = [name for (name,) in keys if self._patterns.accepts(name)]
        blobs: dict[str, bytes] = {}
        for start in range(0, len(names), _NAMES_AT_ONCE):
            blobs |= self._blobs(commit, names[start : start + _NAMES_AT_ONCE])
        contents = self._contents(sorted(set(blobs.values())))
        rows: list[ReadRow | Exception] = []
        for (name,) in keys:
            blob = blobs.get(name)
            try:
                rows.append(
                    ReadRow(None)
                    if blob is None
                    else ReadRow(self._content.row(contents[blob], name), blob)
                )
            except RowFailed as error:
                rows.append(error)
        return rows

    def _changed(self, before: str, after: str) -> Sequence[Key] | None:
        """Return the files that differ; None if only a listing can find them."""
        try:
            listed = self._git.output(
                ["diff-tree", "-r", "-z", "--name-only", "--no-renames", before, after]
            )
        except FlowError:
            # The commit before is gone, after a rewritten history.
            return None
        names = [raw.decode(errors="replace") for raw in listed.split(b"\0")[:-1]]
        return [(name,) for name in names if self._patterns.accepts(name)]

    def _name(self, raw: bytes) -> str | None:
        try:
            return raw.decode()
        except UnicodeDecodeError:
            log.warning("skipped %r in %r: its name is not valid UTF-8", raw, self._git.name)
            return None

    def _is_small(self, size: bytes) -> bool:
        return self._max_file_size is None or int(size) <= self._max_file_size

    def _blobs(self, commit: str, names: Sequence[str]) -> dict[str, bytes]:
        """Return the blobs that a commit has under names; without those that are no files."""
        listed = self._git.output([*_LIST_NAMES, commit, "--", *names])
        found = {}
        for entry in listed.split(b"\0")[:-1]:
            described, _, raw = entry.partition(b"\t")
            mode, _, blob, size = described.split()
            if mode in _FILE_MODES and self._is_small(size):
                found[raw.decode()] = blob
        return found

    def _contents(self, blobs: Sequence[bytes]) -> dict[bytes, bytes]:
        if not blobs:
            return {}
        given = b"".join(blob + b"\n" for blob in blobs)
        answer = self._git.output(["cat-file", "--batch"], given)
        found = {}
        at = 0
        for blob in blobs:
            end = answer.index(b"\n", at)
            header = answer[at:end].split()
            if header[1:2] != [b"blob"]:
                raise FlowError(
                    f"The repository {self._git.name!r} lacks the blob {blob.decode()}.",
                    hint="It is damaged, or a partial clone: run git fsck, or clone all of it.",
                )
            size = int(header[2])
            found[blob] = answer[end + 1 : end + 1 + size]
            at = end + size + 2
        return found


register_source(GitRepository, GitRepositorySource)

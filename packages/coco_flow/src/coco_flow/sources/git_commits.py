"""Source of the commits of a git repository, with what each of them changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from coco_flow.errors import FlowError, RowFailed
from coco_flow.op.spec import SourceSpec
from coco_flow.ports import Key, ListedRow, ReadRow, Row, SourceSchema
from coco_flow.sources.file_content import basic_field
from coco_flow.sources.git_diff import ARGUMENTS, ChangedFile, read_changes
from coco_flow.sources.registry import register_source
from coco_flow.sources.revision_poll import RevisionSource
from coco_flow.types.schema import (
    BasicValueType,
    EnrichedValueType,
    FieldSchema,
    StructSchema,
    TableType,
    VectorTypeSchema,
)

__all__ = ["GitCommits", "GitCommitsSource"]

_BATCH = 512

# A commit never changes.
_TOKEN = b"commit"

_DESCRIBE = (
    *("log", "--no-walk=unsorted", "--stdin", "-z", "--encoding=UTF-8"),
    "--format=%H%n%P%n%an%n%ae%n%aI%n%cI%n%s%n%b",
)


class GitCommits(SourceSpec):
    """The history of a revision, newest commit first, with the hash as key.

    The table `files` has for each changed path the kind of change, how many lines were added and
    removed, and the ranges of the added ones.

    Attributes:
        path: The repository's folder, or its URL: then a mirror is kept next to the state.
        revision: A branch, a tag, a commit; whatever git understands.
        since: Only commits after this moment, also in git's words, such as "2 weeks ago".
        max_count: Only so many commits, the newest.
        poll_interval: In live mode, check so often whether the revision is another commit.
    """

    path: str
    revision: str = "HEAD"
    since: datetime | str | None = None
    max_count: int | None = None
    poll_interval: timedelta | None = None


class GitCommitsSource(RevisionSource):
    """Lists, reads and follows the commits up to one revision."""

    def __init__(self, spec: GitCommits) -> None:
        super().__init__(spec.path, spec.revision, spec.poll_interval)
        self._spec = spec
        self.schema = _SCHEMA
        self.content_options: object = {}

    def list_rows(self) -> Iterator[list[ListedRow]]:
        """Yield the hashes of the commits; a commit that was processed never changes."""
        self._git.fetch()
        commit = self._git.resolve(self._revision)
        batch: list[ListedRow] = []
        for line in self._git.stream(["rev-list", *self._limits(), commit, "--"], b"\n"):
            batch.append(ListedRow((line.decode(),), _TOKEN))
            if len(batch) == _BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def read(self, keys: Sequence[Key]) -> list[ReadRow | Exception]:
        """Read commits; one that the repository does not have is gone."""
        hashes = self._existing([key for (key,) in keys])
        given = "".join(f"{key}\n" for key in hashes).encode()
        described = {}
        files: dict[str, list[ChangedFile]] = {}
        if hashes:
            output = self._git.output(_DESCRIBE, given).decode(errors="replace")
            described = {text[: text.find("\n")]: text for text in output.split("\0") if text}
            changed = self._git.output(ARGUMENTS, given)
            files = read_changes(iter(changed.split(b"\n")))
        return [
            _read(key, described[key], files.get(key, [])) if key in described else ReadRow(None)
            for (key,) in keys
        ]

    def _changed(self, before: str, after: str) -> Sequence[Key] | None:
        """Return the commits that are new; None if others are no longer listed."""
        if self._limits():
            return None
        try:
            lost = self._git.output(["rev-list", "--max-count=1", f"{after}..{before}"])
            gained = self._git.output(["rev-list", f"{before}..{after}"])
        except FlowError:
            # The commit before is gone, after a rewritten history.
            return None
        return None if lost else [(text,) for text in gained.decode().split()]

    def _limits(self) -> list[str]:
        since, count = self._spec.since, self._spec.max_count
        limits = [] if count is None else [f"--max-count={count}"]
        if since is not None:
            text = since.isoformat() if isinstance(since, datetime) else since
            limits.append(f"--since={text}")
        return limits

    def _existing(self, hashes: Sequence[str]) -> list[str]:
        """Return those of some hashes that are commits here."""
        given = "".join(f"{text}\n" for text in hashes if text.isalnum()).encode()
        if not given:
            return []
        checked = self._git.output(["cat-file", "--batch-check"], given).decode()
        parts = [line.split() for line in checked.splitlines()]
        return [found[0] for found in parts if found[1:2] == ["commit"]]


def _read(key: str, text: str, files: Sequence[ChangedFile]) -> ReadRow | Exception:
    try:
        return ReadRow(_row(text, files), _TOKEN)
    except ValueError as error:
        failed = RowFailed(f"The commit {key} cannot be read: {error}.")
        failed.__cause__ = error
        return failed


def _row(text: str, files: Sequence[ChangedFile]) -> Row:
    _, parents, name, email, authored, committed, subject, *body = text.split("\n")
    table = [
        [f.path, f.old_path, f.change, f.added, f.removed, f.ranges]
        for f in sorted(files, key=lambda file: file.path)
    ]
    return [
        parents.split(),
        name,
        email,
        datetime.fromisoformat(authored),
        datetime.fromisoformat(committed),
        subject,
        "\n".join(body).rstrip("\n"),
        table,
    ]


def _vector(name: str, kind: str) -> FieldSchema:
    vector = VectorTypeSchema(BasicValueType(kind), None)
    return FieldSchema(name, EnrichedValueType(BasicValueType("Vector", vector=vector)))


_FILES = TableType(
    "KTable",
    StructSchema(
        [
            basic_field("path", "Str"),
            basic_field("old_path", "Str", nullable=True),
            basic_field("change", "Str"),
            basic_field("added", "Int64"),
            basic_field("removed", "Int64"),
            _vector("ranges", "Range"),
        ]
    ),
    1,
)

_SCHEMA = SourceSchema(
    key=(basic_field("hash", "Str"),),
    value=(
        _vector("parents", "Str"),
        basic_field("author_name", "Str"),
        basic_field("author_email", "Str"),
        basic_field("authored_at", "OffsetDateTime"),
        basic_field("committed_at", "OffsetDateTime"),
        basic_field("subject", "Str"),
        basic_field("body", "Str"),
        FieldSchema("files", EnrichedValueType(_FILES)),
    ),
)

register_source(GitCommits, GitCommitsSource)

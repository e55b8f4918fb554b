"""Commits of git repositories, with what they changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coco_flow.errors import FlowError
from coco_flow.ports import ReadRow
from coco_flow.sources import GitCommits
from coco_flow.sources.git_diff import read_changes
from tests.coco_flow.sources.git_work import GitWork
from tests.coco_flow.sources.listing import contents, listed, next_change, opened, read, run

SOON = timedelta(milliseconds=10)


@pytest.fixture
def work(tmp_path: Path) -> GitWork:
    return GitWork(tmp_path / "work")


def files_of(work: GitWork, commit: str) -> dict[str, Any]:
    (entry,) = read(opened(GitCommits(path=work.path)), commit)
    assert isinstance(entry, ReadRow)
    assert entry.value is not None
    return {path: rest for path, *rest in entry.value[-1]}


def test_a_commit_is_a_row(work: GitWork) -> None:
    work.put("a.md", "1\n2\n3\n")
    first = work.commit("Add größe\n\nBecause.\n\nTwice: x\n")
    work.put("a.md", "1\ntwo\n3\nfour\nfive\n")
    second = work.commit("Change\nit")
    source = opened(GitCommits(path=work.path))
    assert list(listed(source)) == [second, first]
    moments = [datetime.fromisoformat(f"2026-01-02T{hour}:00:00+02:00") for hour in ("01", "02")]
    person = ["Ada Ü", "ada@example.org"]
    assert contents(source) == {
        first: [
            *([], *person, moments[0], moments[0], "Add größe", "Because.\n\nTwice: x"),
            [["a.md", None, "added", 3, 0, [(1, 4)]]],
        ],
        second: [
            *([first], *person, moments[1], moments[1], "Change it", ""),
            [["a.md", None, "changed", 3, 1, [(2, 3), (4, 6)]]],
        ],
    }


def test_every_kind_of_change(work: GitWork) -> None:
    text = "".join(f"line {number}\n" for number in range(30))
    for name in ("moved.md", "gone.md", "kept.md", "mode.md", "kind.md"):
        work.put(name, name + "\n" + text)
    work.commit()
    (work.folder / "moved.md").rename(work.folder / "new place.md")
    work.put("new place.md", "moved.md\n" + text + "more\n")
    for name in ("gone.md", "kind.md"):
        (work.folder / name).unlink()
    (work.folder / "kind.md").symlink_to("kept.md")
    (work.folder / "mode.md").chmod(0o755)
    work.put("binary", b"\0\1\2")
    work.put("empty", b"")
    odd = 'o\td "q" ü\\n.md'
    work.put(odd, "no newline at the end")
    found = files_of(work, work.commit())
    assert found == {
        "new place.md": ["moved.md", "renamed", 1, 0, [(32, 33)]],
        "gone.md": [None, "deleted", 0, 31, []],
        "kind.md": [None, "changed", 1, 31, [(1, 2)]],
        "mode.md": [None, "changed", 0, 0, []],
        "binary": [None, "added", 0, 0, []],
        "empty": [None, "added", 0, 0, []],
        odd: [None, "added", 1, 0, [(1, 2)]],
    }


def test_lines_that_look_like_a_diff_are_lines(work: GitWork) -> None:
    looks = [
        *("diff --git a/x b/x", "@@ -1 +1,9 @@", "+++ b/x", "--- a/x", "", "0" * 40),
        ":100644 100644 0 0 M\tx",
    ]
    work.put("a", "\n".join(looks) + "\n")
    work.put("b", "x\n")
    found = files_of(work, work.commit())
    assert found == {"a": [None, "added", 7, 0, [(1, 8)]], "b": [None, "added", 1, 0, [(1, 2)]]}
    work.put("a", "\n".join(reversed(looks)))
    work.put("b", "y\n")
    assert files_of(work, work.commit())["b"] == [None, "changed", 1, 1, [(1, 2)]]


def test_a_merge_repeats_nothing(work: GitWork) -> None:
    work.put("a", "a")
    work.commit()
    work.git("checkout", "--quiet", "-b", "side")
    work.put("b", "b")
    side = work.commit()
    work.git("checkout", "--quiet", "main")
    work.put("c", "c")
    main = work.commit()
    work.git("merge", "--quiet", "--no-ff", "-m", "Merge", "side")
    merge = work.git("rev-parse", "HEAD")
    (entry,) = read(opened(GitCommits(path=work.path)), merge)
    assert isinstance(entry, ReadRow)
    assert entry.value is not None
    assert (entry.value[0], entry.value[-1]) == ([main, side], [])


def test_which_commits(work: GitWork) -> None:
    hashes = [work.commit(f"Number {number}") for number in range(4)]

    def found(**options: Any) -> list[Any]:
        return list(listed(opened(GitCommits(path=work.path, **options))))

    assert found() == hashes[::-1]
    assert found(revision="HEAD~2") == hashes[1::-1]
    assert found(max_count=1) == hashes[3:]
    since = datetime.fromisoformat("2026-01-02T02:30:00+02:00")
    assert found(since=since) == found(since="2026-01-02 02:30 +0200") == hashes[:1:-1]
    with pytest.raises(FlowError, match="names no commit"):
        found(revision="nope")


def test_what_is_no_commit_is_gone(work: GitWork) -> None:
    commit = work.commit()
    tree = work.git("rev-parse", "HEAD^{tree}")
    source = opened(GitCommits(path=work.path))
    entries = read(source, "0" * 40, tree, "HEAD", "--all", "x y", commit)
    assert [entry.value is None for entry in entries] == [  # type: ignore[union-attr]
        *(True, True, True, True, True, False)
    ]


def test_new_commits_are_reported_by_key(work: GitWork) -> None:
    work.commit()
    source = opened(GitCommits(path=work.path, poll_interval=SOON))
    limited = opened(GitCommits(path=work.path, poll_interval=SOON, max_count=2))
    assert source.change_capture == "poll of the revision"
    watch, limited_watch = source.watch(), limited.watch()
    assert watch is not None
    assert limited_watch is not None
    second = work.commit()
    assert run(lambda: next_change(watch)) == {second}
    # An older commit falls out of those that count.
    assert run(lambda: next_change(limited_watch)) is None
    work.git("commit", "--quiet", "--amend", "--allow-empty", "-m", "Amended")
    assert run(lambda: next_change(watch)) is None
    source.close()
    limited.close()
    assert opened(GitCommits(path=work.path)).watch() is None


LINES = st.lists(st.sampled_from(["a", "b", "", "@@ -1 +1 @@", "diff --git a/x b/x"]), max_size=12)


@settings(max_examples=15, deadline=None)
@given(before=LINES, after=LINES)
def test_the_ranges_are_the_lines_that_differ(
    tmp_path_factory: pytest.TempPathFactory, before: list[str], after: list[str]
) -> None:
    work = GitWork(tmp_path_factory.mktemp("work"))
    for lines in (before, after):
        work.put("file", "".join(f"{line}\n" for line in lines))
        commit = work.commit()
    found = files_of(work, commit)
    if before == after:
        assert found == {}
        return
    _, change, added, removed, ranges = found["file"]
    assert change == "changed"
    written = [number for start, end in ranges for number in range(start, end)]
    assert len(written) == added
    # Without the written lines, the rest is what was left of the text before.
    kept = [line for number, line in enumerate(after, start=1) if number not in written]
    assert len(kept) == len(before) - removed
    rest = iter(before)
    assert all(line in rest for line in kept)


def test_hashes_of_sha256_repositories() -> None:
    lines = [b"a" * 64, b":000000 100644 0 1 A\tx", b"", b"diff --git a/x b/x", b"@@ -0,0 +1 @@"]
    changes = read_changes(iter([*lines, b"+x"]))
    assert [(file.path, file.ranges) for file in changes["a" * 64]] == [("x", [(1, 2)])]

"""Files of git repositories at a revision."""

from __future__ import annotations

import logging
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from coco_core.errors import Unavailable
from coco_flow.errors import DefinitionError, FlowError
from coco_flow.ports import ReadRow
from coco_flow.sources import GitRepository
from coco_flow.sources import git_repository as module
from tests.coco_flow.sources.git_work import GitWork
from tests.coco_flow.sources.listing import contents, listed, next_change, opened, read, run
from tests.waiting import until

SOON = timedelta(milliseconds=10)


@pytest.fixture
def work(tmp_path: Path) -> GitWork:
    made = GitWork(tmp_path / "work")
    made.write({"readme.md": "hello", "src/a.py": "a = 1\n", "src/b.py": "b = 2\n"})
    made.commit()
    return made


def test_the_files_of_a_commit_are_rows(work: GitWork) -> None:
    # What is not committed is not there, and the index does not matter.
    work.put("new.md", "not yet")
    work.put("readme.md", "changed")
    source = opened(GitRepository(path=work.path))
    expected = {"readme.md": "hello", "src/a.py": "a = 1\n", "src/b.py": "b = 2\n"}
    assert contents(source) == expected
    assert listed(source)["readme.md"].size == 5
    # From a folder of the work tree and from a bare clone it is the same.
    assert contents(opened(GitRepository(path=f"{work.path}/src"))) == expected
    bare = str(work.folder.parent / "bare.git")
    work.git("clone", "--quiet", "--bare", work.path, bare)
    assert contents(opened(GitRepository(path=bare))) == expected


def test_revisions(work: GitWork) -> None:
    first = work.git("rev-parse", "HEAD")
    work.git("tag", "v1")
    work.git("checkout", "--quiet", "-b", "other/branch")
    work.put("readme.md", "other")
    work.commit()
    work.git("checkout", "--quiet", "main")
    work.put("readme.md", "main")
    work.commit()

    def readme(revision: str) -> Any:
        return contents(opened(GitRepository(path=work.path, revision=revision)))["readme.md"]

    assert readme("HEAD") == "main"
    assert readme("other/branch") == "other"
    assert [readme(name) for name in ("v1", first, first[:10], "main~1")] == ["hello"] * 4


def test_only_what_differs_has_another_token(work: GitWork) -> None:
    source = opened(GitRepository(path=work.path))
    before = listed(source)
    work.write({"src/a.py": "a = 3\n", "src/c.py": "b = 2\n"})
    work.git("rm", "--quiet", "readme.md")
    work.commit()
    after = listed(source)
    assert set(after) == {"src/a.py", "src/b.py", "src/c.py"}
    assert after["src/b.py"] == before["src/b.py"]
    # Equal content has one blob, whatever its name.
    assert after["src/c.py"].token == after["src/b.py"].token
    entries = read(source, "src/a.py", "readme.md", "src", "missing")
    assert entries == [ReadRow(["a = 3\n"], after["src/a.py"].token), *[ReadRow(None)] * 3]


def test_patterns_sizes_and_bytes(work: GitWork) -> None:
    work.put("node_modules/x.py", "x")
    work.put("image.bin", bytes(range(256)))
    work.commit()
    source = opened(
        GitRepository(
            path=work.path,
            binary=True,
            included_patterns=["*.py", "*.bin"],
            excluded_patterns=["node_modules"],
        )
    )
    expected = {"src/a.py": b"a = 1\n", "src/b.py": b"b = 2\n", "image.bin": bytes(range(256))}
    assert contents(source) == expected
    assert read(source, "node_modules/x.py", "readme.md") == [ReadRow(None)] * 2
    small = opened(GitRepository(path=work.path, max_file_size=5))
    assert set(listed(small)) == {"readme.md", "node_modules/x.py"}
    assert read(small, "image.bin") == [ReadRow(None)]


def test_odd_names_and_what_is_no_file(
    work: GitWork, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_BATCH", 2)
    names = ["ü.md", 'tab\t"quote".md', "new\nline.md", "*.md", "-option.md", ":(top).md", "a b.md"]
    for name in names:
        work.put(name, name)
    (work.folder / "link.md").symlink_to("readme.md")
    (work.folder / "folder_link").symlink_to("src")
    work.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", work.path, "inner")
    (work.folder / "empty.md").touch()
    work.commit()
    source = opened(GitRepository(path=work.path, included_patterns=["*.md"]))
    assert contents(source) == {n: n for n in names} | {"readme.md": "hello", "empty.md": ""}
    assert read(source, "link.md", "inner") == [ReadRow(None)] * 2
    with caplog.at_level(logging.WARNING):
        bad = _commit_of_a_bad_name(work)
        assert listed(opened(GitRepository(path=work.path, revision=bad))) == {}
    assert "not valid UTF-8" in caplog.text


def _commit_of_a_bad_name(work: GitWork) -> str:
    """Return a commit whose only file has a name that is not UTF-8."""
    blob = work.git("rev-parse", "HEAD:readme.md")
    entry = f"100644 blob {blob}\t".encode() + b"b\xff.md\0"
    made = subprocess.run(
        ["git", "-C", work.path, "mktree", "-z"], input=entry, capture_output=True, check=True
    )
    return work.git("commit-tree", "-m", "Bad name", made.stdout.decode().strip())


def test_a_moved_revision_reports_what_differs(
    work: GitWork, caplog: pytest.LogCaptureFixture
) -> None:
    source = opened(GitRepository(path=work.path, excluded_patterns=["skip"], poll_interval=SOON))
    assert source.change_capture == "poll of the revision"
    watch = source.watch()
    assert watch is not None
    work.write({"src/a.py": "a = 5\n", "skip/x.md": "x"})
    work.git("mv", "readme.md", "läs mig.md")
    first = work.commit()
    assert run(lambda: next_change(watch)) == {"src/a.py", "readme.md", "läs mig.md"}
    # Back again, as after a checkout of another branch.
    work.git("reset", "--quiet", "--hard", "HEAD~1")
    assert run(lambda: next_change(watch)) == {"src/a.py", "readme.md", "läs mig.md"}
    # The commit before is lost.
    work.git("reset", "--quiet", "--hard", first)
    assert run(lambda: next_change(watch)) is not None
    source.close()
    assert opened(GitRepository(path=work.path)).watch() is None


def test_a_repository_that_is_away_is_looked_at_again(
    work: GitWork, caplog: pytest.LogCaptureFixture
) -> None:
    source = opened(GitRepository(path=work.path, poll_interval=SOON))
    watch = source.watch()
    assert watch is not None
    away = work.folder.with_name("away")
    with caplog.at_level(logging.WARNING):
        work.folder.rename(away)
        until(lambda: "cannot be read" in caplog.text)
    away.rename(work.folder)
    work.put("readme.md", "back")
    work.commit()
    assert run(lambda: next_change(watch)) == {"readme.md"}
    source.close()


def test_a_lost_commit_calls_for_a_listing(work: GitWork) -> None:
    source = opened(GitRepository(path=work.path))
    lost = "0" * 40
    head = work.git("rev-parse", "HEAD")
    assert source._changed(lost, head) is None  # type: ignore[attr-defined]


def test_a_repository_elsewhere_is_mirrored(
    work: GitWork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    url = work.folder.as_uri()
    source = opened(GitRepository(path=url, poll_interval=SOON))
    assert set(listed(source)) == {"readme.md", "src/a.py", "src/b.py"}
    assert list((tmp_path / ".coco_flow/git").iterdir())
    watch = source.watch()
    assert watch is not None
    work.put("readme.md", "fetched")
    work.commit()
    assert run(lambda: next_change(watch)) == {"readme.md"}
    assert [entry.value for entry in read(source, "readme.md")] == [  # type: ignore[union-attr]
        ["fetched"]
    ]
    source.close()
    with pytest.raises(Unavailable, match="cannot be fetched"):
        listed(opened(GitRepository(path=(tmp_path / "nowhere").as_uri())))


def test_what_is_wrong_is_named(work: GitWork, tmp_path: Path) -> None:
    with pytest.raises(FlowError, match=r"'nope' of .* cannot be read: it names no commit"):
        listed(opened(GitRepository(path=work.path, revision="nope")))
    with pytest.raises(FlowError, match="not a git repository"):
        listed(opened(GitRepository(path=str(tmp_path))))
    with pytest.raises(FlowError, match="names no commit"):
        listed(opened(GitRepository(path=work.path, revision="--help")))
    for path in ("ext::sh -c date", "--upload-pack=date"):
        with pytest.raises(DefinitionError, match="neither a folder nor the URL"):
            opened(GitRepository(path=path))


def test_a_hook_does_not_lead_to_its_own_repository(
    work: GitWork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "another/.git"))
    assert "readme.md" in listed(opened(GitRepository(path=work.path)))


def test_a_missing_git_is_told(work: GitWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FlowError, match="git is not installed"):
        listed(opened(GitRepository(path=work.path)))

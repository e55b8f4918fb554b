"""Files and names that break programs: indexed, or left out with a reason that the user can see."""

from __future__ import annotations

import json
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from coco_protocol.projects import ProjectBody, ProjectRequest
from tests.daemon_process import Daemon, running_daemon, wait_for

# What each odd file says, when it is found.
_BODY = "def {word}():\n    return 1\n"

_OUTSIDE = "text_outside_of_the_project"


@dataclass(frozen=True)
class Place:
    """A daemon on a project full of odd files."""

    daemon: Daemon
    root: Path
    body: ProjectBody

    def explain(self, name: str) -> tuple[bool, str]:
        """Ask the command line why a file is or is not indexed."""
        asked = self.daemon.coco("status", "--explain", str(self.root / name), "--json")
        assert asked.returncode == 0, asked.stderr
        data = json.loads(asked.stdout)["data"]
        return data["indexed"], data["reason"]

    def skipped(self) -> dict[str, str]:
        """Return the files that the project's record names as left out."""
        return {skipped.path: skipped.reason for skipped in self.body.skipped_files}


ODD_NAMES = {
    "newline": "a\nb.py",
    "carriage return": "a\rb.py",
    "tab": "a\tb.py",
    "double quote": 'a"b.py',
    "single quote": "it's.py",
    "backslash": "a\\b.py",
    "stars": "***.py",
    "brackets": "[a-z]{1,2}.py",
    "spaces": "  two  spaces .py",
    "dash": "--help.py",
    "exclamation": "!important.py",
    "hash": "#comment.py",
    "percent": "%2e%2e%2f.py",
    "emoji": "🐢.py",
    "combining": "e\u0301.py",
    "right to left": "\u202eabc.py",
    "dollar": "$(touch x).py",
    "colon": "C:file.py",
    "long": "l" * 250 + ".py",
}


def _word(kind: str, number: int) -> str:
    """Return a word that is no part of another one."""
    return f"odd_{kind}_{number:03d}"


def _write_odd(root: Path) -> None:
    for number, name in enumerate(ODD_NAMES.values()):
        (root / name).write_text(_BODY.format(word=_word("name", number)), encoding="utf-8")
        folder = root / f"in {name.removesuffix('.py')}"[:255]
        folder.mkdir()
        (folder / "inner.py").write_text(_BODY.format(word=_word("folder", number)))
    broken = os.fsencode(root) + b"/bro\xff\xfeken.py"
    Path(os.fsdecode(broken)).write_text(_BODY.format(word="broken_name"))
    folder = Path(os.fsdecode(os.fsencode(root) + b"/bro\xffken"))
    folder.mkdir()
    (folder / "inner.py").write_text("broken_folder = 1\n")
    (root / "utf16.py").write_bytes(_BODY.format(word="in_utf_sixteen").encode("utf-16"))
    (root / "latin.py").write_bytes(b"# caf\xe9\n" + _BODY.format(word="in_latin_one").encode())
    (root / "invalid.py").write_bytes(b"\xff\xfe\xfd # \x80\n" + _BODY.format(word="bad").encode())
    (root / "mixed.py").write_bytes(
        _BODY.format(word="mixed_bytes").encode() + b"# \xc3\x28 \xf0\n"
    )
    (root / "program.py").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(500) + b"in_a_binary")
    (root / "nul.py").write_bytes(b"def with_nul_bytes(): pass\n\0\0\0")
    (root / "empty.py").write_bytes(b"")
    with (root / "huge.py").open("wb") as huge:
        huge.write(b"text_in_a_huge_file = 1\n")
        huge.truncate(100 * 1024 * 1024)
    (root / "wide.py").write_text("x = '" + "wide_line " * 40_000 + "'\n")
    (root / "deep.py").write_text("(" * 50_000 + "\n" + _BODY.format(word="after_deep_nesting"))
    os.mkfifo(root / "pipe.py")
    # The path of a socket is short; it is bound elsewhere and moved here.
    with socket.socket(socket.AF_UNIX) as address, tempfile.TemporaryDirectory() as short:
        address.bind(f"{short}/s")
        Path(short, "s").rename(root / "socket.py")
    _write_links(root)


def _write_links(root: Path) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "secret.py").write_text(f"{_OUTSIDE} = 1\n")
    (root / "loop").symlink_to(root)
    (root / "self.py").symlink_to("self.py")
    (root / "one.py").symlink_to("two.py")
    (root / "two.py").symlink_to("one.py")
    (root / "dangling.py").symlink_to("nowhere.py")
    (root / "leaves.py").symlink_to(outside / "secret.py")
    (root / "leaves").symlink_to(outside)
    (root / "stays.py").symlink_to("plain.py")
    (root / "plain.py").write_text(_BODY.format(word="a_plain_function"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    root = tmp_path_factory.mktemp("odd") / "a *** 'project' \"root\"\n two"
    root.mkdir()
    _write_odd(root)
    with running_daemon(root.parent / "home", root) as daemon:
        yield Place(daemon, root, daemon.wait_indexed())


def test_the_project_is_healthy(place: Place) -> None:
    assert place.body.error is None
    assert place.body.state == "ready"
    assert place.body.pending_files == 0
    assert place.daemon.coco("status").returncode == 0


@pytest.mark.parametrize("number", range(len(ODD_NAMES)), ids=list(ODD_NAMES))
def test_odd_names_are_found(place: Place, number: int) -> None:
    name = list(ODD_NAMES.values())[number]
    for word, path in (
        (_word("name", number), name),
        (_word("folder", number), f"in {name.removesuffix('.py')}"[:255] + "/inner.py"),
    ):
        found = place.daemon.chunks(word)[0]
        assert (found.path, found.symbol) == (path, word)
        assert place.daemon.paths(f'"{word}"') == [path]


@pytest.mark.parametrize(
    ("name", "word", "line"),
    [
        ("utf16.py", "in_utf_sixteen", 1),
        ("latin.py", "in_latin_one", 2),
        ("mixed.py", "mixed_bytes", 1),
        ("wide.py", "wide_line", 1),
        ("deep.py", "after_deep_nesting", 2),
        ("plain.py", "a_plain_function", 1),
    ],
)
def test_odd_text_is_found(place: Place, name: str, word: str, line: int) -> None:
    hit = place.daemon.chunks(word)[0]
    assert hit.path == name
    assert hit.start_line is not None
    assert hit.end_line is not None
    assert hit.start_line <= line <= hit.end_line
    assert word in hit.content
    assert place.explain(name) == (True, "indexed")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("program.py", "binary"),
        ("nul.py", "binary"),
        ("huge.py", "larger than the limit"),
        ("pipe.py", "neither a file nor a directory"),
        ("socket.py", "neither a file nor a directory"),
        ("leaves.py", "symlink that leaves the project"),
        ("leaves", "symlink that leaves the project"),
        ("leaves/secret.py", "symlink that leaves the project"),
        ("loop", "symlink inside the project, its target is indexed instead"),
        ("loop/plain.py", "symlink inside the project, its target is indexed instead"),
        ("stays.py", "symlink inside the project, its target is indexed instead"),
        ("nowhere.py", "does not exist"),
    ],
)
def test_the_command_line_says_why_not(place: Place, name: str, reason: str) -> None:
    assert place.explain(name) == (False, reason)


@pytest.mark.parametrize("name", ["self.py", "one.py", "two.py", "dangling.py"])
def test_links_to_nothing_are_not_indexed(place: Place, name: str) -> None:
    indexed, reason = place.explain(name)
    assert not indexed
    assert "symlink" in reason


def test_what_a_user_may_miss_is_named_with_the_project(place: Place) -> None:
    skipped = place.skipped()
    assert skipped["huge.py"] == "larger than the limit"
    assert skipped["leaves.py"] == "symlink that leaves the project"
    assert skipped["leaves"] == "symlink that leaves the project"
    assert skipped[r"bro\udcff\udcfeken.py"] == "name is not valid UTF-8"
    assert skipped[r"bro\udcffken"] == "name is not valid UTF-8"
    assert place.body.skipped == len(skipped)


def test_nothing_of_what_is_left_out_is_in_an_answer(place: Place) -> None:
    words = (_OUTSIDE, "broken_name", "broken_folder", "text_in_a_huge_file", "in_a_binary")
    for word in words:
        hits = place.daemon.chunks(f'"{word}"')
        assert [hit.path for hit in hits if word in hit.content] == [], word


def _becomes_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _becomes_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _becomes_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/hostname")


CHANGES: dict[str, Callable[[Path], object]] = {
    "binary": lambda path: path.write_bytes(bytes(1_000)),
    "too large": lambda path: os.truncate(path, 100 * 1024 * 1024),
    "a pipe": _becomes_pipe,
    "a directory": _becomes_directory,
    "a link that leaves": _becomes_link,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_a_file_that_becomes_odd_leaves_and_comes_back(
    running: Daemon, project: Path, change: Callable[[Path], object]
) -> None:
    path = project / "shop" / "retry.py"
    text = path.read_bytes()
    change(path)
    assert "shop/retry.py" not in running.paths("retry_with_backoff")
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink()
    path.write_bytes(text)
    assert running.paths("retry_with_backoff")[0] == "shop/retry.py"
    assert running.project().error is None


def test_an_unreadable_file_is_skipped_shown_and_retried(running: Daemon, project: Path) -> None:
    path = project / "shop" / "locked.py"
    path.write_text("def locked_function():\n    pass\n", encoding="utf-8")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read every file, whatever its mode")
    running.query("anything")
    wait_for(lambda: running.project().skipped == 1, "the file among the skipped")
    (skipped,) = running.project().skipped_files
    assert skipped.path == "shop/locked.py"
    assert "ermission" in skipped.reason
    path.chmod(0o644)
    with running.client as client:
        client.rescan(ProjectRequest(project_id=running.project().project_id))
    wait_for(lambda: running.project().skipped == 0, "the file read again")
    assert running.paths("locked_function")[0] == "shop/locked.py"

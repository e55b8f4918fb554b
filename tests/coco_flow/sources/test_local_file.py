"""Local files: which rows there are, what they hold, and what fails only its own row."""

from __future__ import annotations

import logging
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coco_flow.errors import DefinitionError, FlowError, RowFailed
from coco_flow.op.spec import SourceSpec
from coco_flow.ports import ReadRow
from coco_flow.sources import LocalFile
from coco_flow.sources.file_patterns import FilePatterns
from coco_flow.sources.registry import open_source
from tests.coco_flow.sources.listing import contents, listed, opened, read

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs links and POSIX rights")


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that anyone may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextmanager
def without_privileges() -> Iterator[None]:
    """Become an unprivileged user where the tests run as root, who may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def write(root: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def names(root: Path, **options: object) -> set[str]:
    return set(listed(opened(LocalFile(path=str(root), **options))))  # type: ignore[arg-type]


@pytest.mark.row("SR-7 LocalFile text")
def test_files_are_rows_of_relative_path_and_text(tmp_path: Path) -> None:
    write(tmp_path, {"a.md": "alpha", "sub/deep/ü.md": "größer", "sub/.hid/e": "", "x y": "1\r\n"})
    source = opened(LocalFile(path=str(tmp_path)))
    assert contents(source) == {
        "a.md": "alpha",
        "sub/deep/ü.md": "größer",
        "sub/.hid/e": "",
        "x y": "1\r\n",
    }
    assert [str(field) for field in source.schema.key] == ["filename: Str"]
    assert [str(f).partition(" [")[0] for f in source.schema.value] == ["content: Str"]


@pytest.mark.row("SR-7 LocalFile binary")
@pytest.mark.row("CLD-4b binary/text mode")
def test_binary_gives_the_bytes(tmp_path: Path) -> None:
    data = bytes(range(256)) * 3
    write(tmp_path, {"x.bin": data})
    source = opened(LocalFile(path=str(tmp_path), binary=True))
    assert contents(source) == {"x.bin": data}
    assert str(source.schema.value[0]).startswith("content: Bytes")


@pytest.mark.row("SR-7 patterns")
def test_patterns_choose_files_and_prune_folders(tmp_path: Path) -> None:
    tree = ["a.md", "b.py", "sub/c.md", "sub/.hid/e.md", "node_modules/x.md", "w/node_modules/y.md"]
    write(tmp_path, dict.fromkeys(tree, ""))
    assert names(tmp_path, included_patterns=["*.md"]) == {n for n in tree if n.endswith(".md")}
    assert names(tmp_path, included_patterns=["sub/*.md"]) == {"sub/c.md", "sub/.hid/e.md"}
    assert names(tmp_path, excluded_patterns=["node_modules"]) == set(tree) - {"node_modules/x.md"}
    assert names(
        tmp_path, included_patterns=["*.{md,py}"], excluded_patterns=["**/node_modules", "**/.*"]
    ) == {"a.md", "b.py", "sub/c.md"}


@pytest.mark.row("TXT-3b exclusions")
def test_a_code_base_without_hidden_and_built_files(tmp_path: Path) -> None:
    unwanted = [".git/HEAD.py", "node_modules/m/index.py", "src/__pycache__/a.py", "target/o/b.py"]
    write(tmp_path, dict.fromkeys([*unwanted, "src/a.py", "src/notes.txt", "src/.env.py"], "x"))
    excluded = ["**/.*", "**/node_modules", "**/__pycache__", "target"]
    assert names(tmp_path, included_patterns=["*.py"], excluded_patterns=excluded) == {"src/a.py"}


@pytest.mark.row("SR-7 bad file")
@posix_only
def test_an_unreadable_file_fails_its_own_row_only() -> None:
    with open_folder() as root:
        write(root, {"a.md": "fine", "locked.md": "secret"})
        (root / "locked.md").chmod(0)
        source = opened(LocalFile(path=str(root)))
        with without_privileges():
            assert set(listed(source)) == {"a.md", "locked.md"}
            good, bad = read(source, "a.md", "locked.md")
    assert isinstance(good, ReadRow)
    assert good.value == ["fine"]
    assert isinstance(bad, RowFailed)
    assert "'locked.md' cannot be read: Permission denied" in str(bad)
    assert isinstance(bad.__cause__, PermissionError)


@pytest.mark.row("SR-7 bad file")
@pytest.mark.row("CLD-4b binary/text mode")
def test_bytes_that_are_no_text_are_replaced_or_refused(tmp_path: Path) -> None:
    write(tmp_path, {"bad.md": b"a\xff\xfeb", "good.md": "good"})
    assert contents(opened(LocalFile(path=str(tmp_path)))) == {
        "bad.md": "a\ufffd\ufffdb",
        "good.md": "good",
    }
    strict = opened(LocalFile(path=str(tmp_path), strict=True))
    bad, good = read(strict, "bad.md", "good.md")
    assert isinstance(bad, RowFailed)
    assert "'bad.md' is not valid UTF-8: invalid start byte at byte 1" in str(bad)
    assert isinstance(good, ReadRow)
    assert good.value == ["good"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xef\xbb\xbfabc", "abc"),
        ("gr\u00fc\U0001f600".encode("utf-16"), "gr\u00fc\U0001f600"),
        (b"\xfe\xff\x00a\x00b", "ab"),
        (b"\xff\xfea\x00b", "a\ufffd"),
        (b"\xff\xfe\x00\xd8a\x00", "\ufffda"),
        (b"a\xe2\x82b", "a\ufffdb"),
        (b"nul\x00", "nul\x00"),
    ],
)
def test_a_byte_order_mark_decides_the_encoding(tmp_path: Path, data: bytes, text: str) -> None:
    write(tmp_path, {"f": data})
    assert contents(opened(LocalFile(path=str(tmp_path)))) == {"f": text}


@posix_only
def test_links_are_followed_unless_they_lead_nowhere_or_in_circles(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "root"
    write(root, {"a.md": "a", "sub/b.md": "b", "two/x": "x", "three/y": "y"})
    write(tmp_path, {"out/o.md": "o", "single.md": "s"})
    (root / "file_link.md").symlink_to(tmp_path / "single.md")
    (root / "folder_link").symlink_to(tmp_path / "out")
    (root / "dead.md").symlink_to("missing")
    (root / "itself.md").symlink_to("itself.md")
    (root / "sub/up").symlink_to("..")
    (root / "two/three").symlink_to("../three")
    (root / "three/two").symlink_to("../two")
    source = opened(LocalFile(path=str(root)))
    with caplog.at_level(logging.WARNING):
        found = contents(source)
        listed(source)
    plain = {"a.md": "a", "sub/b.md": "b", "two/x": "x", "three/y": "y"}
    linked = {"file_link.md": "s", "folder_link/o.md": "o", "two/three/y": "y", "three/two/x": "x"}
    assert found == plain | linked
    skipped = sorted(record.args[0] for record in caplog.records)  # type: ignore[index]
    assert skipped == ["dead.md", "itself.md", "sub/up", "three/two/three", "two/three/two"]

    without = opened(LocalFile(path=str(root), follow_links=False))
    assert contents(without) == plain
    assert read(without, "file_link.md", "folder_link/o.md") == [ReadRow(None)] * 2


@posix_only
def test_what_is_no_file_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, {"a": "a"})
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        source = opened(LocalFile(path=str(tmp_path)))
        assert contents(source) == {"a": "a"}
        assert read(source, "pipe", "s") == [ReadRow(None)] * 2


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_not_utf8_is_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, {"a": "a"})
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/b\xff")).write_bytes(b"")
    assert names(tmp_path) == {"a"}
    assert "its name is not valid UTF-8" in caplog.text


def test_a_missing_folder_stops_the_listing(tmp_path: Path) -> None:
    source = opened(LocalFile(path=str(tmp_path / "missing")))
    with pytest.raises(FlowError, match="does not exist"):
        listed(source)
    write(tmp_path, {"file": ""})
    with pytest.raises(FlowError, match="is not a folder"):
        listed(opened(LocalFile(path=str(tmp_path / "file"))))


def test_an_empty_folder_has_no_rows(tmp_path: Path) -> None:
    assert listed(opened(LocalFile(path=str(tmp_path)))) == {}


@posix_only
def test_an_unreadable_folder_stops_the_listing_until_it_is_excluded() -> None:
    with open_folder() as root:
        write(root, {"a": "", "locked/b": ""})
        (root / "locked").chmod(0)
        with without_privileges():
            with pytest.raises(FlowError, match=r"excluded_patterns=\['locked'\]"):
                names(root)
            assert names(root, excluded_patterns=["locked"]) == {"a"}
        (root / "locked").chmod(0o755)


def test_large_files_do_not_exist(tmp_path: Path) -> None:
    write(tmp_path, {"small": "12345", "large": "123456"})
    source = opened(LocalFile(path=str(tmp_path), max_file_size=5))
    assert contents(source) == {"small": "12345"}
    assert read(source, "large") == [ReadRow(None)]


def test_the_token_tells_every_change_and_old_files_are_settled(tmp_path: Path) -> None:
    write(tmp_path, {"a": "one", "young": "y"})
    os.utime(tmp_path / "a", ns=(10**18, 10**18))
    source = opened(LocalFile(path=str(tmp_path)))
    first = listed(source)
    assert first["a"].settled
    assert not first["young"].settled
    assert first["a"].size == 3
    assert listed(source)["a"] == first["a"]
    tokens = {first["a"].token}
    # Restored with an older time, changed in place under the same time, replaced by its like.
    os.utime(tmp_path / "a", ns=(10**17, 10**17))
    tokens.add(listed(source)["a"].token)
    (tmp_path / "a").write_text("other", encoding="utf-8")
    os.utime(tmp_path / "a", ns=(10**18, 10**18))
    tokens.add(listed(source)["a"].token)
    (tmp_path / "b").write_text("one", encoding="utf-8")
    os.utime(tmp_path / "b", ns=(10**18, 10**18))
    (tmp_path / "b").replace(tmp_path / "a")
    tokens.add(listed(source)["a"].token)
    assert len(tokens) == 4
    (entry,) = read(source, "a")
    assert isinstance(entry, ReadRow)
    assert (entry.token, entry.settled) == (listed(source)["a"].token, True)


def test_reading_what_is_gone_or_never_was_a_row(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(root, {"a.md": "a", "skip/b.md": "b", "c.txt": "c"})
    write(tmp_path, {"secret.md": "s"})
    source = opened(
        LocalFile(path=str(root), included_patterns=["*.md"], excluded_patterns=["skip"])
    )
    gone = [
        "none.md",
        "skip/b.md",
        "c.txt",
        "../secret.md",
        "./a.md",
        "a.md/x.md",
        "/a.md",
        "\0.md",
    ]
    assert read(source, *gone, "skip") == [ReadRow(None)] * (len(gone) + 1)


def test_content_options_are_what_changes_content() -> None:
    options = {
        str(opened(LocalFile(path="x", **given)).content_options)  # type: ignore[arg-type]
        for given in ({}, {"binary": True}, {"strict": True})
    }
    assert len(options) == 3
    plain = opened(LocalFile(path="x")).content_options
    assert opened(LocalFile(path="y", included_patterns=["z"])).content_options == plain


def test_watching_is_an_option() -> None:
    assert opened(LocalFile(path="x")).change_capture is None
    assert opened(LocalFile(path="x")).watch() is None
    assert opened(LocalFile(path="x", watch_changes=True)).change_capture == "file system events"


def test_a_spec_that_no_source_is_registered_for() -> None:
    class Unknown(SourceSpec):
        pass

    with pytest.raises(DefinitionError, match="Unknown"):
        open_source(Unknown())


def test_a_spec_of_a_subclass_is_opened_like_its_parent(tmp_path: Path) -> None:
    class Notes(LocalFile):
        pass

    write(tmp_path, {"a": "a"})
    assert contents(opened(Notes(path=str(tmp_path)))) == {"a": "a"}


NAMES = st.sampled_from(["a", "b", "c.md", "d.py", "node_modules", ".hid"])
TREES = st.sets(st.lists(NAMES, min_size=1, max_size=4).map("/".join), max_size=25)
PATTERNS = st.lists(
    st.sampled_from(["*.md", "*.py", "a/*", "a/**", "**/node_modules", "node_modules", "{a,b}/*"]),
    max_size=3,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(tree=TREES, included=st.none() | PATTERNS, excluded=PATTERNS)
def test_a_scan_finds_exactly_the_accepted_files(
    tmp_path_factory: pytest.TempPathFactory,
    tree: set[str],
    included: list[str] | None,
    excluded: list[str],
) -> None:
    root = tmp_path_factory.mktemp("tree")
    # A name cannot be both a file and a folder; the folder wins.
    files = {name for name in tree if not any(other.startswith(name + "/") for other in tree)}
    write(root, {name: name for name in files})
    patterns = FilePatterns(included, excluded)
    expected = {name: name for name in files if patterns.accepts(name)}
    spec = LocalFile(path=str(root), included_patterns=included, excluded_patterns=excluded)
    assert contents(opened(spec)) == expected

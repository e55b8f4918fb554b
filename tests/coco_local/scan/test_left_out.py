"""Which files are left out for what they are, whatever the rules say."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from coco_local.scan import Reason
from tests.coco_local.scan.conftest import Scan
from tests.coco_local.scan.trees import git, listed, put
from tests.programs import python

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX file systems")


def test_a_listing_carries_size_and_time(scan: Scan, root: Path) -> None:
    put(root, {"src/a.py": "x = 1\n"})
    found = scan().list_files().files["src/a.py"]
    status = (root / "src/a.py").stat()
    assert (found.doc_id, found.size, found.mtime_ns) == ("src/a.py", 6, status.st_mtime_ns)


@pytest.mark.parametrize(
    "name",
    [".env", ".env.local", "prod.env", "id_rsa", "id_ed25519", "server.pem", "tls.key", "a.p12",
     ".netrc", ".npmrc", "credentials", "credentials.json", "client_secret_1.json", "x.tfstate",
     "x.tfstate.backup", "secrets.yml", "my-service-account.json", ".htpasswd"],
)  # fmt: skip
def test_secrets_are_never_listed_even_when_asked_for(scan: Scan, repo: Path, name: str) -> None:
    put(repo, {name: "x", ".cocoignore": f"!{name}\n"})
    git(repo, "add", "-f", ".")
    made = scan(include=[name])
    assert listed(made) == {".cocoignore"}
    assert made.decide(repo / name).reason == Reason.SECRET


@pytest.mark.parametrize(
    "name",
    [".env.example", ".env.sample", "id_rsa.pub", "credentials.py", "secrets.py", "key.go",
     "env.ts", "keys.md", "client_secret.md", "environment.env.example", "id_rsa_parser.py",
     "secrets_test.go", "id_ed25519_notes.md", ".env.d.ts", "app.bundle.js", "a.min.css"],
)  # fmt: skip
def test_names_that_only_look_like_secrets(scan: Scan, root: Path, name: str) -> None:
    put(root, {name: "x"})
    assert listed(scan()) == {name}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("package-lock.json", Reason.LOCK),
        ("Cargo.lock", Reason.LOCK),
        ("go.sum", Reason.LOCK),
        ("LOGO.PNG", Reason.BINARY),
        ("a.tar.gz", Reason.BINARY),
    ],
)
def test_noise_stays_out_unless_asked(scan: Scan, root: Path, name: str, reason: Reason) -> None:
    put(root, {name: "x"})
    assert scan().decide(root / name).reason == reason
    assert listed(scan()) == set()
    assert listed(scan(include=[name])) == {name}


def test_a_listing_names_what_only_text_search_looks_into(scan: Scan, root: Path) -> None:
    put(root, {"big.txt": b"x" * 11, "go.sum": "x", "a.png": "x", ".netrc": "x"})
    assert scan(max_file_bytes=10).list_files().only_text == {
        "big.txt": Reason.TOO_LARGE,
        "go.sum": Reason.LOCK,
    }


def test_a_large_file_is_named(scan: Scan, root: Path) -> None:
    put(root, {"big.txt": b"x" * 11, "fits.txt": b"x" * 10})
    made = scan(max_file_bytes=10)
    assert listed(made) == {"fits.txt"}
    listing = made.list_files()
    assert listing.skipped == {"big.txt": Reason.TOO_LARGE}
    assert listing.counts == {Reason.TOO_LARGE: 1}


@posix
def test_symlinks_are_never_followed(scan: Scan, root: Path, tmp_path: Path) -> None:
    put(tmp_path, {"outside/secret.py": "", "outside.py": ""})
    put(root, {"a.py": "", "real/b.py": ""})
    (root / "in.py").symlink_to("a.py")
    (root / "out.py").symlink_to(tmp_path / "outside.py")
    (root / "indir").symlink_to("real")
    (root / "outdir").symlink_to(tmp_path / "outside")
    (root / "real/loop").symlink_to("..")
    (root / "self").symlink_to("self")
    made = scan()
    listing = made.list_files()
    assert set(listing.files) == {"a.py", "real/b.py"}
    assert listing.skipped == {"out.py": Reason.LINK_OUT, "outdir": Reason.LINK_OUT}
    assert made.decide(root / "in.py").reason == Reason.LINK_IN
    assert made.decide(root / "outdir/secret.py").reason == Reason.LINK_OUT
    assert made.decide(root / "real/loop/a.py").reason == Reason.LINK_IN
    assert made.decide(root / "self/x").reason == Reason.LINK_IN


@posix
def test_names_that_are_odd(scan: Scan, root: Path) -> None:
    odd = ["a\nb.py", "***", 'it\'s "quoted".py', "ü \u202e.md", "***/x.py", "-rf", "a\\b.py"]
    put(root, {f"{index}/{name}": "" for index, name in enumerate(odd)})
    assert listed(scan()) == {f"{index}/{name}" for index, name in enumerate(odd)}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_not_utf8_is_left_out_and_named(scan: Scan, root: Path) -> None:
    put(root, {"a.py": ""})
    Path(os.fsdecode(os.fsencode(root) + b"/\xff.py")).touch()
    directory = Path(os.fsdecode(os.fsencode(root) + b"/d\xff"))
    directory.mkdir()
    (directory / "x.py").touch()
    made = scan()
    assert listed(made) == {"a.py"}
    skipped = made.list_files().skipped
    assert skipped == {"\\udcff.py": Reason.NAME, "d\\udcff": Reason.NAME}
    "".join(skipped).encode()


@posix
def test_what_is_no_file_is_left_out(
    scan: Scan, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(root, {"a.py": ""})
    os.mkfifo(root / "pipe")
    monkeypatch.chdir(root)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        made = scan()
        assert listed(made) == {"a.py"}
        assert made.list_files().counts == {Reason.SPECIAL: 2}


_AS_NOBODY = """
import os, sys
from pathlib import Path
from coco_local.scan import ProjectScan
from coco_local.settings import load_settings
settings = load_settings(environ={"COCO_HOME": sys.argv[1] + "/.home"})
scan = ProjectScan(Path(sys.argv[1]), settings, environ={})
scan.list_files()
os.setgid(65534)
os.setuid(65534)
listing = scan.list_files()
decision = scan.decide(Path(sys.argv[1], "closed/x.py"))
print(sorted(listing.files), listing.skipped, decision.indexed)
"""


@posix
def test_an_unreadable_directory_is_named(scan: Scan, root: Path, tmp_path: Path) -> None:
    put(root, {"a.py": "", "closed/x.py": ""})
    (root / "closed").chmod(0)
    try:
        if os.geteuid() != 0:
            listing = scan().list_files()
            assert set(listing.files) == {"a.py"}
            assert listing.skipped == {"closed/": Reason.UNREADABLE}
            return
        # For the administrator every directory is open.
        for path in (tmp_path, *tmp_path.parents):
            if path.owner() == "root" and path != Path("/"):
                path.chmod(path.stat().st_mode | 0o755)
        told = python(_AS_NOBODY, root)
        assert told == "['a.py'] {'closed/': <Reason.UNREADABLE: 'cannot be read'>} False\n"
    finally:
        (root / "closed").chmod(0o755)


def test_a_root_that_went_away_lists_nothing(scan: Scan, root: Path) -> None:
    made = scan()
    root.rmdir()
    assert made.list_files().files == {}
    assert made.decide(root / "a.py").reason == Reason.MISSING


def test_content_decides_when_it_is_explained(scan: Scan, root: Path) -> None:
    put(root, {"a.dat": b"\0\1\2", "b.js": "var a=1;" * 1000, "c.dat": "text\n"})
    made = scan()
    assert made.decide(root / "a.dat").indexed
    assert made.explain(root / "a.dat").reason == Reason.BINARY
    assert made.explain(root / "b.js").reason == Reason.MINIFIED
    assert made.explain(root / "c.dat").indexed
    assert made.explain(root / "none").reason == Reason.MISSING
    assert made.explain(root).reason == Reason.DIRECTORY

"""Grammars from files, URLs and a registry: verified, examined, put in place in one step."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import wasmtime

from coco_core.errors import (
    GrammarNotFound,
    InvalidInput,
    Unavailable,
    Unreadable,
    WasmFailed,
    WasmRejected,
)
from coco_core.languages import Parser, languages
from coco_local.grammars.catalogue import catalogue
from coco_local.grammars.installer import Installer, InstallRequest
from coco_local.grammars.store import GRAMMAR, LICENCE, GrammarStore
from tests.coco_embed.file_server import FileServer, serve
from tests.coco_local.grammars.registry import PROPERTIES, package, publish, publish_properties

pytestmark = pytest.mark.slow


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serve() as running:
        yield running


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiled modules, so that not every test compiles the core of tree-sitter."""
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture
def installer(tmp_path: Path, server: FileServer, compiled: Path) -> Iterator[Installer]:
    store = GrammarStore(tmp_path / "grammars")
    store.root.mkdir()
    shutil.copytree(compiled, store.compiled)
    home = {"HOME": str(tmp_path), "PATH": str(tmp_path), "NPM_CONFIG_REGISTRY": server.url}
    yield Installer(store, environ=home)
    shutil.copytree(store.compiled, compiled, dirs_exist_ok=True)


def test_the_catalogue_and_the_languages_agree() -> None:
    published = {language.name for language in languages() if language.parser is Parser.WASM}
    assert set(catalogue()) == published
    assert len(languages()) >= 100


def test_from_the_registry(installer: Installer, server: FileServer) -> None:
    publish_properties(server)
    record = installer.install(InstallRequest("properties"))
    assert (record.version, record.licence, record.query_origin) == ("0.3.0", "MIT", "own")
    assert record.source == "npm:tree-sitter-properties:tree-sitter-properties.wasm"
    assert installer.store.all() == {"properties": record}
    assert installer.store.wasm(record) == PROPERTIES.read_bytes()
    assert (installer.store.folder(record) / LICENCE).is_file()
    # The package is not fetched again for the next grammar that it holds.
    fetched = len([path for path, _ in server.requests if path.endswith(".tgz")])
    installer.install(InstallRequest("properties"))
    assert len([path for path, _ in server.requests if path.endswith(".tgz")]) == fetched


def test_a_broken_download_goes_on_where_it_was(installer: Installer, server: FileServer) -> None:
    publish_properties(server)
    # The document comes whole; the package is cut twice.
    server.cuts = [100_000, 1_000, 1_000]
    installer.install(InstallRequest("properties"))
    ranges = [wanted for path, wanted in server.requests if path.endswith(".tgz")]
    assert ranges == [None, "bytes=1000-", "bytes=2000-"]


def test_a_package_that_was_replaced_is_refused(installer: Installer, server: FileServer) -> None:
    publish_properties(server, integrity="sha512-" + "A" * 86 + "==")
    with pytest.raises(Unavailable, match="does not match what the registry states"):
        installer.install(InstallRequest("properties"))
    assert installer.store.all() == {}


def test_a_file_outside_the_catalogue_is_refused(installer: Installer, server: FileServer) -> None:
    other = package({"tree-sitter-properties.wasm": b"\0asm\1\0\0\0"})
    publish(server, "tree-sitter-properties", {"0.3.0": other})
    with pytest.raises(Unavailable, match="has the checksum"):
        installer.install(InstallRequest("properties"))


def test_a_registry_that_is_not_there(installer: Installer, server: FileServer) -> None:
    with pytest.raises(Unavailable, match="is not available from npm:"):
        installer.install(InstallRequest("properties"))


def test_a_newer_version_replaces_the_older(installer: Installer, server: FileServer) -> None:
    publish_properties(server)
    old = installer.install(InstallRequest("properties"))
    # Another file with the same content: a custom section at its end.
    newer = PROPERTIES.read_bytes() + b"\0\2\1x"
    publish(
        server,
        "tree-sitter-properties",
        {"0.4.0": package({"tree-sitter-properties.wasm": newer})},
    )
    new = installer.install(InstallRequest("properties", newest=True))
    assert (old.version, new.version) == ("0.3.0", "0.4.0")
    assert installer.store.all() == {"properties": new}
    assert not installer.store.folder(old).exists()


def test_what_is_broken_leaves_the_old_grammar(installer: Installer, tmp_path: Path) -> None:
    old = installer.install(InstallRequest("properties", source=str(PROPERTIES)))
    broken = tmp_path / "tree-sitter-properties.wasm"
    broken.write_bytes(PROPERTIES.read_bytes()[:5_000])
    with pytest.raises(WasmRejected, match="not a valid WebAssembly module"):
        installer.install(InstallRequest("properties", source=str(broken)))
    assert installer.store.all() == {"properties": old}
    assert list(installer.store.root.glob(".new-*")) == []


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        ("(loop $l (br $l)) (i32.const 0)", WasmFailed, "it exceeded the time limit"),
        ("unreachable", WasmFailed, "it gave up"),
        ("(i32.const 0)", WasmRejected, "ABI"),
    ],
)
def test_a_hostile_grammar_is_not_installed(
    installer: Installer, tmp_path: Path, body: str, error: type[Exception], message: str
) -> None:
    wat = (
        '(module (@dylink.0 (mem-info (memory 8 4) (table 0 0))) (import "env" "memory" (memory 1))'
        f' (func (export "tree_sitter_properties") (result i32) {body}))'
    )
    path = tmp_path / "hostile.wasm"
    path.write_bytes(bytes(wasmtime.wat2wasm(wat)))
    with pytest.raises(error, match=message):
        installer.install(InstallRequest("properties", source=str(path)))
    assert installer.store.all() == {}


def test_from_a_folder_and_from_a_mirror(installer: Installer, server: FileServer) -> None:
    record = installer.install(InstallRequest("properties", source=str(PROPERTIES.parent)))
    assert record.source == str(PROPERTIES)
    server.files["/wasm/tree-sitter-properties.wasm"] = PROPERTIES
    mirror = Installer(installer.store, f"{server.url}/wasm", installer.environ)
    assert mirror.install(InstallRequest("properties")).source == (
        f"{server.url}/wasm/tree-sitter-properties.wasm"
    )


def test_a_new_language_says_how_its_files_are_known(installer: Installer) -> None:
    with pytest.raises(InvalidInput, match="--ext"):
        installer.install(InstallRequest("settings", source=str(PROPERTIES)))
    record = installer.install(
        InstallRequest("settings", source=str(PROPERTIES), extensions=(".zzz",))
    )
    language = record.as_language()
    assert language is not None
    assert (language.name, language.extensions) == ("settings", (".zzz",))
    assert record.query_origin == "derived"


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (InstallRequest("python"), "is built in"),
        (InstallRequest("../x", source="x"), "is no name for a language"),
        (InstallRequest("cobol"), "No package with a grammar of 'cobol'"),
        (InstallRequest("properties", source="ftp://x/y"), "is not a place to get a grammar from"),
    ],
)
def test_what_cannot_be_installed_says_why(
    installer: Installer, wanted: InstallRequest, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        installer.install(wanted)


def test_a_file_that_changed_on_disk_is_not_loaded(installer: Installer) -> None:
    record = installer.install(InstallRequest("properties", source=str(PROPERTIES)))
    (installer.store.folder(record) / GRAMMAR).write_bytes(b"something else")
    with pytest.raises(Unreadable, match="its checksum differs"):
        installer.store.wasm(record)


def test_remove(installer: Installer) -> None:
    record = installer.install(InstallRequest("properties", source=str(PROPERTIES)))
    stamp = installer.store.stamp()
    assert installer.store.remove("properties") == record
    assert installer.store.all() == {}
    assert installer.store.stamp() != stamp
    assert not any(record.sha256 in path.name for path in installer.store.compiled.iterdir())
    with pytest.raises(GrammarNotFound, match="coco grammar install properties"):
        installer.store.remove("properties")

"""Published grammars from the registry that npm is configured with: only where that is wanted.

CI sets ``COCO_TEST_REGISTRY=1`` on machines that have a registry; without it nothing is fetched.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from coco_core.chunking import chunk_document
from coco_core.configs import ChunkingConfig
from coco_core.languages import grammars
from coco_core.languages.queries import load_query
from coco_core.wasm.engine import Engine
from coco_core.wasm.grammar import WasmGrammar
from coco_embed.progress import Watch
from coco_local.grammars.installer import Installer, InstallRequest
from coco_local.grammars.modules import CompiledModules
from coco_local.grammars.npmrc import NpmConfig
from coco_local.grammars.provider import GrammarProvider
from coco_local.grammars.sources import source_of
from coco_local.grammars.store import GRAMMAR, GrammarStore

pytestmark = pytest.mark.skipif(
    os.environ.get("COCO_TEST_REGISTRY") != "1", reason="set COCO_TEST_REGISTRY=1 to use npm's"
)

ROOT = Path(__file__).parents[3]
CONFIG = ChunkingConfig()

SAMPLES = {
    "dart": ("a.dart", "class A {\n  void run() {}\n}\n", ["A", "A.run"]),
    "solidity": ("a.sol", "contract C {\n  function f() public {}\n}\n", ["C", "C.f"]),
    "r": ("a.R", "add <- function(a, b) {\n  a + b\n}\n", ["add"]),
    "clojure": ("a.clj", "(defn add [a b]\n  (+ a b))\n", ["add"]),
    "powershell": ("a.ps1", "function Get-It {\n  return 1\n}\n", ["Get-It"]),
}


@pytest.mark.parametrize("language", SAMPLES)
def test_a_published_grammar_finds_definitions(language: str, tmp_path: Path) -> None:
    store = GrammarStore(tmp_path / "grammars")
    record = Installer(store).install(InstallRequest(language))
    assert record.query_origin == "own"
    provider = GrammarProvider(store)
    grammars.register(provider)
    try:
        name, text, expected = SAMPLES[language]
        document = chunk_document(name, text.encode(), CONFIG)
    finally:
        grammars.unregister(provider)
    assert document.parsed
    assert [each.path for chunk in document.chunks for each in chunk.definitions] == expected


def test_a_published_grammar_cuts_like_the_native_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    source = source_of("npm:tree-sitter-python@0.25.0", "python", NpmConfig(os.environ))
    source.fetch("python", tmp_path, downloads, Watch(source.name))
    engine = Engine()
    grammar = WasmGrammar(
        engine,
        CompiledModules(engine, tmp_path / "compiled"),
        (tmp_path / GRAMMAR).read_bytes(),
        load_query("python"),
        name="python",
    )
    files = sorted((ROOT / "packages").rglob("*.py"))
    assert len(files) > 200
    expected = [chunk_document(path.name, path.read_bytes(), CONFIG) for path in files]
    monkeypatch.setitem(grammars._grammars, "python", grammar)
    assert [chunk_document(path.name, path.read_bytes(), CONFIG) for path in files] == expected

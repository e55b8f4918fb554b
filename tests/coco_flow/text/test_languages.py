"""The table of languages, against those that CocoIndex detects by file names."""

from __future__ import annotations

import importlib

import pytest

from coco_flow.text import detect_code_language
from coco_flow.text.languages import _languages, find_language

# Names with a grammar in both of CocoIndex's versions.
CORE = """
c cpp csharp css dtd fortran go html java javascript json kotlin markdown pascal php python r ruby
rust scala solidity sql swift toml tsx typescript xml yaml
"""


@pytest.mark.row("FN-2 language detection")
@pytest.mark.row("TX-4 language table")
@pytest.mark.parametrize(
    ("language", "names"),
    [
        ("c", "c .c .idc .cats"),
        ("cpp", "c++ .cpp .cc .cxx .h .hpp .hh .inl"),
        ("csharp", "cs c# .cs .csx"),
        ("css", ".css .scss"),
        ("dtd", ".dtd"),
        ("fortran", "f90 .f .f90 .f95 .f03"),
        ("go", "golang .go"),
        ("html", ".html .htm .xhtml"),
        ("java", ".java .jav"),
        ("javascript", "js .js .mjs .cjs .jsx"),
        ("json", ".json .jsonl .webmanifest"),
        ("kotlin", "kt .kt .kts"),
        ("markdown", "md .md .mdx .markdown"),
        ("pascal", "pas delphi .pas .dpr"),
        ("php", ".php"),
        ("python", "py .py .pyi .pyx"),
        ("r", ".r"),
        ("ruby", "rb .rb"),
        ("rust", "rs .rs"),
        ("scala", ".scala"),
        ("solidity", "sol .sol"),
        ("sql", ".sql"),
        ("swift", ".swift"),
        ("toml", ".toml"),
        ("tsx", ".tsx"),
        ("typescript", "ts .ts"),
        ("xml", ".xml"),
        ("yaml", "yml .yaml .yml"),
        ("bash", "sh shell .sh .bash"),
        ("hcl", "terraform tf .tf .hcl"),
        ("vue", ".vue"),
    ],
)
def test_names_and_suffixes_lead_to_the_language(language: str, names: str) -> None:
    for name in [language, *names.split()]:
        for asked in (name, name.upper()):
            found = find_language(asked)
            assert found is not None
            assert found.name == language
        if name.startswith("."):
            assert detect_code_language(filename="dir.d/x" + name) == language
            assert detect_code_language(filename="X" + name.upper()) == language


def test_the_28_languages_have_a_grammar_that_loads() -> None:
    assert len(CORE.split()) == 28
    for language in {found for found in _languages().values() if found.grammar}:
        module, _, function = language.grammar.partition(":")
        assert callable(getattr(importlib.import_module(module), function)), language
    assert all(_languages()[name].grammar for name in CORE.split())


@pytest.mark.row("FN-2 language detection")
def test_what_is_not_known_is_none() -> None:
    for name in ("Dockerfile", "Makefile", "go.mod", "x.unknown", "x.", "README", "", "a.py/b"):
        assert detect_code_language(filename=name) is None


def test_only_the_last_suffix_counts() -> None:
    assert detect_code_language(filename="query.googlesql.sql") == "sql"
    assert detect_code_language(filename="page.cs.pp") == "puppet"
    assert detect_code_language(filename=".gitignore") == "gitignore"


def test_the_table_is_complete() -> None:
    assert len({language.name for language in _languages().values()}) == 148

from __future__ import annotations

import pytest

from coco_core.errors import InvalidInput
from coco_core.languages import (
    LanguageKind,
    Parser,
    add_language,
    detect_language,
    detection,
    language,
    languages,
    named_language,
)
from coco_core.languages.table import Language


@pytest.mark.parametrize(
    ("path", "head", "expected"),
    [
        ("src/app.py", "", "python"),
        ("SRC/APP.PY", "", "python"),
        ("a/Makefile", "", "make"),
        ("Dockerfile.dev", "", "dockerfile"),
        ("types.d.ts", "", "typescript"),
        ("page.blade.php", "", "blade"),
        ("notes.unknown", "", "text"),
        ("LICENSE", "", "text"),
        (".bashrc", "", "bash"),
        (".env.local", "", "dotenv"),
        ("tool", "#!/usr/bin/env python3.11\n", "python"),
        ("tool", b"#!/bin/sh -e\n", "bash"),
        ("tool", "#!/usr/bin/env -S node --flag\n", "javascript"),
        ("tool", "# vim: set ft=ruby ts=2:\n", "ruby"),
        ("tool", "/* -*- mode: c++; tab-width: 4 -*- */\n", "cpp"),
        ("tool", "#!/usr/bin/unheard-of\n", "text"),
        ("a.h", "#include <stdio.h>\nint f(void);\n", "c"),
        ("a.h", "#include <vector>\nnamespace a { class B; }\n", "cpp"),
        ("a.h", "#import <Foundation/Foundation.h>\n@interface A\n", "objc"),
        ("index", "<?php echo 1;", "php"),
        ("a.m", "#import <F/F.h>\n@implementation A\n% no comment\n@end\n", "objc"),
        ("a.m", "% plots\nfunction y = f(x)\n  y = x;\nend\n", "matlab"),
        ("a.m", "int main(void) { return 0; }\n", "objc"),
        (
            "q.scm",
            "(function_definition name: (identifier) @name) @definition\n",
            "tree_sitter_query",
        ),
        ("q.scm", "(define (f x) (g '@ x))\n", "scheme"),
        ("a.v", "module counter(input clk);\nendmodule\n", "verilog"),
        ("a.v", "Theorem t : forall n, n = n.\n", "coq"),
        ("a.pl", "use strict;\nsub f { 1 }\n", "perl"),
        ("a.pl", ":- module(a, [b/1]).\nb(X) :- c(X).\n", "prolog"),
    ],
)
def test_detect(path: str, head: str | bytes, expected: str) -> None:
    assert detect_language(path, head) == expected


def test_the_registry_is_large_and_sound() -> None:
    known = languages()
    assert len(known) >= 100
    assert len({each.name for each in known}) == len(known)
    for each in known:
        assert detect_language(f"x{each.extensions[0]}" if each.extensions else each.filenames[0])
        assert all(extension.startswith(".") for extension in each.extensions)
    assert sum(each.parser is Parser.NATIVE for each in known) >= 30
    assert sum(each.parser is Parser.WASM for each in known) >= 25


def test_other_names() -> None:
    assert language("c++").name == "cpp"
    assert language("py").kind is LanguageKind.CODE
    assert named_language("nonesuch") is None
    with pytest.raises(InvalidInput, match="nonesuch"):
        language("nonesuch")


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_EXTENSIONS", "_FILENAMES", "_SHEBANGS", "_NAMES", "_BY_NAME"):
        monkeypatch.setattr(detection, name, dict(getattr(detection, name)))


@pytest.mark.usefixtures("tables")
def test_a_language_can_be_added() -> None:
    new = Language(
        "zorg", LanguageKind.CODE, (".zorg", ".py"), ("zorgfile",), ("zorg",), ("zo",), "wasm"
    )
    add_language(new)
    assert detect_language("a.zorg") == "zorg"
    assert detect_language("Zorgfile") == "zorg"
    assert detect_language("tool", "#!/usr/bin/env zorg\n") == "zorg"
    assert language("zo") is new
    assert new in languages()
    # What has a grammar that is built in keeps it.
    assert detect_language("a.py") == "python"

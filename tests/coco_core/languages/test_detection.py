from __future__ import annotations

import pytest

from coco_core.errors import InvalidInput
from coco_core.languages import LanguageKind, detect_language, language, languages, named_language


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
    assert sum(bool(each.grammar) for each in known) >= 30


def test_other_names() -> None:
    assert language("c++").name == "cpp"
    assert language("py").kind is LanguageKind.CODE
    assert named_language("nonesuch") is None
    with pytest.raises(InvalidInput, match="nonesuch"):
        language("nonesuch")

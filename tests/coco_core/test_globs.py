from __future__ import annotations

import fnmatch
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coco_core.errors import InvalidIntent
from coco_core.globs import compile_glob

PATHS = (
    "setup.py",
    "src/app.py",
    "src/api/routes.py",
    "src/api/tests/test_routes.py",
    "tests/test_app.py",
    "docs/index.md",
    "docs/api/index.md",
    "web/app.test.ts",
    ".github/workflows/ci.yml",
    "lib/tests.py",
)


def found(pattern: str) -> set[str]:
    glob = compile_glob(pattern)
    return {path for path in PATHS if glob.fullmatch(path)}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.md", {"docs/index.md", "docs/api/index.md"}),
        ("setup.py", {"setup.py"}),
        ("/setup.py", {"setup.py"}),
        ("./setup.py", {"setup.py"}),
        ("/app.py", set()),
        ("app.py", {"src/app.py"}),
        ("src/*.py", {"src/app.py"}),
        ("src/**", {"src/app.py", "src/api/routes.py", "src/api/tests/test_routes.py"}),
        ("src/api", {"src/api/routes.py", "src/api/tests/test_routes.py"}),
        ("src/**/*.py", {"src/app.py", "src/api/routes.py", "src/api/tests/test_routes.py"}),
        ("**/tests/**", {"src/api/tests/test_routes.py", "tests/test_app.py"}),
        ("tests", {"src/api/tests/test_routes.py", "tests/test_app.py"}),
        ("tests/", {"src/api/tests/test_routes.py", "tests/test_app.py"}),
        ("/tests/", {"tests/test_app.py"}),
        ("setup.py/", set()),
        ("**", set(PATHS)),
        ("*", set(PATHS)),
        ("**/index.md", {"docs/index.md", "docs/api/index.md"}),
        ("docs/**/index.md", {"docs/index.md", "docs/api/index.md"}),
        ("{src,docs}/*.{py,md}", {"src/app.py", "docs/index.md"}),
        ("{a,src/{api,x}}/routes.py", {"src/api/routes.py"}),
        ("*.test.ts", {"web/app.test.ts"}),
        ("?etup.py", {"setup.py"}),
        ("[st]*.py", {"setup.py", "src/api/tests/test_routes.py", "tests/test_app.py"}),
        ("[!s]*.py", set(PATHS) & {
            "src/app.py", "src/api/routes.py", "src/api/tests/test_routes.py",
            "tests/test_app.py", "lib/tests.py",
        }),
        (".github", {".github/workflows/ci.yml"}),
        ("**/**/**/app.py", {"src/app.py"}),
    ],
)  # fmt: skip
def test_patterns(pattern: str, expected: set[str]) -> None:
    if pattern == "[st]*.py":
        expected = expected | {"lib/tests.py"}
    assert found(pattern) == expected


def test_special_characters_can_be_literal() -> None:
    assert compile_glob(r"a\*b.py").fullmatch("a*b.py")
    assert not compile_glob(r"a\*b.py").fullmatch("axb.py")
    assert compile_glob(r"\{x\}.py").fullmatch("{x}.py")
    assert compile_glob(r"\!x").fullmatch("!x")
    assert compile_glob("a+(b).py").fullmatch("a+(b).py")
    assert compile_glob("[[]x].py").fullmatch("[x].py")


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "/",
        "!x",
        "a/../b",
        "{a,b",
        "[ab",
        "[z-a]",
        "{a,b}" * 9,
        "/".join(["**/a"] * 9),
        "{a,b}" * 8 + "*x" * 80,
        "x" * 4_097,
    ],
)
def test_what_is_not_valid_is_said(pattern: str) -> None:
    with pytest.raises(InvalidIntent):
        compile_glob(pattern)


NAMES = st.text(alphabet="ab.", min_size=1, max_size=4).filter(lambda s: s.strip("."))
SEGMENTS = st.text(alphabet="ab.*?", min_size=1, max_size=5).filter(
    lambda s: s.strip(".") and "**" not in s
)


def reference(pattern: list[str], path: list[str]) -> bool:
    """Match components one by one; a pattern that ends early names a directory."""
    if not pattern:
        return True
    if not path:
        return False
    if pattern[0] == "**":
        if len(pattern) == 1:
            return True
        return any(reference(pattern[1:], path[i:]) for i in range(len(path)))
    return fnmatch.fnmatchcase(path[0], pattern[0]) and reference(pattern[1:], path[1:])


@given(
    st.lists(st.one_of(SEGMENTS, st.just("**")), min_size=2, max_size=5),
    st.lists(NAMES, min_size=1, max_size=5),
)
def test_anchored_patterns_agree_with_a_plain_matcher(pattern: list[str], path: list[str]) -> None:
    expected = reference(pattern, path)
    assert bool(compile_glob("/".join(pattern)).fullmatch("/".join(path))) is expected


@given(SEGMENTS, st.lists(NAMES, min_size=1, max_size=5))
def test_a_bare_name_holds_at_any_depth(segment: str, path: list[str]) -> None:
    expected = any(fnmatch.fnmatchcase(name, segment) for name in path)
    assert bool(compile_glob(segment).fullmatch("/".join(path))) is expected


def test_a_hostile_pattern_costs_no_time() -> None:
    glob = compile_glob("*a" * 40 + "b")
    start = time.process_time()
    assert not glob.fullmatch("a" * 250)
    assert time.process_time() - start < 0.5

from __future__ import annotations

import itertools
import re
import time

import pytest

from coco_local.scan.wildmatch import translate


def _fits(pattern: str, text: str) -> bool:
    expression = translate(pattern.encode(), pathname="/" in pattern)
    return re.compile(expression, re.DOTALL).fullmatch(text.encode()) is not None


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        ("*.c", ["a.c", ".c"], ["a.cc", "c"]),
        ("a/*", ["a/b"], ["a/b/c", "a"]),
        ("**/b", ["b", "a/b", "a/a/b"], ["ab", "a/bb"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/xb"]),
        ("a/**", ["a/b", "a/b/c"], ["a", "ab"]),
        ("/a**/b", ["/ab", "/ax/b"], ["/a"]),
        ("x?y/**b/c", ["xay/b/c", "xay/ab/c"], ["xay/a/b/c"]),
        ("[a-c]", ["a", "c"], ["d", "-"]),
        ("[]-a]", ["]", "^", "a"], ["b", "-"]),
        ("[!a]", ["b"], ["a", ""]),
        ("a/[!b]", ["a/c"], ["a/b", "a//"]),
        ("[[:digit:]x]", ["7", "x"], ["a", ":"]),
        ("[[:what:]]", [], ["w", "[", ":"]),
        ("[a", [], ["a", "[a"]),
        ("a\\*", ["a*"], ["ab", "a\\*"]),
        ("a\\", [], ["a", "a\\"]),
        ("??", ["ab", "é"], ["a"]),
    ],
)
def test_gits_globs(pattern: str, fitting: list[str], others: list[str]) -> None:
    assert [text for text in fitting if not _fits(pattern, text)] == []
    assert [text for text in others if _fits(pattern, text)] == []


def test_atomic_groups_change_no_answer() -> None:
    pieces = ["a", "b", "*", "**/", "/", "/**"]
    texts = [
        "".join(letters) for n in range(1, 7) for letters in itertools.product("ab/", repeat=n)
    ]
    several = [text for text in texts if "//" not in text and not text.startswith("/")]
    joined = "\n".join(several).encode()
    for length in range(1, 5):
        for parts in itertools.product(pieces, repeat=length):
            expression = translate("".join(parts).encode(), pathname=True)
            plain = expression.replace(b"(?>", b"(?:")
            # One search over all texts at once: lines cannot match across a line feed.
            atomic, simple = (
                re.findall(b"^(?:" + e.replace(b".", b"[^\n]").replace(b"[^/]", b"[^/\n]") + b")$",
                           joined, re.MULTILINE)
                for e in (expression, plain)
            )  # fmt: skip
            assert atomic == simple, parts


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("*a" * 40 + "b", "a" * 200),
        ("**/a/" * 20 + "b", "a/" * 60 + "c"),
        ("**/*a/" * 20 + "b", "aa/" * 60 + "c"),
        ("**/a*a*a*a*b/" * 8 + "c", ("a" * 30 + "/") * 30),
    ],
)
def test_a_hostile_pattern_costs_no_time(pattern: str, text: str) -> None:
    began = time.process_time()
    assert not _fits(pattern, text)
    assert time.process_time() - began < 1

"""A set of globs matches what one of its globs, compiled by itself, fully matches."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coco_core.errors import InvalidIntent
from coco_core.glob_sets import GlobSet
from coco_core.globs import compile_glob

# Short texts of the characters that mean something, so that globs and paths meet often.
_GLOBS = st.text(alphabet="ab*?/[]!{},\\.é\n", min_size=1, max_size=10)
_PATHS = st.text(alphabet="ab/.é\n*[", max_size=10)


def _valid(glob: str) -> bool:
    try:
        compile_glob(glob)
    except InvalidIntent:
        return False
    return True


@settings(max_examples=3000)
@given(st.lists(_GLOBS.filter(_valid), max_size=4), st.lists(_PATHS, min_size=1, max_size=8))
@example(["a"], ["a", "a/", "a/b", "b/a", "/a", "//a", "b//a", "a//b", "a/\n"])
@example(["a/"], ["a", "a/", "a/b", "b/a/c"])
@example(["a/**/b"], ["a/b", "a//b", "a/x/y/b/c", "a/b/"])
@example(["a/**/*"], ["a/", "a//", "a/b"])
@example(["**", "**/"], ["", "/", "a"])
@example(["*"], ["", "/a", "a/b"])
@example(["[!a]b", "*b?"], ["ab", "bb", "abc", "bb/x"])
def test_it_matches_what_one_of_its_globs_matches(globs: list[str], paths: list[str]) -> None:
    compiled = [compile_glob(glob) for glob in globs]
    found = GlobSet(globs)
    # Twice, for what it remembers must not change what it says.
    for path in paths * 2:
        assert found.matches(path) == any(each.fullmatch(path) for each in compiled), path


def test_a_glob_that_is_not_valid_is_refused() -> None:
    with pytest.raises(InvalidIntent, match="opens a brace"):
        GlobSet(["a", "{b"])

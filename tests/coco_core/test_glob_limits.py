"""Path globs of a filter that would take too long are refused before they are compiled."""

from __future__ import annotations

import pytest

from coco_core.errors import InvalidIntent
from coco_core.filters import Filters, matches_path
from coco_core.glob_sets import GlobSet
from coco_core.globs import compile_glob

BRACES = "{{{}}}".format(",".join(f"a{number}" for number in range(256)))


@pytest.mark.parametrize(
    ("globs", "too_much"),
    [
        ([f"{BRACES}/{number}" for number in range(4)], "alternatives"),
        (["?" * 4_000 + str(number) for number in range(9)], "characters"),
        ([f"*{number}*" for number in range(201)], "wildcards"),
        ([f"src/?{number}/*.py" for number in range(201)], "wildcards"),
    ],
)
def test_too_much_is_refused_and_says_what_to_do(globs: list[str], too_much: str) -> None:
    half = len(globs) // 2
    for filters in (
        {"include": globs},
        {"exclude": globs},
        {"include": globs[:half], "exclude": globs[half:]},
        {"narrowed": (globs[:half], globs[half:])},
    ):
        with pytest.raises(InvalidIntent, match=too_much) as refused:
            Filters(**filters)
        assert "doc_ids" in (refused.value.hint or "")


@pytest.mark.parametrize(
    ("glob", "too_much"),
    [
        ("{" * 2_000 + "a" + "}" * 2_000, "braces"),
        ("{" + "a," * 200 + "a}" + "b" * 3_000, "characters once its braces"),
    ],
)
def test_a_single_glob_is_refused_before_it_is_compiled(glob: str, too_much: str) -> None:
    with pytest.raises(InvalidIntent, match=too_much):
        compile_glob(glob)


def test_what_people_write_passes() -> None:
    globs = [f"src/part{number}/**/*.{{py,pyi}}" for number in range(100)]
    globs += [f"**/test_{number}*/**" for number in range(100)]
    assert matches_path(Filters(include=tuple(globs)), "src/part7/a/b.pyi")


def test_many_stars_at_many_depths_cost_little() -> None:
    """Places are bits of one number: what they do together is never listed."""
    globs = ["/".join(f"**/*{(n + j) % 10}*" for j in range(8)) + f"/z{n}" for n in range(200)]
    found = GlobSet(globs)
    deep = "/".join(str(number % 10) for number in range(40))
    assert found.matches(f"{deep}/z2")
    assert not found.matches(f"{deep}/z5")
    # One number for each directory that was met, and one for each name.
    assert len(found._directories) == 2
    assert len(found._names) == 10

from __future__ import annotations

import re

import pytest

from coco_core import errors
from coco_core.errors import CocoError

TREE_LINE = re.compile(r"^(?P<indent>[│├└─ ]*)(?P<name>\w+)\s+(?P<code>[a-z_]+)\s+(?P<status>\d+)$")


def drawn() -> dict[str, tuple[str | None, str, int]]:
    """Read name, parent, code and status of every class from the module's docstring."""
    found: dict[str, tuple[str | None, str, int]] = {}
    stack: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = TREE_LINE.match(line)
        if match:
            depth = len(match["indent"]) // 4
            parent = stack[depth - 1] if depth else None
            stack[depth:] = [match["name"]]
            found[match["name"]] = (parent, match["code"], int(match["status"]))
    return found


def classes(of: type[CocoError] = CocoError) -> list[type[CocoError]]:
    return [of, *(each for sub in of.__subclasses__() for each in classes(sub))]


def test_the_drawn_tree_is_the_tree() -> None:
    real = {
        each.__name__: (
            None if each is CocoError else each.__mro__[1].__name__,
            each.code,
            each.status,
        )
        for each in classes()
        if each.__module__ == errors.__name__
    }
    assert drawn() == real


def test_codes_are_unique() -> None:
    codes = [each.code for each in classes() if each.__module__ == errors.__name__]
    assert len(codes) == len(set(codes))


# Other packages' errors may need arguments, and which are loaded depends on the tests before.
@pytest.mark.parametrize("kind", [each for each in classes() if each.__module__ == errors.__name__])
def test_the_docstring_is_the_default_message(kind: type[CocoError]) -> None:
    assert str(kind()) == (kind.__doc__ or "").strip()


def test_a_hint_follows_the_message() -> None:
    error = CocoError("It broke.", hint="Mend it.", details={"part": 3})
    assert str(error) == "It broke. Mend it."
    assert error.details == {"part": 3}

"""Paths as models write them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from coco_local.mcp.paths import Spot, spot_of
from coco_local.mcp.scope import Caller, resolve_file
from coco_protocol.projects import ProjectBody


@pytest.mark.parametrize(
    ("text", "spot"),
    [
        ("src/a.py", Spot(Path("src/a.py"))),
        ("./src/a.py", Spot(Path("src/a.py"))),
        (" src/a.py\n", Spot(Path("src/a.py"))),
        ("`src/a.py`", Spot(Path("src/a.py"))),
        ('"src/a.py:3"', Spot(Path("src/a.py"), 3)),
        ("@src/a.py", Spot(Path("src/a.py"))),
        ("src/a.py:12", Spot(Path("src/a.py"), 12)),
        ("src/a.py:12-40", Spot(Path("src/a.py"), 12, 40)),
        ("src/a.py:12:5", Spot(Path("src/a.py"), 12)),
        ("src/a.py#L12", Spot(Path("src/a.py"), 12)),
        ("src/a.py#L12-L40", Spot(Path("src/a.py"), 12, 40)),
        ("src/a.py:0", Spot(Path("src/a.py"))),
        ("file:///src/a%20b.py", Spot(Path("/src/a b.py"))),
        ("~nobody-of-this-name/a.py", Spot(Path("~nobody-of-this-name/a.py"))),
        ("https://host/a.py", Spot(Path("https://host/a.py"))),
        ("a:b.py", Spot(Path("a:b.py"))),
    ],
)
def test_spots(text, spot):
    assert spot_of(text, []) == spot


@pytest.mark.skipif(os.sep != "/", reason="a backslash separates there")
def test_the_other_separator():
    assert spot_of(r"src\deep\a.py:3", []) == Spot(Path("src/deep/a.py"), 3)


def test_what_has_this_very_name_is_meant(tmp_path):
    (tmp_path / "a.py:12").touch()
    (tmp_path / "@types").mkdir()
    assert spot_of("a.py:12", [tmp_path]) == Spot(Path("a.py:12"))
    assert spot_of("@types", [tmp_path]) == Spot(Path("@types"))


@pytest.fixture
def shop(tmp_path: Path) -> ProjectBody:
    root = tmp_path / "shop"
    (root / "src").mkdir(parents=True)
    (root / "src" / "a.py").touch()
    return ProjectBody(project_id="p", name="shop", root=str(root), state="ready")


@pytest.mark.parametrize(
    "path", ["src/a.py", "./src/a.py", "/src/a.py", "shop/src/a.py", "{root}/src/a.py", "src//a.py"]
)
def test_each_way_to_name_a_file_leads_to_it(shop, path):
    scope = resolve_file([shop], Caller(), path.format(root=shop.root) + ":3-9", None)
    assert (scope.within, scope.first_line, scope.last_line) == ("src/a.py", 3, 9)


def test_names_that_no_file_can_have_are_only_not_there(shop):
    for name in ("x" * 4000, "a" * 300 + ".py"):
        assert resolve_file([shop], Caller(), name, None).within == name

"""docs/configuration.md and the code say the same."""

import re
from pathlib import Path

from coco_local.home import CocoHome
from coco_local.scan.rules import OWN_NAMES
from coco_local.settings import _OF_PROJECT, FIELDS, PROJECT_FILE

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
SETTINGS, OF_PROJECT = (
    PAGE.partition(f"\n## {head}")[2].partition("\n## ")[0]
    for head in ("Settings\n", "A project's own settings")
)
ROWS = {
    match[1]: (match[2], match[3], match[4])
    for match in re.finditer(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) ?\|$", SETTINGS, re.MULTILINE)
}


def shown_default(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if value is None:
        return "not set"
    return f"`{value}`" if value != () else "none"


def test_the_page_has_every_setting_as_the_table_has_it() -> None:
    assert list(ROWS) == [field.name for field in FIELDS]
    homes = {"meta_db": "`~/.coco/coco.db`", "vector_dir": "`~/.coco/lancedb`"}
    for field in FIELDS:
        default, accepted, meaning = ROWS[field.name]
        assert default == homes.get(field.name, shown_default(field.default)), field.name
        assert accepted == field.accepted, field.name
        for alias in field.aliases:
            assert f"`{alias}`" in meaning, field.name


def test_the_page_names_what_a_project_may_set() -> None:
    first = OF_PROJECT.partition("travels with")[0]
    assert set(re.findall(r"`(\w+)`", first)) == _OF_PROJECT
    assert PROJECT_FILE in PAGE
    for name in OWN_NAMES:
        assert f"`{name}`" in PAGE


def test_every_variable_that_the_code_reads_is_on_the_page() -> None:
    read = set()
    for package in ("coco_local", "coco_core", "coco_embed"):
        for file in (ROOT / "packages" / package / "src").rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            read |= set(re.findall(r"environ(?:\.get\(|\[)\s*\"([A-Z_]+)\"", text))
    # What the system sets is no configuration of CoCo.
    read -= {"PWD", "HOME", "PATH", "XDG_CONFIG_HOME", "APPDATA", "USERPROFILE"}
    assert read - set(re.findall(r"\b[A-Z][A-Z_]+\b", PAGE)) == set()


def test_every_file_of_the_home_is_on_the_page() -> None:
    home = CocoHome(Path("/home"))
    names = {
        value.name
        for name in vars(CocoHome)
        if isinstance(getattr(CocoHome, name), property)
        and isinstance(value := getattr(home, name), Path)
    }
    files = PAGE.partition("\n## Files")[2].partition("\n## ")[0]
    assert {name for name in names if name not in files} == set()

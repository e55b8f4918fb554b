from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coco_local.mcp.install.tomltable import (
    TomlTableError,
    remove_item,
    remove_table,
    set_item,
    set_table,
)

KEYS = ("mcp_servers", "coco")
VALUES: dict[str, str | list[str]] = {"command": "/bin/coco", "args": ["mcp"]}

CONFIG = """# my configuration
model = "gpt-5" # the good one

[mcp_servers.other]
command = "x"

[profiles.fast]
model = "mini"
"""


def test_a_new_table_goes_to_the_end_and_all_else_stays():
    after = set_table(CONFIG, KEYS, VALUES)
    assert after == CONFIG + '\n[mcp_servers.coco]\ncommand = "/bin/coco"\nargs = ["mcp"]\n'
    assert set_table(after, KEYS, VALUES) == after
    assert remove_table(after, KEYS).rstrip() == CONFIG.rstrip()


def test_an_empty_file_gets_one_table():
    after = set_table("", KEYS, VALUES)
    assert after == '[mcp_servers.coco]\ncommand = "/bin/coco"\nargs = ["mcp"]\n'
    assert remove_table(after, KEYS) == ""


def test_what_the_user_added_to_the_table_stays():
    text = """[mcp_servers.coco] # ours
command = "old"
args = [
  "a", # one
  "b",
]
startup_timeout_sec = 20

[mcp_servers.coco.env]
COCO_PORT = "4000"

[tail]
x = 1
"""
    after = set_table(text, KEYS, VALUES)
    assert tomllib.loads(after) == {
        "mcp_servers": {
            "coco": {**VALUES, "startup_timeout_sec": 20, "env": {"COCO_PORT": "4000"}}
        },
        "tail": {"x": 1},
    }
    assert "[mcp_servers.coco] # ours\n" in after
    assert tomllib.loads(remove_table(after, KEYS)) == {"tail": {"x": 1}}


@pytest.mark.parametrize(
    "text",
    [
        'mcp_servers = { coco = { command = "x" } }\n',
        '[mcp_servers]\ncoco = { command = "x" }\n',
        "mcp_servers = 3\n",
        "[mcp_servers]\ncoco = 3\n",
        "broken = \n",
        "[a]\n[a]\n",
    ],
)
def test_what_cannot_be_edited_in_place_is_refused(text):
    with pytest.raises(TomlTableError):
        set_table(text, KEYS, VALUES)


def test_a_header_inside_a_string_is_not_a_header():
    text = 'note = """\n[mcp_servers.coco]\ncommand = "no"\n"""\n'
    try:
        after = set_table(text, KEYS, VALUES)
    except TomlTableError:
        return
    assert tomllib.loads(after) == {**tomllib.loads(text), "mcp_servers": {"coco": VALUES}}


@pytest.mark.parametrize(
    "header", ['["mcp_servers"."coco"]', "[ mcp_servers . coco ]", "  [mcp_servers.coco]"]
)
def test_other_ways_to_write_the_header(header):
    after = set_table(f'{header}\ncommand = "old"\n', KEYS, VALUES)
    assert tomllib.loads(after) == {"mcp_servers": {"coco": VALUES}}


@given(st.text(), st.sampled_from(["\n", "\r\n"]))
def test_any_program_name_survives(program, newline):
    text = CONFIG.replace("\n", newline)
    after = set_table(text, KEYS, {"command": program, "args": ["mcp"]})
    assert tomllib.loads(after)["mcp_servers"]["coco"]["command"] == program
    assert after.startswith(text.rstrip())


PLUGINS = """# mine
[[plugins]]
name = "db" # the good one
command = "x"

[ui]
theme = "auto"
"""


def test_a_new_item_goes_to_the_end_and_leaves_again():
    after = set_item(PLUGINS, "plugins", "coco", VALUES)
    assert after.startswith(PLUGINS.rstrip())
    assert tomllib.loads(after)["plugins"] == [
        {"name": "db", "command": "x"},
        {"name": "coco", **VALUES},
    ]
    assert set_item(after, "plugins", "coco", VALUES) == after
    moved = set_item(after, "plugins", "coco", {**VALUES, "command": "/usr/bin/coco"})
    assert tomllib.loads(moved)["plugins"][1]["command"] == "/usr/bin/coco"
    assert remove_item(moved, "plugins", "coco").rstrip() == PLUGINS.rstrip()


def test_the_only_item_of_a_file():
    after = set_item("", "plugins", "coco", VALUES)
    assert after == '[[plugins]]\nname = "coco"\ncommand = "/bin/coco"\nargs = ["mcp"]\n'
    assert remove_item(after, "plugins", "coco") == ""
    assert remove_item(PLUGINS, "plugins", "coco") == PLUGINS


def test_what_is_no_array_of_tables_is_refused():
    for text in ("plugins = 3\n", "[plugins]\nx = 1\n", "plugins = [\n"):
        with pytest.raises(TomlTableError):
            set_item(text, "plugins", "coco", VALUES)

"""The block about CoCo in the files of instructions that agents read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coco_core.errors import InvalidInput, Unreadable
from coco_local.mcp.install import clients, install, uninstall
from coco_local.mcp.install.client import Guide
from coco_local.mcp.install.guide import BLOCK, END, START, add_block, remove_block
from coco_local.mcp.tools import TOOLS

WHERE = {
    "claude": (".claude/CLAUDE.md", "CLAUDE.md"),
    "claude-desktop": (None, None),
    "cursor": (None, ".cursor/rules/coco.mdc"),
    "vscode": (None, ".github/copilot-instructions.md"),
    "vscode-insiders": (None, ".github/copilot-instructions.md"),
    "codex": (".codex/AGENTS.md", "AGENTS.md"),
    "windsurf": (".codeium/windsurf/memories/global_rules.md", "AGENTS.md"),
    "zed": (".config/zed/AGENTS.md", "AGENTS.md"),
    "gemini": (".gemini/GEMINI.md", "GEMINI.md"),
    "opencode": (".config/opencode/AGENTS.md", "AGENTS.md"),
    "continue": (".continue/rules/coco.md", ".continue/rules/coco.md"),
    "cline": (".agents/AGENTS.md", ".clinerules/coco.md"),
    "cline-cli": (".agents/AGENTS.md", ".clinerules/coco.md"),
    "kiro": (".kiro/steering/coco.md", ".kiro/steering/coco.md"),
    "copilot": (".copilot/copilot-instructions.md", ".github/copilot-instructions.md"),
    "zcode": (".zcode/AGENTS.md", "AGENTS.md"),
    "reasonix": (".reasonix/REASONIX.md", "REASONIX.md"),
    "pi": (".pi/agent/AGENTS.md", "AGENTS.md"),
    "commandcode": (".commandcode/AGENTS.md", "AGENTS.md"),
    "antigravity": (".gemini/GEMINI.md", "AGENTS.md"),
    "grok": (".grok/AGENTS.md", "AGENTS.md"),
    "qwen": (".qwen/QWEN.md", "QWEN.md"),
    "kilo": (".config/kilo/AGENTS.md", "AGENTS.md"),
}
PLAIN = Guide()
# Texts of people: lines, some blank, some of them Windows'.
TEXTS = st.lists(st.sampled_from(["# Rules", "", "- be kind", "  code", "é"]), max_size=8)


def test_every_client_is_in_the_table():
    assert [client.name for client in clients()] == list(WHERE)


@pytest.mark.parametrize("name", WHERE)
@pytest.mark.parametrize("scope", ["user", "project"])
def test_install_again_and_uninstall(tmp_path, name, scope):
    home, project = tmp_path / "home", tmp_path / "project"
    place = WHERE[name][scope == "project"]
    options = {"part": "instructions", "project_dir": project, "home": home, "platform": "linux"}
    if place is None:
        with pytest.raises(InvalidInput, match="reads no file of instructions"):
            install(name, scope, **options)
        return
    path = (project if scope == "project" else home) / place
    assert install(name, scope, dry_run=True, **options).path == path
    assert not path.exists()
    done = install(name, scope, **options)
    assert path.read_text(encoding="utf-8") == done.after
    assert done.after.endswith(BLOCK)
    assert not install(name, scope, **options).changed
    gone = uninstall(name, scope, **options)
    assert gone.deletes
    assert not path.exists()
    assert not uninstall(name, scope, **options).changed


def test_the_block_names_tools_that_exist_and_nothing_of_one_machine():
    named = set(re.findall(r"`(\w+)`", BLOCK)) - {"coco"}
    assert named <= {tool.name for tool in TOOLS}
    for word in (str(Path.home()), "/", "localhost", "127.0.0.1", "COCO_"):
        assert word not in BLOCK.replace("<!--", "").replace("-->", ""), word


@given(TEXTS, st.sampled_from(["\n", "\r\n"]))
def test_what_people_wrote_stays(lines, newline):
    text = newline.join(lines)
    added = add_block(text, PLAIN)
    assert added.count(START) == added.count(END) == 1
    assert add_block(added, PLAIN) == added
    assert newline == "\n" or text.count(newline) == 0 or "\n" not in added.replace("\r\n", "")
    removed = remove_block(added, PLAIN)
    assert removed.strip() == text.strip()
    assert remove_block(removed, PLAIN) == removed


@given(TEXTS, TEXTS)
def test_an_old_block_is_renewed_in_its_place(above, below):
    old = f"{START}\nold words\n{END}\n"
    text = "\n".join([*above, old, *below])
    renewed = add_block(text, PLAIN)
    assert "old words" not in renewed
    assert renewed.count(START) == 1
    assert renewed.partition(START)[0].strip() == "\n".join(above).strip()
    assert renewed.rpartition(END)[2].strip() == "\n".join(below).strip()


def test_half_of_a_block_is_left_alone(tmp_path):
    path = tmp_path / "AGENTS.md"
    path.write_text(f"# Mine\n{START}\n", encoding="utf-8")
    options = {"part": "instructions", "project_dir": tmp_path, "home": tmp_path}
    for change in (install, uninstall):
        with pytest.raises(Unreadable, match="only one of the marks"):
            change("codex", "project", **options)
    assert path.read_text(encoding="utf-8") == f"# Mine\n{START}\n"


def test_files_that_a_project_already_has_are_used(tmp_path):
    options = {"part": "instructions", "project_dir": tmp_path, "home": tmp_path}
    for name, file in (("zed", ".rules"), ("cline", ".clinerules")):
        (tmp_path / file).write_text("Be kind.\n", encoding="utf-8")
        assert install(name, "project", **options).path == tmp_path / file
        uninstall(name, "project", **options)
        assert (tmp_path / file).read_text(encoding="utf-8") == "Be kind.\n"

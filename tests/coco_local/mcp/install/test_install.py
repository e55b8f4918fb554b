from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import pytest

from coco_core.errors import Conflict, InvalidInput, Unreadable
from coco_local.mcp.install import (
    LaunchCommand,
    clients,
    coco_command,
    find_client,
    install,
    uninstall,
)
from coco_local.mcp.install.change import Change, write
from coco_local.mcp.install.jsonc import parse

COMMAND = LaunchCommand("/opt/coco/bin/coco")

WHERE = {
    "claude": (".claude.json", ".mcp.json"),
    "claude-desktop": (".config/Claude/claude_desktop_config.json", None),
    "cursor": (".cursor/mcp.json", ".cursor/mcp.json"),
    "vscode": (".config/Code/User/mcp.json", ".vscode/mcp.json"),
    "vscode-insiders": (".config/Code - Insiders/User/mcp.json", ".vscode/mcp.json"),
    "codex": (".codex/config.toml", ".codex/config.toml"),
    "windsurf": (".codeium/windsurf/mcp_config.json", None),
    "zed": (".config/zed/settings.json", ".zed/settings.json"),
    "gemini": (".gemini/settings.json", ".gemini/settings.json"),
    "opencode": (".config/opencode/opencode.json", "opencode.json"),
    "continue": (".continue/mcpServers/coco.json", ".continue/mcpServers/coco.json"),
    "cline": (
        ".config/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
        None,
    ),
    "cline-cli": (".cline/data/settings/cline_mcp_settings.json", None),
    "kiro": (".kiro/settings/mcp.json", ".kiro/settings/mcp.json"),
    "copilot": (".copilot/mcp-config.json", ".github/mcp.json"),
    "zcode": (".zcode/cli/config.json", ".zcode/config.json"),
    "reasonix": (".reasonix/config.toml", ".mcp.json"),
    "pi": (".pi/agent/mcp.json", ".pi/mcp.json"),
    "commandcode": (".commandcode/mcp.json", ".mcp.json"),
    "antigravity": (".gemini/config/mcp_config.json", ".agents/mcp_config.json"),
    "grok": (".grok/config.toml", ".grok/config.toml"),
    "qwen": (".qwen/settings.json", ".qwen/settings.json"),
    "kilo": (".config/kilo/kilo.jsonc", ".kilo/kilo.jsonc"),
}

STDIO = {"type": "stdio", "command": COMMAND.program, "args": ["mcp"]}


def entries(program: str) -> dict:
    """Where each client's entry is and what it holds."""
    plain = {"command": program, "args": ["mcp"]}
    stdio = {"type": "stdio", **plain}
    listed = {"type": "local", "command": [program, "mcp"], "enabled": True}
    return {
        "claude": (("mcpServers",), stdio),
        "claude-desktop": (("mcpServers",), plain),
        "cursor": (("mcpServers",), stdio),
        "vscode": (("servers",), stdio),
        "vscode-insiders": (("servers",), stdio),
        "codex": (("mcp_servers",), plain),
        "windsurf": (("mcpServers",), plain),
        "zed": (("context_servers",), {"source": "custom", **plain, "env": {}}),
        "gemini": (("mcpServers",), plain),
        "opencode": (("mcp",), listed),
        "continue": (("mcpServers",), plain),
        "cline": (("mcpServers",), {**plain, "disabled": False}),
        "cline-cli": (("mcpServers",), {**plain, "disabled": False}),
        "kiro": (("mcpServers",), plain),
        "copilot": (("mcpServers",), {**stdio, "tools": ["*"]}),
        "zcode": (("mcp", "servers"), stdio),
        "reasonix": (("plugins",), {"name": "coco", **plain}),
        "pi": (("mcpServers",), plain),
        "commandcode": (("mcpServers",), plain),
        "antigravity": (("mcpServers",), plain),
        "grok": (("mcp_servers",), plain),
        "qwen": (("mcpServers",), plain),
        "kilo": (("mcp",), listed),
    }


# What other installers reach, and ours must.
EXPECTED = {
    *("claude", "cursor", "gemini", "kiro", "opencode", "copilot", "codex", "zcode", "vscode"),
    *("windsurf", "zed", "reasonix", "pi", "commandcode", "antigravity", "grok", "qwen"),
    *("cline", "kilo"),
}


def read(path: Path) -> dict:
    text = path.read_text(encoding="utf-8")
    return tomllib.loads(text) if path.suffix == ".toml" else parse(text)


def test_every_client_is_in_the_tables():
    assert [client.name for client in clients()] == list(WHERE) == list(entries(""))
    assert set(WHERE) >= EXPECTED


@pytest.mark.parametrize("name", WHERE)
@pytest.mark.parametrize("scope", ["user", "project"])
def test_install_again_and_uninstall(tmp_path, name, scope):
    home, project = tmp_path / "home", tmp_path / "project"
    place = WHERE[name][scope == "project"]
    options = {"project_dir": project, "home": home, "platform": "linux"}
    if place is None:
        with pytest.raises(InvalidInput, match="has no configuration of scope 'project'"):
            install(name, scope, command=COMMAND, **options)
        return
    path = (project if scope == "project" else home) / place

    planned = install(name, scope, command=COMMAND, dry_run=True, **options)
    assert (planned.path, planned.before, planned.changed) == (path, None, True)
    assert not path.exists()

    done = install(name, scope, command=COMMAND, **options)
    assert done.after == planned.after == path.read_text(encoding="utf-8")
    assert done.backup is None
    assert "+" in done.diff
    keys, entry = entries("coco" if scope == "project" else COMMAND.program)[name]
    if place == ".mcp.json":
        keys, entry = ("mcpServers",), {**STDIO, "command": "coco"}
    node = read(path)
    for key in keys:
        node = node[key]
    assert node == ([entry] if keys == ("plugins",) else {"coco": entry})

    again = install(name, scope, command=COMMAND, **options)
    assert not again.changed
    assert again.diff == ""
    moved = install(name, scope, command=LaunchCommand("/usr/bin/coco"), **options)
    # What is committed starts whichever CoCo the machine has.
    assert moved.changed == (scope == "user")
    if moved.changed:
        assert moved.backup is not None
        assert moved.backup.read_text(encoding="utf-8") == done.after

    gone = uninstall(name, scope, **options)
    assert gone.changed
    assert "coco" not in json.dumps(read(path))
    assert scope == "user" or [each.name for each in path.parent.iterdir()] == [path.name]
    assert not uninstall(name, scope, **options).changed


def test_what_else_is_in_the_file_stays(tmp_path):
    path = tmp_path / ".claude.json"
    text = '{\n\t"numStartups": 7,\n\t"mcpServers": {\n\t\t"db": {"command": "x"}\n\t}\n}'
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    change = install("claude", home=tmp_path, command=COMMAND)
    assert read(path) == {
        "numStartups": 7,
        "mcpServers": {"db": {"command": "x"}, "coco": STDIO},
    }
    assert path.stat().st_mode & 0o777 == 0o600
    assert change.backup is not None
    assert change.backup.stat().st_mode & 0o777 == 0o600
    assert change.backup.read_text(encoding="utf-8") == text
    removed = [line for line in change.diff.split("\n") if line.startswith("-\t")]
    assert removed == ['-\t\t"db": {"command": "x"}']
    uninstall("claude", home=tmp_path)
    assert path.read_text(encoding="utf-8") == text
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        ".claude.json",
        ".claude.json.coco-backup",
    ]


def test_comments_and_a_byte_order_mark_stay(tmp_path):
    path = tmp_path / ".config/zed/settings.json"
    path.parent.mkdir(parents=True)
    path.write_text(
        '\ufeff{\r\n  // mine\r\n  "theme": "One",\r\n}\r\n', encoding="utf-8", newline=""
    )
    install("zed", home=tmp_path, command=COMMAND, platform="linux")
    with path.open(encoding="utf-8", newline="") as file:
        text = file.read()
    assert text.startswith(
        '\ufeff{\r\n  // mine\r\n  "theme": "One",\r\n  "context_servers": {\r\n'
    )
    assert "\n" not in text.replace("\r\n", "")


@pytest.mark.parametrize(
    ("name", "place", "text"),
    [
        ("claude", ".claude.json", '{"mcpServers": '),
        ("claude", ".claude.json", '{"mcpServers": []}'),
        ("codex", ".codex/config.toml", "model = \n"),
        ("codex", ".codex/config.toml", 'mcp_servers = { coco = { command = "x" } }\n'),
        ("opencode", ".config/opencode/opencode.json", "[]"),
    ],
)
def test_broken_files_are_left_alone(tmp_path, name, place, text):
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Unreadable) as caught:
        install(name, home=tmp_path, command=COMMAND, platform="linux")
    assert str(path) in caught.value.message
    assert "--print" in (caught.value.hint or "")
    assert path.read_text(encoding="utf-8") == text
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_file_in_another_encoding_is_left_alone(tmp_path):
    path = tmp_path / ".claude.json"
    path.write_bytes('{"name": "café"}'.encode("latin-1"))
    with pytest.raises(Unreadable, match="not UTF-8"):
        install("claude", home=tmp_path, command=COMMAND)
    assert path.read_bytes() == '{"name": "café"}'.encode("latin-1")


def test_a_linked_file_stays_a_link(tmp_path):
    target = tmp_path / "dotfiles/mcp.json"
    target.parent.mkdir()
    target.write_text("{}\n", encoding="utf-8")
    link = tmp_path / ".cursor/mcp.json"
    link.parent.mkdir()
    link.symlink_to(target)
    install("cursor", home=tmp_path, command=COMMAND)
    assert link.is_symlink()
    assert read(target)["mcpServers"]["coco"] == STDIO


def test_a_file_that_changed_meanwhile_is_not_written_over(tmp_path):
    path = tmp_path / ".claude.json"
    path.write_text("{}", encoding="utf-8")
    change = install("claude", home=tmp_path, command=COMMAND, dry_run=True)
    path.write_text('{"numStartups": 8}', encoding="utf-8")
    with pytest.raises(Conflict, match="changed by another program"):
        write(change)
    assert path.read_text(encoding="utf-8") == '{"numStartups": 8}'


def test_opencode_keeps_to_the_form_of_the_file(tmp_path):
    path = tmp_path / "opencode.jsonc"
    path.write_text('{\n  // new form\n  "mcp": {"servers": {}}\n}\n', encoding="utf-8")
    install("opencode", "project", project_dir=tmp_path, home=tmp_path, command=COMMAND)
    assert read(path)["mcp"] == {"servers": {"coco": {"type": "local", "command": ["coco", "mcp"]}}}
    uninstall("opencode", "project", project_dir=tmp_path, home=tmp_path)
    assert read(path)["mcp"] == {"servers": {}}


@pytest.mark.parametrize(
    ("name", "platform", "environ", "place"),
    [
        ("vscode", "darwin", {}, "Library/Application Support/Code/User/mcp.json"),
        ("vscode", "win32", {}, "AppData/Roaming/Code/User/mcp.json"),
        ("claude-desktop", "win32", {"APPDATA": "/r"}, "/r/Claude/claude_desktop_config.json"),
        ("zed", "darwin", {"XDG_CONFIG_HOME": "/x"}, ".config/zed/settings.json"),
        ("zed", "linux", {"XDG_CONFIG_HOME": "/x"}, "/x/zed/settings.json"),
        ("codex", "linux", {"CODEX_HOME": "/c"}, "/c/config.toml"),
        ("claude", "linux", {"CLAUDE_CONFIG_DIR": "/k"}, "/k/.claude.json"),
        ("copilot", "linux", {"COPILOT_HOME": "/g"}, "/g/mcp-config.json"),
        ("reasonix", "win32", {"APPDATA": "/r"}, "/r/reasonix/config.toml"),
        ("reasonix", "linux", {"REASONIX_HOME": "/x"}, "/x/config.toml"),
        ("pi", "linux", {"PI_CODING_AGENT_DIR": "/p"}, "/p/mcp.json"),
    ],
)
def test_platforms_and_variables(tmp_path, name, platform, environ, place):
    change = install(
        name, home=tmp_path, command=COMMAND, dry_run=True, environ=environ, platform=platform
    )
    assert change.path == tmp_path / place


def test_names_people_type(tmp_path):
    assert find_client("Claude-Code").name == "claude"
    assert find_client("code").name == "vscode"
    assert find_client("kilo-code").name == "kilo"
    with pytest.raises(InvalidInput) as caught:
        find_client("emacs")
    assert "claude, claude-desktop, cursor" in (caught.value.hint or "")
    with pytest.raises(InvalidInput, match="needs the project's directory"):
        install("claude", "project", home=tmp_path, command=COMMAND)


def test_the_command_is_absolute_and_there():
    command = coco_command()
    assert Path(command.program).is_absolute()
    assert os.access(command.program, os.X_OK)
    assert command.arguments[-1] == "mcp"


def test_diff_of_a_new_file(tmp_path):
    change = Change(tmp_path / "a.json", None, "{}\n", "X", "")
    assert change.diff.split("\n")[:2] == [f"--- {os.devnull}", f"+++ {tmp_path / 'a.json'}"]

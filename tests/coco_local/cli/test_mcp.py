import asyncio
import json
import os
import sys

import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


@pytest.fixture
def user(tmp_path, monkeypatch):
    """A home directory of somebody else."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return tmp_path


def test_clients_are_listed(coco) -> None:
    assert coco("mcp", "install", "--list").out.splitlines()[0].split() == [
        "CLIENT",
        "PROGRAM",
        "SCOPES",
    ]
    names = {
        client["name"] for client in coco("mcp", "install", "--list", "--json").data["clients"]
    }
    assert names >= {"claude", "cursor", "vscode", "codex"}


def test_printing_writes_nothing(coco, user) -> None:
    coco("mcp", "install", "cursor", "--print").prints('+    "coco": {')
    assert not (user / ".cursor").exists()


def test_install_twice_and_uninstall(coco, user) -> None:
    first = coco("mcp", "install", "cursor")
    assert first.code == 0
    path = user / ".cursor" / "mcp.json"
    assert f"wrote {path}" in first.err
    assert "coco" in json.loads(path.read_text(encoding="utf-8"))["mcpServers"]
    assert "nothing to change" in coco("mcp", "install", "cursor").out
    removed = coco("mcp", "uninstall", "cursor", "--json").data
    assert (removed["changed"], removed["written"]) == (True, True)
    assert "coco" not in json.loads(path.read_text(encoding="utf-8")).get("mcpServers", {})


def test_the_projects_own_configuration(coco, user, monkeypatch) -> None:
    monkeypatch.chdir(user)
    assert coco("mcp", "install", "vscode", "--scope", "project").code == 0
    assert (user / ".vscode" / "mcp.json").exists()


def test_from_below_the_top_of_a_repository_its_top_is_meant(coco, user, monkeypatch) -> None:
    (user / "repository" / ".git").mkdir(parents=True)
    (user / "repository" / "deep").mkdir()
    monkeypatch.chdir(user / "repository" / "deep")
    assert coco("mcp", "install", "cursor", "--scope", "project").code == 0
    assert (user / "repository" / ".cursor" / "mcp.json").exists()


def test_instructions_come_and_go_with_the_entry(coco, user, monkeypatch) -> None:
    monkeypatch.chdir(user)
    (user / "AGENTS.md").write_text("# Rules\n", encoding="utf-8")
    arguments = ("codex", "--scope", "project", "--instructions")
    shown = coco("mcp", "install", *arguments, "--print")
    shown.prints("+[mcp_servers.coco]")
    shown.prints("+## Finding code with CoCo")
    assert not (user / ".codex").exists()
    written = coco("mcp", "install", *arguments, "--json").data
    assert written["written"]
    assert written["instructions"]["path"] == str(user / "AGENTS.md")
    committed = (user / ".codex" / "config.toml").read_text(encoding="utf-8")
    assert committed == '[mcp_servers.coco]\ncommand = "coco"\nargs = ["mcp"]\n'
    assert "nothing to change" in coco("mcp", "install", *arguments).out
    assert coco("mcp", "uninstall", *arguments).code == 0
    assert (user / "AGENTS.md").read_text(encoding="utf-8") == "# Rules\n"


def test_without_a_place_for_instructions_nothing_is_written(coco, user) -> None:
    coco("mcp", "install", "cursor", "--instructions").fails("reads no file of instructions")
    assert not (user / ".cursor").exists()


def test_unknown_clients_and_no_client(coco) -> None:
    coco("mcp", "install", "nonsense").fails("claude")
    assert "coco mcp install --list" in coco("mcp", "install").err


def test_the_server_speaks_mcp(shop) -> None:
    parameters = StdioServerParameters(
        command=sys.executable, args=["-m", "coco_local.cli", "mcp"], env=dict(os.environ)
    )

    async def ask() -> str:
        async with (
            stdio_client(parameters) as (incoming, outgoing),
            ClientSession(incoming, outgoing) as session,
        ):
            await session.initialize()
            answer = await session.call_tool("search", {"query": "retry_with_backoff"})
            return str(answer.content[0].text)

    assert "shop/retry.py" in asyncio.run(ask())

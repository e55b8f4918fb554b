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

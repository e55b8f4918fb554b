"""Live updates and servers: until a signal, and clean after it."""

from __future__ import annotations

import json
import signal
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.coco_flow.cli.program import Background, coco_flow, rows
from tests.waiting import until

SLOW = """
import time

import coco_flow
from coco_flow import sources, targets


@coco_flow.op.function()
def slow(text: str) -> str:
    time.sleep(0.05)
    return text


@coco_flow.flow_def(name="Slow")
def slow_flow(builder, scope):
    scope["docs"] = builder.add_source(sources.LocalFile(path="many"))
    out = scope.add_collector()
    with scope["docs"].row() as doc:
        doc["copy"] = doc["content"].transform(slow)
        out.collect(filename=doc["filename"], copy=doc["copy"])
    table = targets.SQLite(path="out.db", table_name="chunks")
    out.export("t", table, primary_key_fields=["filename"])
"""


@pytest.mark.row("CLI-9 update")
@pytest.mark.row("LC-15 CLI")
@pytest.mark.row("LIVE-1 live mode")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_live_follows_changes_until_a_signal(built: Path, number: int) -> None:
    with Background(built, "update", "app.py:DocFlow", "--live") as live:
        live.wait_for("up to date and watches its sources")
        (built / "docs" / "new.md").write_text("brand new")
        live.wait_for(r"DocFlow\.documents: 1 added")
        assert "new.md" in rows(built)
        (built / "docs" / "bad.md").write_text("BOOM")
        live.wait_for(r"warning: DocFlow: documents bad\.md .*boom in the text")
        (built / "docs" / "new.md").unlink()
        live.wait_for(r"DocFlow\.documents: .*1 deleted")
        (built / "docs").rename(built / "away")
        live.wait_for(r"Updating source 'documents' failed.*The folder '.*docs' does not exist")
        (built / "away").rename(built / "docs")
        assert live.stop(number) == 0, live.output
    assert rows(built) == ["a.md", "b.md"]
    assert "Traceback" not in live.output


def test_live_json_is_a_line_for_each_change(built: Path) -> None:
    with Background(built, "update", "app.py:DocFlow", "-L", "--json") as live:
        live.wait_for('"num_no_change": 2')
        (built / "docs" / "new.md").write_text("brand new")
        live.wait_for('"num_insertions": 1')
        assert live.stop() == 0
    documents = [json.loads(line) for line in live.output.splitlines() if line.startswith("{")]
    assert [entry["rows"] for entry in documents] == [{"num_no_change": 2}, {"num_insertions": 1}]


@pytest.mark.row("LIVE-1b no capture mechanism")
def test_live_without_a_source_to_watch_ends_with_a_warning(folder: Path) -> None:
    done = coco_flow(folder, "update", "app.py:OtherFlow", "--live", "--force")
    assert done.returncode == 0
    assert "OtherFlow.notes: 1 added" in done.stdout
    assert done.stderr.count("none has a refresh_interval") == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_update_that_is_stopped_goes_on_the_next_time(
    folder: Path, number: int, code: int
) -> None:
    (folder / "slow.py").write_text(SLOW)
    (folder / "many").mkdir()
    for index in range(400):
        (folder / "many" / f"{index}.txt").write_text(str(index))
    with Background(folder, "update", "slow.py", "--force") as running:
        until(lambda: rows(folder))
        assert running.stop(number) == code
    assert "Stopping after the rows in flight" in running.output
    assert "the next update continues from here" in running.output
    before = len(rows(folder))
    assert 0 < before < 400
    done = coco_flow(folder, "update", "slow.py")
    assert f"{400 - before} added, {before} no change" in done.stdout
    assert len(rows(folder)) == 400


def test_a_second_ctrl_c_stops_at_once(folder: Path) -> None:
    waiting = 'open("started", "w").close()\n    time.sleep(600)'
    (folder / "slow.py").write_text(SLOW.replace("time.sleep(0.05)", waiting))
    (folder / "many").mkdir()
    (folder / "many" / "one.txt").write_text("1")
    with Background(folder, "update", "slow.py", "--force") as running:
        until((folder / "started").exists)
        running.process.send_signal(signal.SIGINT)
        running.wait_for("again to stop immediately")
        assert running.stop() == 130
    assert "Traceback" not in running.output


def test_a_killed_update_is_interrupted_in_the_list_of_runs(folder: Path) -> None:
    (folder / "slow.py").write_text(SLOW.replace("sleep(0.05)", "sleep(0.5)"))
    (folder / "many").mkdir()
    for index in range(400):
        (folder / "many" / f"{index}.txt").write_text(str(index))
    with Background(folder, "update", "slow.py", "--force") as running:
        until(lambda: rows(folder))
        assert "running" in coco_flow(folder, "runs").stdout
        assert "an update is running" in coco_flow(folder, "doctor").stdout
        running.stop(signal.SIGKILL)
    assert "interrupted" in coco_flow(folder, "runs").stdout
    assert "the next one continues from there" in coco_flow(folder, "doctor").stdout


def test_a_second_update_waits_and_says_so(folder: Path) -> None:
    (folder / "slow.py").write_text(SLOW.replace("sleep(0.05)", "sleep(0.5)"))
    (folder / "many").mkdir()
    for index in range(200):
        (folder / "many" / f"{index}.txt").write_text(str(index))
    with Background(folder, "update", "slow.py", "--force") as first:
        until(lambda: rows(folder))
        with Background(folder, "update", "slow.py") as second:
            second.wait_for("warning: Flow Slow is being updated elsewhere; waiting for it.")
            assert first.process.wait(60) == 0
            assert second.process.wait(60) == 0
    assert "200 added" in first.output
    assert "200 no change" in second.output


# Goes on once two processes have come to it.
_TWO_PROCESSES = """
    import glob, os

    open(f"process-{os.getpid()}", "w").close()
    while len(glob.glob("process-*")) < 2:
        time.sleep(0.02)
    return text
"""


def test_processes_share_an_update(folder: Path) -> None:
    (folder / "slow.py").write_text(
        SLOW.replace("    time.sleep(0.05)\n    return text\n", _TWO_PROCESSES)
    )
    (folder / "many").mkdir()
    for index in range(600):
        (folder / "many" / f"{index}.txt").write_text(str(index))
    command = ("update", "slow.py", "--shared", "--force", "--json")
    with Background(folder, *command) as first, Background(folder, *command) as second:
        # Each waits for the other: if one fails, the other never ends.
        until(lambda: first.process.poll() or second.process.poll() or _ended(first, second), 60)
        codes = [first.process.poll(), second.process.poll()]
    assert codes == [0, 0], first.output + second.output
    done = []
    for output in (first.output, second.output):
        document = json.loads(output[output.index('{\n  "flows"') :])
        done.append(document["flows"][0]["sources"]["docs"]["num_insertions"])
    assert sum(done) == 600
    assert min(done) > 0, "both took part"
    assert len(rows(folder)) == 600


def _ended(*programs: Background) -> bool:
    return all(program.process.poll() is not None for program in programs)


def _ask(url: str, token: str | None = None, body: Any = None) -> tuple[int, Any]:
    headers = {"content-type": "application/json"}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, None


@pytest.mark.row("CLI-11 server")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_asks_for_a_token_and_ends_with_0(built: Path, number: int) -> None:
    with Background(built, "server", "app.py:DocFlow", "-a", "127.0.0.1:0") as server:
        url = server.wait_for(r"Server running at (http://127\.0\.0\.1:\d+)/api")[1]
        token = server.wait_for(r"Token: (\S+)")[1]
        assert _ask(f"{url}/healthz")[0] == 200
        assert _ask(f"{url}/api/flows")[0] == 401
        assert _ask(f"{url}/api/flows", token) == (200, ["DocFlow", "OtherFlow"])
        assert server.stop(number) == 0, server.output
    assert "Traceback" not in server.output


@pytest.mark.row("LIVE-9 with server")
@pytest.mark.row("VIS-7 server + live")
def test_a_server_follows_changes(built: Path) -> None:
    arguments = ["app.py:DocFlow", "-a", "127.0.0.1:0", "--token", "word", "--live-update"]
    with Background(built, "server", *arguments) as server:
        url = server.wait_for(r"(http://127\.0\.0\.1:\d+)/api")[1]
        server.wait_for("watches its sources")
        query = f"{url}/api/flows/DocFlow/query/search"
        assert _ask(query, "word", {"query": "hedgehog"})[1]["results"] == []
        (built / "docs" / "new.md").write_text("a hedgehog")
        found = until(lambda: _ask(query, "word", {"query": "hedgehog"})[1]["results"])
        assert found == [{"filename": "new.md", "words": 2}]
        assert server.stop() == 0


@pytest.mark.row("CLI-11b server without flows")
def test_a_server_without_flows_does_not_start(folder: Path) -> None:
    (folder / "empty.py").write_text("")
    done = coco_flow(folder, "server", "empty.py", "-a", "127.0.0.1:0")
    assert done.returncode == 2
    assert "Server running" not in done.stdout


def test_a_server_that_others_could_reach_needs_a_token(built: Path) -> None:
    done = coco_flow(built, "server", "app.py", "-a", "0.0.0.0:0", "--no-token")
    assert done.returncode == 1
    assert "the server has no token" in done.stderr


@pytest.mark.row("CLI-11c --reload")
def test_a_server_starts_again_when_code_changes_and_resets_once(built: Path) -> None:
    arguments = ["app.py:DocFlow", "-a", "127.0.0.1:0", "--no-token", "-r", "--reset", "-f", "-L"]
    with Background(built, "server", *arguments) as server:
        url = server.wait_for(r"(http://127\.0\.0\.1:\d+)/api")[1]
        server.wait_for("DocFlow.documents: 2 added")
        text = (built / "app.py").read_text()
        (built / "app.py").write_text(text.replace("async def mean(", "async def renamed("))
        server.wait_for("Changed: app.py; starting again.")
        server.wait_for("DocFlow.documents: 2 no change")
        url = until(lambda: _two(server.output))[1]
        handlers = _ask(f"{url}/api/flows/DocFlow")[1]["query_handlers"]
        assert set(handlers) == {"search", "renamed"}
        assert server.stop() == 0, server.output
    assert server.output.count("[to delete]") == 1


def _two(output: str) -> list[str] | None:
    import re

    found = re.findall(r"(http://127\.0\.0\.1:\d+)/api", output)
    return found if len(found) == 2 else None

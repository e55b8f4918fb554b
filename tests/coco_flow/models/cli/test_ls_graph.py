"""`coco-flow models ls` and `graph`, and how an application and a pipeline are named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.coco_flow.cli.program import Screen, coco_flow, document, environment


def test_ls_shows_models_and_pipelines(folder: Path) -> None:
    done = coco_flow(folder, "models", "ls", "app.py")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["MODEL", "TABLE", "STRATEGY", "INPUTS", "DESCRIPTION"]
    assert lines[1][:4] == ["demo.totals", "totals", "replace", "demo.words"]
    assert done.stdout.splitlines()[2].endswith("documents   Count the words of each document.")
    assert lines[-1] == ["demo", "demo.totals,", "demo.words"]
    found = document(coco_flow(folder, "models", "ls", "app.py", "--json"))
    assert [one["name"] for one in found["models"]] == ["demo.totals", "demo.words"]
    assert found["models"][1]["inputs"] == {"documents": "documents"}
    assert found["pipelines"] == [
        {"name": "demo", "models": ["demo.totals", "demo.words"], "stop_on_error": True}
    ]


def test_graph_shows_levels_and_what_is_read(folder: Path) -> None:
    done = coco_flow(folder, "models", "graph", "app.py")
    assert done.stdout.splitlines() == [
        "Pipeline demo",
        "outside",
        "  documents",
        "level 1",
        "  demo.words → words (replace)",
        "    reads documents as documents",
        "level 2",
        "  demo.totals → totals (replace)",
        "    reads demo.words as counted",
    ]


def test_graph_as_mermaid_and_as_json(folder: Path) -> None:
    mermaid = coco_flow(folder, "models", "graph", "app.py:demo", "--format", "mermaid").stdout
    assert mermaid.splitlines()[0] == "flowchart LR"
    assert '    n0[("documents")]' in mermaid.splitlines()
    assert '        n1["demo.words<br/>words"]' in mermaid.splitlines()
    assert mermaid.rstrip().endswith("n0 --> n1\n    n1 --> n2")
    for options in (["--json"], ["--format", "json"]):
        found = document(coco_flow(folder, "models", "graph", "app.py", *options))
        assert found["levels"] == [["demo.words"], ["demo.totals"]]
        assert [(one["id"], one["kind"], one["level"]) for one in found["nodes"]] == [
            ("documents", "table", 0),
            ("demo.words", "model", 1),
            ("demo.totals", "model", 2),
        ]
        assert found["edges"][1] == {
            "source": "demo.words", "target": "demo.totals", "inputs": ["counted"],
        }  # fmt: skip


def test_a_module_of_models_is_a_pipeline_too(folder: Path) -> None:
    done = coco_flow(folder, "models", "graph", "others.py:other")
    assert done.returncode == 0
    assert done.stdout.startswith("Pipeline other\n")
    text = (folder / "app.py").read_text()
    (folder / "plain.py").write_text(text[: text.index("PIPELINE")])
    alone = coco_flow(folder, "models", "graph", "plain.py")
    assert alone.stdout.startswith("Pipeline demo\n"), "its models have one module"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["ls", "nofile.py"], 1, "There is no file 'nofile.py'"),
        (["ls", "nothing"], 1, "There is no module 'nothing'"),
        (["ls", "empty.py"], 2, "No models found in 'empty.py'"),
        (["ls"], 2, "Missing argument 'APP'"),
        (["graph", "app.py:"], 2, "names no pipeline behind the colon"),
        (["graph", ":demo"], 2, "give APP or APP:PIPELINE"),
        (["graph", "app.py:dmo"], 1, "There is no pipeline 'dmo', and no model of that module."),
        (["graph", "app.py:dmo"], 1, "hint: Pipelines: demo; models: demo.totals, demo.words."),
        (["graph", "others.py"], 2, "Multiple pipelines found in 'others.py': bad, circle, lost."),
        (["graph", "others.py"], 2, "Say which, such as others.py:bad"),
        (["graph", "others.py:circle"], 1, "circle.left → circle.right → circle.left"),
        (["graph", "app.py", "--format", "dot"], 2, "'dot' is not one of"),
        (["grph", "app.py"], 2, "There is no command 'grph'. Did you mean 'graph'?"),
    ],
)
def test_errors_are_told_in_words_with_their_exit_code(
    folder: Path, arguments: list[str], code: int, words: str
) -> None:
    (folder / "empty.py").write_text("")
    done = coco_flow(folder, "models", *arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_several_pipelines_are_offered_on_a_terminal(folder: Path) -> None:
    with Screen(folder, "models", "graph", "others.py") as screen:
        screen.wait_for("> bad")
        screen.press("\x1b[A")
        screen.wait_for("> lost")
        screen.press("\r")
        assert screen.end() == 0
    assert "Pipeline lost" in screen.text


@pytest.mark.parametrize("command", ["ls", "run"])
def test_a_missing_package_is_named_with_its_extra(folder: Path, command: str) -> None:
    package = "sqlmodel" if command == "ls" else "dbos"
    program = (
        "import importlib.machinery as m, sys\n"
        "find = m.PathFinder.find_spec\n"
        f"m.PathFinder.find_spec = lambda n, *a: None if n == {package!r} else find(n, *a)\n"
        "from coco_flow.cli import main\n"
        f"sys.exit(main(['models', {command!r}, 'app.py']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment(), capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"needs the package {package!r}, which is not installed." in done.stderr
    assert "pip install 'coco-flow[models]'" in done.stderr


def test_help_of_the_group_imports_nothing_heavy(folder: Path) -> None:
    code = "import sys, coco_flow.cli as c; c.main(['models', '--help']); print(*sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment(), capture_output=True,
        text=True, check=True,
    ).stdout  # fmt: skip
    loaded = shown.splitlines()[-1].split()
    assert not {"pandas", "dbos", "sqlmodel", "sqlalchemy", "dspy", "rich"} & set(loaded)
    for name in ("ls", "graph", "run", "resume", "cancel", "fork", "status", "history", "worker"):
        assert f"\n  {name} " in shown

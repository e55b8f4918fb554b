"""What is installed, how, and what is said where something is missing; what the guide explains."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

import coco_flow
from tests.coco_flow.base_install import NEEDED_EXTRA

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "packages/coco_flow/pyproject.toml").read_text("utf-8"))["project"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("base")
    ended = subprocess.run(
        [sys.executable, "-m", "tests.coco_flow.base_install", str(folder)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        cwd=ROOT,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.row("OV-8 extras")
def test_the_base_alone_runs_a_flow(base: Any) -> None:
    assert base["rows"] == [["a.md", "# One\n\nA text."], ["a.md", "# Two\n\nMore text."]]


@pytest.mark.row("OV-8 extras")
@pytest.mark.row("BLD-2 extras")
@pytest.mark.parametrize(("operation", "extra"), NEEDED_EXTRA.items())
def test_a_missing_extra_is_named_before_any_row_runs(
    base: Any, operation: str, extra: str
) -> None:
    message = base["errors"][operation]
    assert message.startswith("ExtraMissing: ")
    assert f"Run: pip install 'coco-flow[{extra}]'" in message
    assert extra in PROJECT["optional-dependencies"]


@pytest.mark.row("IN-2 canonical form")
def test_another_process_and_another_order_lead_to_the_same_digests(tmp_path: Path) -> None:
    program = """
import sys
import coco_flow
from coco_flow import op
from tests.flow_parts import MemorySource, MemoryTarget, rows_of

class Table(op.FunctionSpec):
    words: dict[str, int]

@op.executor_class(cache=True, behavior_version=1)
class TableExecutor:
    spec: Table

    def __call__(self, text: str, more: coco_flow.Json) -> int:
        print("called")
        return self.spec.words[text] + more["plus"]

names = ["a", "b", "c", "plus"]
if sys.argv[2] == "reversed":
    names.reverse()
words = {name: ord(name) for name in names if name != "plus"}
more = {name: 1 for name in names}

def define(builder, scope):
    scope["docs"] = builder.add_source(MemorySource(name="docs"))
    out = scope.add_collector()
    with scope["docs"].row() as doc:
        doc["value"] = doc["content"].transform(Table(words=words), more)
        out.collect(key=doc["filename"], value=doc["value"])
    out.export("t", MemoryTarget(name="t"), primary_key_fields=["key"])

coco_flow.init(coco_flow.Settings(database=coco_flow.DatabaseConnectionSpec(sys.argv[1])))
rows_of("docs")["x"] = "b"
flow = coco_flow.open_flow("F", define)
flow.setup()
print(flow.update().stats)
"""
    outputs = [
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "state.db"), order],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout.split("\n")
        for order, seed in (("sorted", "1"), ("reversed", "2"))
    ]
    assert outputs[0] == ["called", "{'docs': {'num_insertions': 1}}", ""]
    assert outputs[1] == ["{'docs': {'num_no_change': 1}}", ""]


@pytest.mark.row("DEV-2 run against working copy")
def test_the_working_copy_is_what_is_imported() -> None:
    assert Path(coco_flow.__file__).is_relative_to(ROOT / "packages")
    url = json.loads(distribution("coco-flow").read_text("direct_url.json") or "{}")
    assert url["dir_info"] == {"editable": True}, "an edit needs no new installation"


@pytest.mark.row("DEV-1 tooling")
def test_one_command_sets_up_and_one_runs_all_checks() -> None:
    scripts = {name: ROOT / "scripts" / name for name in ("setup", "check", "test")}
    assert all(os.access(path, os.X_OK) for path in scripts.values())
    check = scripts["check"].read_text("utf-8")
    for tool in ("setup dev", "ruff check", "ruff format --check", "mypy packages/*/src", "lint-"):
        assert tool in check
    assert "-m pytest" in scripts["test"].read_text("utf-8")
    assert "-e packages/coco_flow[" in (ROOT / "scripts/requirements-dev.txt").read_text("utf-8")


@pytest.mark.row("DEP-3/DEP-4 deployment notes")
def test_every_package_that_is_needed_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pinned = {re.split(r"==", line)[0].lower() for line in lines if "==" in line}
    extras = PROJECT["optional-dependencies"]
    optional = {"colpali", "litellm", "sentence-transformers"}
    needed = [
        *PROJECT["dependencies"],
        *(line for name, lines in extras.items() if name not in optional for line in lines),
    ]
    names = {re.split(r"[\[<>=; ]", line)[0].lower() for line in needed}
    assert {name for name in names if not name.startswith("coco-")} - pinned == set()
    # How many connections a deployment may open is a setting.
    assert coco_flow.DatabaseConnectionSpec("url", max_connections=3).max_connections == 3


GUIDE = (ROOT / "docs" / "flow.md").read_text("utf-8")


def _rows_of_table(heading: str) -> list[list[str]]:
    section = GUIDE.split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


@pytest.mark.row("PDF-5 choice guide")
def test_the_guide_says_which_reader_to_choose_and_names_real_ones() -> None:
    rows = _rows_of_table("Choosing a document reader")
    assert len(rows) >= 4
    named = {name for row in rows for name in re.findall(r"`(\w+)", row[1])}
    assert {"ReadPdf", "PdfPages", "ReadDocx", "ExtractByLlm"} <= named
    assert named <= set(coco_flow.functions.__all__)


@pytest.mark.row("OP-9 guidance")
def test_the_guide_says_when_to_write_what() -> None:
    rows = _rows_of_table("What you can add")
    assert [row[0] for row in rows] == [
        "a function", "a function with parameters, a model, a client", "a source", "a target",
    ]  # fmt: skip
    for name in re.findall(r"op\.(\w+)", " ".join(row[1] for row in rows)):
        assert hasattr(coco_flow.op, name)
    assert "Use a function where a value follows from values" in GUIDE

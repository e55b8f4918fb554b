"""`ls` and `show`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.coco_flow.cli.program import coco_flow, document


@pytest.mark.row("CLI-5 ls")
def test_ls_marks_what_is_not_set_up(folder: Path) -> None:
    first = coco_flow(folder, "ls", "app.py").stdout
    assert first.startswith("DocFlow [+]\nOtherFlow [+]\n")
    assert "[+]: defined here" in first
    assert not (folder / ".coco_flow").exists(), "looking makes no state"
    coco_flow(folder, "setup", "app.py:DocFlow", "--force")
    assert coco_flow(folder, "ls", "app.py").stdout.startswith("DocFlow\nOtherFlow [+]\n")


@pytest.mark.row("CLI-5 ls")
@pytest.mark.row("SET-7 flows with setup")
def test_ls_without_an_application_lists_flows_of_this_namespace_with_state(folder: Path) -> None:
    assert coco_flow(folder, "ls").stdout == "No flow has state here.\n"
    assert not (folder / ".coco_flow").exists()
    coco_flow(folder, "setup", "app.py:DocFlow", "--force")
    names = {"COCO_FLOW_APP_NAMESPACE": "Staging"}
    coco_flow(folder, "setup", "app.py:OtherFlow", "--force", **names)
    assert coco_flow(folder, "ls").stdout == "DocFlow\n"
    assert coco_flow(folder, "ls", **names).stdout == "OtherFlow\n"


def test_ls_tells_a_changed_definition_and_figures(built: Path) -> None:
    assert coco_flow(built, "ls", "app.py:DocFlow", "--long").stdout.startswith(
        "DocFlow  documents: 2 rows; last update "
    )
    text = (built / "app.py").read_text().replace("words=chunk", "number=chunk", 1)
    (built / "app.py").write_text(text)
    changed = coco_flow(built, "ls", "app.py").stdout
    assert changed.startswith("DocFlow [~]\nOtherFlow [+]\n")
    entry = document(coco_flow(built, "ls", "app.py", "-l", "--json"))["entries"][0]
    assert (entry["name"], entry["state"], entry["rows"]) == (
        "DocFlow",
        "changed",
        {"documents": 2},
    )
    assert entry["last_update"]["status"] == "done"


@pytest.mark.row("CLI-6 show")
def test_show_prints_every_field_with_its_type(folder: Path) -> None:
    done = coco_flow(folder, "show", "app.py:DocFlow", "--no-color")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    lines = [line.split() for line in done.stdout.splitlines()]
    for row in (
        ["documents", "KTable(1)"],
        ["documents[].filename", "Str", "key"],
        ["documents[].chunks", "KTable(1)", "cocoindex.io/chunk_base_text"],
        ["documents[].chunks[].location", "Range", "key"],
        ["documents[].chunks[].start.offset", "Int64"],
        ["documents[].chunks[].words", "Int64"],
        ["chunks[].words", "Int64"],
    ):
        assert row in lines
    tree = done.stdout.split("Schema of")[0]
    for words in (
        '└── documents: LocalFile(path="docs"',
        "changes: ",
        'chunks = SplitRecursively(documents.content, language="markdown", chunk_size=2000)',
        "words = CountWords(chunks.text)",
        "collect into chunks: filename, location, text, words",
        'chunks: SQLite(path="out.db", table_name="chunks") from chunks',
        "key: filename, location",
        "search(query: str, limit: int = 10, exact: bool = False)",
    ):
        assert words in tree


def test_show_says_how_changes_are_noticed(folder: Path) -> None:
    watched = coco_flow(folder, "show", "app.py:DocFlow").stdout
    assert "changes: file system" in watched or "changes: by the file system" in watched, watched
    polled = (
        (folder / "app.py")
        .read_text()
        .replace(
            'sources.LocalFile(path="notes")',
            'sources.LocalFile(path="notes"), refresh_interval=__import__("datetime").timedelta(1)',
        )
    )
    (folder / "app.py").write_text(polled)
    assert "listed again every 86400 s" in coco_flow(folder, "show", "app.py:OtherFlow").stdout


def test_show_uses_color_when_told_and_verbose_shows_specs_whole(folder: Path) -> None:
    plain = coco_flow(folder, "show", "app.py:DocFlow").stdout
    colored = coco_flow(folder, "show", "app.py:DocFlow", "--color", "-v").stdout
    assert "\x1b[" not in plain
    assert "\x1b[" in colored
    assert "behavior_version=1" not in plain
    assert "behavior_version=1" in colored


def test_show_as_json_is_the_definition(folder: Path) -> None:
    shown = document(coco_flow(folder, "show", "app.py:DocFlow", "--json"))
    assert shown["sources"][0]["spec"]["path"] == "docs"
    assert shown["query_handlers"] == ["search", "mean"]


def test_a_flow_whose_code_is_gone_can_be_shown(built: Path) -> None:
    (built / "app.py").unlink()
    done = coco_flow(built, "show", "--stored", "DocFlow")
    assert "words = CountWords(chunks.text)" in done.stdout
    wrong = coco_flow(built, "show", "--stored", "DokFlow")
    assert wrong.returncode == 1
    assert "Did you mean 'DocFlow'?" in wrong.stderr


@pytest.mark.row("AUTH-1 secrets outside specs")
def test_show_contains_no_secret(folder: Path) -> None:
    (folder / "secret.py").write_text(
        """
import coco_flow
from coco_flow import sources, targets

database = coco_flow.DatabaseConnectionSpec("postgresql://joe:word-1@host/db", password="word-2")
reference = coco_flow.add_auth_entry("main_db", database)


class Held(coco_flow.op.FunctionSpec):
    api_key: str
    address: str


@coco_flow.op.executor_class()
class HeldExecutor:
    spec: Held

    def __call__(self, text: str) -> str:
        return text


@coco_flow.flow_def(name="Secret")
def secret(builder, scope):
    scope["docs"] = builder.add_source(sources.LocalFile(path="docs"))
    out = scope.add_collector()
    with scope["docs"].row() as doc:
        doc["held"] = doc["content"].transform(
            Held(api_key="word-3", address="https://me:word-4@service/")
        )
        out.collect(filename=doc["filename"], held=doc["held"])
    out.export("t", targets.Postgres(database=reference), primary_key_fields=["filename"])
"""
    )
    for options in (["--verbose"], ["--json"]):
        done = coco_flow(folder, "show", "secret.py", *options)
        assert done.returncode == 0, done.stderr
        assert "main_db" in done.stdout
        assert "word-" not in done.stdout
        assert "https://me:***@service/" in done.stdout

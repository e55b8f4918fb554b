"""Small programs written for CocoIndex, run by its command line and as scripts.

Public programs themselves are run by run_programs.py, which needs a checkout of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

COMPAT = Path(__file__).parent

V0 = """
import dataclasses
import datetime
import pathlib
import sys

import cocoindex
from dotenv import load_dotenv


class Folder(cocoindex.op.TargetSpec):
    directory: str


@dataclasses.dataclass
class Note:
    text: str
    words: int


@cocoindex.op.target_connector(spec_cls=Folder, persistent_key_type=str)
class FolderConnector:
    @staticmethod
    def get_persistent_key(spec: Folder, target_name: str) -> str:
        return spec.directory

    @staticmethod
    def apply_setup_change(key: str, previous: Folder | None, current: Folder | None) -> None:
        if current is not None:
            pathlib.Path(key).mkdir(exist_ok=True)

    @classmethod
    def mutate(cls, *all_mutations: tuple[Folder, dict[str, Note | None]]) -> None:
        for spec, mutations in all_mutations:
            for name, note in mutations.items():
                path = pathlib.Path(spec.directory, f"{name}.out")
                if note is None:
                    path.unlink(missing_ok=True)
                else:
                    path.write_text(f"{note.words} {note.text}")


class Shout(cocoindex.op.FunctionSpec):
    mark: str = "!"


@cocoindex.op.executor_class(cache=True, behavior_version=1)
class ShoutExecutor:
    spec: Shout

    async def __call__(self, text: str) -> str:
        return text.strip().upper() + self.spec.mark


@cocoindex.op.function()
def count_words(text: str) -> int:
    return len(text.split())


def shouted(text: cocoindex.DataSlice[str]) -> cocoindex.DataSlice[str]:
    return text.transform(Shout())


@cocoindex.transform_flow()
def normalized(text: cocoindex.DataSlice[str]) -> cocoindex.DataSlice[str]:
    return shouted(text)


@cocoindex.flow_def(name="Notes")
def notes_flow(
    flow_builder: cocoindex.FlowBuilder, data_scope: cocoindex.DataScope
) -> None:
    data_scope["notes"] = flow_builder.add_source(
        cocoindex.sources.LocalFile(path="notes", included_patterns=["*.txt"]),
        refresh_interval=datetime.timedelta(seconds=5),
    )
    collector = data_scope.add_collector()
    with data_scope["notes"].row() as note:
        note["loud"] = note["content"].call(shouted)
        collector.collect(
            filename=note["filename"],
            text=note["loud"],
            words=note["content"].transform(count_words),
        )
    collector.export("out", Folder(directory="out"), primary_key_fields=["filename"])


@notes_flow.query_handler()
def search(query: str) -> cocoindex.QueryOutput:
    return cocoindex.QueryOutput(results=[{"text": normalized.eval(query)}])


def _main() -> None:
    while query := input("Query: "):
        print(search(query).results)


if __name__ == "__main__":
    load_dotenv()
    cocoindex.init()
    _main()
"""

V1 = """
from __future__ import annotations

import pathlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import cocoindex as coco
from cocoindex.connectors import localfs, sqlite
from cocoindex.resources.file import FileLike, PatternFilePathMatcher

DB = coco.ContextKey[sqlite.ManagedConnection]("db")


@dataclass
class Note:
    name: str
    words: int


@coco.lifespan
async def lifespan(builder: coco.EnvironmentBuilder) -> AsyncIterator[None]:
    with sqlite.managed_connection(pathlib.Path("notes.db")) as connection:
        builder.provide(DB, connection)
        yield


@coco.fn(memo=True)
async def process(
    file: FileLike, table: sqlite.TableTarget[Note], outdir: pathlib.Path
) -> None:
    print("read", file.file_path.name)
    text = await file.read_text()
    table.declare_row(row=Note(file.file_path.name, len(text.split())))
    localfs.declare_file(outdir / f"{file.file_path.stem}.out", text.upper(),
                         create_parent_dirs=True)


@coco.fn
async def app_main(sourcedir: pathlib.Path, outdir: pathlib.Path) -> None:
    table = await sqlite.mount_table_target(
        DB, table_name="notes",
        table_schema=await sqlite.TableSchema.from_class(Note, primary_key=["name"]),
    )
    files = localfs.walk_dir(
        sourcedir, path_matcher=PatternFilePathMatcher(included_patterns=["**/*.txt"])
    )
    await coco.mount_each(process, files.items(), table, outdir)


app = coco.App(
    coco.AppConfig(name="Notes"),
    app_main,
    sourcedir=pathlib.Path("./notes"),
    outdir=pathlib.Path("./out"),
)
"""


class Program:
    """A program in a folder of its own."""

    def __init__(self, folder: Path, version: str, text: str) -> None:
        self.folder = folder
        self._version = version
        (folder / "main.py").write_text(textwrap.dedent(text), "utf-8")
        (folder / "notes").mkdir()
        self.write("a", "one two")
        self.write("b", "three")
        state = {"v0": "COCOINDEX_DATABASE_URL", "v1": "COCOINDEX_DB"}[version]
        (folder / ".env").write_text(f"{state}=state\n", "utf-8")

    def write(self, name: str, text: str) -> None:
        (self.folder / f"notes/{name}.txt").write_text(text, "utf-8")

    def out(self) -> dict[str, str]:
        files = (self.folder / "out").glob("*.out")
        return {path.name: path.read_text("utf-8") for path in files}

    def python(self, *words: str, typed: str = "") -> str:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env={
                **{k: v for k, v in os.environ.items() if not k.startswith("COCO")},
                "PYTHONPATH": str(COMPAT / self._version),
            },
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def cocoindex(self, *words: str) -> str:
        return self.python("-m", "cocoindex.cli", *words)


def test_a_flow_is_set_up_updated_queried_and_dropped(tmp_path: Path) -> None:
    program = Program(tmp_path, "v0", V0)
    program.cocoindex("setup", "-f", "main.py")
    assert program.out() == {}
    assert "2 added" in program.cocoindex("update", "main")
    assert program.out() == {"a.txt.out": "2 ONE TWO!", "b.txt.out": "1 THREE!"}
    program.write("a", "four")
    (tmp_path / "notes/b.txt").unlink()
    assert "1 updated, 1 deleted" in program.cocoindex("update", "main.py:Notes")
    assert program.out() == {"a.txt.out": "1 FOUR!"}
    assert "{'text': 'HELLO!'}" in program.python("main.py", typed="hello\n\n")
    program.cocoindex("drop", "-f", "main.py")
    assert "Notes" not in program.cocoindex("ls")


def test_names_of_earlier_versions_are_there(tmp_path: Path) -> None:
    entry = """
    @cocoindex.main_fn()
    def run():
        print("ran", cocoindex.utils.get_target_storage_default_name(notes_flow, "out"))
        print(cocoindex.storages.Postgres.__name__)

    if __name__ == "__main__":
        run()
    """
    text = V0.partition('if __name__ == "__main__":')[0] + textwrap.dedent(entry)
    program = Program(tmp_path, "v0", text)
    program.python("main.py", "cocoindex", "setup", "-f")
    assert "2 added" in program.python("main.py", "cocoindex", "update")
    assert program.python("main.py").splitlines() == ["ran Notes__out", "Postgres"]
    assert set(program.out()) == {"a.txt.out", "b.txt.out"}


def test_an_app_is_updated_and_dropped(tmp_path: Path) -> None:
    program = Program(tmp_path, "v1", V1)

    def rows() -> list[tuple[str, int]]:
        with contextlib.closing(sqlite3.connect(tmp_path / "notes.db")) as connection:
            return connection.execute("SELECT name, words FROM notes ORDER BY 1").fetchall()

    assert sorted(_read(program.cocoindex("update", "main"))) == ["a.txt", "b.txt"]
    assert rows() == [("a.txt", 2), ("b.txt", 1)]
    assert program.out() == {"a.out": "ONE TWO", "b.out": "THREE"}
    assert _read(program.cocoindex("update", "main")) == []
    program.write("a", "four")
    (tmp_path / "notes/b.txt").unlink()
    assert _read(program.cocoindex("update", "main.py")) == ["a.txt"]
    assert rows() == [("a.txt", 1)]
    assert program.out() == {"a.out": "FOUR"}
    program.cocoindex("drop", "-f", "main")
    assert program.out() == {}


def _read(output: str) -> list[str]:
    return [line.removeprefix("read ") for line in output.splitlines() if line.startswith("read ")]


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_a_program_finds_no_other_package_of_the_name(tmp_path: Path, version: str) -> None:
    program = Program(tmp_path, version, V0)
    script = "import cocoindex, json; print(json.dumps(cocoindex.__file__))"
    assert Path(json.loads(program.python("-c", script))).is_relative_to(COMPAT / version)

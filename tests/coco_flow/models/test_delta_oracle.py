"""Delta runs against an oracle: after any history the tables are what one full run would make.

COCO_DELTA_EXAMPLES sets the number of histories on SQLite; PostgreSQL gets a fifth of them.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from coco_flow.models import (
    ConfigParam,
    DocumentFilters,
    ModelConfig,
    ModelContext,
    Overrides,
    Reference,
    execute_model_sync,
    model,
)
from coco_flow.models.database import Database
from tests.model_parts import contents, fill, no_models, open_database, row_class

EXAMPLES = int(os.environ.get("COCO_DELTA_EXAMPLES", "15"))

IDS = ("a", "b", "c", "d")
# "bad" makes a document fail; "" has no parts.
TEXTS = ("", "x", "xyzw", "yxzw", "äöü", "bad", "xbad")

Mode = Literal["full", "delta"]
Edit = tuple[Any, ...]
Rows = dict[str, tuple[tuple[Any, ...], ...]]

edits = st.one_of(
    st.tuples(st.just("text"), st.sampled_from(IDS), st.sampled_from(TEXTS)),
    st.tuples(st.just("status"), st.sampled_from(IDS), st.sampled_from(["new", "old"])),
    st.tuples(st.just("delete"), st.sampled_from(IDS)),
    st.tuples(st.just("rename"), st.sampled_from(IDS), st.sampled_from(IDS)),
    st.tuples(st.just("revert"), st.sampled_from(IDS)),
    st.tuples(st.just("lose file"), st.sampled_from(IDS)),
    st.tuples(st.just("version")),
    st.tuples(st.just("size"), st.sampled_from([1, 2])),
    st.tuples(st.just("label"), st.sampled_from(["l", "m"])),
)
some_ids = st.one_of(st.none(), st.none(), st.lists(st.sampled_from(IDS), unique=True))
runs = st.tuples(
    st.lists(edits, max_size=4), st.sampled_from(["delta", "delta", "delta", "full"]), some_ids
)
first = st.tuples(
    st.lists(st.tuples(st.just("text"), st.sampled_from(IDS), st.sampled_from(TEXTS)), min_size=2),
    st.sampled_from(["delta", "full"]),
    st.none(),
)


@dataclass
class Inputs:
    """The documents as they are, and all else that decides the tables."""

    documents: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    former: dict[str, list[tuple[str, str | None]]] = field(default_factory=dict)
    version: int = 1
    size: int = 2
    label: str = "l"

    def edit(self, kind: str, *given: Any) -> None:
        """Do one edit; one that is about a document that is not there does nothing."""
        if kind in ("size", "label"):
            setattr(self, kind, given[0])
            return
        if kind == "version":
            self.version += 1
            return
        name = given[0]
        known = self.documents.get(name)
        if kind == "text":
            self._set(name, (known[0] if known else "new", given[1]))
        elif kind == "revert" and self.former.get(name):
            self._set(name, self.former[name].pop(0))
        elif known is not None and kind == "status":
            self._set(name, (given[1], known[1]))
        elif known is not None and kind == "lose file":
            self._set(name, (known[0], None))
        elif known is not None and kind in ("delete", "rename"):
            del self.documents[name]
            if kind == "rename":
                self._set(given[1], known)

    def _set(self, name: str, value: tuple[str, str | None]) -> None:
        if name in self.documents:
            self.former.setdefault(name, []).append(self.documents[name])
        self.documents[name] = value


class Program:
    """Three models on one database, and which documents they were called with.

    parts: of each document (and a table that all share), the text in parts.
    lists: of the parts of each document, one row.
    totals: of all parts, one row for each status.
    """

    def __init__(self, database: Database, folder: Path, batch_size: int | None) -> None:
        self.database = database
        self.folder = folder
        self.batch_size = batch_size
        self.called: dict[str, set[str]] = {}
        create = "CREATE TABLE documents (id TEXT PRIMARY KEY, status TEXT, path TEXT)"
        fill(database, create)
        fill(database, "CREATE TABLE labels (label TEXT)", name="labels")

    def set(self, inputs: Inputs) -> None:
        """Bring tables and files into line with the inputs."""
        with self.database.writing() as connection:
            connection.exec_driver_sql("DELETE FROM documents")
            connection.exec_driver_sql("DELETE FROM labels")
            connection.exec_driver_sql(f"INSERT INTO labels VALUES ('{inputs.label}')")
            for name, (status, text) in inputs.documents.items():
                values = f"('{name}', '{status}', '{name}.md')"
                connection.exec_driver_sql(f"INSERT INTO documents VALUES {values}")
                file = self.folder / f"{name}.md"
                file.unlink(missing_ok=True)
                if text is not None:
                    file.write_text(text, "utf-8")

    def run(self, inputs: Inputs, mode: Mode, ids: list[str] | None) -> None:
        """Run the models as a new process would, with the code of this version."""
        self.called = {"parts": set(), "lists": set(), "totals": set()}
        with no_models():
            context = ModelContext(DocumentFilters(ids), mode)
            overrides = Overrides({"m.parts.size": inputs.size})
            for one in self._declared(inputs.version):
                execute_model_sync(one, context, overrides=overrides)
                # The last one is about all documents, whatever the run is restricted to.
                overrides = Overrides()
                context = ModelContext(DocumentFilters(ids), mode)

    def _declared(self, version: int) -> list[Any]:
        class Size(ModelConfig):
            size: int = ConfigParam(default=2, ge=1)

        parts_row = row_class("parts", key={"document_id": str, "number": int}, text=str)
        called, root = self.called, str(self.folder)

        @model(
            "m.parts", parts_row, config_schema=Size, version=version, batch_size=self.batch_size
        )
        def parts(
            ctx: Any,
            writer: Any,
            config: Any,
            documents: Any = Reference("documents", load_content={"root": root}),
            labels: Any = Reference("labels"),
        ) -> None:
            called["parts"] |= set(documents["id"])
            (label,) = labels["label"]
            for one in documents.to_dict("records"):
                with ctx.document(one["id"]):
                    for row in parts_of(
                        one["id"], one["status"], one["content"], version, config.size, label
                    ):
                        writer.write(dict(zip(("document_id", "number", "text"), row, strict=True)))

        @model("m.lists", row_class("lists", text=str))
        def lists(parts: Any = Reference("m.parts")) -> Any:
            called["lists"] |= set(parts["document_id"])
            for name, rows in parts.sort_values("number").groupby("document_id"):
                yield {"document_id": name, "text": list_of(rows["text"], rows["error"])}

        @model("m.totals", row_class("totals", key={"status": str}, parts=int))
        def totals(parts: Any = Reference("parts")) -> Any:
            called["totals"].add("all")
            counts = parts["text"].str.split(":").str[1].value_counts()
            return [{"status": name, "parts": int(count)} for name, count in counts.items()]

        return [parts, lists, totals]

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        return {
            "parts": contents(self.database, "parts", "document_id", "number", "text", "error"),
            "lists": contents(self.database, "lists", "document_id", "text", "error"),
            "totals": contents(self.database, "totals", "status", "parts", "error"),
        }


def parts_of(name: str, status: str, text: str, version: int, size: int, label: str) -> Any:
    """Yield the rows of a document, and fail where the text is bad."""
    for number, start in enumerate(range(0, len(text), size)):
        yield name, number, f"{version}:{status}:{label}:{text[start : start + size]}"
    if "bad" in text:
        raise ValueError(text)


def list_of(texts: Any, errors: Any) -> str:
    return "|".join(
        f"{text}{'!' if error else ''}" for text, error in zip(texts, errors, strict=True)
    )


class Oracle:
    """What the tables must have, and which documents a run must call the models with."""

    def __init__(self) -> None:
        self.parts: Rows = {}
        self.errors: dict[str, str] = {}
        self.done: dict[str, Any] = {}
        self.lists: dict[str, str] = {}
        self.lists_done: dict[str, Any] = {}
        self.totals: dict[str, int] = {}
        self.totals_done: Any = None
        self.called: dict[str, set[str]] = {}

    def run(self, inputs: Inputs, mode: Mode, ids: list[str] | None) -> None:
        self.called = {"parts": set(), "lists": set(), "totals": set()}
        chosen = set(IDS if ids is None else ids)
        for name in chosen - set(inputs.documents):
            for known in (self.parts, self.errors, self.done):
                known.pop(name, None)
        for name in chosen & set(inputs.documents):
            self._run_parts(inputs, mode, name)
        for name in chosen:
            self._run_lists(mode, name)
        self._run_totals(mode, ids)

    def _run_parts(self, inputs: Inputs, mode: Mode, name: str) -> None:
        status, text = inputs.documents[name]
        if text is None:
            self._fail(name, "its content cannot be read")
            return
        now = (status, text, inputs.version, inputs.size, inputs.label)
        if mode == "delta" and self.done.get(name) == now:
            return
        self.called["parts"].add(name)
        try:
            self.parts[name] = tuple(parts_of(name, *now))
        except ValueError as error:
            self._fail(name, f"ValueError: {error}")
        else:
            self.errors.pop(name, None)
            self.done[name] = now

    def _fail(self, name: str, reason: str) -> None:
        self.errors[name] = reason
        self.done.pop(name, None)

    def _run_lists(self, mode: Mode, name: str) -> None:
        rows = self.parts.get(name)
        if not rows:
            self.lists.pop(name, None)
            self.lists_done.pop(name, None)
            return
        now = (rows, self.errors.get(name))
        if mode == "full" or self.lists_done.get(name) != now:
            self.called["lists"].add(name)
            error = self.errors.get(name)
            self.lists[name] = list_of([row[2] for row in rows], [error] * len(rows))
            self.lists_done[name] = now

    def _run_totals(self, mode: Mode, ids: list[str] | None) -> None:
        rows = {
            (row, self.errors.get(name))
            for name, known in self.parts.items()
            if ids is None or name in ids
            for row in known
        }
        if mode == "full" or self.totals_done != rows:
            self.called["totals"].add("all")
            self.totals_done = rows
            counts: dict[str, int] = {} if ids is None else dict(self.totals)
            counts |= dict.fromkeys((row[2].split(":")[1] for row, _ in rows), 0)
            for row, _ in rows:
                counts[row[2].split(":")[1]] += 1
            self.totals = counts

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        found = {
            "parts": [
                (*row, self.errors.get(name)) for name, rows in self.parts.items() for row in rows
            ],
            "lists": [(*item, None) for item in self.lists.items()],
            "totals": [(*item, None) for item in self.totals.items()],
        }
        return {name: sorted(rows, key=repr) for name, rows in found.items()}


def shortened(tables: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """Return tables without the paths that errors have."""

    def short(value: Any) -> Any:
        is_path = isinstance(value, str) and value.startswith("its content cannot be read")
        return "its content cannot be read" if is_path else value

    return {
        name: sorted((tuple(short(one) for one in row) for row in rows), key=repr)
        for name, rows in tables.items()
    }


def check(
    kind: str, history: list[tuple[list[Edit], Mode, list[str] | None]], batch_size: int | None
) -> None:
    inputs, oracle = Inputs(), Oracle()
    with tempfile.TemporaryDirectory() as name, open_database(kind, Path(name)) as database:
        program = Program(database, Path(name), batch_size)
        for changes, mode, ids in history:
            for change in changes:
                inputs.edit(*change)
            program.set(inputs)
            program.run(inputs, mode, ids)
            oracle.run(inputs, mode, ids)
            assert shortened(program.tables()) == oracle.tables()
            assert program.called == oracle.called
        # Another run has nothing to do but to try again what failed.
        program.run(inputs, "delta", None)
        oracle.run(inputs, "delta", None)
        program.run(inputs, "delta", None)
        failing = set(oracle.errors) & set(inputs.documents)
        assert program.called["parts"] <= failing
        assert program.called["lists"] == program.called["totals"] == set()
        tables = program.tables()
        assert shortened(tables) == oracle.tables()
        if not oracle.errors:
            with open_database(kind, Path(name)) as fresh:
                again = Program(fresh, Path(name), None)
                again.set(inputs)
                again.run(inputs, "full", None)
                assert again.tables() == tables


def examples(number: int) -> Any:
    return settings(
        max_examples=max(number, 1),
        deadline=None,
        derandomize=EXAMPLES <= 15,
        suppress_health_check=list(HealthCheck),
    )


# One of each kind of edit, each followed by a run: what chance may leave out.
EACH: list[tuple[list[Edit], Mode, list[str] | None]] = [
    ([("text", "a", "xyzw"), ("text", "b", "x"), ("text", "c", "bad")], "full", None),
    ([("lose file", "a")], "delta", None),
    ([("revert", "a")], "delta", None),
    ([("text", "a", "xbad"), ("text", "c", "")], "delta", None),
    ([("rename", "b", "d"), ("text", "a", "y")], "delta", None),
    ([("text", "b", "x")], "delta", None),
    ([("status", "a", "old"), ("delete", "c")], "delta", ["a", "b"]),
    ([("label", "m")], "delta", None),
    ([("size", 1)], "delta", None),
    ([("lose file", "a"), ("version",)], "delta", None),
    ([("delete", "a"), ("text", "d", "bad")], "full", None),
    ([("revert", "d")], "delta", None),
]

histories = st.builds(lambda one, others: [one, *others], first, st.lists(runs, max_size=5))


@pytest.mark.timeout(0 if EXAMPLES > 15 else 240)
@examples(EXAMPLES)
@example(EACH, None)
@example(EACH, 2)
@given(histories, st.sampled_from([None, 2]))
def test_histories_on_sqlite(history: Any, batch_size: int | None) -> None:
    check("sqlite", history, batch_size)


@pytest.mark.timeout(0 if EXAMPLES > 15 else 240)
@examples(EXAMPLES // 5)
@example(EACH, 2)
@given(histories, st.sampled_from([None, 2]))
def test_histories_on_postgres(history: Any, batch_size: int | None) -> None:
    check("postgres", history, batch_size)

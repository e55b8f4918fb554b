"""The target that writes files."""

from __future__ import annotations

import datetime
import json
import random
from pathlib import Path
from typing import Any

import pytest

from coco_flow.errors import DefinitionError, FlowConflict, FlowError
from coco_flow.index import FtsIndexDef
from coco_flow.ports import Compatibility, SetupChange
from coco_flow.targets import Files, files_manifest
from coco_flow.targets.json_value import row_encoder
from coco_flow.types.annotations import Range
from tests.coco_flow.targets.rows import (
    ALL_TYPES,
    Target,
    apply_to_oracle,
    export_schema,
    field,
    random_batches,
    write_from_threads,
)

TEXTS = export_schema({"filename": str}, {"text": str})


def found(root: Path) -> dict[str, bytes]:
    """Every file but the targets' own."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.name.startswith(".coco_flow.")
    }


@pytest.mark.parametrize("seed", range(3))
def test_random_batches_written_twice_equal_a_dict(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    root = tmp_path / "out"
    target = Target(Files(str(root), suffix=".txt"), TEXTS)
    target.set_up()
    (root / "mine.txt").write_text("not ours")
    keys = [(f"d{i % 4}/f{i}",) for i in range(30)]
    oracle: dict[Any, Any] = {}
    for upserts, deletes in random_batches(rng, keys, ["text"], 10):
        target.write(upserts, deletes)
        target.write(upserts, deletes)
        apply_to_oracle(oracle, upserts, deletes)
        expected = {f"{key}.txt": (text or "").encode() for (key,), [text] in oracle.items()}
        assert found(root) == {**expected, "mine.txt": b"not ours"}
    target.drop()
    assert [path.name for path in root.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("seed", range(2))
def test_rows_are_written_as_json(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    key = {"filename": str, "location": Range}
    target = Target(Files(str(tmp_path)), export_schema(key, ALL_TYPES))
    target.set_up()
    keys: list[Any] = [(f"a/{i % 7}", (i, i + 2)) for i in range(20)]
    oracle: dict[Any, Any] = {}
    for upserts, deletes in random_batches(rng, keys, list(ALL_TYPES), 5):
        target.write(upserts, deletes)
        apply_to_oracle(oracle, upserts, deletes)
    encode = row_encoder([field(*item) for item in {**key, **ALL_TYPES}.items()])
    assert {name: json.loads(data) for name, data in found(tmp_path).items()} == {
        f"a%2F{name[2:]}/[{start},{end}].json": encode((name, (start, end), *row))
        for (name, (start, end)), row in oracle.items()
    }


def test_numbers_and_dates_of_a_key_are_plain(tmp_path: Path) -> None:
    key = {"n": int, "day": datetime.date, "flag": bool}
    target = Target(Files(str(tmp_path)), export_schema(key, {"text": str}))
    target.set_up()
    target.write([((7, datetime.date(2020, 2, 29), True), ["x"])])
    assert found(tmp_path) == {"7/2020-02-29/true": b"x"}


def test_a_file_is_named_by_any_field_and_follows_it(tmp_path: Path) -> None:
    schema = export_schema({"id": int}, {"title": str, "body": bytes})
    target = Target(Files(str(tmp_path), filename_field="title"), schema)
    target.set_up()
    target.write([((1,), ["a", b"1"]), ((2,), ["b", b"2"])])
    target.write([((1,), ["b", b"1"]), ((2,), ["a", b"2"])])
    assert found(tmp_path) == {"a": b"2", "b": b"1"}
    target.write([((1,), ["c/d", b"1"])])
    assert found(tmp_path) == {"a": b"2", "c/d": b"1"}
    with pytest.raises(FlowConflict, match=r"The rows \[2\] and \[3\] would both be written"):
        target.write([((3,), ["a", b"3"])])
    with pytest.raises(FlowConflict, match="would both be written"):
        target.write([((4,), ["x", b""]), ((5,), ["x", b""])])
    target.write([((3,), ["a", b"3"])], [(2,), (1,)])
    assert found(tmp_path) == {"a": b"3"}


def test_a_strangers_file_is_neither_replaced_nor_removed(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("stranger")
    target = Target(Files(str(tmp_path)), TEXTS)
    target.set_up()
    with pytest.raises(FlowConflict, match="not from this target"):
        target.write([(("b",), ["x"]), (("a",), ["y"])])
    assert found(tmp_path) == {"a": b"stranger"}
    target.write(deletes=[("a",)])
    assert found(tmp_path) == {"a": b"stranger"}
    target.spec = Files(str(tmp_path), overwrite=True)
    target.write([(("a",), ["y"])])
    target.write(deletes=[("a",)])
    assert found(tmp_path) == {}


def test_two_targets_share_a_directory(tmp_path: Path) -> None:
    one = Target(Files(str(tmp_path), suffix=".md"), TEXTS, "one")
    two = Target(Files(str(tmp_path), suffix=".html"), TEXTS, "two")
    for target in (one, two):
        target.set_up()
        target.write([(("a",), ["x"])])
    one.drop()
    assert set(found(tmp_path)) == {"a.html"}
    two.drop()
    assert not tmp_path.exists()


def test_a_kill_while_a_file_moves_leaves_no_orphan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = export_schema({"id": int}, {"title": str, "body": str})
    target = Target(Files(str(tmp_path), filename_field="title"), schema)
    target.set_up()
    target.write([((1,), ["old", "1"])])

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with target.opened() as handle:
        monkeypatch.setattr(handle, "_replace", stop)
        with pytest.raises(KeyboardInterrupt):
            handle.write([((1,), ["new", "2"])])
    assert found(tmp_path) == {"old": b"1"}
    with (tmp_path / ".coco_flow.Flow__docs.jsonl").open("a") as manifest:
        manifest.write('["[2]", "unfin')
    monkeypatch.undo()
    target.write([((1,), ["new", "2"]), ((2,), ["other", "3"])])
    assert found(tmp_path) == {"new": b"2", "other": b"3"}
    target.write(deletes=[(1,), (2,)])
    assert found(tmp_path) == {}


def test_another_process_of_the_flow_is_no_stranger(tmp_path: Path) -> None:
    target = Target(Files(str(tmp_path)), TEXTS)
    target.set_up()
    with target.opened() as one, target.opened() as two:
        one.write([(("a",), ["1"])])
        two.write([(("a",), ["2"])])
        one.delete([one.key_text(("a",))])
    assert found(tmp_path) == {}


def test_the_manifest_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_manifest, "_IDLE_LINES", 10)
    target = Target(Files(str(tmp_path)), TEXTS)
    target.set_up()
    for _ in range(20):
        target.write([(("a",), ["x"])])
        target.write(deletes=[("a",)])
    target.write([(("b",), ["x"])])
    lines = (tmp_path / ".coco_flow.Flow__docs.jsonl").read_text().split("\n")
    assert len([line for line in lines if line]) < 15
    target.drop()
    assert not tmp_path.exists()


def test_a_manifest_that_another_process_writes_anew_is_read_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files_manifest, "_IDLE_LINES", 0)
    target = Target(Files(str(tmp_path)), TEXTS)
    target.set_up()
    with target.opened() as one:
        for _ in range(5):
            one.write([(("a",), ["1"]), (("b",), ["1"])])
            one.delete([one.key_text(("a",))])
        with target.opened() as two:
            two.write([(("a",), ["2"])])
        one.write([(("a",), ["3"])])
    assert found(tmp_path) == {"a": b"3", "b": b"1"}


@pytest.mark.parametrize("name", ["", ".", "/etc/passwd", "../up", "a/../../b", ".coco_flow.x"])
def test_names_that_lead_out_of_the_directory_are_refused(tmp_path: Path, name: str) -> None:
    target = Target(Files(str(tmp_path / "in")), TEXTS)
    target.set_up()
    with pytest.raises(FlowError, match="cannot be the name of a file"):
        target.write([((name,), ["x"])])


def test_parts_of_a_key_cannot_meet(tmp_path: Path) -> None:
    target = Target(Files(str(tmp_path)), export_schema({"a": str, "b": str}, {"text": str}))
    target.set_up()
    keys = [("x/y", "z"), ("x", "y/z"), ("..", "."), ("", ""), (".", "..")]
    target.write([(key, [str(i)]) for i, key in enumerate(keys)])
    assert len(found(tmp_path)) == 5
    target.write(deletes=keys)
    assert found(tmp_path) == {}


def test_definitions_are_checked(tmp_path: Path) -> None:
    def refused(message: str, spec: Files, **indexes: Any) -> None:
        schema = export_schema({"filename": str}, {"text": str}, **indexes)
        with pytest.raises(DefinitionError, match=message):
            Target(spec, schema).set_up()

    root = str(tmp_path)
    refused("filename_field 'x'", Files(root, "x"))
    refused("content_field 'y'", Files(root, None, "y"))
    refused("has no indexes", Files(root), fts_indexes=[FtsIndexDef("text")])


def test_what_a_change_does_to_the_files(tmp_path: Path) -> None:
    target = Target(Files(str(tmp_path)), TEXTS)
    target.set_up()
    target.write([(("a",), ["x"])])
    assert target.set_up() is Compatibility.COMPATIBLE
    assert target.set_up(Files(str(tmp_path), suffix=".md")) is Compatibility.PARTIALLY_COMPATIBLE
    target.write([(("a",), ["x"])])
    assert found(tmp_path) == {"a.md": b"x"}
    schema = export_schema({"n": int}, {"text": str})
    assert target.set_up(schema=schema) is Compatibility.NOT_COMPATIBLE
    assert found(tmp_path) == {}


@pytest.mark.row("CT-5 idempotent setup")
def test_set_up_and_drop_can_be_repeated(tmp_path: Path) -> None:
    root = tmp_path / "a" / "b"
    target = Target(Files(str(root)), TEXTS)
    for _ in range(2):
        target.set_up()
    target.write([(("a",), ["x"])])
    change = SetupChange(target.key, (None, target.state), None)
    for _ in range(2):
        target.connector.apply_setup([change])
    assert not root.exists()


@pytest.mark.row("CT-6 describe")
def test_describe_names_the_directory() -> None:
    target = Target(Files("out"), TEXTS)
    assert target.connector.describe(target.key) == "files in out"


def test_threads_write_at_once(tmp_path: Path) -> None:
    target = Target(Files(str(tmp_path)), export_schema({"n": int}, {"text": str}))
    target.set_up()
    expected = {str(n): text.encode() for n, text in write_from_threads(target).items()}
    assert found(tmp_path) == expected

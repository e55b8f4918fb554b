"""Targets that users write: set-up, rows as their own classes, the order of calls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest

import coco_flow
from coco_flow import op
from coco_flow.errors import DefinitionError
from tests.flow_parts import MemorySource, flow_state, rows_of


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    calls.clear()
    with flow_state(tmp_path):
        yield


calls: list[Any] = []


class JsonFiles(op.TargetSpec):
    """A directory with one JSON file for each row."""

    directory: str
    layout: int = 1
    note: str = ""


class FileKey(NamedTuple):
    folder: str
    name: str


@dataclass
class Content:
    text: str
    size: int | None


@dataclass
class DirectoryState:
    layout: int


@dataclass
class Writer:
    """What `prepare` makes for `mutate`."""

    directory: Path
    number: int


@op.target_connector(
    spec_cls=JsonFiles, persistent_key_type=str, setup_state_cls=DirectoryState
)  # fmt: skip
class JsonFilesConnector:
    writers: ClassVar[int] = 0

    @staticmethod
    def get_persistent_key(spec: JsonFiles, target_name: str) -> str:
        calls.append("get_persistent_key")
        return f"{spec.directory}/{target_name}"

    @staticmethod
    def get_setup_state(spec: JsonFiles) -> DirectoryState:
        calls.append("get_setup_state")
        return DirectoryState(spec.layout)

    @staticmethod
    def check_state_compatibility(
        desired: DirectoryState, existing: DirectoryState
    ) -> op.TargetStateCompatibility:
        calls.append("check_state_compatibility")
        return op.TargetStateCompatibility.COMPATIBLE

    @staticmethod
    def describe(key: str) -> str:
        return f"JSON files in {key}"

    @staticmethod
    async def apply_setup_change(
        key: str, previous: DirectoryState | None, current: DirectoryState | None
    ) -> None:
        calls.append(("apply_setup_change", previous is not None, current is not None))
        if current is None:
            _remove(Path(key))
        else:
            Path(key).mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - a local directory

    @staticmethod
    async def prepare(spec: JsonFiles) -> Writer:
        calls.append("prepare")
        JsonFilesConnector.writers += 1
        return Writer(Path(spec.directory) / "json", JsonFilesConnector.writers)

    @staticmethod
    def mutate(*batches: tuple[Writer, dict[FileKey, Content | None]]) -> None:
        for writer, rows in batches:
            calls.append(("mutate", writer.number))
            for key, content in rows.items():
                assert isinstance(key, FileKey)
                path = writer.directory / key.folder / f"{key.name}.json"
                if content is None:
                    path.unlink(missing_ok=True)
                    continue
                assert isinstance(content, Content)
                path.parent.mkdir(exist_ok=True)
                path.write_text(json.dumps(asdict(content)), encoding="utf-8")


def _remove(folder: Path) -> None:
    for path in folder.rglob("*.json"):
        path.unlink()
    for inner in sorted(folder.rglob("*"), reverse=True):
        inner.rmdir()
    folder.rmdir()


@op.function(behavior_version=1)
def size_of(text: str) -> int | None:
    return len(text) or None


def _json_flow(folder: Path, **spec: Any) -> coco_flow.Flow:
    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["docs"] = builder.add_source(MemorySource(name="docs"))
        out = scope.add_collector()
        with scope["docs"].row() as doc:
            doc["size"] = doc["content"].transform(size_of)
            out.collect(folder="texts", name=doc["filename"], text=doc["content"], size=doc["size"])
        out.export(
            "json", JsonFiles(directory=str(folder), **spec),
            primary_key_fields=["folder", "name"],
        )  # fmt: skip

    return coco_flow.open_flow("Json", define)


def _files(folder: Path) -> dict[str, Any]:
    return {
        str(path.relative_to(folder)): json.loads(path.read_text(encoding="utf-8"))
        for path in folder.rglob("*.json")
    }


@pytest.mark.row("RG-6 custom target")
@pytest.mark.row("CT-11 JSON-file scenario")
@pytest.mark.row("CT-8 mutate types")
def test_files_follow_the_rows_and_are_gone_after_a_drop(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    rows_of("docs")["a"] = "one"
    rows_of("docs")["b"] = ""
    flow = _json_flow(folder)
    flow.setup()
    assert (folder / "json").is_dir()
    flow.update()
    assert _files(folder) == {
        "json/texts/a.json": {"text": "one", "size": 3},
        "json/texts/b.json": {"text": "", "size": None},
    }
    rows_of("docs")["a"] = "edited"
    del rows_of("docs")["b"]
    flow.update()
    assert _files(folder) == {"json/texts/a.json": {"text": "edited", "size": 6}}
    (folder / "mine.txt").write_text("not the target's", encoding="utf-8")
    flow.drop()
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


@pytest.mark.row("CT-9 call order")
@pytest.mark.row("CT-7 prepare")
def test_calls_come_in_their_order(tmp_path: Path) -> None:
    rows_of("docs")["a"] = "one"
    flow = _json_flow(tmp_path / "out")
    _ = flow.graph
    plan = ["get_persistent_key", "get_setup_state"]
    calls.clear()
    flow.setup()
    # The plan is made once to be shown, and once under the lock to be applied.
    assert calls == [*plan, *plan, ("apply_setup_change", False, True)]
    calls.clear()
    flow.setup()
    assert calls == plan
    flow.close()
    flow = _json_flow(tmp_path / "out", layout=2)
    _ = flow.graph
    calls.clear()
    flow.setup()
    plan.append("check_state_compatibility")
    assert calls == [*plan, *plan, ("apply_setup_change", True, True)]
    calls.clear()
    for number in range(300):
        rows_of("docs")[str(number)] = "x"
    flow.update()
    number = JsonFilesConnector.writers
    mutations = [call for call in calls if call == ("mutate", number)]
    assert len(mutations) > 1
    assert calls.count("prepare") == 1, "once an update, however many batches"
    assert calls[-len(mutations) - 1 :] == ["prepare", *mutations]
    assert "apply_setup_change" not in {call[0] for call in calls}
    calls.clear()
    rows_of("docs")["a"] = "two"
    flow.update()
    assert calls[-2:] == ["prepare", ("mutate", number + 1)], "anew in the next update"
    calls.clear()
    flow.update()
    assert "prepare" not in calls, "nothing to write"
    calls.clear()
    flow.drop()
    assert calls == [("apply_setup_change", True, False)]


def test_what_is_no_part_of_the_set_up_state_sets_nothing_up(tmp_path: Path) -> None:
    _json_flow(tmp_path / "out").setup()
    coco_flow.flow_by_name("Json").close()
    flow = _json_flow(tmp_path / "out", note="another")
    assert coco_flow.make_setup_bundle([flow]).describe()[1]
    flow.close()
    flow = _json_flow(tmp_path / "elsewhere")
    plan, _ = coco_flow.make_setup_bundle([flow]).describe()
    assert f"[to delete] JSON files in {tmp_path / 'out'}" in plan


@pytest.mark.row("CT-8 mutate types")
@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (tuple[Any, dict[str, Any], int], "must be a tuple of 2 elements"),
        (tuple[Any, list[str]], "the second element must be a dict"),
        (dict[str, Any], "must be a tuple of 2 elements"),
    ],
)
def test_a_wrong_signature_of_mutate_is_refused(annotation: Any, words: str) -> None:
    class Spec(op.TargetSpec):
        pass

    class Connector:
        @staticmethod
        def get_persistent_key(spec: Spec) -> str:
            return "k"

        @staticmethod
        def apply_setup_change(key: str, previous: Any, current: Any) -> None: ...

        @staticmethod
        def mutate(*batches: Any) -> None: ...

    Connector.mutate.__annotations__["batches"] = annotation
    with pytest.raises(DefinitionError, match=words):
        op.target_connector(spec_cls=Spec, persistent_key_type=str)(Connector)

    Connector.mutate = staticmethod(lambda batches: None)  # type: ignore[method-assign]
    with pytest.raises(DefinitionError, match=r"in the form \*args"):
        op.target_connector(spec_cls=Spec, persistent_key_type=str)(Connector)

"""What a project holds, kept next to the state: rows in, numbered items out."""

from __future__ import annotations

import json
import threading
from array import array
from pathlib import Path
from typing import Any

import pytest

from coco_flow.errors import FlowError
from coco_flow.targets import coco_import_file
from coco_flow.targets.coco_content import ContentStore, StoredRow
from coco_flow.targets.coco_import_file import write_import_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "content" / "docs.db"
    ContentStore.create(made)
    return made


def row(
    doc_id: str, *place: Any, text: str = "text", vector: list[float] | None = None
) -> StoredRow:
    data = None if vector is None else array("f", vector).tobytes()
    return StoredRow(
        json.dumps([doc_id, *place]), doc_id, list(place) or None, {"content": text}, data
    )


def items(store: ContentStore) -> list[dict[str, Any]]:
    """Return what an import would hold, in either format."""
    found = []
    with store.snapshot() as (_, each):
        for doc_id, ordinal, item, vector in each:
            head: dict[str, Any] = {"doc_id": doc_id}
            if ordinal is not None:
                head["ordinal"] = ordinal
            if vector is not None:
                head["vector"] = list(memoryview(vector).cast("f"))
            found.append({**head, **json.loads(item)})
    return found


def test_chunks_are_numbered_by_place_and_documents_are_not(path: Path) -> None:
    store = ContentStore(path)
    store.write(
        [
            row("b.md", [10, 20], text="second"),
            row("b.md", [2, 10], text="first", vector=[0.5, -1.0]),
            row("b.md", [100, 120], text="third"),
            row("a.md", text="whole"),
        ],
        [],
    )
    assert items(store) == [
        {"doc_id": "a.md", "content": "whole"},
        {"doc_id": "b.md", "ordinal": 0, "vector": [0.5, -1.0], "content": "first"},
        {"doc_id": "b.md", "ordinal": 1, "content": "second"},
        {"doc_id": "b.md", "ordinal": 2, "content": "third"},
    ]
    store.write([], [json.dumps(["b.md", [2, 10]]), json.dumps(["none"])])
    assert [(each["content"], each.get("ordinal")) for each in items(store)] == [
        ("whole", None),
        ("second", 0),
        ("third", 1),
    ]
    store.close()


def test_places_of_several_types_have_an_order(path: Path) -> None:
    store = ContentStore(path)
    store.write([row("a", each, text=str(each)) for each in ("b", 2, "a", 10, None, [1])], [])
    assert [each["content"] for each in items(store)] == ["None", "2", "10", "a", "b", "[1]"]
    store.close()


def test_only_what_differs_counts_as_a_change(path: Path) -> None:
    store = ContentStore(path)
    assert store.is_published
    store.write([], ["nothing"])
    assert store.is_published
    store.write([row("a")], [])
    assert (store.changed, store.is_published) == (1, False)
    store.write([row("a")], [])
    assert store.changed == 1
    store.mark_published(1)
    assert store.is_published
    store.write([row("a", text="other")], [])
    store.write([row("a", text="other", vector=[1.0])], [])
    assert (store.changed, store.is_published) == (3, False)
    # Published was the content before the last change.
    store.mark_published(2)
    assert not store.is_published
    store.close()
    again = ContentStore(path)
    assert (again.changed, again.attempt) == (3, 0)
    again.mark_failed()
    again.mark_changed()
    assert (again.changed, again.attempt) == (4, 1)
    again.close()


def test_texts_that_are_no_unicode_are_kept_for_the_server_to_judge(path: Path) -> None:
    store = ContentStore(path)
    store.write([row("a", text="half \ud800 of a pair"), row("é漢", text="é漢😀")], [])
    assert [each["content"] for each in items(store)] == ["half \ud800 of a pair", "é漢😀"]
    store.close()


def test_a_batch_that_fails_leaves_nothing(path: Path) -> None:
    store = ContentStore(path)

    def rows() -> Any:
        yield row("a")
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        store.write(rows(), [])
    assert (store.changed, items(store)) == (0, [])
    store.write([row("b")], [])
    assert len(items(store)) == 1
    store.close()


def test_several_writers_share_the_file(path: Path) -> None:
    def run(number: int) -> None:
        store = ContentStore(path)
        for each in range(20):
            store.write([row(f"{number}-{each}")], [])
        store.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store = ContentStore(path)
    assert (len(items(store)), store.changed) == (80, 80)
    store.close()


def test_a_file_that_is_gone_is_an_error(path: Path) -> None:
    ContentStore.create(path)
    ContentStore.remove(path)
    with pytest.raises(FlowError, match="which keeps what the project holds, is gone"):
        ContentStore(path)
    assert list(path.parent.iterdir()) == []


def item_row(doc_id: str, vector: list[float] | None, **item: Any) -> StoredRow:
    data = None if vector is None else array("f", vector).tobytes()
    return StoredRow(json.dumps([doc_id]), doc_id, None, item, data)


ROWS = [
    item_row("a", [0.5, -1.0], content="é漢😀", title="A", meta={"tags": ["x"], "n": {"m": 1}}),
    item_row("b", None, content="half \ud800"),
    item_row("c", [1.0, 2.0], content="third", heading_trail=["One", "Two"], kind="text"),
]


def test_with_vectors_an_import_is_parquet_that_the_worker_reads(
    path: Path, tmp_path: Path
) -> None:
    from coco_worker.items.check import check_item
    from coco_worker.items.item import Item, ItemLimits
    from coco_worker.items.parquet import read_parquet

    store = ContentStore(path)
    store.write(ROWS, [])
    written = write_import_file(store, tmp_path / "import")
    assert (written.content_type, written.count) == ("application/vnd.apache.parquet", 3)
    limits = ItemLimits(dimension=2)
    with (tmp_path / "import").open("rb", buffering=0) as file:
        found = [check_item(index, raw, limits) for index, raw in read_parquet(file, limits)]
    assert all(isinstance(each, Item) for each in found), found
    first, second, third = found
    assert isinstance(first, Item)
    assert (first.doc_id, first.title, first.meta.tags) == ("a", "A", ("x",))
    assert first.meta.extra == {"n": {"m": 1}}
    assert first.parts[0].chunk.text == "é漢😀"
    assert isinstance(second, Item) and isinstance(third, Item)
    assert (second.content, third.parts[0].chunk.heading_trail) == ("half ?", ("One", "Two"))
    store.close()


def test_the_digest_is_of_the_items_and_not_of_the_format(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ContentStore(path)
    store.write(ROWS, [])
    parquet = write_import_file(store, tmp_path / "import")
    monkeypatch.setattr(coco_import_file, "_has_pyarrow", lambda: False)
    ndjson = write_import_file(store, tmp_path / "import")
    assert (ndjson.content_type, ndjson.digest) == ("application/x-ndjson", parquet.digest)
    lines = [json.loads(line) for line in (tmp_path / "import").read_bytes().splitlines()]
    assert lines[0] == {
        "doc_id": "a",
        "vector": [0.5, -1.0],
        "content": "é漢😀",
        "title": "A",
        "meta": {"tags": ["x"], "n": {"m": 1}},
    }
    assert lines[1]["content"] == "half \ud800"
    store.write([], [json.dumps(["c"])])
    assert write_import_file(store, tmp_path / "import").digest != ndjson.digest
    store.close()

"""Tables of a Ladybug database: one for each node label and each relationship type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from coco_flow.targets.graph_cypher import EXPORTED, KEY_TEXT
from coco_flow.targets.graph_dialect import quoted
from coco_flow.targets.graph_setup import GraphSetup
from coco_flow.targets.graph_state import identity_of
from coco_flow.targets.graph_write import GraphStore

__all__ = ["LadybugSetup"]


class LadybugSetup(GraphSetup):
    """Creates, alters and drops tables."""

    def create_nodes(
        self, store: GraphStore, state: dict[str, Any], previous: Sequence[dict[str, Any]]
    ) -> None:
        """Make the table of the label, or give it the columns that it lacks."""
        if not state["key"]:
            # Declared and not used by any relationship: the types of the key are not known.
            return
        name = state["label"]
        (key,) = identity_of(state)
        columns = {**_columns(state), EXPORTED: "BOOL"}
        if state["key_as_text"]:
            columns = {KEY_TEXT: "STRING", **columns}
        declared = ", ".join(f"{quoted(column)} {type}" for column, type in columns.items())
        store.run(
            f"CREATE NODE TABLE IF NOT EXISTS {quoted(name)} "
            f"({declared}, PRIMARY KEY ({quoted(key)}))"
        )
        _alter(store, name, columns, previous)

    def create_relationships(
        self, store: GraphStore, state: dict[str, Any], previous: Sequence[dict[str, Any]]
    ) -> None:
        """Make the table of the relationship type, or give it the columns that it lacks."""
        name = state["rel_type"]
        columns = _columns(state)
        if state["key_as_text"]:
            columns = {KEY_TEXT: "STRING", **columns}
        declared = ", ".join(f"{quoted(column)} {type}" for column, type in columns.items())
        source, target = quoted(state["source"]["label"]), quoted(state["target"]["label"])
        store.run(
            f"CREATE REL TABLE IF NOT EXISTS {quoted(name)} (FROM {source} TO {target}, {declared})"
        )
        _alter(store, name, columns, previous)

    def drop_relationships(self, store: GraphStore, state: dict[str, Any]) -> None:
        """Drop the table, and the nodes that only its relationships kept."""
        tables = _tables(store)
        if tables.get(state["rel_type"]) == "REL":
            store.run(f"DROP TABLE {quoted(state['rel_type'])}")
        for label in {state["source"]["label"], state["target"]["label"]}:
            if tables.get(label) == "NODE":
                self._prune(store, label)

    def drop_nodes(self, store: GraphStore, state: dict[str, Any]) -> None:
        """Drop the table; while other relationships need its nodes, they stay by their key."""
        name = state["label"]
        if _tables(store).get(name) != "NODE":
            return
        if _is_referenced(store, name):
            super().drop_nodes(store, state)
        else:
            store.run(f"DROP TABLE {quoted(name)}")


def _alter(
    store: GraphStore, name: str, wanted: dict[str, str], previous: Sequence[dict[str, Any]]
) -> None:
    """Add the columns that are missing, and drop those that a state of ours had and that go."""
    found = {row[1]: row[2] for row in store.run(f"CALL table_info({_text(name)}) RETURN *")}
    ours = {column for state in previous for column in _columns(state)}
    for column, type in found.items():
        if column in ours | set(wanted) and wanted.get(column) != type:
            store.run(f"ALTER TABLE {quoted(name)} DROP {quoted(column)}")
    for column, type in wanted.items():
        if found.get(column) != type:
            store.run(f"ALTER TABLE {quoted(name)} ADD {quoted(column)} {type}")


def _columns(state: dict[str, Any]) -> dict[str, str]:
    return {**state["key"], **state["properties"]}


def _tables(store: GraphStore) -> dict[str, str]:
    """Return the kind of each table by its name."""
    return {row[0]: row[1] for row in store.run("CALL show_tables() RETURN name, type")}


def _is_referenced(store: GraphStore, label: str) -> bool:
    for name, kind in _tables(store).items():
        if kind == "REL":
            found = store.run(f"CALL show_connection({_text(name)}) RETURN *")
            if any(label in row[:2] for row in found):
                return True
    return False


def _text(name: str) -> str:
    return "'" + name.replace("\\", "\\\\").replace("'", "\\'") + "'"

"""The state store: flows, sources and targets, and what each source row led to.

The statements are in `coco_flow.state.sql`; this module calls them in batches, with types.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgpack

from coco_flow.errors import StateBroken
from coco_flow.state import sql
from coco_flow.state.connection import StateConnection
from coco_flow.state.records import Resource, RowCount, RowError, Shard, StoredRow

__all__ = [
    "ATTENTION_DIRTY",
    "ATTENTION_FAILED",
    "ATTENTION_UNSETTLED",
    "Resource",
    "RowCount",
    "RowError",
    "Shard",
    "StateStore",
    "StoredRow",
    "open_store",
]

# Ids of one page: a few hundred kilobytes.
_PAGE = 10_000

ATTENTION_UNSETTLED = 1
"""The change token may have missed a change: check the content again."""
ATTENTION_FAILED = 2
"""The row, or its write to some target, failed: process it again."""
ATTENTION_DIRTY = 4
"""A target key that the row declares was given up by another row: process it again."""


class StateStore:
    """Reads and writes the state of flows through one connection."""

    def __init__(self, connection: StateConnection) -> None:
        self.connection = connection
        self._ids: dict[tuple[int, str], int] = {}
        self._ids_lock = threading.Lock()
        self._migrate()

    @property
    def url(self) -> str:
        """Where the state is, without a password."""
        return self.connection.url

    # Flows, sources, resources -------------------------------------------------------------------

    def flow_id(self, full_name: str) -> int | None:
        """Return the id of a flow that has state, or None."""
        rows = self.connection.execute(sql.SELECT_FLOW_ID, (full_name,))
        return int(rows[0][0]) if rows else None

    def add_flow(self, full_name: str, definition: Any) -> int:
        """Return the flow's id, recording its definition as JSON."""
        with self.connection.transaction():
            self.connection.execute(sql.INSERT_FLOW, (full_name,))
            flow_id = int(self.connection.execute(sql.SELECT_FLOW_ID, (full_name,))[0][0])
            self.connection.execute(
                sql.UPDATE_DEFINITION, (json.dumps(definition, ensure_ascii=False), flow_id)
            )
        return flow_id

    def flows(self) -> dict[str, Any]:
        """Return the recorded definition of every flow by full name."""
        rows = self.connection.execute(sql.SELECT_FLOWS)
        return {name: json.loads(definition or "null") for _, name, definition in rows}

    def remove_flow(self, flow_id: int) -> None:
        """Remove a flow, its sources, rows, errors and runs."""
        with self.connection.transaction():
            for source_id, _ in self.connection.execute(sql.SELECT_SOURCES, (flow_id,)):
                self.connection.execute(sql.DELETE_OWNERS_OF_SOURCE, (source_id,))
            self.connection.execute(sql.DELETE_FLOW, (flow_id,))
        with self._ids_lock:
            self._ids.clear()

    def source_id(self, flow_id: int, name: str) -> int:
        """Return a source's id, made at its first use."""
        with self._ids_lock:
            known = self._ids.get((flow_id, name))
        if known is not None:
            return known
        with self.connection.transaction():
            self.connection.execute(sql.INSERT_SOURCE, (flow_id, name))
            found = self.connection.execute(sql.SELECT_SOURCE_ID, (flow_id, name))
        with self._ids_lock:
            return self._ids.setdefault((flow_id, name), int(found[0][0]))

    def sources(self, flow_id: int) -> dict[str, int]:
        """Return the ids of all sources that ever had rows, by name."""
        return {name: int(i) for i, name in self.connection.execute(sql.SELECT_SOURCES, (flow_id,))}

    def remove_source(self, source_id: int) -> None:
        """Remove a source whose rows are gone."""
        with self.connection.transaction():
            self.connection.execute(sql.DELETE_OWNERS_OF_SOURCE, (source_id,))
            self.connection.execute(sql.DELETE_SOURCE, (source_id,))
        with self._ids_lock:
            self._ids.clear()

    def resources(self, flow_id: int) -> list[Resource]:
        """Return all recorded resources of a flow."""
        return [
            Resource(
                int(i), kind, json.loads(key), name,
                None if state is None else json.loads(state),
                None if staging is None else json.loads(staging), int(epoch),
            )
            for i, kind, key, name, state, staging, epoch in self.connection.execute(
                sql.SELECT_RESOURCES, (flow_id,)
            )
        ]  # fmt: skip

    def add_resource(self, flow_id: int, kind: str, key: Any, name: str) -> int:
        """Return the id of a resource, recorded without a state yet if it is new."""
        encoded = json.dumps(key, sort_keys=True)
        with self.connection.transaction():
            self.connection.execute(sql.INSERT_RESOURCE, (flow_id, kind, encoded, name))
            found = self.connection.execute(sql.SELECT_RESOURCE_ID, (flow_id, kind, encoded))
        return int(found[0][0])

    def stage_resource(self, resource_id: int, states: Sequence[Any | None]) -> None:
        """Record the states that a resource may be in while it is being changed."""
        self.connection.execute(sql.STAGE_RESOURCE, (json.dumps(list(states)), resource_id))

    def finish_resource(self, resource_id: int, state: Any, rows_lost: bool) -> None:
        """Record a resource's state; `rows_lost` makes every row be written again."""
        with self.connection.transaction():
            self.connection.execute(
                sql.FINISH_RESOURCE, (json.dumps(state), int(rows_lost), resource_id)
            )

    def remove_resource(self, resource_id: int) -> None:
        """Remove the record of a resource that has been removed."""
        with self.connection.transaction():
            self.connection.execute(sql.DELETE_OWNERS_OF_TARGET, (resource_id,))
            self.connection.execute(sql.DELETE_RESOURCE, (resource_id,))

    # Rows ----------------------------------------------------------------------------------------

    def rows(self, source_id: int, keys: Sequence[bytes]) -> dict[bytes, StoredRow]:
        """Return what is recorded of the rows with these keys."""
        found = self.connection.execute_list(sql.SELECT_ROWS, (source_id,), keys)
        return {row[0]: StoredRow(*row[1:]) for row in found}

    def last_row_id(self, source_id: int) -> int:
        """Return the highest id among a source's rows, 0 if it has none."""
        return int(self.connection.execute(sql.SELECT_LAST_ROW_ID, (source_id,))[0][0] or 0)

    def row_id_pages(self, source_id: int, last: int) -> Iterator[list[int]]:
        """Yield the ids of a source's rows up to `last`, in pages."""
        after = 0
        while after < last:
            found = self.connection.execute(sql.SELECT_ROW_IDS, (source_id, after, last, _PAGE))
            if not found:
                return
            page = [row[0] for row in found]
            after = page[-1]
            yield page

    def keys_by_id(self, ids: Sequence[int]) -> list[bytes]:
        """Return the keys of rows by their ids."""
        return [row[1] for row in self.connection.execute_list(sql.SELECT_KEYS_BY_ID, (), ids)]

    def keys(self, source_id: int, limit: int, offset: int = 0) -> list[bytes]:
        """Return a page of a source's keys, in order."""
        found = self.connection.execute(sql.SELECT_KEYS, (source_id, limit, offset))
        return [row[0] for row in found]

    def count_rows(self, source_id: int) -> int:
        """Return how many rows of a source are known."""
        return int(self.connection.execute(sql.COUNT_ROWS, (source_id,))[0][0])

    def count_rows_by_state(self, source_id: int) -> list[RowCount]:
        """Return the numbers of a source's rows by what decides whether they are processed."""
        found = self.connection.execute(sql.COUNT_ROWS_BY_STATE, (source_id,))
        return [RowCount(logic, attention, bool(s), n) for logic, attention, s, n in found]

    def targets_of_logic(self, source_id: int, logic: bytes) -> list[int]:
        """Return the ids of the targets that a row processed by this logic was written to."""
        found = self.connection.execute(sql.SELECT_TARGETS_OF_LOGIC, (source_id, logic))
        return list(msgpack.unpackb(found[0][0], strict_map_key=False)) if found else []

    def dirty_keys(self, source_id: int) -> list[bytes]:
        """Return the keys of rows to process again because another row gave up a shared key."""
        return [row[0] for row in self.connection.execute(sql.SELECT_DIRTY, (source_id,))]

    def row_ids_of(self, source_id: int, keys: Sequence[bytes]) -> dict[bytes, int]:
        """Return the ids of rows by key, making rows that are new; inside a transaction."""
        self.connection.execute_many(sql.INSERT_ROWS, [(source_id, key) for key in keys])
        return dict(self.connection.execute_list(sql.SELECT_IDS_BY_KEY, (source_id,), keys))

    def targets(self, ids: Sequence[int]) -> dict[int, tuple[bytes | None, bytes | None]]:
        """Return the encoded targets and staging of rows by id."""
        found = self.connection.execute_list(sql.SELECT_TARGETS, (), ids)
        return {row[0]: (row[1], row[2]) for row in found}

    # Shards --------------------------------------------------------------------------------------

    def add_shard(self, source_id: int, keys: Sequence[bytes]) -> None:
        """Add keys for any process to work on."""
        packed = msgpack.packb(list(keys))
        self.connection.execute(sql.INSERT_SHARD, (source_id, packed))

    def claim_shard(self, flow_id: int, holder: str, seconds: float) -> Shard | None:
        """Claim the next shard without a holder, or whose holder's lease has expired."""
        found = self.connection.execute(sql.CLAIM_SHARD, (holder, seconds, flow_id))
        if not found:
            return None
        shard_id, source_id, keys, attempts = found[0]
        return Shard(int(shard_id), int(source_id), msgpack.unpackb(keys), int(attempts))

    def extend_shard(self, shard_id: int, holder: str, seconds: float) -> bool:
        """Extend a lease; False if the shard has another holder by now, or is finished."""
        return bool(self.connection.execute(sql.EXTEND_SHARD, (seconds, shard_id, holder)))

    def finish_shard(self, shard_id: int, holder: str) -> None:
        """Remove a shard that has been processed."""
        self.connection.execute(sql.FINISH_SHARD, (shard_id, holder))

    def count_shards(self, flow_id: int) -> int:
        """Return how many shards of a flow are not finished."""
        return int(self.connection.execute(sql.COUNT_SHARDS, (flow_id,))[0][0])

    def remove_free_shards(self, flow_id: int) -> None:
        """Remove shards without a holder; a new scan finds their rows again."""
        self.connection.execute(sql.DELETE_FREE_SHARDS, (flow_id,))

    # Groups --------------------------------------------------------------------------------------

    def marked_groups(self, group_id: int, limit: int) -> list[bytes]:
        """Return encoded keys of groups whose rows changed since they were processed."""
        return [row[0] for row in self.connection.execute(sql.SELECT_MARKS, (group_id, limit))]

    def unmark_groups(self, group_id: int, keys: Sequence[bytes]) -> None:
        """Record that groups have been processed."""
        with self.connection.transaction():
            self.connection.execute_many(sql.UNMARK_GROUP, [(group_id, key) for key in keys])

    def has_unfinished(self, source_id: int, logic: bytes) -> bool:
        """Say whether some row failed, was interrupted, or was processed by other logic."""
        return bool(self.connection.execute(sql.SELECT_UNFINISHED, (source_id, logic)))

    # Memo ----------------------------------------------------------------------------------------

    def memo(self, digests: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the memo's results of these calls."""
        return dict(self.connection.execute_list(sql.SELECT_MEMO, (), digests))

    def add_memo(self, results: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep results of calls."""
        now = int(time.time())
        self.connection.execute_many(
            sql.INSERT_MEMO, [(digest, value, now) for digest, value in results]
        )

    def sweep_memo(self, older_than: float) -> int:
        """Remove results that no row uses and that are older than `older_than`; return how many.

        A grace period keeps results of earlier contents, so that restoring those computes nothing.
        """
        used: set[bytes] = set()
        for (uses,) in self.connection.execute(sql.SELECT_USES):
            used.update(bytes(uses[i : i + 16]) for i in range(0, len(uses), 16))
        old = self.connection.execute(sql.SELECT_OLD_MEMO, (int(older_than),))
        unused = [(bytes(digest),) for (digest,) in old if bytes(digest) not in used]
        with self.connection.transaction():
            self.connection.execute_many(sql.DELETE_MEMO, unused)
        return len(unused)

    # Errors and runs -----------------------------------------------------------------------------

    def errors(self, flow_id: int, limit: int = 1000) -> list[RowError]:
        """Return the flow's failures, the latest first."""
        return [RowError(*r) for r in self.connection.execute(sql.SELECT_ERRORS, (flow_id, limit))]

    def count_errors(self, flow_id: int) -> int:
        """Return how many rows of a flow have failed."""
        return int(self.connection.execute(sql.COUNT_ERRORS, (flow_id,))[0][0])

    def due_errors(self, source_id: int, now: float) -> list[bytes]:
        """Return the keys of failed rows whose time to be tried again has come."""
        return [row[0] for row in self.connection.execute(sql.SELECT_DUE_ERRORS, (source_id, now))]

    def failed_keys(self, source_id: int) -> list[bytes]:
        """Return the keys of all failed rows of a source."""
        return [row[0] for row in self.connection.execute(sql.SELECT_FAILED_KEYS, (source_id,))]

    def remove_errors(self, source_id: int, keys: Sequence[bytes]) -> None:
        """Remove the failures of rows."""
        self.connection.execute_many(sql.DELETE_ERROR, [(source_id, key) for key in keys])

    def remove_errors_without_row(self, source_id: int, before: float) -> None:
        """Remove failures, last seen before that time, of rows that were never processed."""
        self.connection.execute(sql.DELETE_ERRORS_WITHOUT_ROW, (source_id, before))

    def start_run(self, flow_id: int) -> int:
        """Record that an update begins."""
        return int(self.connection.execute(sql.INSERT_RUN, (flow_id, time.time()))[0][0])

    def finish_run(self, run_id: int, status: str, stats: Any) -> None:
        """Record how an update ended."""
        self.connection.execute(sql.FINISH_RUN, (time.time(), status, json.dumps(stats), run_id))

    def runs(self, flow_id: int, limit: int = 20) -> list[dict[str, Any]]:
        """Return the latest updates of a flow."""
        return [
            {"id": i, "started_at": started, "ended_at": ended, "status": status,
             "stats": json.loads(stats) if stats else None}
            for i, started, ended, status, stats in self.connection.execute(
                sql.SELECT_RUNS, (flow_id, limit)
            )
        ]  # fmt: skip

    def byte_size(self) -> int:
        """Return how many bytes the state takes."""
        return self.connection.byte_size()

    def compact(self) -> None:
        """Release the space of what was removed."""
        self.connection.compact()

    @property
    def schema_version(self) -> int:
        """The version of the tables."""
        return int(self.connection.execute(sql.SELECT_META, ("schema_version",))[0][0])

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def _migrate(self) -> None:
        with self.connection.transaction():
            for statement in sql.SCHEMA:
                self.connection.execute(statement)
            found = self.connection.execute(sql.SELECT_META, ("schema_version",))
            if not found:
                self.connection.execute(
                    sql.UPSERT_META, ("schema_version", str(sql.SCHEMA_VERSION))
                )
            elif int(found[0][0]) > sql.SCHEMA_VERSION:
                raise StateBroken(
                    f"The state at {self.url!r} was written by a newer coco-flow (its schema is "
                    f"{found[0][0]}, this one knows {sql.SCHEMA_VERSION}).",
                    hint="Install the newer version again: pip install -U coco-flow",
                )


def open_store(
    url: str | None,
    user: str | None = None,
    password: str | None = None,
    schema: str | None = None,
) -> StateStore:
    """Open the state at a URL (`postgresql://…`, `sqlite:///path`) or a plain path.

    Raises:
        StateBroken: It cannot be opened.
    """
    url = url or ".coco_flow/state.db"
    if url.startswith(("postgresql://", "postgres://")):
        from coco_flow.state.postgres import PostgresConnection

        return StateStore(PostgresConnection(url, user, password, schema))
    from coco_flow.state.sqlite import SqliteConnection

    path = url.removeprefix("sqlite:///")
    return StateStore(SqliteConnection(path if path == ":memory:" else Path(path)))

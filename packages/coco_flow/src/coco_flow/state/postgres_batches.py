"""Statements over many rows in PostgreSQL: one statement with arrays instead of one for each row.

Each takes the parameters of its namesake in `coco_flow.state.sql`, column by column. The server
spends a fifth of the time, most of which is planning and starting a statement.
"""

from __future__ import annotations

from coco_flow.state import sql

__all__ = ["BATCHED"]

BATCHED: dict[str, str] = {
    sql.INSERT_ROWS: (
        "INSERT INTO source_row (source_id, key) SELECT * FROM unnest(%b::bigint[], %b::bytea[]) "
        "ON CONFLICT (source_id, key) DO NOTHING"
    ),
    sql.STAGE_ROW: (
        "UPDATE source_row SET staging = new.staging "
        "FROM unnest(%b::bytea[], %b::bigint[]) AS new (staging, id) WHERE source_row.id = new.id"
    ),
    sql.FINISH_ROW: (
        "UPDATE source_row SET token = new.token, ordinal = new.ordinal, digest = new.digest, "
        "logic = new.logic, attention = new.attention, uses = new.uses, targets = new.targets, "
        "staging = NULL FROM unnest(%b::bytea[], %b::bigint[], %b::bytea[], %b::bytea[], "
        "%b::bigint[], %b::bytea[], %b::bytea[], %b::bigint[]) "
        "AS new (token, ordinal, digest, logic, attention, uses, targets, id) "
        "WHERE source_row.id = new.id"
    ),
    sql.TOUCH_ROW: (
        "UPDATE source_row SET token = new.token, ordinal = new.ordinal, digest = new.digest, "
        "attention = new.attention "
        "FROM unnest(%b::bytea[], %b::bigint[], %b::bytea[], %b::bigint[], %b::bigint[]) "
        "AS new (token, ordinal, digest, attention, id) WHERE source_row.id = new.id"
    ),
    sql.DELETE_ROW: "DELETE FROM source_row WHERE id = ANY(%b::bigint[])",
    sql.INSERT_OWNER: (
        "INSERT INTO owner (target_id, key, row_id) "
        "SELECT * FROM unnest(%b::bigint[], %b::bytea[], %b::bigint[]) ON CONFLICT DO NOTHING"
    ),
    sql.INSERT_MEMO: (
        "INSERT INTO memo (digest, value, created) "
        "SELECT * FROM unnest(%b::bytea[], %b::bytea[], %b::bigint[]) "
        "ON CONFLICT (digest) DO NOTHING"
    ),
    sql.DELETE_ERROR: (
        "DELETE FROM error USING unnest(%b::bigint[], %b::bytea[]) AS old (source_id, key) "
        "WHERE error.source_id = old.source_id AND error.key = old.key"
    ),
}
"""From a statement for one row to the one for many."""

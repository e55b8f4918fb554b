"""Every SQL statement of the state store, named; `?` marks parameters in both dialects.

The types are SQLite's; `coco_flow.state.postgres` translates the few that differ.
"""

from __future__ import annotations

__all__ = ["SCHEMA", "SCHEMA_VERSION"]

SCHEMA_VERSION = 1

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    # A flow by its full name; `definition` is its graph as JSON, for inspection without its code.
    """CREATE TABLE IF NOT EXISTS flow (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        definition TEXT)""",
    # `scanned` says whether a complete scan ever found rows, for the guard against empty scans.
    """CREATE TABLE IF NOT EXISTS source (
        id INTEGER PRIMARY KEY,
        flow_id INTEGER NOT NULL REFERENCES flow(id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        UNIQUE (flow_id, name))""",
    # One row of a source. `targets` maps target ids to the keys it declares and their digests,
    # `staging` to the keys of a write that may or may not have reached the target.
    """CREATE TABLE IF NOT EXISTS source_row (
        id INTEGER PRIMARY KEY,
        source_id INTEGER NOT NULL REFERENCES source(id) ON DELETE CASCADE,
        key BLOB NOT NULL,
        token BLOB,
        ordinal INTEGER,
        digest BLOB,
        logic BLOB,
        attention INTEGER NOT NULL DEFAULT 0,
        uses BLOB,
        targets BLOB,
        staging BLOB,
        UNIQUE (source_id, key))""",
    "CREATE INDEX IF NOT EXISTS source_row_attention ON source_row (source_id) WHERE attention > 0",
    # Results of functions by the digest of function, version and arguments; shared by all flows.
    """CREATE TABLE IF NOT EXISTS memo (
        digest BLOB PRIMARY KEY,
        value BLOB NOT NULL,
        created INTEGER NOT NULL)""",
    # Which rows declare a key of a target, where several may declare the same one.
    """CREATE TABLE IF NOT EXISTS owner (
        target_id INTEGER NOT NULL,
        key BLOB NOT NULL,
        row_id INTEGER NOT NULL,
        PRIMARY KEY (target_id, key, row_id))""",
    # What set-up made in a target. `staging` holds the states of a change under way, as JSON.
    # Rows name the targets that they were written to by this number, so no other may ever get it.
    """CREATE TABLE IF NOT EXISTS resource (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        flow_id INTEGER NOT NULL REFERENCES flow(id) ON DELETE CASCADE,
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        name TEXT NOT NULL,
        state TEXT,
        staging TEXT,
        epoch INTEGER NOT NULL DEFAULT 0,
        UNIQUE (flow_id, kind, key))""",
    # Collected rows by group, for group-by and join; the group id is that of its source.
    """CREATE TABLE IF NOT EXISTS group_row (
        group_id INTEGER NOT NULL,
        group_key BLOB NOT NULL,
        member INTEGER NOT NULL,
        origin BLOB NOT NULL,
        number INTEGER NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (group_id, group_key, member, origin, number))""",
    # Groups whose rows changed since they were processed.
    """CREATE TABLE IF NOT EXISTS group_mark (
        group_id INTEGER NOT NULL,
        group_key BLOB NOT NULL,
        PRIMARY KEY (group_id, group_key))""",
    """CREATE TABLE IF NOT EXISTS error (
        source_id INTEGER NOT NULL REFERENCES source(id) ON DELETE CASCADE,
        key BLOB NOT NULL,
        step TEXT NOT NULL,
        message TEXT NOT NULL,
        traceback TEXT NOT NULL,
        first_at REAL NOT NULL,
        last_at REAL NOT NULL,
        count INTEGER NOT NULL,
        retry_at REAL,
        PRIMARY KEY (source_id, key))""",
    # Keys to process, shared out among processes; `holder` has it until `lease_until`.
    """CREATE TABLE IF NOT EXISTS shard (
        id INTEGER PRIMARY KEY,
        source_id INTEGER NOT NULL REFERENCES source(id) ON DELETE CASCADE,
        keys BLOB NOT NULL,
        holder TEXT,
        lease_until REAL,
        attempts INTEGER NOT NULL DEFAULT 0)""",
    """CREATE TABLE IF NOT EXISTS run (
        id INTEGER PRIMARY KEY,
        flow_id INTEGER NOT NULL REFERENCES flow(id) ON DELETE CASCADE,
        started_at REAL NOT NULL,
        ended_at REAL,
        status TEXT NOT NULL,
        stats TEXT)""",
)

# Set-up and names ---------------------------------------------------------------------------------

SELECT_META = "SELECT value FROM meta WHERE name = ?"
UPSERT_META = (
    "INSERT INTO meta (name, value) VALUES (?, ?) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
SELECT_FLOW_ID = "SELECT id FROM flow WHERE name = ?"
INSERT_FLOW = "INSERT INTO flow (name) VALUES (?) ON CONFLICT (name) DO NOTHING"
SELECT_FLOWS = "SELECT id, name, definition FROM flow ORDER BY name"
UPDATE_DEFINITION = "UPDATE flow SET definition = ? WHERE id = ?"
DELETE_FLOW = "DELETE FROM flow WHERE id = ?"
SELECT_SOURCE_ID = "SELECT id FROM source WHERE flow_id = ? AND name = ?"
INSERT_SOURCE = (
    "INSERT INTO source (flow_id, name) VALUES (?, ?) ON CONFLICT (flow_id, name) DO NOTHING"
)
SELECT_SOURCES = "SELECT id, name FROM source WHERE flow_id = ? ORDER BY name"
DELETE_SOURCE = "DELETE FROM source WHERE id = ?"

SELECT_RESOURCES = (
    "SELECT id, kind, key, name, state, staging, epoch FROM resource WHERE flow_id = ? ORDER BY id"
)
INSERT_RESOURCE = (
    "INSERT INTO resource (flow_id, kind, key, name) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (flow_id, kind, key) DO UPDATE SET name = excluded.name"
)
SELECT_RESOURCE_ID = "SELECT id FROM resource WHERE flow_id = ? AND kind = ? AND key = ?"
STAGE_RESOURCE = "UPDATE resource SET staging = ? WHERE id = ?"
FINISH_RESOURCE = "UPDATE resource SET state = ?, staging = NULL, epoch = epoch + ? WHERE id = ?"
DELETE_RESOURCE = "DELETE FROM resource WHERE id = ?"
DELETE_OWNERS_OF_TARGET = "DELETE FROM owner WHERE target_id = ?"
DELETE_OWNERS_OF_SOURCE = (
    "DELETE FROM owner WHERE row_id IN (SELECT id FROM source_row WHERE source_id = ?)"
)

# Rows ---------------------------------------------------------------------------------------------

# {keys} becomes a list of parameters.
SELECT_ROWS = (
    "SELECT key, id, token, ordinal, digest, logic, attention, staging IS NOT NULL "
    "FROM source_row WHERE source_id = ? AND key IN ({keys})"
)
# A row that failed waits for the next update; trying it again immediately would not end.
SELECT_DIRTY = (
    "SELECT key FROM source_row WHERE source_id = ? AND (attention & 4) > 0 AND (attention & 2) = 0"
)
SELECT_LAST_ROW_ID = "SELECT MAX(id) FROM source_row WHERE source_id = ?"
SELECT_ROW_IDS = (
    "SELECT id FROM source_row WHERE source_id = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?"
)
SELECT_KEYS_BY_ID = "SELECT id, key FROM source_row WHERE id IN ({keys})"
SELECT_KEYS = "SELECT key FROM source_row WHERE source_id = ? ORDER BY key LIMIT ? OFFSET ?"
COUNT_ROWS = "SELECT COUNT(*) FROM source_row WHERE source_id = ?"
COUNT_ROWS_BY_STATE = (
    "SELECT logic, attention, staging IS NOT NULL, COUNT(*) FROM source_row WHERE source_id = ? "
    "GROUP BY 1, 2, 3"
)
SELECT_TARGETS_OF_LOGIC = (
    "SELECT targets FROM source_row WHERE source_id = ? AND logic = ? AND targets IS NOT NULL "
    "LIMIT 1"
)
SELECT_TARGETS = "SELECT id, targets, staging FROM source_row WHERE id IN ({keys})"
SELECT_ROW = (
    "SELECT id, token, ordinal, digest, logic, attention, targets, staging FROM source_row "
    "WHERE source_id = ? AND key = ?"
)
INSERT_ROWS = (
    "INSERT INTO source_row (source_id, key) VALUES (?, ?) ON CONFLICT (source_id, key) DO NOTHING"
)
SELECT_IDS_BY_KEY = "SELECT key, id FROM source_row WHERE source_id = ? AND key IN ({keys})"
STAGE_ROW = "UPDATE source_row SET staging = ? WHERE id = ?"
FINISH_ROW = (
    "UPDATE source_row SET token = ?, ordinal = ?, digest = ?, logic = ?, attention = ?, uses = ?, "
    "targets = ?, staging = NULL WHERE id = ?"
)
# A row that a target did not take: what did reach the others is kept, the rest stays staged.
HOLD_ROW = "UPDATE source_row SET attention = ?, targets = ?, staging = ? WHERE id = ?"
TOUCH_ROW = "UPDATE source_row SET token = ?, ordinal = ?, digest = ?, attention = ? WHERE id = ?"
DELETE_ROW = "DELETE FROM source_row WHERE id = ?"
MARK_ROW = "UPDATE source_row SET attention = attention | ? WHERE id = ?"

# Owners -------------------------------------------------------------------------------------------

SELECT_OWNERS = (
    "SELECT owner.key, owner.row_id, source.name, source_row.key FROM owner "
    "JOIN source_row ON source_row.id = owner.row_id "
    "JOIN source ON source.id = source_row.source_id "
    "WHERE owner.target_id = ? AND owner.key IN ({keys})"
)
INSERT_OWNER = "INSERT INTO owner (target_id, key, row_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
DELETE_OWNER = "DELETE FROM owner WHERE target_id = ? AND key = ? AND row_id = ?"

# Groups -------------------------------------------------------------------------------------------

UPSERT_GROUP_ROW = (
    "INSERT INTO group_row (group_id, member, group_key, origin, number, value) "
    "VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (group_id, group_key, member, origin, number) DO UPDATE SET value = excluded.value"
)
DELETE_GROUP_ROW = (
    "DELETE FROM group_row WHERE group_id = ? AND member = ? AND group_key = ? AND origin = ? "
    "AND number = ?"
)
DELETE_GROUP_MEMBER = "DELETE FROM group_row WHERE group_id = ? AND member = ?"
MARK_GROUP = "INSERT INTO group_mark (group_id, group_key) VALUES (?, ?) ON CONFLICT DO NOTHING"
MARK_GROUPS_OF_MEMBER = (
    "INSERT INTO group_mark (group_id, group_key) "
    "SELECT DISTINCT group_id, group_key FROM group_row WHERE group_id = ? AND member = ? "
    "ON CONFLICT DO NOTHING"
)
UNMARK_GROUP = "DELETE FROM group_mark WHERE group_id = ? AND group_key = ?"
SELECT_MARKS = "SELECT group_key FROM group_mark WHERE group_id = ? ORDER BY group_key LIMIT ?"
SELECT_GROUPS = (
    "SELECT DISTINCT group_key FROM group_row WHERE group_id = ? AND group_key > ? "
    "ORDER BY group_key LIMIT ?"
)
SELECT_GROUP_ROWS = (
    "SELECT group_key, member, origin, number, value FROM group_row "
    "WHERE group_id = ? AND group_key IN ({keys})"
)
# Whether some row of a source has other logic, failed, or was interrupted.
SELECT_UNFINISHED = (
    "SELECT 1 FROM source_row WHERE source_id = ? "
    "AND (logic IS NULL OR logic <> ? OR attention > 0 OR staging IS NOT NULL) LIMIT 1"
)

# Shards -------------------------------------------------------------------------------------------

# `unix_now()` is the database's clock in seconds: the processes' own may differ.
INSERT_SHARD = "INSERT INTO shard (source_id, keys) VALUES (?, ?)"
# PostgreSQL skips rows that another process is just claiming; SQLite has one writer at a time.
CLAIM_SHARD = (
    "UPDATE shard SET holder = ?, lease_until = unix_now() + ?, attempts = attempts + 1 "
    "WHERE id = (SELECT shard.id FROM shard JOIN source ON source.id = shard.source_id "
    "WHERE source.flow_id = ? AND (holder IS NULL OR lease_until < unix_now()) "
    "ORDER BY shard.id LIMIT 1 /* skip locked */) "
    "RETURNING id, source_id, keys, attempts"
)
EXTEND_SHARD = (
    "UPDATE shard SET lease_until = unix_now() + ? WHERE id = ? AND holder = ? RETURNING id"
)
FINISH_SHARD = "DELETE FROM shard WHERE id = ? AND holder = ?"
COUNT_SHARDS = (
    "SELECT COUNT(*) FROM shard JOIN source ON source.id = shard.source_id WHERE source.flow_id = ?"
)
DELETE_FREE_SHARDS = (
    "DELETE FROM shard WHERE source_id IN (SELECT id FROM source WHERE flow_id = ?) "
    "AND (holder IS NULL OR lease_until < unix_now())"
)

# Memo ---------------------------------------------------------------------------------------------

SELECT_MEMO = "SELECT digest, value FROM memo WHERE digest IN ({keys})"
INSERT_MEMO = (
    "INSERT INTO memo (digest, value, created) VALUES (?, ?, ?) ON CONFLICT (digest) DO NOTHING"
)
SELECT_USES = "SELECT uses FROM source_row WHERE uses IS NOT NULL"
SELECT_OLD_MEMO = "SELECT digest FROM memo WHERE created < ?"
DELETE_MEMO = "DELETE FROM memo WHERE digest = ?"

# Errors and runs ----------------------------------------------------------------------------------

UPSERT_ERROR = (
    "INSERT INTO error (source_id, key, step, message, traceback, first_at, last_at, count, "
    "retry_at) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?) ON CONFLICT (source_id, key) DO UPDATE SET "
    "step = excluded.step, message = excluded.message, traceback = excluded.traceback, "
    "last_at = excluded.last_at, count = error.count + 1, retry_at = excluded.retry_at"
)
DELETE_ERROR = "DELETE FROM error WHERE source_id = ? AND key = ?"
SELECT_ERRORS = (
    "SELECT source.name, error.key, error.step, error.message, error.traceback, error.first_at, "
    "error.last_at, error.count, error.retry_at FROM error "
    "JOIN source ON source.id = error.source_id WHERE source.flow_id = ? "
    "ORDER BY error.last_at DESC, error.key LIMIT ?"
)
COUNT_ERRORS = (
    "SELECT COUNT(*) FROM error JOIN source ON source.id = error.source_id WHERE source.flow_id = ?"
)
SELECT_ERROR_COUNTS = "SELECT key, count FROM error WHERE source_id = ? AND key IN ({keys})"
SELECT_DUE_ERRORS = "SELECT key FROM error WHERE source_id = ? AND retry_at <= ?"
SELECT_FAILED_KEYS = "SELECT key FROM error WHERE source_id = ? ORDER BY key"
# Failures of rows that were never processed and not seen since: they are gone from the source.
DELETE_ERRORS_WITHOUT_ROW = (
    "DELETE FROM error WHERE source_id = ? AND last_at < ? AND NOT EXISTS (SELECT 1 FROM "
    "source_row WHERE source_row.source_id = error.source_id AND source_row.key = error.key)"
)
INSERT_RUN = "INSERT INTO run (flow_id, started_at, status) VALUES (?, ?, 'running') RETURNING id"
FINISH_RUN = "UPDATE run SET ended_at = ?, status = ?, stats = ? WHERE id = ?"
SELECT_RUNS = (
    "SELECT id, started_at, ended_at, status, stats FROM run WHERE flow_id = ? "
    "ORDER BY id DESC LIMIT ?"
)

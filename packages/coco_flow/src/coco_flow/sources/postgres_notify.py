"""Changes of a PostgreSQL table by LISTEN and NOTIFY, and the trigger that sends them."""

from __future__ import annotations

import hashlib
import json
import logging
from typing import TYPE_CHECKING, Any

from coco_core.errors import Unavailable
from coco_flow.errors import FlowError
from coco_flow.setting import DatabaseConnectionSpec
from coco_flow.sources.change_stream import ChangeStream
from coco_flow.sources.postgres_columns import row_converter
from coco_flow.sources.postgres_connection import open_connection
from coco_flow.sources.postgres_table import PostgresTable, quote

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = ["PostgresChanges"]

log = logging.getLogger(__name__)

# How long closing may take: the wait for notifications ends so often, and with each arrival.
_LOOK_SECONDS = 0.2

# An unreachable server is tried again after this, doubled up to the limit.
_FIRST_RETRY, _LAST_RETRY = 0.5, 30.0

# A connection that a router forgot is noticed after 30 s and five more tries of 5 s.
_KEEPALIVE = {
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 5,
}

# The key is sent as texts, in formats that do not depend on the session; where that is more than a
# notification holds (8,000 bytes), or rows vanish by TRUNCATE, an empty one requests a listing.
_FUNCTION_BODY = """
DECLARE
    changed jsonb := '[]';
BEGIN
    IF TG_OP IN ('UPDATE', 'DELETE') THEN
        changed := changed || jsonb_build_array(jsonb_build_array({old}));
    END IF;
    IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND ROW({new}) IS DISTINCT FROM ROW({old})) THEN
        changed := changed || jsonb_build_array(jsonb_build_array({new}));
    END IF;
    PERFORM pg_notify({channel}, CASE
        WHEN TG_OP = 'TRUNCATE' OR octet_length(changed::text) > 7000 THEN ''
        ELSE changed::text
    END);
    RETURN NULL;
END
"""

_CREATE = """
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD' SET timezone = 'UTC'
SET intervalstyle = 'postgres' SET bytea_output = 'hex' SET extra_float_digits = 1
AS $coco_flow${body}$coco_flow$;
DROP TRIGGER IF EXISTS {trigger} ON {table};
CREATE TRIGGER {trigger} AFTER INSERT OR UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION {function}();
DROP TRIGGER IF EXISTS {trigger}_truncate ON {table};
CREATE TRIGGER {trigger}_truncate AFTER TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION {function}();
"""

_COUNT_TRIGGERS = """
    SELECT count(*) FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE t.tgrelid = %(table)s::regclass AND t.tgname = ANY(%(triggers)s)
      AND t.tgenabled <> 'D' AND p.prosrc = %(body)s
"""


class PostgresChanges(ChangeStream):
    """Yields the keys of rows that others committed changes of."""

    def __init__(
        self, database: DatabaseConnectionSpec, table: PostgresTable, channel: str | None
    ) -> None:
        """Set the trigger up if it is not there, and listen.

        Raises:
            FlowError: The trigger is missing and may not be created.
        """
        super().__init__()
        self._database = database
        self._trigger = _Trigger(table, channel)
        self._table = table
        self._convert = row_converter(table.key)
        self._connection = self._listen()
        self._start()

    def _follow(self) -> None:
        import psycopg

        wait = _FIRST_RETRY
        try:
            while not self._closed.is_set():
                try:
                    if self._connection.closed:
                        self._connection = self._listen()
                        # Changes may have been committed while nothing listened.
                        self._report(None)
                        wait = _FIRST_RETRY
                    self._take(self._connection)
                except (psycopg.OperationalError, Unavailable) as error:
                    log.warning("lost the notifications of %s: %s", self._table.name, error)
                    self._connection.close()
                    self._closed.wait(wait)
                    wait = min(wait * 2, _LAST_RETRY)
        finally:
            self._connection.close()

    def _listen(self) -> Connection[Any]:
        connection = open_connection(self._database, autocommit=True, **_KEEPALIVE)
        try:
            self._trigger.ensure(connection)
            connection.execute(f"LISTEN {quote(self._trigger.channel)}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _take(self, connection: Connection[Any]) -> None:
        """Report what arrives within a moment."""
        payloads = [n.payload for n in connection.notifies(timeout=_LOOK_SECONDS, stop_after=1)]
        if not payloads:
            return
        changed: list[list[str]] = []
        for payload in payloads:
            rows = _rows(payload, len(self._table.key))
            if rows is None:
                self._report(None)
                return
            changed += rows
        # The server reads the texts of keys as it wrote them.
        parts = [list(part) for part in zip(*changed, strict=True)]
        rows_of_keys = connection.execute(self._table.key_query, parts, binary=True)
        self._report([tuple(self._convert(row)) for row in rows_of_keys])


class _Trigger:
    """The trigger of a table; one for each table, key and channel, shared by all listeners."""

    def __init__(self, table: PostgresTable, channel: str | None) -> None:
        self.table = table.name
        names = [quote(column.field.name) for column in table.key]
        identity = "\0".join([table.name, channel or "", *names])
        self._name = f"coco_flow_{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
        self.channel = channel or self._name
        self._body = _FUNCTION_BODY.format(
            channel=_literal(self.channel),
            old=", ".join(f"OLD.{name}::text" for name in names),
            new=", ".join(f"NEW.{name}::text" for name in names),
        )
        self._function = f"{table.schema}.{self._name}"
        self._statements = _CREATE.format(
            function=self._function, body=self._body, table=table.name, trigger=self._name
        )

    def ensure(self, connection: Connection[Any]) -> None:
        """Create function and triggers unless they are there: creating them locks the table."""
        from psycopg.errors import InsufficientPrivilege

        with connection.transaction():
            # Only one creates; the others find it done.
            connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [self._name])
            wanted = {
                "table": self.table,
                "triggers": [self._name, f"{self._name}_truncate"],
                "body": self._body,
            }
            found = connection.execute(_COUNT_TRIGGERS, wanted).fetchone()
            if found is not None and found[0] == len(wanted["triggers"]):
                return
            try:
                connection.execute(self._statements)
            except InsufficientPrivilege as error:
                raise FlowError(
                    f"The trigger that notifies of changes of {self.table} may not be created: "
                    f"{error.diag.message_primary}.",
                    hint=f"The table's owner can run this once:\n{self._statements}",
                ) from error
        log.info(
            "%s notifies of its changes now; to undo it: DROP FUNCTION %s CASCADE",
            *(self.table, self._function),
        )


def _rows(payload: str, width: int) -> list[list[str]] | None:
    """Return the keys in a payload; None if it is not one of the trigger's, or an empty one."""
    try:
        rows = json.loads(payload)
    except ValueError:
        return None
    if not isinstance(rows, list):
        return None
    fits = all(isinstance(row, list) and len(row) == width for row in rows)
    return rows if fits else None


def _literal(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"'{escaped}'"

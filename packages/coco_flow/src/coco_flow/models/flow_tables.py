"""Tables that flows export to, as inputs of models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coco_flow.errors import DefinitionError

if TYPE_CHECKING:
    from sqlalchemy import Table

    from coco_flow.flow.flow import Flow
    from coco_flow.models.database import Database
    from coco_flow.setting import DatabaseConnectionSpec
    from coco_flow.state.records import Resource

__all__ = [
    "FlowExport",
    "database_url",
    "existing_database",
    "flow_export",
    "know_vectors",
    "read_table",
]

_SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True)
class FlowExport:
    """An export of a flow, which a `Reference` can name; see `flow_export`.

    Attributes:
        flow: The flow's name, without the namespace.
        export: The export's name.
    """

    flow: str
    export: str

    def __str__(self) -> str:
        return f"flow:{self.flow}/{self.export}"

    def open(self) -> tuple[Database, Table]:
        """Return the database that the export is in, and its table there.

        Raises:
            DefinitionError: The flow is not set up, has no such export, or it is no table of SQLite
                or PostgreSQL.
        """
        resource = self._resource()
        key = resource.key
        if resource.kind == "SQLite":
            database = existing_database(f"{_SQLITE}{Path(key['path']).resolve()}")
            return database, read_table(database, key["table_name"])
        if resource.kind == "Postgres":
            from coco_flow.postgres_database import named_database

            spec = named_database(key["database"], f"{self}", "Set COCO_FLOW_DATABASE_URL.")
            database = existing_database(database_url(spec))
            return database, read_table(database, key["table_name"], key["schema"])
        raise DefinitionError(
            f"The export {self.export!r} of flow {self.flow!r} goes to {resource.kind}, which "
            "models cannot read.",
            hint="Export to targets.SQLite or targets.Postgres as well.",
        )

    def _resource(self) -> Resource:
        """Return the target as set-up recorded it: the flow's code need not be here."""
        from coco_flow.flow.context import context
        from coco_flow.lib import get_flow_full_name

        name = get_flow_full_name(self.flow)
        flow_id = context.store.flow_id(name) if context.state_exists() else None
        if flow_id is None:
            raise DefinitionError(
                f"The flow {name!r} is not set up, so that it has no tables to read.",
                hint="Run `coco-flow update` first; COCO_FLOW_DATABASE_URL says where the state "
                "of flows is.",
            )
        found = {resource.name: resource for resource in context.store.resources(flow_id)}
        if self.export not in found:
            raise DefinitionError(
                f"The flow {name!r} has no export {self.export!r} that is set up.",
                hint=f"Its exports: {', '.join(found) or 'none'}.",
            )
        return found[self.export]


def flow_export(flow: str | Flow, export: str) -> FlowExport:
    """Name an export of a flow as an input of a model, wherever its table is.

    Write ``Reference(flow_export("Docs", "chunks"), document_column="filename")``. The export must
    go to `targets.SQLite` or `targets.Postgres`; the rows have the values that the target stores.

    Args:
        flow: The flow, or its name.
        export: The name given to `collector.export`.
    """
    return FlowExport(flow if isinstance(flow, str) else flow.name, export)


def existing_database(url: str) -> Database:
    """Return the database of a URL; reading creates no file.

    Raises:
        DefinitionError: There is no such SQLite file.
    """
    from coco_flow.models.database import database_of

    path = Path(url.removeprefix(_SQLITE))
    if url.startswith(_SQLITE) and not path.is_file():
        raise DefinitionError(
            f"There is no database file {str(path)!r}.",
            hint="Run what writes it first, or correct the path.",
        )
    return database_of(url)


def database_url(spec: DatabaseConnectionSpec) -> str:
    """Return the URL of a PostgreSQL database with its user and password."""
    from psycopg.conninfo import conninfo_to_dict
    from sqlalchemy import URL

    # The address may also be words like "host=… dbname=…", which SQLAlchemy does not take.
    parts: dict[str, Any] = dict(conninfo_to_dict(spec.url))
    user, password = parts.pop("user", None), parts.pop("password", None)
    port = parts.pop("port", None)
    url = URL.create(
        "postgresql",
        username=spec.user or user,
        password=spec.password or password,
        host=parts.pop("host", None),
        port=None if port is None else int(port),
        database=parts.pop("dbname", None),
        query={name: str(value) for name, value in parts.items()},
    )
    return url.render_as_string(hide_password=False)


def read_table(database: Database, name: str, schema: str | None = None) -> Table:
    """Return a table as its database has it now.

    Raises:
        DefinitionError: There is none of that name.
    """
    from sqlalchemy import MetaData, Table
    from sqlalchemy.exc import NoSuchTableError

    know_vectors(database)
    with database.reading() as connection:
        try:
            return Table(name, MetaData(), schema=schema, autoload_with=connection)
        except NoSuchTableError:
            full_name = f"{schema}.{name}" if schema else name
            raise DefinitionError(
                f"There is no table {full_name!r} in {database.public_url}.",
                hint="Run what writes it first: `coco-flow update`, or the model.",
            ) from None


def know_vectors(database: Database) -> None:
    """Let tables that are read from a database's catalog have columns of pgvector's types."""
    if not database.is_sqlite:
        # The import tells SQLAlchemy about them; values are numbers then, and not text.
        import pgvector.sqlalchemy  # noqa: F401

"""Tests of a model's table: what must hold of its columns after each run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from sqlalchemy import Connection, Select, Table, and_, func, or_, select, text
from sqlalchemy.exc import InvalidRequestError, NoSuchTableError, StatementError

from coco_flow.errors import DefinitionError
from coco_flow.models.store.documents import upsert
from coco_flow.models.store.tables import TESTS

if TYPE_CHECKING:
    from coco_flow.models.database import Database
    from coco_flow.models.declaration import Model

__all__ = [
    "ColumnTest",
    "TestOutcome",
    "accepted_values",
    "check",
    "not_null",
    "relationships",
    "run_tests",
    "sql",
    "unique",
]

Severity: TypeAlias = Literal["warn", "error"]

# Rows that a message shows of those that fail.
_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class ColumnTest:
    """A statement that finds the rows that break a rule.

    Attributes:
        name: The rule and what it is about, such as "not_null(text)".
        severity: "error" lets the model count as failed, "warn" is reported only.
        find: Returns the failing rows' `select` for a table, or runs a function that finds them.
        columns: The columns that it is about, which are checked before a run.
    """

    name: str
    severity: Severity
    find: Callable[[Table, Connection], Select[Any] | list[Any]]
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.severity not in get_args(Severity):
            raise DefinitionError(
                f"The severity of {self.name} is {self.severity!r}; it may be "
                f"{', '.join(get_args(Severity))}.",
            )


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """What a test found.

    Attributes:
        test: The test's name.
        severity: Its severity.
        failures: How many rows break the rule.
        examples: Some of them, as text.
        table: The table.
    """

    __test__ = False

    test: str
    severity: Severity
    failures: int
    examples: list[str]
    table: str

    @property
    def sentence(self) -> str:
        """What is wrong, in one line."""
        shown = ", ".join(self.examples)
        more = "" if self.failures <= len(self.examples) else ", …"
        rows = "row breaks" if self.failures == 1 else "rows break"
        return f"{self.failures} {rows} {self.test} of table {self.table!r}: {shown}{more}"


def not_null(*columns: str, severity: Severity = "error") -> ColumnTest:
    """Require a value in each of these columns."""

    def find(table: Table, _: Connection) -> Select[Any]:
        gaps = (table.c[name].is_(None) for name in columns)
        return select(*table.primary_key).where(or_(*gaps))

    return ColumnTest(f"not_null({', '.join(columns)})", severity, find, columns)


def unique(*columns: str, severity: Severity = "error") -> ColumnTest:
    """Require that no two rows have the same values in these columns; nulls do not count."""

    def find(table: Table, _: Connection) -> Select[Any]:
        chosen = [table.c[name] for name in columns]
        return (
            select(*chosen)
            .where(and_(*(column.is_not(None) for column in chosen)))
            .group_by(*chosen)
            .having(func.count() > 1)
        )

    return ColumnTest(f"unique({', '.join(columns)})", severity, find, columns)


def accepted_values(column: str, values: Sequence[Any], severity: Severity = "error") -> ColumnTest:
    """Require one of these values in a column; null is accepted."""

    def find(table: Table, _: Connection) -> Select[Any]:
        taken = table.c[column]
        return select(taken).where(taken.is_not(None), taken.not_in(list(values))).distinct()

    return ColumnTest(f"accepted_values({column})", severity, find, (column,))


def relationships(column: str, to: str, field: str, severity: Severity = "error") -> ColumnTest:
    """Require that every value of a column is in a column of another model or table.

    Args:
        column: The column that refers; null is accepted.
        to: The model or table that is referred to.
        field: Its column.
        severity: What a failure means.
    """

    def find(table: Table, connection: Connection) -> Select[Any]:
        other = _other_table(to, connection)
        if field not in other.c:
            raise DefinitionError(
                f"relationships({column}) refers to {to}.{field}, and table {other.name!r} has no "
                f"column {field!r}; it has {', '.join(other.c.keys())}.",
            )
        own, referred = table.c[column], other.c[field]
        # A join is what SQLite makes an index for, if the other table has none.
        joined = table.outerjoin(other, referred == own)
        return (
            select(own).select_from(joined).where(own.is_not(None), referred.is_(None)).distinct()
        )

    return ColumnTest(f"relationships({column} → {to}.{field})", severity, find, (column,))


def _other_table(name: str, connection: Connection) -> Any:
    """Return the other table under a name of its own: a table may refer to itself."""
    from sqlalchemy import MetaData

    from coco_flow.models.registry import ModelRegistry

    found = ModelRegistry.resolve(name)
    try:
        table = found.table if found else Table(name, MetaData(), autoload_with=connection)
    except NoSuchTableError:
        raise DefinitionError(
            f"A test refers to {name!r}, and there is no model or table of that name.",
            hint="Correct the name in relationships(…).",
        ) from None
    return table.alias("other")


def sql(name: str, statement: str, severity: Severity = "error") -> ColumnTest:
    """Require that a statement finds no row.

    Args:
        name: What the rule is called.
        statement: A SELECT of the rows that break it.
        severity: What a failure means.
    """

    def find(_: Table, connection: Connection) -> list[Any]:
        return [tuple(row) for row in connection.execute(text(statement))]

    return ColumnTest(name, severity, find)


def check(
    function: Callable[[Any], Any], *, name: str | None = None, severity: Severity = "error"
) -> ColumnTest:
    """Require that a function of the table's frame finds nothing wrong.

    Args:
        function: Takes a pandas frame; returns the rows that break the rule as a frame or a list,
            or whether the rule holds.
        name: What the rule is called. Default: the function's name.
        severity: What a failure means.
    """

    def find(table: Table, connection: Connection) -> list[Any]:
        from coco_flow.models.frames import make_frame

        names = table.c.keys()
        rows = connection.execute(select(table)).all()
        found = function(make_frame(names, rows, "pandas"))
        if found is None or isinstance(found, bool) or type(found).__name__ in ("bool_", "bool"):
            return [] if found is None or found else ["the function returned False"]
        return found.to_dict("records") if hasattr(found, "columns") else list(found)

    return ColumnTest(name or function.__name__, severity, find)


def run_tests(declared: Model, database: Database, run: str) -> list[TestOutcome]:
    """Run a model's tests, record what they found, and return it."""
    outcomes = []
    names: Counter[str] = Counter()
    for test in declared.tests:
        try:
            with database.reading() as connection:
                found = test.find(declared.table, connection)
                failures, rows = _counted(found, connection)
        except (StatementError, InvalidRequestError) as error:
            raise DefinitionError(
                f"Model {declared.name!r}: the test {test.name} cannot run: "
                f"{getattr(error, 'orig', error)}",
                hint="Correct its statement, or the columns that it names.",
            ) from error
        names[test.name] += 1
        # Two tests may have one name, such as two lists of accepted values.
        number = names[test.name]
        name = test.name if number == 1 else f"{test.name} #{number}"
        examples = [_shown(row) for row in rows[:_EXAMPLES]]
        outcomes.append(TestOutcome(name, test.severity, failures, examples, declared.table.name))
    records = [
        {
            "run": run, "model": declared.name, "test": one.test, "severity": one.severity,
            "failures": one.failures, "examples": one.examples,
        }
        for one in outcomes
    ]  # fmt: skip
    if records:
        with database.writing() as connection:
            upsert(connection, TESTS, records)
    return outcomes


def _counted(found: Select[Any] | list[Any], connection: Connection) -> tuple[int, list[Any]]:
    if isinstance(found, list):
        return len(found), found
    counted = select(func.count()).select_from(found.subquery())
    failures = int(connection.execute(counted).scalar_one())
    rows = connection.execute(found.limit(_EXAMPLES)).all() if failures else []
    return failures, [tuple(row) for row in rows]


def _shown(row: Any) -> str:
    if isinstance(row, tuple):
        return repr(row[0]) if len(row) == 1 else repr(row)
    return str(row)

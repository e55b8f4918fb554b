"""The declaration of a model: a function from tables to one table."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, get_args

from coco_flow.errors import DefinitionError
from coco_flow.models.reference import Input, inputs_of

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlmodel import SQLModel

    from coco_flow.models.column_tests import ColumnTest
    from coco_flow.models.config import ModelConfig

__all__ = ["Model", "Retry", "WriteStrategy", "model"]

WriteStrategy: TypeAlias = Literal["append", "merge", "replace"]
Executor: TypeAlias = Literal["thread", "process"]
Scope: TypeAlias = Literal["document", "table"]
_Function = TypeVar("_Function", bound=Callable[..., Any])
_NAME = re.compile(r"[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)+")


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a model that raised is tried again in one run.

    Attributes:
        attempts: Times that it is called at most.
        interval: Seconds before the second call.
        backoff: What the interval is multiplied with after each call.
    """

    attempts: int = 3
    interval: float = 1.0
    backoff: float = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A declared model.

    Attributes:
        name: ``module.model``.
        function: The user's function.
        db_model: The row class of its table.
        primary_key: The columns that a row is known by.
        write_strategy: What a write does to the rows that are there.
        description: What it does, in a sentence.
        inputs: What it reads.
        config_schema: The class of its settings.
        batch_size: Documents of one call; None calls it once, with all.
        executor: Whether it runs in a thread or in a process of its own.
        retry: How it is tried again.
        tests: What must hold of its table.
        version: Raise it when results change although the function's source does not.
        scope: "document" if a document's rows depend on that document's inputs alone, "table" if
            on all.
        sink: What its rows are also exported to: a target or a `Sink`, or None.
    """

    name: str
    function: Callable[..., Any]
    db_model: type[SQLModel]
    primary_key: tuple[str, ...]
    write_strategy: WriteStrategy = "replace"
    description: str = ""
    inputs: tuple[Input, ...] = ()
    config_schema: type[ModelConfig] | None = None
    batch_size: int | None = None
    executor: Executor = "thread"
    retry: Retry | None = None
    tests: tuple[ColumnTest, ...] = ()
    version: int | None = None
    scope: Scope = "document"
    sink: Any = None
    parameters: frozenset[str] = field(default_factory=frozenset)

    @property
    def table(self) -> Table:
        """The table that it writes."""
        table: Table = self.db_model.__table__  # type: ignore[attr-defined]
        return table

    @property
    def document_column(self) -> str | None:
        """The column with the document's id, or None if rows belong to no document."""
        return "document_id" if "document_id" in self.table.c else None


def model(  # noqa: PLR0917 - the positions are those that table models of the field have
    name: str,
    db_model: type[SQLModel] | None = None,
    primary_key: Sequence[str] | str | None = None,
    write_strategy: WriteStrategy = "replace",
    description: str = "",
    sources: Mapping[str, Any] | None = None,
    config_schema: type[ModelConfig] | None = None,
    *,
    batch_size: int | None = None,
    executor: Executor = "thread",
    retry: Retry | None = None,
    tests: Sequence[ColumnTest] = (),
    version: int | None = None,
    scope: Scope | None = None,
    sink: Any = None,
) -> Callable[[_Function], _Function]:
    """Declare a function as a model, and register it under its name.

    The function stays what it is: a test calls it with frames and a writer. A run gives it, by
    the names of its parameters, what it asks for: `ctx`, `writer`, `config`, `sources` (a mapping
    of frames), `workflow_id`, and one frame for each parameter whose default is a `Reference`.

    Args:
        name: ``module.model``, unique in the process.
        db_model: The row class of the table it writes, a SQLModel class with `table=True`.
        primary_key: The columns that a row is known by, or one. Default: the table's primary key.
        write_strategy: "append" adds rows; "merge" replaces rows of the same key; "replace" also
            removes the rows of a processed document that were not written again.
        description: What it does. Default: the function's first line of documentation.
        sources: Inputs by name: "table", ("table", options) or ("table", filter function).
        config_schema: The class of its settings.
        batch_size: Call it with the inputs of so many documents at a time. Each batch is committed
            by itself, may run on another process, and a document that fails stops no other.
        executor: "process" runs it in a process of its own, for work that keeps a core busy.
        retry: How it is tried again in one run when it raises.
        tests: What must hold of its table after each run.
        version: Raise it when results change although the function's source does not.
        scope: "table" if a row may depend on several documents: then delta mode calls it with
            all documents when any changed. Default: "document" if the table has a column
            `document_id`, else "table".
        sink: A target that the rows are exported to as well; see `coco_flow.models.sinks`.

    Raises:
        DefinitionError: Name, table, key, strategy or sources do not fit together.
    """

    def declare(function: _Function) -> _Function:
        from coco_flow.models.registry import ModelRegistry

        table = _table(name, db_model)
        key = _primary_key(name, table, primary_key)
        declared = Model(
            name=_checked_name(name),
            function=function,
            db_model=db_model,  # type: ignore[arg-type]
            primary_key=key,
            write_strategy=_one_of(name, "write_strategy", write_strategy, WriteStrategy),
            description=description or _first_line(function),
            inputs=inputs_of(name, function, sources),
            config_schema=config_schema,
            batch_size=_positive(name, batch_size),
            executor=_one_of(name, "executor", executor, Executor),
            retry=retry,
            tests=tuple(tests),
            version=version,
            scope=_one_of(name, "scope", scope or _usual_scope(table), Scope),
            sink=sink,
            parameters=frozenset(inspect.signature(function).parameters),
        )
        _check_options(declared)
        _check_parameters(declared)
        ModelRegistry.register(declared)
        function.model = declared  # type: ignore[attr-defined]
        return function

    return declare


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise DefinitionError(
            f"{name!r} cannot be the name of a model.",
            hint="Write module.model: letters, digits, underscores and hyphens, with a dot.",
        )
    return name


def _table(name: str, db_model: Any) -> Table:
    table = getattr(db_model, "__table__", None)
    if table is None:
        raise DefinitionError(
            f"Model {name!r}: db_model must be a SQLModel class with table=True, not {db_model!r}.",
            hint="class MyRow(PipelineModelBase, table=True): …",
        )
    found: Table = table
    return found


def _primary_key(name: str, table: Table, given: Sequence[str] | str | None) -> tuple[str, ...]:
    if isinstance(given, str):
        given = (given,)
    key = tuple(given) if given else tuple(column.name for column in table.primary_key)
    unknown = [column for column in key if column not in table.c]
    if unknown:
        raise DefinitionError(
            f"Model {name!r}: its primary key has {unknown[0]!r}, and table {table.name!r} has no "
            f"such column; it has {', '.join(table.c.keys())}.",
        )
    return key


def _one_of(name: str, what: str, given: str, allowed: Any) -> Any:
    if given not in get_args(allowed):
        raise DefinitionError(
            f"Model {name!r}: {what} is {given!r}; it may be {', '.join(get_args(allowed))}.",
        )
    return given


def _positive(name: str, batch_size: int | None) -> int | None:
    if batch_size is not None and batch_size < 1:
        raise DefinitionError(f"Model {name!r}: batch_size is {batch_size}; it must be at least 1.")
    return batch_size


def _first_line(function: Callable[..., Any]) -> str:
    lines = (function.__doc__ or "").strip().splitlines()
    return lines[0] if lines else ""


def _usual_scope(table: Table) -> Scope:
    return "document" if "document_id" in table.c else "table"


def _check_options(declared: Model) -> None:
    """Refuse options that are of the wrong kind or exclude each other."""
    from coco_flow.models.column_tests import ColumnTest
    from coco_flow.models.config import ModelConfig

    schema = declared.config_schema
    if schema is not None and not (isinstance(schema, type) and issubclass(schema, ModelConfig)):
        raise DefinitionError(
            f"Model {declared.name!r}: config_schema must be a subclass of ModelConfig, not "
            f"{schema!r}.",
            hint="class MyConfig(ModelConfig): …",
        )
    for test in declared.tests:
        if not isinstance(test, ColumnTest):
            raise DefinitionError(
                f"Model {declared.name!r}: {test!r} is no test of columns.",
                hint="Use not_null, unique, accepted_values, relationships, sql or check.",
            )
    if declared.batch_size is not None and declared.scope == "table":
        raise DefinitionError(
            f"Model {declared.name!r} has a batch_size, and its rows may depend on all documents.",
            hint='Leave out batch_size, or give its table a column document_id (scope="document").',
        )


def _check_parameters(declared: Model) -> None:
    """Refuse a function with a parameter that nothing can be given for."""
    given = {"ctx", "writer", "config", "sources", "workflow_id"}
    given |= {one.name for one in declared.inputs if not one.is_source}
    parameters = inspect.signature(declared.function).parameters.values()
    for parameter in parameters:
        is_open = parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        is_named = parameter.kind is not parameter.POSITIONAL_ONLY
        if is_open or (is_named and parameter.name in given):
            continue
        if parameter.default is parameter.empty or not is_named:
            raise DefinitionError(
                f"Model {declared.name!r}: nothing can be given for its parameter "
                f"{parameter.name!r}.",
                hint="Its parameters are given by name and may be ctx, writer, config, sources, "
                "workflow_id, those with a Reference as default, and others with a default.",
            )
    if any(one.is_source for one in declared.inputs):
        names = {parameter.name for parameter in parameters}
        kinds = {parameter.kind for parameter in parameters}
        if "sources" not in names and inspect.Parameter.VAR_KEYWORD not in kinds:
            raise DefinitionError(
                f"Model {declared.name!r} declares sources, and has no parameter `sources`.",
            )

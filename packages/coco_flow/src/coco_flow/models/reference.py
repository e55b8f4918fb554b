"""What a model reads: a table, as frames in the form that it asks for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from coco_flow.errors import DefinitionError
from coco_flow.models.flow_tables import FlowExport
from coco_flow.postgres_database import public_url

if TYPE_CHECKING:
    import pandas as pd

    from coco_flow.models.context import ModelContext
    from coco_flow.models.loading import BoundInput

__all__ = ["Form", "Input", "Reference", "inputs_of"]

Form: TypeAlias = Literal["pandas", "polars", "arrow"]

Filter: TypeAlias = str | Mapping[str, Any] | Callable[..., Any] | None

_SOURCE_OPTIONS = (
    "filter", "load_content", "columns", "document_column", "batch_rows", "database",
)  # fmt: skip


class Reference:
    """An input of a model, as the default of one of its parameters.

    The parameter gets a pandas frame, or what its annotation says: `polars.DataFrame`,
    `pyarrow.Table`, an `Iterator` of one of them (batches), or `Reference` (this object, which
    loads when `df` or `batches` is used).

    Args:
        name: A model (``"module.model"``), a table, or an export of a flow (`flow_export`).
        filter: Which rows: a column's name (the column with the document's id, which the run's
            filters apply to), ``{column: value or function of the context}``, a function of the
            filters that returns such a mapping, or a function of frame and context that returns a
            frame (which loads all rows first).
        load_content: Read each row's file into a column `content`; a mapping may name the
            `path_column`, the `root` folder of relative paths and the `document_id_column`.
        columns: Only these columns, which the check before a run looks for too.
        document_column: The column with the document's id. Default: `document_id`, or `id` in a
            table named `documents`.
        batch_rows: Rows of a batch, where the model takes batches.
        database: The URL of the database that the table is in. Default: the run's.
    """

    def __init__(
        self,
        name: str | FlowExport,
        filter: Filter = None,
        *,
        load_content: bool | Mapping[str, Any] = False,
        columns: list[str] | None = None,
        document_column: str | None = None,
        batch_rows: int = 50_000,
        database: str | None = None,
    ) -> None:
        options = dict(load_content) if isinstance(load_content, Mapping) else {}
        self.export = None if isinstance(name, str) else name
        self.table_name = str(name)
        self.database = database
        # What graphs show; no model has a name like that of a table in another database.
        place = "" if database is None else f" in {public_url(database)}"
        self.name = f"{name}{place}"
        self.load_content = bool(load_content)
        self.path_column: str | None = options.pop("path_column", None)
        self.root: str | None = options.pop("root", None)
        column = options.pop("document_id_column", None)
        if options:
            raise DefinitionError(
                f"{self!r}: load_content has no option {min(options)!r}.",
                hint="Its options: path_column, root, document_id_column.",
            )
        # load_content may name the id column of the frame; a filter by name is about the table.
        self.document_column = filter if isinstance(filter, str) else document_column or column
        self.filter = None if isinstance(filter, str) else filter
        self.columns = columns
        self.batch_rows = batch_rows
        self._bound: BoundInput | None = None

    def __repr__(self) -> str:
        return f"Reference({self.name!r})"

    @property
    def is_elsewhere(self) -> bool:
        """Whether its table is not in the database of the run."""
        return self.export is not None or self.database is not None

    def bound(self, loader: BoundInput) -> Reference:
        """Return a copy that reads through `loader`."""
        copy = object.__new__(Reference)
        copy.__dict__.update(self.__dict__, _bound=loader)
        return copy

    @property
    def df(self) -> pd.DataFrame:
        """The rows as a pandas frame, loaded at the first use."""
        frame: pd.DataFrame = self._loader.frame("pandas")
        return frame

    def batches(self, form: Form = "pandas") -> Iterator[Any]:
        """Return the rows in frames of `batch_rows` rows."""
        return self._loader.batches(form)

    @property
    def query(self) -> Any:
        """The SQLAlchemy `select` of the rows, for models that run it themselves."""
        return self._loader.statement()

    @property
    def model_class(self) -> Any:
        """The row class of the model that is referred to, or None for another table."""
        return self._loader.row_class

    @property
    def _loader(self) -> BoundInput:
        if self._bound is None:
            raise DefinitionError(
                f"{self!r} has no data here: it is filled in when a run calls the model.",
                hint="In a test, pass a frame for this parameter.",
            )
        return self._bound

    def conditions(self, context: ModelContext) -> tuple[dict[str, Any], Any]:
        """Return the column conditions of the filter, and the function of frames if it is one.

        A condition that a function gives the value None is left out: that filter is not set. None
        that is written down means that the column is null.
        """
        found: Any = self.filter
        is_computed = callable(found)
        if is_computed:
            if _takes_frame(found):
                return {}, found
            found = found(context.filters)
        conditions: dict[str, Any] = {}
        for column, given in (found or {}).items():
            value = given(context) if callable(given) else given
            if value is not None or not (is_computed or callable(given)):
                conditions[column] = value
        return conditions, None


def _takes_frame(function: Callable[..., Any]) -> bool:
    return len(inspect.signature(function).parameters) > 1


@dataclass(frozen=True, slots=True)
class Input:
    """An input of a model.

    Attributes:
        name: The parameter, or the key of `sources`.
        reference: What it reads.
        form: The kind of frame.
        kind: One frame, an iterator of frames, or the reference itself.
        is_source: Whether it is given in the parameter `sources`.
    """

    name: str
    reference: Reference
    form: Form = "pandas"
    kind: Literal["frame", "batches", "lazy"] = "frame"
    is_source: bool = False


def inputs_of(
    model_name: str, function: Callable[..., Any], sources: Mapping[str, Any] | None
) -> tuple[Input, ...]:
    """Return what a model reads, from its `sources` and its parameters' defaults.

    Raises:
        DefinitionError: A source is declared in none of the three forms.
    """
    found = [
        Input(name, _source(model_name, name, given), is_source=True)
        for name, given in (sources or {}).items()
    ]
    for parameter in _signature(function).parameters.values():
        if isinstance(parameter.default, Reference):
            form, kind = _requested(parameter.annotation)
            found.append(Input(parameter.name, parameter.default, form, kind))
    return tuple(found)


def _source(model_name: str, name: str, given: Any) -> Reference:
    if isinstance(given, Reference):
        return given
    if isinstance(given, str | FlowExport):
        return Reference(given)
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], str | FlowExport):
        table, options = given
        if callable(options):
            return Reference(table, options)
        if isinstance(options, Mapping) and not set(options) - set(_SOURCE_OPTIONS):
            return Reference(table, **options)
    raise DefinitionError(
        f"Model {model_name!r}: the source {name!r} is {given!r}.",
        hint='Write "table", ("table", {"load_content": True}) or '
        '("table", lambda filters: {"column": value}); options: '
        f"{', '.join(_SOURCE_OPTIONS)}.",
    )


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature with annotations as they are meant, whatever names are imported as."""
    try:
        return inspect.signature(function, eval_str=True)
    except Exception:  # noqa: BLE001 - a name may be there for type checkers only
        return inspect.signature(function)


def _requested(annotation: Any) -> tuple[Form, Literal["frame", "batches", "lazy"]]:
    """Return the form of frame that an annotation asks for.

    Annotations are read as text: one that names what only type checkers see is nothing else.
    """
    if annotation is inspect.Parameter.empty:
        return "pandas", "frame"
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    text = text.removeprefix("collections.abc.").removeprefix("typing.")
    head = text.partition("[")[0].rpartition(".")[2]
    form: Form = "pandas"
    if "polars." in text or "pl." in text:
        form = "polars"
    elif "pyarrow." in text or "pa." in text:
        form = "arrow"
    if head in ("Iterator", "Iterable", "Generator"):
        return form, "batches"
    return form, "lazy" if head == "Reference" else "frame"

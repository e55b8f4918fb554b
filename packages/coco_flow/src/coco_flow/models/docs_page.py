"""Writes the page that documents pipelines, models, tables and columns: one file of HTML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from coco_flow.models.diagram import Diagram, diagram_of
from coco_flow.models.diagram_svg import draw
from coco_flow.models.docs_facts import (
    ModelRecords,
    columns_of,
    nulls_text,
    recorded_names,
    records_of_model,
    settings_of,
    source_of,
)
from coco_flow.models.docs_style import STYLE
from coco_flow.models.graph import build_graph
from coco_flow.models.html_text import Html, join, python_code, tag
from coco_flow.models.registry import ModelRegistry

if TYPE_CHECKING:
    from coco_flow.models.database import Database
    from coco_flow.models.declaration import Model
    from coco_flow.models.pipeline import PipelineConfig
    from coco_flow.models.reference import Input

__all__ = ["docs_page"]

# Nothing is loaded from anywhere, whatever a description holds.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def docs_page(
    title: str, pipelines: Sequence[PipelineConfig], database: Database | None = None
) -> str:
    """Return the page, the same for the same declarations and records.

    Args:
        title: What it is called.
        pipelines: The pipelines that it shows; models of none of them follow after.
        database: Where row counts, nulls and results of tests are from.

    Raises:
        ModelNotFound: A pipeline names a model that is not there.
        DefinitionError: The references of models form a cycle.
    """
    diagrams = [diagram_of(one.name, build_graph(one.model_names)) for one in pipelines]
    ordered = [node.id for diagram in diagrams for node in diagram.nodes if node.kind == "model"]
    models = [ModelRegistry.get(name) for name in dict.fromkeys([*ordered, *ModelRegistry.names()])]
    readers = _readers(models)
    body = [
        _navigation(title, diagrams, models),
        tag(
            "main",
            tag("h1", title),
            *(_pipeline(*one, number) for number, one in enumerate(
                zip(pipelines, diagrams, strict=True))),
            *(_model(one, readers[one.name], records_of_model(database, one.name))
              for one in models),
        ),
    ]  # fmt: skip
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        # Without this, a browser asks for a file of its own accord.
        tag("link", rel="icon", href="data:,"),
        tag("title", title),
        tag("style", Html(f"\n{STYLE}")),
    )
    page = tag("html", "\n", head, "\n", tag("body", *body), "\n", lang="en")
    return f"<!doctype html>\n{page}\n"


def _readers(models: Sequence[Model]) -> dict[str, list[str]]:
    """Return which models read each model's table."""
    found: dict[str, list[str]] = {one.name: [] for one in models}
    for one in models:
        for given in one.inputs:
            read = ModelRegistry.resolve(given.reference.name)
            if read is not None and one.name not in found[read.name]:
                found[read.name].append(one.name)
    return found


def _navigation(title: str, diagrams: Sequence[Diagram], models: Sequence[Model]) -> Html:
    pipelines = [(one.pipeline, f"#pipeline-{one.pipeline}") for one in diagrams]
    parts = [tag("h1", title)]
    for head, links in (
        ("Pipelines", pipelines),
        ("Models", [(one.name, f"#model-{one.name}") for one in models]),
    ):
        if links:
            items = [tag("li", tag("a", text, href=place)) for text, place in links]
            parts += [tag("h2", head), tag("ul", *items)]
    return tag("nav", *parts)


def _pipeline(pipeline: PipelineConfig, diagram: Diagram, number: int) -> Html:
    models, levels = len(pipeline.model_names), len(diagram.levels)
    figures = f"{_count(models, 'model')} in {_count(levels, 'level')}"
    stops = "stops when a model fails" if pipeline.stop_on_error else "goes on when a model fails"
    return tag(
        "section",
        "\n",
        tag("h2", f"Pipeline {pipeline.name}", id=f"pipeline-{pipeline.name}"),
        tag("p", f"{figures}; {stops}.", class_="soft"),
        tag("div", draw(diagram, number), class_="wide"),
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _model(declared: Model, readers: Sequence[str], records: ModelRecords) -> Html:
    return tag(
        "section",
        "\n",
        tag("h2", declared.name, id=f"model-{declared.name}"),
        tag("p", declared.description) if declared.description else None,
        _summary(declared, readers, records),
        *_inputs(declared),
        *_settings(declared),
        *_columns(declared, records),
        *_tests(declared, records),
        *_history(records),
        *_source(declared),
    )


def _summary(declared: Model, readers: Sequence[str], records: ModelRecords) -> Html:
    facts: list[tuple[str, object]] = [
        ("table", tag("code", declared.table.name)),
        ("key", _codes(declared.primary_key)),
        ("writes", declared.write_strategy),
        ("rows depend on", "one document" if declared.scope == "document" else "all documents"),
    ]
    if declared.batch_size is not None:
        facts.append(("batches", f"{_count(declared.batch_size, 'document')} at a time"))
    if declared.executor == "process":
        facts.append(("runs in", "a process of its own"))
    if declared.retry is not None:
        facts.append(("tried", f"up to {declared.retry.attempts} times in a run"))
    if declared.sink is not None:
        target = getattr(declared.sink, "target", declared.sink)
        facts.append(("exported to", type(target).__name__))
    if readers:
        facts.append(("read by", join(map(_model_link, readers), ", ")))
    if records.snapshots:
        latest = records.snapshots[0]
        facts.append(("rows", f"{latest['rows']:,} on {_moment(latest['taken_at'])}"))
    return tag("dl", *(part for name, fact in facts for part in (tag("dt", name), tag("dd", fact))))


def _codes(names: Iterable[str]) -> Html:
    return join((tag("code", name) for name in names), ", ")


def _model_link(name: str) -> Html:
    return tag("a", name, href=f"#model-{name}")


def _moment(timestamp: float) -> str:
    # The same wherever the page is written.
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _table(
    heads: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numbers: Sequence[str] = (),
    classes: Sequence[str | None] = (),
) -> Html:
    """Return a table; columns in which no row has anything are left out."""
    cells = [list(row) for row in rows]
    kept = [place for place in range(len(heads)) if any(row[place] != "" for row in cells)]
    kinds = ["number" if heads[place] in numbers else None for place in range(len(heads))]

    def line(kind: str, values: Sequence[object], style: str | None = None) -> Html:
        parts = (tag(kind, values[place], class_=kinds[place]) for place in kept)
        return tag("tr", *parts, class_=style)

    styles = classes or [None] * len(cells)
    body = [line("td", row, style) for row, style in zip(cells, styles, strict=True)]
    return tag("div", tag("table", line("th", heads), *body), class_="wide")


def _inputs(declared: Model) -> Iterator[Html]:
    if declared.inputs:
        yield tag("h3", "Inputs")
        rows = [(tag("code", one.name), _read(one), _how(one)) for one in declared.inputs]
        yield _table(("name", "reads", "as"), rows)


def _read(given: Input) -> Html:
    found = ModelRegistry.resolve(given.reference.name)
    if found is None:
        return join([tag("code", given.reference.name), " (a table from outside)"])
    return _model_link(found.name)


def _how(given: Input) -> str:
    reference = given.reference
    kinds = {"frame": "a frame", "batches": "batches", "lazy": "a reference"}
    parts = [f"{kinds[given.kind]} of {given.form}"]
    if reference.columns:
        parts.append(f"columns {', '.join(reference.columns)}")
    if reference.load_content:
        parts.append("with the files' content")
    if reference.filter is not None:
        parts.append("filtered")
    return ", ".join(parts)


def _settings(declared: Model) -> Iterator[Html]:
    settings = settings_of(declared.config_schema)
    if settings:
        yield tag("h3", "Settings")
        rows = [
            (tag("code", one.name), one.type, tag("code", one.default), one.bounds,
             one.fallback or "", one.description)
            for one in settings
        ]  # fmt: skip
        yield _table(("name", "type", "default", "bounds", "fallback", "description"), rows)


def _columns(declared: Model, records: ModelRecords) -> Iterator[Html]:
    nulls: dict[str, float] = records.snapshots[0]["nulls"] if records.snapshots else {}
    columns = columns_of(declared)
    rows = [
        (
            tag("code", one.name), one.type, "key" if one.is_key else "",
            "yes" if one.is_nullable else "",
            f"{nulls[one.name]:.1%}" if one.name in nulls else "",
            one.description,
        )
        for one in columns
    ]  # fmt: skip
    yield tag("h3", "Columns")
    yield _table(
        ("column", "type", "key", "nullable", "nulls now", "description"),
        rows,
        numbers=("nulls now",),
        classes=["bookkeeping" if one.is_bookkeeping else None for one in columns],
    )


def _tests(declared: Model, records: ModelRecords) -> Iterator[Html]:
    if declared.tests:
        yield tag("h3", "Tests")
        names = recorded_names([one.name for one in declared.tests])
        rows = [
            (tag("code", name), one.severity, *_outcome(records.tests.get(name)))
            for name, one in zip(names, declared.tests, strict=True)
        ]
        yield _table(("test", "severity", "last result", "run", "examples"), rows)


def _outcome(found: dict[str, Any] | None) -> tuple[object, object, object]:
    if found is None:
        return tag("span", "not run yet", class_="soft"), "", ""
    failures = found["failures"]
    if not failures:
        return tag("span", "passed", class_="good"), found["run"], ""
    style = "bad" if found["severity"] == "error" else "warn"
    result = tag(
        "span",
        f"{_count(failures, 'row')} {'breaks' if failures == 1 else 'break'} it",
        class_=style,
    )
    return result, found["run"], ", ".join(found["examples"])


def _history(records: ModelRecords) -> Iterator[Html]:
    if len(records.snapshots) > 1:
        yield tag("h3", "Rows after the latest runs")
        rows = [
            (one["run"], _moment(one["taken_at"]), f"{one['rows']:,}", nulls_text(one["nulls"]))
            for one in records.snapshots
        ]
        yield _table(("run", "taken", "rows", "nulls"), rows, numbers=("rows",))


def _source(declared: Model) -> Iterator[Html]:
    source = source_of(declared)
    if source is not None:
        place = f"{declared.function.__module__}.{declared.function.__qualname__}"
        yield tag(
            "details",
            tag("summary", "Source of ", tag("code", place)),
            tag("pre", tag("code", python_code(source))),
        )

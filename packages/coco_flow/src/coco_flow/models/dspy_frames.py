"""DSPy programs on the rows of frames, and answers as columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from coco_flow.errors import DefinitionError, ValueMismatch, WrongRows
from coco_flow.models.dspy_calls import ItemResult, program_of, run_batch
from coco_flow.models.dspy_errors import error_of
from coco_flow.models.events import reason_of
from coco_flow.models.rows import apply_dspy_telemetry, serialize
from coco_flow.models.telemetry import SUMMED

if TYPE_CHECKING:
    import pandas as pd

    from coco_flow.models.context import ModelContext

__all__ = ["apply_dspy_on_df", "parse_json_columns", "to_dict", "to_list"]

_TELEMETRY = ("llm_model", *SUMMED)


def apply_dspy_on_df(
    df: pd.DataFrame,
    signature: Any,
    *,
    input_fields: Mapping[str, str] | None = None,
    output_fields: Mapping[str, str] | None = None,
    predictor_class: Any = None,
    pre_hook: Callable[[dict[str, Any]], dict[str, Any] | None] | None = None,
    post_hook: Callable[[dict[str, Any], Any], dict[str, Any]] | None = None,
    max_concurrent: int = 8,
    lm: Any = None,
    ctx: ModelContext | None = None,
) -> pd.DataFrame:
    """Call a DSPy program for each row, and return the frame with the answers as columns.

    Besides the outputs there are `llm_model`, `llm_input_tokens`, `llm_output_tokens`,
    `llm_cost_usd`, `llm_latency_ms`, and `error` with the reason where a call failed.

    Args:
        df: The rows.
        signature: A signature or a module; see `run_batch`.
        input_fields: The column of each input field. Default: the field's own name.
        output_fields: The column of each output field. Default: the field's own name.
        predictor_class: What is made of a signature. Default: `dspy.Predict`.
        pre_hook: Takes a row; returns it as the inputs are read from it, or None for a row that
            nothing is asked about.
        post_hook: Takes a row with its new columns, and the prediction; returns the row, which may
            have further columns.
        max_concurrent: Calls at a time.
        lm: The language model; see `run_batch`.
        ctx: Where progress is reported.

    Raises:
        DefinitionError: A field has no column, or the program is none.
        InvalidSetting: No language model or key is set.
    """
    program = program_of(signature, predictor_class)
    inputs = dict(input_fields or _same_names(program, "input_fields"))
    outputs = dict(output_fields or _same_names(program, "output_fields"))
    rows: list[dict[str, Any]] = df.to_dict("records")  # type: ignore[assignment]
    if pre_hook is None:
        _check_columns(inputs, df.columns)
    asked: dict[int, Mapping[str, Any]] = {}
    for number, row in enumerate(rows):
        seen = row if pre_hook is None else pre_hook(dict(row))
        if seen is not None:
            _check_columns(inputs, seen)
            asked[number] = {field: seen[column] for field, column in inputs.items()}
    results = run_batch(program, asked.values(), lm=lm, max_concurrent=max_concurrent, ctx=ctx)
    answered = dict(zip(asked, results, strict=True))
    new = [_new_columns(row, answered.get(n), outputs, post_hook) for n, row in enumerate(rows)]
    return _with_columns(df, new, [*outputs.values(), *_TELEMETRY, "error"])


def _same_names(program: Any, kind: str) -> dict[str, str]:
    signature = getattr(program, "signature", None)
    if signature is None:
        predictors = program.predictors()
        signature = predictors[0].signature if len(predictors) == 1 else None
    if signature is None:
        raise DefinitionError(
            f"{type(program).__name__} has no signature of its own.", hint=f"Give {kind}."
        )
    # A class such as ChainOfThought adds a field to the outputs that the signature declares.
    names = [name for name in getattr(signature, kind) if name != "reasoning"]
    return dict(zip(names, names, strict=True))


def _check_columns(fields: Mapping[str, str], columns: Iterable[Any]) -> None:
    known = list(columns)
    for field, column in fields.items():
        if column not in known:
            raise DefinitionError(
                f"The input field {field!r} is read from the column {column!r}, which the frame "
                f"does not have; it has {', '.join(map(str, known))}.",
                hint='Name the column: input_fields={"field": "column"}.',
            )


def _new_columns(
    row: dict[str, Any],
    answered: ItemResult | None,
    outputs: Mapping[str, str],
    post_hook: Callable[[dict[str, Any], Any], dict[str, Any]] | None,
) -> dict[str, Any]:
    if answered is None:
        return {}
    new: dict[str, Any] = apply_dspy_telemetry({"dspy_telemetry": answered.telemetry})
    error = answered.error
    if answered.result is not None:
        new |= {
            column: _plain(getattr(answered.result, field, None))
            for field, column in outputs.items()
        }
        if post_hook is not None:
            try:
                after = post_hook({**row, **new}, answered.result)
            except Exception as raised:  # noqa: BLE001 - fails its row
                error = error_of(raised)
            else:
                new = {name: value for name, value in after.items() if value is not row.get(name)}
    return {**new, "error": None if error is None else reason_of(error)}


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else serialize(value)


def _with_columns(
    df: pd.DataFrame, new: Sequence[Mapping[str, Any]], columns: Sequence[str]
) -> pd.DataFrame:
    import pandas as pd

    names = dict.fromkeys([*columns, *(name for row in new for name in row)])
    added = {}
    for name in names:
        before = list(df[name]) if name in df else [None] * len(df)
        values = [row.get(name, old) for row, old in zip(new, before, strict=True)]
        # As objects, integers with gaps stay integers.
        added[name] = pd.Series(values, index=df.index, dtype=object)
    return df.assign(**added)


def parse_json_columns(df: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """Return the frame with the JSON text of some columns as the values that it stands for.

    Raises:
        WrongRows: A column is not there, or a text is no JSON document.
    """
    import pandas as pd

    parsed = {}
    for name in columns:
        if name not in df:
            raise WrongRows(
                f"The frame has no column {name!r}.",
                hint=f"Its columns: {', '.join(map(str, df.columns))}.",
            )
        values = [_parsed(name, number, value) for number, value in enumerate(df[name])]
        parsed[name] = pd.Series(values, index=df.index, dtype=object)
    return df.assign(**parsed)


def _parsed(column: str, number: int, value: Any) -> Any:
    if not isinstance(value, str):
        return None if _is_gap(value) else value
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        raise WrongRows(
            f"Column {column!r}, row {number}: {value[:80]!r} is no JSON document: {error}.",
            hint="Leave the column out, or correct what wrote it.",
        ) from error


def _is_gap(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)  # noqa: PLR0124 - NaN


def to_list(value: Any) -> list[Any]:
    """Return a value as a list of plain data.

    None becomes an empty list, JSON text what it stands for, another single value a list of it.
    """
    if _is_gap(value):
        return []
    found = _json_or_text(value) if isinstance(value, str) else serialize(value)
    if found is None:
        return []
    return found if isinstance(found, list) else [found]


def to_dict(value: Any) -> dict[str, Any]:
    """Return a value as a mapping of plain data; None becomes an empty one.

    Raises:
        ValueMismatch: It is no mapping, no Pydantic model or dataclass, and no JSON text of one.
    """
    if _is_gap(value):
        return {}
    found = _json_or_text(value) if isinstance(value, str) else serialize(value)
    if not isinstance(found, dict):
        raise ValueMismatch(f"{value!r} is no mapping.", hint="Declare the field as dict.")
    return found


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text

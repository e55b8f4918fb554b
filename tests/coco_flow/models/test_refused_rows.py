"""Rows that a writer refuses: the message names column, value and row."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from coco_flow.errors import DefinitionError, WrongRows
from coco_flow.models import TableWriter
from coco_flow.models.database import Database
from tests.coco_flow.models.written_rows import KEY, ROWS, as_mappings, stored
from tests.model_parts import row_class


@pytest.fixture
def parts(database: Database) -> Any:
    return row_class("parts", key=KEY, text=str, size=int)


OTHER = "a row of another model"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"document_id": "a", "number": 0, "text": 5}],
         ["Column 'text' of table 'parts' takes text, not 5 (int)", "row 0 (document_id='a', nu"]),
        ([*as_mappings(ROWS), {"document_id": "c", "number": "x", "text": ""}],
         ["Column 'number' of table 'parts' takes integers, not 'x' (str)", "row 3", "'c'"]),
        ([{"document_id": None, "number": 0}], ["Column 'document_id'", "may not be null"]),
        ([{"number": 0, "text": "x"}], ["'document_id'", "may not be null", "=nothing"]),
        (pd.DataFrame({"document_id": ["a"], "number": [float("nan")]}), ["'number'", "be null"]),
        ([{"document_id": "a", "number": 0, "txt": ""}], ["The table has no column 'txt'"]),
        (pd.DataFrame({"document_id": ["a"], "x": [1]}), ["The table has no column 'x'"]),
        (pd.DataFrame({"document_id": ["a"], 5: [1]}), ["The table has no column '5'"]),
        (pd.DataFrame([["a", "b"]], columns=["document_id"] * 2), ["two columns 'document_id'"]),
        (OTHER, ["writes table 'parts'", "(table 'others')"]),
        pytest.param([object()], ["Row 0 is object: <object"], id="no row"),
        ([["a", 0, "x"]], ["Row 0 is list: ['a', 0, 'x']"]),
        ("text", ["'text' is no rows for table 'parts'"]),
        (5, ["5 is no rows"]),
    ],
    ids=str,
)  # fmt: skip
def test_rows_that_do_not_fit_are_refused(
    database: Database, parts: Any, rows: Any, words: list[str]
) -> None:
    if rows is OTHER:
        rows = [row_class("others", key=KEY)(document_id="a", number=0)]
    TableWriter(db_model=parts).write(as_mappings(ROWS))
    for strategy in ("append", "merge", "replace"):
        with pytest.raises(WrongRows) as caught:
            TableWriter(db_model=parts, write_strategy=strategy).write(rows)  # type: ignore[arg-type]
        for word in words:
            assert word in caught.value.message
        assert caught.value.hint
    assert stored(database) == ROWS


def test_a_long_value_is_shortened_in_the_message(database: Database, parts: Any) -> None:
    with pytest.raises(WrongRows) as caught:
        TableWriter(db_model=parts).write([{"document_id": "a", "number": "x" * 10_000}])
    assert len(caught.value.message) < 400


def test_the_table_must_be_known(database: Database) -> None:
    for rows in ([], [{"document_id": "a"}], pd.DataFrame({"document_id": ["a"]})):
        with pytest.raises(DefinitionError, match="not known which table"):
            TableWriter().write(rows)

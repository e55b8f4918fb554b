"""Every row of the checklist has a test or a reason, and every marker names a row."""

from __future__ import annotations

import pytest

from tests.coco_flow.checklist import DEFERRED, README, proofs, readme_with_table, rows

pytestmark = pytest.mark.slow


def test_every_marker_names_a_row() -> None:
    titles = {row.title for row in rows()}
    assert set(proofs()) <= titles
    assert set(DEFERRED) <= titles


def test_every_row_has_a_test_or_a_reason() -> None:
    proved = proofs()
    open_rows = [row.title for row in rows() if row.title not in {*proved, *DEFERRED}]
    assert open_rows == []


def test_no_core_row_is_deferred_and_no_deferred_row_is_tested() -> None:
    tiers = {row.title: row.tier for row in rows()}
    assert [title for title in DEFERRED if tiers[title] == "core"] == []
    assert set(DEFERRED) & set(proofs()) == set()


def test_the_readme_has_the_table_as_it_is() -> None:
    text = README.read_text(encoding="utf-8")
    assert readme_with_table(text) == text, "python -m tests.coco_flow.checklist"

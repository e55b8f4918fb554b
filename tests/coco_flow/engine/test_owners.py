"""Keys of a target that several source rows produce."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.coco_flow.engine.words_flow import words_flow
from tests.flow_parts import flow_state, rows_of, table_of


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    with flow_state(tmp_path):
        yield


def _words() -> dict[str, str]:
    return {key[0]: row[0] for key, row in table_of("words").rows.items()}


def test_a_shared_key_stays_until_its_last_producer_is_gone() -> None:
    rows_of("a")["x"] = "shared own"
    rows_of("a")["y"] = "shared"
    rows_of("b")["z"] = "shared"
    flow = words_flow("F")
    flow.setup()
    flow.update()
    assert _words() == {"own": "x:10", "shared": "z:6"}
    del rows_of("b")["z"]
    flow.update(allow_empty=True)
    assert _words() == {"own": "x:10", "shared": "y:6"}, "the next producer's version appears"
    rows_of("a")["y"] = "else"
    flow.update()
    assert _words() == {"else": "y:4", "own": "x:10", "shared": "x:10"}
    rows_of("a")["x"] = "own"
    flow.update()
    assert _words() == {"else": "y:4", "own": "x:3"}


def test_the_order_of_processing_does_not_decide_who_is_seen() -> None:
    rows_of("b")["z"] = "shared"
    rows_of("a")
    flow = words_flow("F")
    flow.setup()
    flow.update()
    rows_of("a")["x"] = "shared"
    flow.update()
    assert _words() == {"shared": "z:6"}, "the last by (source, key), though written first"


def test_a_key_that_moves_between_rows_in_one_update_is_not_lost() -> None:
    rows_of("a")["x"] = "moving"
    rows_of("a")["y"] = "other"
    rows_of("b")
    flow = words_flow("F")
    flow.setup()
    flow.update()
    rows_of("a")["x"] = "other"
    rows_of("a")["y"] = "moving"
    flow.update()
    assert _words() == {"moving": "y:6", "other": "x:5"}


def test_shared_keys_survive_a_failing_target() -> None:
    rows_of("a")["x"] = "shared"
    rows_of("b")["z"] = "shared"
    flow = words_flow("F")
    flow.setup()
    flow.update()
    table_of("words").fails = OSError("down")
    del rows_of("b")["z"]
    rows_of("b")["k"] = "k"
    flow.update()
    table_of("words").fails = None
    flow.update()
    assert _words() == {"k": "k:1", "shared": "x:6"}

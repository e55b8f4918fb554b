"""docs/flow-cli.md is what the program says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from coco_flow.cli.commands import COMMANDS
from coco_flow.cli.reference import reference_page

PAGE = Path(__file__).parents[3] / "docs" / "flow-cli.md"


@pytest.mark.row("CLI-16 docs from CLI")
def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference_page(), (
        "run: python -m coco_flow.cli.reference docs/flow-cli.md"
    )


def test_the_page_has_every_command_with_its_options() -> None:
    page = reference_page()
    for command in COMMANDS:
        assert f"### coco-flow {command.name}\n" in page
    for option in (
        "`-L, --live`",
        "`--reexport`",
        "`-f, --force`",
        "`--no-token`",
        "`-e, --env-file",
    ):
        assert option in page

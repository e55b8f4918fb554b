"""The program that docs/flow-models.md shows prints what the page says."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.coco_flow.models.examples.test_examples import EXAMPLES, ROOT, environment

PAGE = ROOT / "docs" / "flow-models.md"


def blocks(language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```$",
        PAGE.read_text(encoding="utf-8"),
        flags=re.DOTALL | re.MULTILINE,
    )


@pytest.fixture
def address() -> Iterator[str]:
    """A server that stands for a language model."""
    spec = importlib.util.spec_from_file_location("local_llm", EXAMPLES / "local_llm.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.local_llm() as found:
        yield found


def test_the_guide_prints_what_it_says(address: str, tmp_path: Path) -> None:
    program = tmp_path / "guide.py"
    program.write_text("\n".join(blocks("python")), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(program)],
        cwd=tmp_path,
        env=environment(
            COCO_FLOW_LLM_MODEL="openai/by-rules",
            COCO_FLOW_LLM_API_BASE=address,
            DSPY_CACHEDIR=str(tmp_path / "answers"),
        ),
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "".join(blocks("text"))


def test_the_guides_links_lead_somewhere() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert link.startswith("https://") or (PAGE.parent / link).exists(), link

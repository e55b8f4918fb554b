from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from coco_flow.models.dspy_lm import load_dspy
from tests.llm_server import LlmServer, llm_server
from tests.model_parts import database, own_models

__all__ = ["database", "own_models"]

EXAMPLES = Path(__file__).resolve().parents[4] / "examples" / "models"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let no key or address of the machine take part, and no answer of another test."""
    for name in ("MODEL", "API_KEY", "API_BASE"):
        monkeypatch.delenv(f"COCO_FLOW_LLM_{name}", raising=False)
    for name in ("OPENAI_API_KEY", "OPENAI_API_BASE", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    dspy = load_dspy()
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=True)
    yield


@pytest.fixture(scope="session")
def dspy() -> Any:
    return load_dspy()


@pytest.fixture
def server() -> Iterator[LlmServer]:
    """A server whose answers and failures are scripted."""
    with llm_server() as running:
        running.model = lambda _: answered(summary="short")
        yield running


@pytest.fixture
def counting_server() -> Iterator[str]:
    """The address of the examples' server, which counts tokens in its answers."""
    with local_llm_module().local_llm() as address:
        yield address


def local_llm_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("local_llm", EXAMPLES / "local_llm.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answered(**fields: Any) -> str:
    """Return what a model says, in the form that DSPy asks for."""
    parts = [f"[[ ## {name} ## ]]\n{value}" for name, value in fields.items()]
    return "\n\n".join([*parts, "[[ ## completed ## ]]"])

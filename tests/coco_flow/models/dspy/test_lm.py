"""`get_dspy_lm`: which language model is asked, and what is said when none can be."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from coco_flow.errors import InvalidSetting
from coco_flow.models import get_dspy_lm


def test_arguments_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COCO_FLOW_LLM_MODEL", "openai/other")
    monkeypatch.setenv("COCO_FLOW_LLM_API_KEY", "other")
    monkeypatch.setenv("COCO_FLOW_LLM_API_BASE", "http://127.0.0.1:9/other")
    lm = get_dspy_lm(
        "openai/one", api_key="key", api_base="http://127.0.0.1:9/v1", temperature=0.5, cache=False
    )
    assert lm.model == "openai/one"
    assert lm.kwargs["api_key"] == "key"
    assert lm.kwargs["api_base"] == "http://127.0.0.1:9/v1"
    assert lm.kwargs["temperature"] == 0.5
    assert lm.cache is False


def test_the_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COCO_FLOW_LLM_MODEL", "openai/two")
    monkeypatch.setenv("COCO_FLOW_LLM_API_KEY", "key")
    monkeypatch.setenv("COCO_FLOW_LLM_API_BASE", "http://127.0.0.1:9/v1")
    lm = get_dspy_lm()
    assert lm.model == "openai/two"
    assert lm.kwargs["api_key"] == "key"
    assert lm.kwargs["api_base"] == "http://127.0.0.1:9/v1"


def test_no_model_is_said() -> None:
    with pytest.raises(InvalidSetting) as caught:
        get_dspy_lm()
    assert str(caught.value) == (
        "No language model is set. Set COCO_FLOW_LLM_MODEL to one such as "
        '"openai/gpt-4o-mini", or pass it.'
    )


@pytest.mark.parametrize(
    ("model", "variable"),
    [
        ("openai/gpt-4o-mini", "OPENAI_API_KEY"),
        ("gpt-4o-mini", "OPENAI_API_KEY"),
        ("anthropic/claude-sonnet-4-6", "ANTHROPIC_API_KEY"),
        ("some-new-one/model", "SOME_NEW_ONE_API_KEY"),
    ],
)
def test_a_model_without_a_key_says_so(
    model: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidSetting) as caught:
        get_dspy_lm(model)
    assert caught.value.message == f"There is no API key for the language model {model!r}."
    assert f"Set COCO_FLOW_LLM_API_KEY or {variable}, or pass api_key." in str(caught.value.hint)
    monkeypatch.setenv(variable, "key")
    assert get_dspy_lm(model).model == model


@pytest.mark.parametrize(
    ("model", "variable"),
    [("together_ai/x", "TOGETHERAI_API_KEY"), ("gemini/x", "GOOGLE_API_KEY")],
)
def test_a_key_may_be_in_the_variable_that_the_provider_has(
    model: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "key")
    assert get_dspy_lm(model).model == model


@pytest.mark.parametrize("model", ["ollama/llama3", "vertex_ai/gemini", "bedrock/x"])
def test_some_models_need_no_key(model: str) -> None:
    assert "api_key" not in get_dspy_lm(model).kwargs


def test_a_server_of_ones_own_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of-the-provider")
    lm = get_dspy_lm("openai/x", api_base="http://127.0.0.1:9/v1")
    # The provider's key is not for other servers.
    assert lm.kwargs["api_key"] == "none"


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("openai/", {}, "has a provider prefix but no model id"),
        ("openai/x", {"num_retries": -1}, "num_retries must be a nonnegative integer"),
        ("openai/gpt-5", {"temperature": 0.1}, "temperature=1.0 or None"),
    ],
)
def test_what_dspy_refuses_is_said(model: str, options: Any, message: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        get_dspy_lm(model, api_key="key", **options)
    assert caught.value.message.startswith(f"DSPy refuses the language model {model!r}: ")
    assert message in caught.value.message


def test_neither_models_nor_the_helpers_import_dspy() -> None:
    program = (
        "import sys, coco_flow.models.dspy_frames, coco_flow.models.dspy_lm\n"
        "print([name for name in ('dspy', 'litellm', 'openai') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"

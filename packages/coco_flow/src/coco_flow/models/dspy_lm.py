"""The language model that DSPy programs in models ask, set by arguments or environment."""

from __future__ import annotations

import importlib
import os
from typing import Any

from coco_flow.errors import InvalidSetting, missing_extra

__all__ = ["KEY_VARIABLE", "get_dspy_lm", "load_dspy"]

MODEL_VARIABLE = "COCO_FLOW_LLM_MODEL"
KEY_VARIABLE = "COCO_FLOW_LLM_API_KEY"
ADDRESS_VARIABLE = "COCO_FLOW_LLM_API_BASE"

# Providers that run here, or find their credentials otherwise than by a key.
_WITHOUT_KEY = (
    "ollama", "ollama_chat", "vllm", "hosted_vllm", "lm_studio", "llamafile", "local",
    "bedrock", "sagemaker", "vertex", "vertex_ai", "azure", "azure_ai", "oci", "petals",
)  # fmt: skip

# What a server that asks for no key is sent as one, since clients insist on some text.
_NO_KEY = "none"


def load_dspy() -> Any:
    """Import DSPy, which takes seconds, so that nothing pays for it but what asks a model.

    Raises:
        ExtraMissing: It is not installed.
    """
    # Otherwise DSPy downloads a table of prices when it is first asked for a cost.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    try:
        return importlib.import_module("dspy")
    except ImportError as error:
        raise missing_extra("Asking a language model with DSPy", "dspy", "dspy") from error


def get_dspy_lm(
    model: str | None = None,
    *,
    api_key: str | None = None,
    api_base: str | None = None,
    **options: Any,
) -> Any:
    """Return a `dspy.LM`.

    Args:
        model: "provider/name", as DSPy has it. Default: the variable `COCO_FLOW_LLM_MODEL`.
        api_key: Default: `COCO_FLOW_LLM_API_KEY`, else the provider's own variable, such as
            `OPENAI_API_KEY`; that one is not used with another address than the provider's.
        api_base: The address of a server that speaks the provider's protocol. Default:
            `COCO_FLOW_LLM_API_BASE`, else the provider's.
        **options: Other arguments of `dspy.LM`: temperature, max_tokens, cache, num_retries.

    Raises:
        InvalidSetting: No model or no key is set, or DSPy refuses an option.
        ExtraMissing: DSPy is not installed.
    """
    name = model or os.environ.get(MODEL_VARIABLE)
    if not name:
        raise InvalidSetting(
            "No language model is set.",
            hint=f'Set {MODEL_VARIABLE} to one such as "openai/gpt-4o-mini", or pass it.',
        )
    address = api_base or os.environ.get(ADDRESS_VARIABLE)
    key = api_key or os.environ.get(KEY_VARIABLE)
    provider = name.partition("/")[0] if "/" in name else "openai"
    if key is None and provider not in _WITHOUT_KEY:
        if address is not None:
            key = _NO_KEY
        elif not _has_own_key(provider):
            raise no_key(name, provider)
    given = {"api_key": key, "api_base": address}
    options |= {option: value for option, value in given.items() if value is not None}
    dspy = load_dspy()
    try:
        return dspy.LM(name, **options)
    except (ValueError, TypeError, dspy.LMError) as error:
        raise InvalidSetting(
            f"DSPy refuses the language model {name!r}: {error}",
            hint="Its arguments are those of dspy.LM.",
        ) from error


def no_key(model: str, provider: str) -> InvalidSetting:
    """Return the error for a model that no key is known for."""
    own = f"{provider}_API_KEY".upper().replace("-", "_")
    return InvalidSetting(
        f"There is no API key for the language model {model!r}.",
        hint=f"Set {KEY_VARIABLE} or {own}, or pass api_key. For a server that needs none, set "
        f"{ADDRESS_VARIABLE}.",
    )


def _has_own_key(provider: str) -> bool:
    """Say whether a variable such as `TOGETHERAI_API_KEY` is set for a provider."""
    # Providers differ in how they spell themselves: together_ai has TOGETHERAI_API_KEY.
    start = "".join(filter(str.isalnum, provider)).upper()
    starts = (start, "GOOGLE") if start == "GEMINI" else (start,)
    for variable, value in os.environ.items():
        spelled = variable.replace("_", "").upper()
        if value and spelled.startswith(starts) and spelled.endswith(("KEY", "TOKEN")):
            return True
    return False

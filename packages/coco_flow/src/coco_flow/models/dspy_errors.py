"""What went wrong in a call of a language model, as an error that says what to do."""

from __future__ import annotations

from typing import Any

from coco_core.errors import (
    CocoError,
    InvalidInput,
    QuotaExceeded,
    RateLimited,
    Unauthorized,
    Unavailable,
    Unreadable,
)
from coco_flow.errors import InvalidSetting, ModelFailed
from coco_flow.models.dspy_lm import KEY_VARIABLE, load_dspy, no_key
from coco_flow.models.events import reason_of

__all__ = ["concerns_all_items", "error_of"]

# Characters of an answer that a message shows.
_SHOWN = 200


def concerns_all_items(error: CocoError) -> bool:
    """Say whether the next call would fail for the same reason."""
    return isinstance(error, Unauthorized | QuotaExceeded | InvalidSetting)


def error_of(raised: Exception) -> CocoError:
    """Return the error of a call, with what was raised as its cause."""
    error = _translated(raised)
    if error is not raised:
        error.__cause__ = raised
    return error


def _translated(raised: Exception) -> CocoError:
    if isinstance(raised, CocoError):
        return raised
    kinds = load_dspy().utils.exceptions
    if isinstance(raised, kinds.AdapterParseError):
        return _unreadable(raised)
    if not isinstance(raised, kinds.LMError):
        return ModelFailed(reason_of(raised))
    return _of_language_model(raised, kinds)


def _unreadable(raised: Any) -> CocoError:
    answer = " ".join(str(raised.lm_response).split())
    shown = answer if len(answer) <= _SHOWN else f"{answer[:_SHOWN]}…"
    fields = ", ".join(raised.signature.output_fields)
    return Unreadable(
        f"The language model's answer does not have the fields {fields}: {shown!r}.",
        hint="Describe the fields in the signature, or raise max_tokens if the answer was cut.",
    )


def _of_language_model(raised: Any, kinds: Any) -> CocoError:
    model = raised.model or "?"
    who = f"The language model {model!r}"
    reason = _reason(raised)
    match raised:
        case kinds.LMNotConfiguredError():
            return no_key(model, (raised.provider or model).partition("/")[0].partition("-")[0])
        case kinds.LMConfigurationError():
            return InvalidSetting(f"{who} is not set up: {reason}")
        case kinds.LMAuthError():
            return Unauthorized(
                f"{who} refuses the key: {reason}", hint=f"Check {KEY_VARIABLE} or api_key."
            )
        case kinds.LMBillingError():
            return QuotaExceeded(
                f"{who} refuses to work on this account: {reason}",
                hint="Look at the account's quota and bills.",
            )
        case kinds.LMRateLimitError():
            return RateLimited(
                f"{who} was asked too often: {reason}",
                hint="Lower max_concurrent, or raise num_retries of the language model.",
            )
        case kinds.ContextWindowExceededError():
            return InvalidInput(
                f"The prompt is longer than {model!r} takes: {reason}",
                hint="Cut the input into smaller parts.",
            )
        case kinds.LMInvalidRequestError() | kinds.LMUnsupportedFeatureError():
            return InvalidInput(f"{who} refuses the request: {reason}")
    return Unavailable(
        f"{who} did not answer: {reason}", hint="The next run tries again what failed."
    )


def _reason(raised: Any) -> str:
    # What follows the first paragraph is advice in the terms of DSPy's own layers.
    text = " ".join(str(raised.message).partition("\n\n")[0].split()).rstrip(".")
    if not text:
        text = f"status {raised.status}" if raised.status else type(raised).__name__
    return f"{text}."

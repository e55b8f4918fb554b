"""Messages of JSON-RPC as they arrive: what cannot be read is answered, not dropped."""

from __future__ import annotations

import json
from typing import Any

from mcp.types import (
    INVALID_REQUEST,
    PARSE_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCMessage,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError

__all__ = ["Rejected", "parse_message"]

# So much of a text that is no message is repeated.
SHOWN = 80


class Rejected(ValueError):
    """A text is no message; ``error`` is what to answer."""

    def __init__(self, code: int, message: str, request_id: str | int | None = None) -> None:
        super().__init__(message)
        self.error = JSONRPCError(
            jsonrpc="2.0", id=request_id, error=ErrorData(code=code, message=message)
        )


def parse_message(text: str) -> JSONRPCMessage:
    """Return the message in a text; half a character in it becomes U+FFFD.

    Raises:
        Rejected: it is not JSON, or no message of JSON-RPC.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f" (at {error.pos})" if isinstance(error, json.JSONDecodeError) else ""
        raise Rejected(
            PARSE_ERROR,
            f"This is not JSON: {text.strip()[:SHOWN]!r}{where}.",
        ) from error
    if not isinstance(value, dict):
        raise Rejected(INVALID_REQUEST, "A message is one JSON object, not a list or a value.")
    request_id = value.get("id")
    usable = isinstance(request_id, str | int) and not isinstance(request_id, bool)
    if "method" in value and "id" in value and not usable:
        # Without this the message passes for a notification, which is never answered.
        raise Rejected(INVALID_REQUEST, "The id of a request is a text or a whole number.")
    try:
        return jsonrpc_message_adapter.validate_python(_whole(value), by_name=False)
    except ValidationError as error:
        raise Rejected(
            INVALID_REQUEST,
            'This is no message of JSON-RPC 2.0: it needs "jsonrpc": "2.0" and a "method", with '
            'an object as "params".',
            request_id if usable else None,
        ) from error


def _whole(value: Any) -> Any:
    """Return JSON in which no text has half of a surrogate pair: no encoding can carry it."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return value

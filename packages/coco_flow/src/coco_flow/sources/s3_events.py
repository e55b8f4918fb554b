"""Parser of S3 bucket events in the formats of queues and channels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

__all__ = ["changed_keys"]


def changed_keys(message: str | bytes, bucket: str) -> list[str] | None:
    """Return the keys of a bucket that a message names; None if it is no such message.

    Understood are S3's own events, the same in an envelope of SNS, and those of EventBridge.
    """
    try:
        body = json.loads(message)
    except ValueError:
        return None
    if isinstance(body, Mapping) and body.get("Type") == "Notification":
        return changed_keys(str(body.get("Message", "")), bucket)
    if not isinstance(body, Mapping):
        return None
    if body.get("Event") == "s3:TestEvent":
        return []
    if isinstance(body.get("Records"), list):
        found = [_record(record) for record in body["Records"]]
    elif isinstance(body.get("detail"), Mapping):
        found = [_detail(body["detail"])]
    else:
        return None
    if None in found:
        return None
    return [place[1] for place in found if place is not None and place[0] == bucket]


def _record(record: Any) -> tuple[str, str] | None:
    """Return bucket and key of one of S3's own events, whose keys are encoded as in a form."""
    try:
        return record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"])
    except (KeyError, TypeError):
        return None


def _detail(detail: Mapping[str, Any]) -> tuple[str, str] | None:
    try:
        return detail["bucket"]["name"], detail["object"]["key"]
    except (KeyError, TypeError):
        return None

"""What arrives as a message, and what is answered when it is none."""

from __future__ import annotations

import json

import pytest
from mcp.types import INVALID_REQUEST, PARSE_ERROR, JSONRPCNotification, JSONRPCRequest

from coco_local.mcp.messages import Rejected, parse_message


@pytest.mark.parametrize(
    ("text", "code", "answered", "says"),
    [
        ("not json", PARSE_ERROR, None, "not JSON: 'not json'"),
        ("", PARSE_ERROR, None, "not JSON"),
        ('{"jsonrpc": "2.0", "id": 8, "method": "ping"', PARSE_ERROR, None, "not JSON"),
        ("[" * 100_000, PARSE_ERROR, None, "not JSON"),
        ("[]", INVALID_REQUEST, None, "one JSON object"),
        ("3", INVALID_REQUEST, None, "one JSON object"),
        ('{"jsonrpc": "2.0", "id": null, "method": "ping"}', INVALID_REQUEST, None, "id of a"),
        ('{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}', INVALID_REQUEST, None, "id of a"),
        ('{"jsonrpc": "2.0", "id": true, "method": "ping"}', INVALID_REQUEST, None, "id of a"),
        ('{"jsonrpc": "2.0", "id": 7}', INVALID_REQUEST, 7, '"method"'),
        ('{"id": "a", "method": "ping"}', INVALID_REQUEST, "a", '"jsonrpc": "2.0"'),
        ('{"jsonrpc": "2.0", "id": 7, "method": "x", "params": []}', INVALID_REQUEST, 7, "object"),
    ],
)
def test_what_is_no_message_is_answered(text, code, answered, says):
    with pytest.raises(Rejected) as caught:
        parse_message(text)
    assert caught.value.error.id == answered
    assert caught.value.error.error.code == code
    assert says in caught.value.error.error.message


def test_half_a_character_becomes_a_mark_and_a_whole_one_stays():
    text = r'{"jsonrpc":"2.0","id":1,"method":"m","params":{"q":"a\ud83d b\ude00 \ud83d\ude00"}}'
    message = parse_message(text)
    assert isinstance(message, JSONRPCRequest)
    assert message.params == {"q": "a\ufffd b\ufffd \U0001f600"}


def test_messages_without_an_id_are_notifications():
    message = parse_message(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}))
    assert isinstance(message, JSONRPCNotification)

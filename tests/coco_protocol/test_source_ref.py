"""A source has a logical name; whatever a file system or a network share knows is refused."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coco_protocol.server.source_ref import path_reason

LOGICAL = [
    "kb:project-alpha",
    "git:acme:shop@main",
    "wiki:Handbook_2026",
    "crm:customers.v2",
    "a1:b",
]

PATHS = [
    "/etc/passwd",
    "etc/passwd",
    "./here",
    "../up",
    "..",
    ".",
    "~",
    "~/notes",
    "~root",
    "file:///etc/passwd",
    "file:notes",
    "FILE:notes",
    "C:\\Users",
    "C:/Users",
    "c:",
    "C:notes",
    "\\\\server\\share",
    "//server/share",
    "\\\\?\\C:\\x",
    "kb:../secret",
    "kb:a/b",
    "kb:a\\b",
    "kb:..",
    "kb:.hidden",
    "smb:share",
    "notes.txt",
    "notes",
    "",
    " kb:a",
    "kb:a ",
    "kb:a\n",
    "kb:\x00",
    "kb:",
    ":a",
    "kb:ä",
    "http://host/x",
]  # fmt: skip


@pytest.mark.parametrize("text", LOGICAL)
def test_a_logical_name_is_taken(text: str) -> None:
    assert path_reason(text) is None


@pytest.mark.parametrize("text", PATHS)
def test_a_path_is_refused_with_its_reason(text: str) -> None:
    assert path_reason(text)


@pytest.mark.parametrize("text", ["/etc/passwd", "..", "C:\\x", "file:x", "kb:../x"])
def test_an_encoded_path_is_refused_too(text: str) -> None:
    encoded = "".join(f"%{byte:02X}" for byte in text.encode())
    assert path_reason(encoded)
    assert path_reason(quote(encoded, safe=""))
    assert path_reason("kb:" + encoded)


@given(st.text())
def test_what_is_taken_holds_nothing_that_a_path_needs(text: str) -> None:
    if path_reason(text) is None:
        assert not set(text) & set("/\\~% \n\x00")
        assert ".." not in text.split(":")
        assert len(text.partition(":")[0]) > 1

"""Memos on the server's wire: a user's notes in a project."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from coco_protocol.base import Answer, PlainText, Request

__all__ = [
    "DeletedData",
    "DeletedMemos",
    "MemoBody",
    "MemoHit",
    "MemoList",
    "MemoQueryData",
    "MemoQueryRequest",
    "MemoRequest",
    "MemoSessionData",
    "MemoSessionRequest",
]


# A tag is a word or two; all of them together are less than a note.
_Tags: TypeAlias = Annotated[
    list[Annotated[PlainText, Field(min_length=1, max_length=200)]], Field(max_length=100)
]


class MemoSessionRequest(Request):
    """``POST /v1/memo/session``."""

    ttl_seconds: int = Field(default=86_400, ge=60, le=2_592_000)


class MemoSessionData(Answer):
    """A session of a user in a project; ``session_token`` is shown this once."""

    session_id: str
    session_token: str
    expires_at: float


class MemoRequest(Request):
    """``POST /v1/memo``."""

    session_token: PlainText = Field(min_length=1, max_length=200)
    content: PlainText = Field(min_length=1, max_length=100_000)
    tags: _Tags = Field(default_factory=list)
    ttl_seconds: int | None = Field(default=None, ge=60, le=315_360_000)


class MemoQueryRequest(Request):
    """``POST /v1/memo/query``: the notes of the session's user in its project."""

    session_token: PlainText = Field(min_length=1, max_length=200)
    query: PlainText = Field(min_length=1, max_length=10_000)
    tags: _Tags = Field(default_factory=list)
    top_k: int = Field(default=10, ge=1, le=100)


class MemoBody(Answer):
    """A note."""

    memo_id: str
    content: str
    tags: list[str] = Field(default_factory=list)
    created_at: float
    expires_at: float | None = None


class MemoHit(MemoBody):
    """A note that was found."""

    score: float


class MemoList(Answer):
    """A page, newest first; ``next_before`` is null when there are no older ones."""

    memos: list[MemoBody]
    next_before: str | None = None


class MemoQueryData(Answer):
    """The notes that match, best first."""

    results: list[MemoHit]


class DeletedMemos(Answer):
    """How many notes are gone."""

    memos: int


class DeletedData(Answer):
    """What is gone."""

    deleted: str

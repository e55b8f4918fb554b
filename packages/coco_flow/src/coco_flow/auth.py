"""Registry of secrets: specs name an entry, and only the name is ever stored or shown."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from coco_flow.errors import DefinitionError

__all__ = [
    "AuthEntryReference",
    "TransientAuthEntryReference",
    "add_auth_entry",
    "add_transient_auth_entry",
    "ref_auth_entry",
    "resolve_auth_entry",
]

T = TypeVar("T")

_entries: dict[str, Any] = {}
_lock = threading.Lock()


@dataclass
class TransientAuthEntryReference(Generic[T]):
    """Names an entry of this process; for sources and functions, which have no resources."""

    key: str


@dataclass
class AuthEntryReference(TransientAuthEntryReference[T]):
    """Names an entry by a stable key, which identifies the backend from run to run."""


def add_auth_entry(key: str, value: T) -> AuthEntryReference[T]:
    """Register `value` under a stable key; registering the same key again must give an equal value.

    Raises:
        DefinitionError: The key is registered with another value.
    """
    with _lock:
        if key in _entries and _entries[key] != value:
            raise DefinitionError(
                f"The auth entry {key!r} is registered already, with another value.",
                hint="Give each entry its own key, or register it in one place.",
            )
        _entries[key] = value
    return AuthEntryReference(key)


def add_transient_auth_entry(value: T) -> TransientAuthEntryReference[T]:
    """Register `value` under a key made up for this process."""
    key = f"__transient_{uuid.uuid4().hex}"
    with _lock:
        _entries[key] = value
    return TransientAuthEntryReference(key)


def ref_auth_entry(key: str) -> AuthEntryReference[Any]:
    """Refer to an entry that some other module registers."""
    return AuthEntryReference(key)


def resolve_auth_entry(reference: TransientAuthEntryReference[T] | str) -> T:
    """Return the registered value.

    Raises:
        DefinitionError: Nothing is registered under the key.
    """
    key = reference if isinstance(reference, str) else reference.key
    with _lock:
        if key not in _entries:
            raise DefinitionError(
                f"There is no auth entry {key!r}.",
                hint=f"Register it before the flow runs: add_auth_entry({key!r}, value)",
            )
        value: T = _entries[key]
    return value

"""Providers of target states: the tree of targets that components declare states of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from coco_flow.components.paths import Symbol, encode_key
from coco_flow.components.serde import (
    DeserializeFn,
    get_param_annotation,
    make_deserialize_fn,
    qualified_name,
    unwrap_element_type,
)

if TYPE_CHECKING:
    from coco_flow.components.target_state import TargetHandler, TargetReconcileOutput

__all__ = [
    "DIGEST_BYTES",
    "Generation",
    "HandlerCalls",
    "Provider",
    "ProviderDeps",
    "Registry",
    "deps_hold",
    "register_root",
    "root_registry",
    "segment",
]

DIGEST_BYTES = 16


class Generation(NamedTuple):
    """Which incarnation of a target its states belong to.

    Attributes:
        id: Changes when the target is recreated, which removes all of its states.
        schema: Changes when states may have lost something, so that each is written again.
    """

    id: int = 0
    schema: int = 0


ProviderDeps: TypeAlias = dict[bytes, Generation]
"""Generations that results depend on, by the path of the provider."""


def segment(key: Any) -> bytes:
    """Return the digest of a key for the paths of target states."""
    return hashlib.sha256(encode_key(key)).digest()[:DIGEST_BYTES]


class HandlerCalls:
    """Calls a user's handler with records decoded by the annotation of its `reconcile`."""

    __slots__ = ("_decode", "handler")

    def __init__(self, handler: TargetHandler[Any, Any, Any]) -> None:
        cls = type(handler)
        reconcile = getattr(cls, "reconcile", None)
        if not callable(reconcile):
            raise TypeError(
                f"{qualified_name(cls)} is not a target handler: it has no reconcile() method. "
                "Give register_root_target_states_provider(), or return from a child_handler, an "
                "object with one."
            )
        self.handler = handler
        self._decode = _record_decoder(reconcile)

    def reconcile(
        self, key: Any, desired: Any, records: Iterable[bytes], may_be_missing: bool
    ) -> TargetReconcileOutput[Any, Any, Any] | None:
        """Return what the handler wants done about one target state."""
        decoded = [self._decode(each) for each in records]
        return self.handler.reconcile(key, desired, decoded, may_be_missing)

    def attachments(self) -> dict[str, HandlerCalls]:
        """Return the handlers of what can be attached to the target."""
        found = getattr(self.handler, "attachments", None)
        if found is None:
            return {}
        return {kind: HandlerCalls(handler) for kind, handler in found().items()}


def _record_decoder(reconcile: Any) -> DeserializeFn:
    try:
        # The records are the parameter after self, the key and the desired state.
        hint = unwrap_element_type(get_param_annotation(reconcile, 3))
    except (NameError, ValueError, TypeError):
        # An annotation that cannot be resolved leaves the records as plain values.
        hint = Any
    label = f"prev_possible_records param of {qualified_name(reconcile)}()"
    return make_deserialize_fn(hint, label)


class Provider:
    """One target, or one kind of attachment to a target.

    Attributes:
        path: Digests of the keys from the root, joined.
        declared: Whether a component declared it; roots and attachments just are.
        calls: Its handler, or None until the target was applied.
        generation: Its incarnation, or None before the first time that it was committed.
    """

    __slots__ = ("attached", "calls", "declared", "generation", "key", "parent", "path")

    def __init__(self, parent: Provider | None, key: Any, *, declared: bool) -> None:
        self.parent = parent
        self.key = key
        self.path: bytes = segment(key) if parent is None else parent.path + segment(key)
        self.declared = declared
        self.calls: HandlerCalls | None = None
        self.generation: Generation | None = None
        self.attached: dict[str, Provider] = {}

    def keys(self) -> tuple[Any, ...]:
        """Return the keys from the root to here."""
        return (self.key,) if self.parent is None else (*self.parent.keys(), self.key)

    def memo_key(self) -> str:
        """Return what identifies the target and its incarnation as an argument."""
        generation = self.generation or Generation()
        return f"{self.path.hex()}@{generation.id}.{generation.schema}"

    def collect_names(self, names: dict[bytes, bytes]) -> None:
        """Add the keys of the path's segments that no component declared, by their digest."""
        at: Provider | None = self
        while at is not None and not at.declared:
            names.setdefault(at.path[-DIGEST_BYTES:], encode_key(at.key))
            at = at.parent

    def fulfill(self, calls: HandlerCalls, registry: Registry) -> None:
        """Give the target its handler, now that it was applied, and find its attachments."""
        self.calls = calls
        for kind, each in calls.attachments().items():
            if kind not in self.attached:
                self._attach(kind, each, registry)

    def attachment(self, kind: str, registry: Registry) -> Provider:
        """Return the provider of one kind of attachment."""
        if kind in self.attached:
            return self.attached[kind]
        if self.calls is None:
            raise ValueError(
                f"No attachment {kind!r} can be declared yet: its target is not applied. Use the "
                "provider that mount_target() or use_mount() returns."
            )
        calls = self.calls.attachments().get(kind)
        if calls is None:
            raise ValueError(
                f"{qualified_name(type(self.calls.handler))} does not support attachment type "
                f"{kind!r}; it has {sorted(self.calls.attachments())}."
            )
        return self._attach(kind, calls, registry)

    def _attach(self, kind: str, calls: HandlerCalls, registry: Registry) -> Provider:
        provider = Provider(self, Symbol(kind), declared=False)
        provider.calls = calls
        provider.generation = self.generation or Generation()
        registry.add(provider)
        self.attached[kind] = provider
        return provider


class Registry:
    """The providers that a component sees: those of its ancestors and its own."""

    __slots__ = ("_base", "own")

    def __init__(self, base: Registry | None = None) -> None:
        self._base = base
        self.own: dict[bytes, Provider] = {}

    def get(self, path: bytes) -> Provider | None:
        """Return the provider with this path, or None."""
        at: Registry | None = self
        while at is not None:
            found = at.own.get(path)
            if found is not None:
                return found
            at = at._base
        return None

    def add(self, provider: Provider) -> None:
        """Add a provider, whose path must be new."""
        if self.get(provider.path) is not None:
            raise ValueError(
                f"Target state provider already registered for path {provider.keys()!r}; a target "
                "is declared once in a run."
            )
        self.own[provider.path] = provider

    def adopt(self, other: Registry) -> None:
        """Add what a component that was waited for registered."""
        for provider in other.own.values():
            self.add(provider)


root_registry = Registry()


def register_root(name: str, handler: TargetHandler[Any, Any, Any]) -> Provider:
    """Register a target that exists in every app, with its attachments."""
    provider = Provider(None, Symbol(name), declared=False)
    calls = HandlerCalls(handler)
    root_registry.add(provider)
    provider.fulfill(calls, root_registry)
    return provider


def deps_hold(deps: ProviderDeps, registry: Registry) -> bool:
    """Say whether no target was recreated or changed since a result was stored.

    A target that is not there is made inside the code that is left out, or is gone; both are no
    reason to run that code.
    """
    for path, generation in deps.items():
        provider = registry.get(path)
        if (
            provider is not None
            and provider.generation is not None
            and provider.generation != generation
        ):
            return False
    return True

"""What one function call declared and depended on, gathered for the memo entries around it."""

from __future__ import annotations

from coco_flow.components.provider import ProviderDeps

__all__ = ["Call"]


class Call:
    """The record of one running call of a tracked function.

    Attributes:
        propagates: Whether the code of the functions that it calls counts as its own.
        targets: Paths of the target states declared in it.
        providers: Generations of the providers that those were declared with.
        memos: Keys of the memoized calls inside it.
        mounted: Whether a component was mounted in it; then it cannot be memoized.
        logic: Digests of the code that ran.
        contexts: Digests of the context values that were used.
        carried: Digests for an enclosing call that requested them, by that call.
        closed: Whether the call has returned.
    """

    __slots__ = (
        "carried", "closed", "contexts", "logic", "memos", "mounted", "propagates", "providers",
        "targets",
    )  # fmt: skip

    def __init__(self, propagates: bool = True, logic: bytes | None = None) -> None:
        self.propagates = propagates
        self.targets: list[bytes] = []
        self.providers: ProviderDeps = {}
        self.memos: set[bytes] = set()
        self.mounted = False
        self.logic: set[bytes] = set() if logic is None else {logic}
        self.contexts: set[bytes] = set()
        self.carried: dict[int, tuple[Call, set[bytes]]] = {}
        self.closed = False

    def join(self, child: Call) -> None:
        """Add what a call inside this one declared and depended on."""
        self._join_effects(child)
        if self.propagates and child.logic:
            self.logic |= child.logic
        child.closed = True

    def join_carried(self, child: Call, owner: Call) -> None:
        """Add from a call whose code counts up to `owner`, whatever calls between them track."""
        self._carry(owner, child.logic)
        self._join_effects(child)
        child.closed = True

    def _join_effects(self, child: Call) -> None:
        if child.targets:
            self.targets += child.targets
        if child.providers:
            self.providers.update(child.providers)
        if child.memos:
            self.memos |= child.memos
        if child.contexts:
            self.contexts |= child.contexts
        self.mounted = self.mounted or child.mounted
        for owner, digests in child.carried.values():
            # What was carried up to the child itself ends there.
            if owner is not child:
                self._carry(owner, digests)

    def _carry(self, owner: Call, digests: set[bytes]) -> None:
        if owner is self and self.propagates:
            self.logic |= digests
        else:
            known = self.carried.setdefault(id(owner), (owner, set()))
            known[1].update(digests)

    def code(self) -> set[bytes]:
        """Return the digests that a memo entry of this call depends on."""
        found = self.logic | self.contexts
        for _, digests in self.carried.values():
            found |= digests
        return found

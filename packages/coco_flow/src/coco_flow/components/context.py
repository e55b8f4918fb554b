"""Context values: what an environment provides to the components of its apps, by key."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack
from typing import Any, Generic, TypeVar, overload

from coco_flow.components.memo_key import Fingerprint, StateFnEntry, fingerprint_call
from coco_flow.components.sentinel import NON_EXISTENCE

__all__ = ["ContextKey", "ContextProvider", "resolve_awaitables"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_used_keys: set[str] = set()
_used_keys_lock = threading.Lock()


def resolve_awaitables(values: list[Any], refusal: str) -> list[Any]:
    """Return the values with what awaitables among them give, for callers that cannot await.

    Raises:
        RuntimeError: A loop runs in this thread, so that nothing can be waited for; the message is
            `refusal`.
    """
    if not any(inspect.isawaitable(each) for each in values):
        return values
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        for each in values:
            if inspect.iscoroutine(each):
                each.close()
        raise RuntimeError(refusal)

    async def gather() -> list[Any]:
        return [await each if inspect.isawaitable(each) else each for each in values]

    return asyncio.run(gather())


class ContextKey(Generic[T_co]):
    """The key of a context value; each string makes one key in a program.

    With `detect_change`, results of memoized functions that used the value are not reused once the
    value has changed.
    """

    __slots__ = ("_detect_change", "_key")

    def __init__(self, key: str, *, detect_change: bool = False) -> None:
        with _used_keys_lock:
            if key in _used_keys:
                raise ValueError(f"Context key {key!r} already used; make each key once.")
            _used_keys.add(key)
        self._key = key
        self._detect_change = detect_change

    @property
    def key(self) -> str:
        """The string that the key was made of."""
        return self._key

    @property
    def detect_change(self) -> bool:
        """Whether a change of the value invalidates results."""
        return self._detect_change

    def __repr__(self) -> str:
        return f"ContextKey({self._key!r})"

    def __coco_memo_key__(self) -> str:
        return self._key


def _value_fingerprint(key: str, value: object) -> None:
    """Represent "the value of a context key" in fingerprints."""


class ContextProvider:
    """The context values of an environment, and what makes a change of them known.

    Attributes:
        digests: Fingerprints of the values whose changes count.
        initial_states: States of values that have memo state functions, as they were provided.
    """

    __slots__ = (
        "_exit_stack",
        "_fingerprints",
        "_state_fns",
        "_values",
        "digests",
        "initial_states",
    )

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._exit_stack = AsyncExitStack()
        self._fingerprints: dict[str, Fingerprint] = {}
        self._state_fns: dict[bytes, list[StateFnEntry]] = {}
        self.digests: set[bytes] = set()
        self.initial_states: dict[bytes, list[Any]] = {}

    def provide(self, key: ContextKey[T], value: T) -> T:
        """Provide a value, in place of an earlier one, and return it."""
        self._values[key.key] = value
        if key.detect_change:
            self._watch(key.key, value)
        return value

    def _watch(self, key: str, value: Any) -> None:
        state_fns: list[StateFnEntry] = []
        fingerprint = fingerprint_call(_value_fingerprint, (key, value), {}, state_fns)
        before, self._fingerprints[key] = self._fingerprints.get(key), fingerprint
        if before is not None:
            self.digests.discard(before.as_bytes())
            self._state_fns.pop(before.as_bytes(), None)
            self.initial_states.pop(before.as_bytes(), None)
        digest = fingerprint.as_bytes()
        self.digests.add(digest)
        if state_fns:
            self._state_fns[digest] = state_fns
            outcomes = resolve_awaitables(
                [entry.call(NON_EXISTENCE) for entry in state_fns],
                f"Async state function on detect_change context key {key!r} cannot be awaited "
                "inside a running event loop. Make the state function a plain one, or provide the "
                "value before the loop runs.",
            )
            self.initial_states[digest] = [outcome.state for outcome in outcomes]

    def provide_with(self, key: ContextKey[T], cm: AbstractContextManager[T]) -> T:
        """Enter a context manager, left when the provider closes, and provide its value."""
        return self.provide(key, self._exit_stack.enter_context(cm))

    async def provide_async_with(self, key: ContextKey[T], cm: AbstractAsyncContextManager[T]) -> T:
        """Enter an async context manager, left when the provider closes, and provide its value."""
        return self.provide(key, await self._exit_stack.enter_async_context(cm))

    @overload
    def get(self, key: ContextKey[T], t: None = None) -> T: ...
    @overload
    def get(self, key: str, t: None = None) -> Any: ...
    @overload
    def get(self, key: str, t: type[T]) -> T: ...
    def get(self, key: ContextKey[Any] | str, t: type[Any] | None = None) -> Any:
        """Return a value.

        Raises:
            KeyError: None was provided for the key.
            TypeError: It is not of type `t`.
        """
        name = key if isinstance(key, str) else key.key
        try:
            value = self._values[name]
        except KeyError:
            raise KeyError(
                f"No value was provided for the context key {name!r}; provide one in the lifespan "
                "function or the ContextProvider of the environment."
            ) from None
        if t is not None and not isinstance(value, t):
            raise TypeError(
                f"Context key {name!r}: expected {t.__name__}, got {type(value).__name__}."
            )
        return value

    def get_fingerprint(self, key: ContextKey[Any]) -> Fingerprint:
        """Return the fingerprint of a value whose changes count; KeyError if there is none."""
        return self._fingerprints[key.key]

    def state_fns(self, digest: bytes) -> list[StateFnEntry] | None:
        """Return the memo state functions of the value with this fingerprint, or None."""
        return self._state_fns.get(digest)

    def states_of(self, digests: Iterable[bytes]) -> dict[bytes, list[Any]]:
        """Return the initial states of those fingerprints that have states."""
        initial = self.initial_states
        return {each: initial[each] for each in digests if each in initial} if initial else {}

    async def aclose(self) -> None:
        """Leave all context managers."""
        await self._exit_stack.aclose()

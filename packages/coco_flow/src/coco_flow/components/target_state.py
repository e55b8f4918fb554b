"""Target states: what components declare to exist in targets, and how that is applied."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypeAlias

from typing_extensions import TypeVar

from coco_flow.components import provider as providers
from coco_flow.components.pending import MaybePendingS, PendingS, ResolvesTo
from coco_flow.components.provider import HandlerCalls, Provider
from coco_flow.components.scope import get_component_context
from coco_flow.components.sentinel import NonExistenceType

__all__ = [
    "ChildSlot",
    "ChildTargetDef",
    "PendingTargetStateProvider",
    "TargetActionSink",
    "TargetHandler",
    "TargetReconcileOutput",
    "TargetState",
    "TargetStateProvider",
    "declare_target_state",
    "declare_target_state_with_child",
    "register_root_target_states_provider",
]

ActionT = TypeVar("ActionT")
ActionT_contra = TypeVar("ActionT_contra", contravariant=True)
ValueT = TypeVar("ValueT", default=Any)
ValueT_contra = TypeVar("ValueT_contra", contravariant=True, default=Any)
RecordT = TypeVar("RecordT", default=Any)
RecordT_co = TypeVar("RecordT_co", covariant=True, default=Any)
HandlerT_co = TypeVar("HandlerT_co", covariant=True, bound="TargetHandler[Any, Any, Any]")
HandlerT_contra = TypeVar(
    "HandlerT_contra", contravariant=True, bound="TargetHandler[Any, Any, Any]"
)
ChildT_co = TypeVar(
    "ChildT_co", bound="TargetHandler[Any, Any, Any] | None", default=None, covariant=True
)
# Sinks once named the handler of their children here; annotations that still do keep working.
OldChildT_co = TypeVar("OldChildT_co", default=Any, covariant=True)


class ChildTargetDef(NamedTuple, Generic[HandlerT_co]):
    """The handler for the states inside a target, as older sinks return it for each action."""

    handler: HandlerT_co


class ChildSlot(Generic[HandlerT_contra]):
    """Takes the handler for the states inside a target that an action creates or updates."""

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls: HandlerCalls | None = None

    def fulfill(self, handler: HandlerT_contra, /) -> None:
        """Give the handler; a sink does so once for each slot before it returns."""
        if self._calls is not None:
            raise ValueError("The child slot was fulfilled before; a sink does so once.")
        self._calls = HandlerCalls(handler)

    @property
    def calls(self) -> HandlerCalls | None:
        """What was given, or None."""
        return self._calls


class TargetActionSink(Generic[ActionT_contra, OldChildT_co]):
    """Applies batches of actions to something outside.

    Sinks are one and the same, so that their actions come in common batches, if their functions
    are equal: the same function, or the same method of the same object.

    Attributes:
        fn: The function `(context_provider, actions)`, with a third argument if `slots`.
        is_async: Whether it is called on the loop and not in a thread.
        slots: Whether it gets the child slots of the actions by their index.
        child_handler: Makes the handler for the states inside a target from the action.
    """

    __slots__ = ("child_handler", "fn", "identity", "is_async", "slots")

    def __init__(
        self,
        fn: Callable[..., Any],
        *,
        is_async: bool,
        slots: bool = False,
        child_handler: Callable[[Any, Any], Any] | None = None,
    ) -> None:
        if inspect.iscoroutinefunction(child_handler):
            raise TypeError(
                f"child_handler {child_handler!r} must be a plain function: it makes a handler "
                "from the action alone and waits for nothing."
            )
        self.fn = fn
        self.is_async = is_async
        self.slots = slots
        self.child_handler = child_handler
        # Equal values of different types, such as named tuples, are not the same function.
        self.identity = (type(fn), fn, is_async, slots, child_handler)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TargetActionSink) and self.identity == other.identity

    def __hash__(self) -> int:
        return hash(self.identity)

    @staticmethod
    def from_fn(
        fn: Callable[[Any, Sequence[ActionT]], Any],
        *,
        child_handler: Callable[[Any, ActionT], Any] | None = None,
    ) -> TargetActionSink[ActionT, Any]:
        """Make a sink of a function that gets the context provider and a batch of actions."""
        return TargetActionSink(fn, is_async=False, child_handler=child_handler)

    @staticmethod
    def from_async_fn(
        fn: Callable[[Any, Sequence[ActionT]], Awaitable[Any]],
        *,
        child_handler: Callable[[Any, ActionT], Any] | None = None,
    ) -> TargetActionSink[ActionT, Any]:
        """Make a sink of an async function that gets the context provider and a batch."""
        return TargetActionSink(fn, is_async=True, child_handler=child_handler)

    @staticmethod
    def from_fn_with_children(
        fn: Callable[[Any, Sequence[ActionT], Mapping[int, ChildSlot[Any]]], None],
    ) -> TargetActionSink[ActionT, Any]:
        """Make a sink whose function also fulfills child slots; `child_handler` does it better."""
        _warn_of_slots("from_fn")
        return TargetActionSink(fn, is_async=False, slots=True)

    @staticmethod
    def from_async_fn_with_children(
        fn: Callable[[Any, Sequence[ActionT], Mapping[int, ChildSlot[Any]]], Awaitable[None]],
    ) -> TargetActionSink[ActionT, Any]:
        """Make a sink whose async function also fulfills child slots."""
        _warn_of_slots("from_async_fn")
        return TargetActionSink(fn, is_async=True, slots=True)


def _warn_of_slots(better: str) -> None:
    warnings.warn(
        f"A sink with child slots cannot be previewed; use {better}(fn, child_handler=...).",
        DeprecationWarning,
        stacklevel=3,
    )


class TargetReconcileOutput(NamedTuple, Generic[ActionT, RecordT_co, ChildT_co]):
    """What a handler wants done about one target state.

    Attributes:
        action: Passed to the sink.
        sink: Applies the action.
        tracking_record: What is stored of the new state, or NON_EXISTENCE if it is removed.
        child_invalidation: What happens to the states inside: all gone ("destructive"), possibly
            incomplete ("lossy"), or kept.
    """

    action: ActionT
    sink: TargetActionSink[ActionT, Any]
    tracking_record: RecordT_co | NonExistenceType
    child_invalidation: Literal["destructive", "lossy"] | None = None


class TargetHandler(Protocol[ValueT_contra, RecordT, ChildT_co]):
    """Decides for one kind of target state what has to be done."""

    def reconcile(
        self,
        key: Any,
        desired_target_state: ValueT_contra | NonExistenceType,
        prev_possible_records: Collection[RecordT],
        prev_may_be_missing: bool,
        /,
    ) -> TargetReconcileOutput[Any, RecordT, ChildT_co] | None:
        """Compare what is wanted with what may be there; None means that nothing is to do.

        It may be called more than once for a state and must have no side effect.
        """
        ...


class TargetStateProvider(
    Generic[ValueT, ChildT_co, MaybePendingS],
    ResolvesTo["TargetStateProvider[ValueT, ChildT_co]"],
):
    """A target, of which states are declared."""

    __slots__ = ("provider",)

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    @property
    def memo_key(self) -> str:
        """What identifies the target and its incarnation."""
        return self.provider.memo_key()

    def target_state(self, key: Any, value: ValueT) -> TargetState[ChildT_co]:
        """Return the state with this key and value, to be declared."""
        return TargetState(self, key, value)

    def attachment(self, att_type: str) -> TargetStateProvider[Any, Any, Any]:
        """Return the provider for one kind of attachment to the target."""
        registry = get_component_context().scope.build.registry
        return TargetStateProvider(self.provider.attachment(att_type, registry))

    def __coco_memo_key__(self) -> str:
        return self.provider.memo_key()


PendingTargetStateProvider: TypeAlias = TargetStateProvider[ValueT, ChildT_co, PendingS]
"""A target that was declared but is not applied yet."""


class TargetState(Generic[ChildT_co]):
    """A state that a target should have under a key."""

    __slots__ = ("key", "provider", "value")

    def __init__(self, provider: TargetStateProvider[Any, Any, Any], key: Any, value: Any) -> None:
        self.provider = provider
        self.key = key
        self.value = value


def declare_target_state(target_state: TargetState[None]) -> None:
    """Declare that the target state should exist as long as this component declares it."""
    context = get_component_context()
    provider = target_state.provider.provider
    context.scope.build.declare(context.call, provider, target_state.key, target_state.value)


def declare_target_state_with_child(
    target_state: TargetState[Any],
) -> TargetStateProvider[Any, Any, PendingS]:
    """Declare a target state that has states inside, and return the provider for those."""
    if isinstance(target_state.value, NonExistenceType):
        raise ValueError(
            "declare_target_state_with_child() needs a value: a target state that does not exist "
            "has no states inside."
        )
    context = get_component_context()
    parent = target_state.provider.provider
    child = context.scope.build.declare_with_child(
        context.call, parent, target_state.key, target_state.value
    )
    return TargetStateProvider(child)


def register_root_target_states_provider(
    name: str, handler: TargetHandler[ValueT, Any, Any]
) -> TargetStateProvider[ValueT, Any]:
    """Register a target that exists in every app and needs no declaration."""
    return TargetStateProvider(providers.register_root(name, handler))

"""One run of one component: what it declares and mounts, and its statistics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from coco_flow.components.call import Call
from coco_flow.components.memo import MemoTable
from coco_flow.components.paths import StablePath, decode_key, encode_key, render_key, render_path
from coco_flow.components.provider import Provider, ProviderDeps, Registry, segment
from coco_flow.components.readiness import Activity, Outcome, Readiness
from coco_flow.components.user_state import StateTable

if TYPE_CHECKING:
    from coco_flow.components.component import Component
    from coco_flow.components.stats import Stats

__all__ = ["Build", "ChildTree", "Declared", "OnError", "Scope"]

OnError: TypeAlias = Callable[[BaseException], Awaitable[None]]
"""Takes the failure of a component in the background; raising passes it on to who waits."""

ChildTree: TypeAlias = "dict[bytes, ChildTree | None]"
"""Mounted components by encoded key: None for a component, a tree for a folder on the way."""


class Declared(NamedTuple):
    """A target state that a component declared in this run."""

    provider: Provider
    key: Any
    value: Any
    child: Provider | None


class Build:
    """The state of one run of a component.

    Attributes:
        component: Which component runs.
        registry: The providers that it sees.
        declared: The target states that it declared, by path.
        mounted: The components that it mounted.
        memos: Its memoized function calls.
        states: Its persistent states.
        on_error: Takes failures of removing children that it no longer mounts.
        preview: Takes the actions of a preview, or None if this is not one.
        logic: Digests of the code that ran, for its memo and its parent's.
        providers: Generations of the providers that it and its children declared with.
    """

    __slots__ = (
        "component", "declared", "ended", "full_reprocess", "has_permit", "live", "logic", "memos",
        "mounted", "on_error", "preview", "providers", "registry", "states",
    )  # fmt: skip

    def __init__(
        self,
        component: Component,
        base: Registry,
        *,
        full_reprocess: bool,
        live: bool,
        on_error: OnError | None = None,
        preview: list[Any] | None = None,
    ) -> None:
        self.component = component
        self.registry = Registry(base)
        self.declared: dict[bytes, Declared] = {}
        self.mounted: ChildTree = {}
        self.memos = MemoTable()
        self.states = StateTable()
        self.full_reprocess = full_reprocess
        self.live = live
        self.on_error = on_error
        self.preview = preview
        self.logic: set[bytes] = set()
        self.providers: ProviderDeps = {}
        self.has_permit = False
        self.ended = False

    def check_open(self) -> None:
        """Raise if the run has ended, as when a thread or task outlived it."""
        if self.ended:
            raise RuntimeError(
                f"The component at {render_path(self.component.path)} has ended; what it declares "
                "and mounts must happen before its function returns."
            )

    def declare(self, call: Call, provider: Provider, key: Any, value: Any) -> None:
        """Declare a target state without states inside."""
        key = _plain_key(key)
        self._add(call, provider.path + segment(key), Declared(provider, key, value, None))

    def declare_with_child(self, call: Call, provider: Provider, key: Any, value: Any) -> Provider:
        """Declare a target state with states inside, and return the provider for those."""
        key = _plain_key(key)
        child = Provider(provider, key, declared=True)
        if child.path not in self.declared:
            self.registry.add(child)
            self.component.app.declared[child.path] = child
        self._add(call, child.path, Declared(provider, key, value, child))
        return child

    def _add(self, call: Call, path: bytes, declared: Declared) -> None:
        self.check_open()
        if path in self.declared:
            raise ValueError(
                f"Target state already declared with key {declared.key!r}; a component declares "
                "each target state once in a run."
            )
        self.declared[path] = declared
        call.targets.append(path)
        generation = declared.provider.generation
        # A target without a generation was never applied, so it cannot have been invalidated.
        if generation is not None:
            call.providers[declared.provider.path] = generation

    def add_child(self, keys: tuple[bytes, ...]) -> None:
        """Note that a component was mounted at this path below the component."""
        self.check_open()
        if not keys:
            raise ValueError("A component must be mounted at a path of at least one key.")
        level = self.mounted
        for key in keys[:-1]:
            below = level.setdefault(key, {})
            if below is None:
                raise ValueError(
                    f"{render_key(decode_key(key))} is a component, so that nothing can be mounted "
                    f"below it from outside: {render_path(b''.join(keys))}."
                )
            level = below
        if keys[-1] in level:
            raise ValueError(
                f"Path {render_path(b''.join(keys))} already exists: something was mounted there "
                "in this run. Give each component its own path."
            )
        level[keys[-1]] = None

    def join_call(self, call: Call) -> None:
        """Add what the component's own function depended on."""
        self.logic |= call.logic
        self.logic |= call.contexts
        self.providers.update(call.providers)
        call.closed = True

    def join_children(self, outcome: Outcome) -> None:
        """Add what the children depended on."""
        self.logic |= outcome.logic
        self.providers.update(outcome.providers)


def _plain_key(key: Any) -> Any:
    """Return a key as the state file gives it back: lists are tuples."""
    return decode_key(encode_key(key)) if isinstance(key, list | tuple) else key


class Scope:
    """A view of a run: code in a stats group reports and is waited for apart from the rest.

    Attributes:
        build: The run.
        stats: Where components that are mounted in the scope report.
        readiness: What waits for them.
        activities: What has to know as long as they are active.
    """

    __slots__ = ("activities", "build", "readiness", "stats")

    def __init__(
        self, build: Build, stats: Stats, activities: tuple[Activity, ...], readiness: Readiness
    ) -> None:
        self.build = build
        self.stats = stats
        self.activities = activities
        self.readiness = readiness

    @property
    def stable_path(self) -> StablePath:
        """The path of the running component."""
        return StablePath.from_encoded(self.build.component.path)

    @property
    def live(self) -> bool:
        """Whether the update stays to follow changes."""
        return self.build.live

    def use_state(self, key: Any, initial: Any) -> Any:
        """Claim a persistent state of the component and return the cell that holds it."""
        self.build.check_open()
        return self.build.states.claim(encode_key(key), key, initial)

"""The component context: where in the tree of components the running code is."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextvars import ContextVar, Token
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, TypeVar

from coco_flow.components.paths import StableKey, encode_key, render_path

if TYPE_CHECKING:
    from coco_flow.components.build import OnError, Scope
    from coco_flow.components.call import Call
    from coco_flow.components.context import ContextKey
    from coco_flow.components.environment import Environment
    from coco_flow.components.stats import StatsGroupHandle

__all__ = [
    "ComponentContext",
    "ComponentSubpath",
    "ExceptionContext",
    "ExceptionHandler",
    "HandlerChain",
    "MountKind",
    "component_subpath",
    "current_context",
    "exception_handler",
    "get_component_context",
    "stats_group",
    "use_context",
]

T = TypeVar("T")

logger = logging.getLogger(__name__)

MountKind: TypeAlias = Literal["mount", "mount_each", "delete_background", "process_live"]
"""How the component that failed was started."""


@dataclass(frozen=True, slots=True)
class ExceptionContext:
    """What an exception handler learns about a failure.

    Attributes:
        source: Whether the component failed, or a handler further inside.
        original_exception: What the component raised, if a handler failed on it.
    """

    env_name: str
    stable_path: str
    processor_name: str | None
    mount_kind: MountKind
    parent_stable_path: str | None
    is_background: bool
    source: Literal["component", "handler"]
    original_exception: BaseException | None


ExceptionHandler: TypeAlias = Callable[[BaseException, ExceptionContext], Awaitable[None] | None]
"""Called when a component in the background fails; raising hands the failure on."""


class HandlerChain(NamedTuple):
    """An exception handler and those around it."""

    handler: ExceptionHandler
    outer: HandlerChain | None


current_context: ContextVar[ComponentContext] = ContextVar("coco_flow_component")


class ComponentContext:
    """Where the running code is: in which component, at which path in it, in which call.

    Attributes:
        relative: Encoded keys of the enclosing `with component_subpath()` blocks.
        call: The innermost tracked call.
        handlers: Exception handlers in force.
        in_memo: Whether the code is in a memoized function.
    """

    __slots__ = ("call", "env", "handlers", "in_memo", "relative", "scope")

    def __init__(
        self,
        env: Environment,
        scope: Scope,
        call: Call,
        handlers: HandlerChain | None,
        *,
        relative: tuple[bytes, ...] = (),
        in_memo: bool = False,
    ) -> None:
        self.env = env
        self.scope = scope
        self.call = call
        self.handlers = handlers
        self.relative = relative
        self.in_memo = in_memo

    @property
    def path(self) -> bytes:
        """The encoded path that mounted components go below."""
        return self.scope.build.component.path + b"".join(self.relative)

    def with_call(self, call: Call, in_memo: bool) -> ComponentContext:
        """Return the context inside a tracked call."""
        return ComponentContext(
            self.env, self.scope, call, self.handlers, relative=self.relative, in_memo=in_memo
        )

    def with_subpath(self, parts: tuple[StableKey, ...]) -> ComponentContext:
        """Return the context at a path further down."""
        keys = tuple(encode_key(part) for part in parts)
        return ComponentContext(
            self.env,
            self.scope,
            self.call,
            self.handlers,
            relative=self.relative + keys,
            in_memo=self.in_memo,
        )

    def with_scope(self, scope: Scope) -> ComponentContext:
        """Return the context that reports to another scope of the run."""
        return ComponentContext(
            self.env,
            scope,
            self.call,
            self.handlers,
            relative=self.relative,
            in_memo=self.in_memo,
        )

    def with_handlers(self, handlers: HandlerChain | None) -> ComponentContext:
        """Return the context with other exception handlers."""
        return ComponentContext(
            self.env,
            self.scope,
            self.call,
            handlers,
            relative=self.relative,
            in_memo=self.in_memo,
        )

    def on_error(self, path: bytes, processor: str | None, kind: MountKind) -> OnError:
        """Return what takes the failure of a component that is mounted here."""

        async def handle(error: BaseException) -> None:
            await self._handle(error, path, processor, kind)

        return handle

    async def _handle(
        self, error: BaseException, path: bytes, processor: str | None, kind: MountKind
    ) -> None:
        """Offer a failure to the handlers from the inside out; without any, log it."""
        node = self.handlers
        if node is None:
            logger.error("component %s failed: %s", render_path(path), error, exc_info=error)
            return
        original, source = error, "component"
        while node is not None:
            context = ExceptionContext(
                env_name=self.env.name,
                stable_path=render_path(path),
                processor_name=processor,
                mount_kind=kind,
                parent_stable_path=render_path(self.path),
                is_background=True,
                source="component" if source == "component" else "handler",
                original_exception=None if source == "component" else original,
            )
            try:
                answer = node.handler(error, context)
                if inspect.isawaitable(answer):
                    await answer
            except asyncio.CancelledError:
                raise
            except BaseException as failure:  # noqa: BLE001 - offered to the next handler
                error, source = failure, "handler"
                node = node.outer
            else:
                return
        raise error

    @contextlib.contextmanager
    def attach(self) -> Iterator[None]:
        """Make this the context of the running code, for threads that do not inherit it."""
        token = current_context.set(self)
        try:
            yield
        finally:
            current_context.reset(token)

    def __str__(self) -> str:
        return render_path(self.path)

    def __repr__(self) -> str:
        return f"ComponentContext({self})"

    def __coco_memo_key__(self) -> object:
        return (self.path, self.scope.build.component.path)


def get_component_context() -> ComponentContext:
    """Return the context of the running component.

    Raises:
        RuntimeError: No component runs here.
    """
    context = current_context.get(None)
    if context is None:
        raise RuntimeError(
            "No ComponentContext available. Call this from within a component: a function that "
            "App.update(), mount() or use_mount() runs. In a thread, use "
            "get_component_context().attach()."
        )
    return context


def use_context(key: ContextKey[T]) -> T:
    """Return a context value of the environment.

    Raises:
        KeyError: None was provided.
    """
    context = get_component_context()
    value = context.env.context_provider.get(key)
    if key.detect_change:
        digest = context.env.context_provider.get_fingerprint(key).as_bytes()
        context.call.contexts.add(digest)
    return value


class ComponentSubpath:
    """A path below the current one: an argument of `mount`, or a `with` block around mounts."""

    __slots__ = ("_parts", "_tokens")

    def __init__(self, *key_parts: StableKey) -> None:
        self._parts = key_parts
        self._tokens: list[Token[ComponentContext]] = []

    @property
    def parts(self) -> tuple[StableKey, ...]:
        """The keys of the path."""
        return self._parts

    def __enter__(self) -> ComponentSubpath:
        context = get_component_context().with_subpath(self._parts)
        self._tokens.append(current_context.set(context))
        return self

    def __exit__(self, *exc: object) -> None:
        current_context.reset(self._tokens.pop())

    def __truediv__(self, part: StableKey) -> ComponentSubpath:
        return ComponentSubpath(*self._parts, part)

    def __repr__(self) -> str:
        return f"ComponentSubpath({', '.join(repr(part) for part in self._parts)})"


def component_subpath(*key_parts: StableKey) -> ComponentSubpath:
    """Return the path of these keys below the current one."""
    return ComponentSubpath(*key_parts)


@contextlib.contextmanager
def stats_group(
    title: str, *, report_to_stdout: bool | timedelta = False
) -> Iterator[StatsGroupHandle]:
    """Report what is mounted inside under its own title, separately from the rest.

    The block ends without waiting; the group is ready when all that was mounted in it is.
    """
    from coco_flow.components import groups

    context = get_component_context()
    group = groups.begin(context, title, report_to_stdout)
    token = current_context.set(context.with_scope(group.scope))
    try:
        yield group.handle
    finally:
        current_context.reset(token)
        group.scope.readiness.close()


@contextlib.asynccontextmanager
async def exception_handler(handler: ExceptionHandler) -> AsyncIterator[None]:
    """Call a handler first when a component that is mounted inside fails in the background."""
    context = get_component_context()
    token = current_context.set(context.with_handlers(HandlerChain(handler, context.handlers)))
    try:
        yield
    finally:
        current_context.reset(token)


async def next_id(key: Any = None) -> int:
    """Return a number that no call with this key returned before in the app, from 1 on."""
    from coco_flow.components import deadline, loops

    deadline.check_cancellation()
    context = get_component_context()
    app = context.scope.build.component.app

    async def take() -> int:
        return app.numbers.take(encode_key(key))

    return await loops.on_loop(context.env.event_loop, take())

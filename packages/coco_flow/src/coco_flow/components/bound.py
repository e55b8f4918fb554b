"""Tracked functions as methods of objects."""

from __future__ import annotations

import pickle
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coco_flow.components.processor import Processor

__all__ = ["BoundMethod"]


class BoundMethod:
    """A tracked function as a method of an object."""

    __slots__ = ("_func", "_instance")

    def __init__(self, func: Any, instance: object) -> None:
        self._func = func
        self._instance = instance

    def __getattr__(self, name: str) -> Any:
        # Names and documentation are the function's.
        if name in ("__name__", "__qualname__", "__wrapped__"):
            return getattr(self._func, name)
        raise AttributeError(f"a method of a tracked function has no attribute {name!r}")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the method, or reuse its stored result."""
        return self._func(self._instance, *args, **kwargs)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, BoundMethod)
            and self._func is other._func
            and self._instance is other._instance
        )

    def __hash__(self) -> int:
        return hash((id(self._func), id(self._instance)))

    async def as_async(self, *args: Any, **kwargs: Any) -> Any:
        """Call the method as an async one."""
        return await self._func.as_async(self._instance, *args, **kwargs)

    def make_processor(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Processor:
        """Return what runs the method as a component."""
        processor: Processor = self._func.make_processor((self._instance, *args), kwargs)
        return processor

    def run_body(self, *args: Any, **kwargs: Any) -> Any:
        """Call the body itself, as a runner does; gives an awaitable if it is async."""
        return self._func.run_body(self._instance, *args, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        return _bound, (self._func, pickle.dumps(self._instance, pickle.HIGHEST_PROTOCOL))


# Objects with models are expensive to make, so a runner's process makes each only once.
_instances: dict[bytes, Any] = {}
_instances_lock = threading.Lock()


def _bound(func: Any, pickled: bytes) -> BoundMethod:
    with _instances_lock:
        if pickled not in _instances:
            _instances[pickled] = pickle.loads(pickled)  # noqa: S301 - from this program's parent
        return BoundMethod(func, _instances[pickled])

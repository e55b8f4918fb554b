"""Operation tables: each operation declared once for service, clients, and routes.

A table of operations is a `Service` whose class body declares them. Whatever answers or forwards
requests derives from the table and writes one method, `call`; every operation can then be called
by its name: ``service.outline(DocumentRequest(doc_id="src/app.py"))`` is an `OutlineData`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Generic, Literal, Self, TypeAlias, TypeVar, overload

from coco_protocol.base import Answer, EmptyRequest, Request
from coco_protocol.envelope import Envelope

__all__ = ["Functions", "Lane", "Operation", "Service"]

Lane: TypeAlias = Literal["query", "rerank", "change", "status", "key", "export"]
"""Which threads run it: what searches or reads files, what reranks, what writes or may take long,
what only looks at state, what checks keys, what reads much for one answer."""

_Q = TypeVar("_Q", bound=Request)
_A = TypeVar("_A", bound=Answer)
_C = TypeVar("_C")

# What comes after /v1/ in a path, where the reference has a fuller name for it.
_CHAPTERS = {"sys": "system"}

_BODILESS = frozenset({"GET", "DELETE"})


class Operation(Generic[_Q, _A]):
    """One thing that a service does: its route, its request and its answer.

    Fields of the request that ``path`` names stand in the path. The others are the query string of
    GET and DELETE. Else the request is the body, or, where fields stand in the path, its one
    other field is. An answer that is an `Envelope` brings its own ``meta``.
    """

    name: str

    def __init__(
        self,
        route: str,
        request: type[_Q],
        answer: type[_A],
        description: str,
        *,
        lane: Lane | None = None,
        tag: str = "",
        own_machine: bool = False,
    ) -> None:
        """Declare an operation; its name is that of the class attribute it is assigned to.

        Args:
            route: Its method and path.
            request: What it takes.
            answer: What it returns.
            description: What it does, for the API's reference.
            lane: Which threads run it; by default GET looks at state, and all else changes it.
            tag: Its chapter in the reference, when that is not the one of its path.
            own_machine: Whether only programs on the service's machine may call it.
        """
        self.method, _, self.path = route.partition(" ")
        self.request = request
        self.answer = answer
        self.description = description
        self.lane: Lane = lane or ("status" if self.method == "GET" else "change")
        chapter = self.path.split("/")[2]
        self.tag = tag or _CHAPTERS.get(chapter, chapter)
        self.own_machine = own_machine

    def __set_name__(self, owner: type[Service], name: str) -> None:
        self.name = name

    @overload
    def __get__(self, service: None, owner: type[Service]) -> Self: ...

    @overload
    def __get__(
        self: Operation[EmptyRequest, _A], service: Service, owner: type[Service]
    ) -> Callable[[], _A]: ...

    @overload
    def __get__(self, service: Service, owner: type[Service]) -> Callable[[_Q], _A]: ...

    def __get__(self, service: Service | None, owner: type[Service]) -> object:
        if service is None:
            return self
        if self.request is EmptyRequest:
            return partial(service.call, self, self.request())
        return partial(service.call, self)

    @property
    def in_path(self) -> tuple[str, ...]:
        """The fields of the request that stand in the path."""
        return tuple(part.partition("}")[0] for part in self.path.split("{")[1:])

    @property
    def in_query(self) -> tuple[str, ...]:
        """The fields of the request that stand in the query string."""
        return self._others if self.method in _BODILESS else ()

    @property
    def in_body(self) -> tuple[str, ...]:
        """The fields of the request that stand in the body, or the one that is the body."""
        return self._others if self.method not in _BODILESS else ()

    @property
    def _others(self) -> tuple[str, ...]:
        return tuple(name for name in self.request.model_fields if name not in self.in_path)

    @property
    def brings_meta(self) -> bool:
        """Whether the answer is the whole envelope and not only its data."""
        return issubclass(self.answer, Envelope)

    def body_of(self, request: _Q) -> Request | None:
        """Return what of ``request`` is sent as the body."""
        if not self.in_body:
            return None
        if not self.in_path:
            return request
        body: Request = getattr(request, self.in_body[0])
        return body


class Service:
    """Whatever can be asked: a service itself, or a client that passes requests on."""

    # The class is no ABC: the metaclass would bring a method `register`, which hides an operation
    # of that name.
    def call(self, operation: Operation[_Q, _A], request: _Q) -> _A:
        """Run an operation.

        Raises:
            CocoError: what a caller did wrong, or why there is no answer.
        """
        raise NotImplementedError

    @classmethod
    def operations(cls) -> tuple[Operation[Any, Any], ...]:
        """Return every operation of the table, in its order."""
        values = (value for kind in reversed(cls.__mro__) for value in vars(kind).values())
        return tuple(value for value in values if isinstance(value, Operation))


class Functions(Generic[_C]):
    """The functions that answer operations, one for each; all take the same first argument."""

    def __init__(self) -> None:
        self._by_name: dict[str, Callable[[_C, Any], Any]] = {}

    def answers(
        self, operation: Operation[_Q, _A]
    ) -> Callable[[Callable[[_C, _Q], _A]], Callable[[_C, _Q], _A]]:
        """Return the decorator of the function that answers ``operation``."""

        def register(function: Callable[[_C, _Q], _A]) -> Callable[[_C, _Q], _A]:
            self._by_name[operation.name] = function
            return function

        return register

    def call(self, context: _C, operation: Operation[_Q, _A], request: _Q) -> _A:
        """Run the function of ``operation``."""
        answer: _A = self._by_name[operation.name](context, request)
        return answer

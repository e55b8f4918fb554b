"""HTTP calls to providers: connections of each event loop, retries, limits, and errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from coco_core.errors import InvalidInput, RateLimited, Unauthorized, Unavailable
from coco_flow.errors import missing_extra
from coco_flow.llm.limits import Gate
from coco_flow.llm.protocol import Connection, HttpCall
from coco_flow.llm.retry import TryAgain, retry

if TYPE_CHECKING:
    import httpx

__all__ = ["post"]

Sign = Callable[[HttpCall, bytes], Mapping[str, str]]

# Rate limits, and servers that are overloaded, restarting or behind a proxy that waits for them.
_PASSING = frozenset({408, 425, 429, 502, 503, 504, 529})
# A server that fails, or does not listen, does so again as a rule: not ten minutes of attempts.
_FEW_ATTEMPTS = 3
_CONNECT_SECONDS = 10.0
_SHOWN = 500


async def post(
    connection: Connection, call: HttpCall, gate: Gate, *, sign: Sign | None = None
) -> Any:
    """Send a call until it is answered, and return the JSON of the answer.

    Args:
        connection: The account, for messages.
        call: What to send.
        gate: The account's limits.
        sign: Returns the headers of a signed request; called before each attempt.

    Raises:
        Unauthorized: The key is missing or wrong.
        InvalidInput: The server refuses the request as it is.
        RateLimited: The account's quota is used up.
        Unavailable: The server does not answer, in all attempts.
    """
    content = json.dumps(call.body, ensure_ascii=False).encode()
    options = gate.limits.retry

    async def attempt() -> Any:
        async with gate.request():
            try:
                return await _send(connection, call, content, gate, sign)
            except TryAgain as failure:
                limit = options.retry_timeout
                if failure.after and (limit is None or failure.after <= limit.total_seconds()):
                    gate.hold(failure.after)
                raise

    return await retry(attempt, options)


async def _send(
    connection: Connection, call: HttpCall, content: bytes, gate: Gate, sign: Sign | None
) -> Any:
    client = await _client()
    import httpx

    headers = {"Content-Type": "application/json", **call.headers}
    if sign is not None:
        headers = dict(sign(call, content))
    timeout = httpx.Timeout(gate.limits.timeout, connect=_CONNECT_SECONDS, pool=None)
    try:
        response = await client.post(call.url, content=content, headers=headers, timeout=timeout)
    except httpx.TransportError as error:
        problem = f"{type(error).__name__}: {error}".removesuffix(": ")
        hint = f"Is the server at {connection.address} running? Set its address and try again."
        failed = Unavailable(f"{connection.title} at {_place(call)}: {problem}.", hint=hint)
        failed.__cause__ = error
        few = isinstance(error, httpx.ConnectError | httpx.UnsupportedProtocol)
        raise TryAgain(failed, attempts=_FEW_ATTEMPTS if few else None) from error
    if response.is_success:
        try:
            return response.json()
        except ValueError as error:
            failed = Unavailable(
                f"{connection.title} at {_place(call)} answered with something else than JSON: "
                f"{response.text[:_SHOWN]!r}.",
                hint="Check that the address is that of this provider's API.",
            )
            raise TryAgain(failed, attempts=_FEW_ATTEMPTS) from error
    raise _failure(connection, call, response)


def _failure(connection: Connection, call: HttpCall, response: httpx.Response) -> Exception:
    """Return what to raise for an answer that is an error."""
    status = response.status_code
    said = f"{connection.title} at {_place(call)} answered HTTP {status}: {_message(response)}"
    if status in {401, 403}:
        return Unauthorized(said, hint="Check the key, and what it may do.")
    if status == 429:
        limited = RateLimited(
            said, hint="Lower the rate with set_request_limits, or raise the account's quota."
        )
        # A used-up quota does not come back within minutes.
        if "insufficient_quota" in response.text:
            return limited
        return TryAgain(limited, after=_retry_after(response))
    if status in _PASSING:
        return TryAgain(Unavailable(said, hint="Try again later."), after=_retry_after(response))
    if status >= 500:
        return TryAgain(Unavailable(said, hint="Try again later."), attempts=_FEW_ATTEMPTS)
    if status in {404, 405}:
        return InvalidInput(said, hint="Check the model's name and the address.")
    return InvalidInput(said, details={"status": status})


def _message(response: httpx.Response) -> str:
    """Return what an error says, wherever the provider puts it."""
    try:
        body: Any = response.json()
    except ValueError:
        return repr(response.text[:_SHOWN])
    if isinstance(body, list) and body:
        body = body[0]
    if isinstance(body, dict):
        error = body.get("error", body)
        found = error.get("message") if isinstance(error, dict) else error
        found = found or body.get("detail") or body.get("message")
        if isinstance(found, str):
            return repr(found[:_SHOWN])
    return repr(response.text[:_SHOWN])


def _retry_after(response: httpx.Response) -> float:
    """Return the seconds that a server asks to wait; 0 if it gives none that can be parsed."""
    header = response.headers.get("retry-after", "").strip()
    milliseconds = response.headers.get("retry-after-ms", "").strip()
    try:
        if milliseconds:
            return max(0.0, float(milliseconds) / 1000)
        if not header:
            return 0.0
        if header.replace(".", "", 1).isdigit():
            return float(header)
        when = parsedate_to_datetime(header)
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return max(0.0, (when - datetime.now(UTC)).total_seconds())
    except ValueError:
        return 0.0


def _place(call: HttpCall) -> str:
    """Return the URL without what might be secret in it."""
    import httpx

    url = httpx.URL(call.url)
    return f"{url.scheme}://{url.netloc.decode('ascii')}{url.path}"


_clients: WeakKeyDictionary[
    asyncio.AbstractEventLoop, tuple[httpx.AsyncClient, AsyncGenerator[httpx.AsyncClient, None]]
] = WeakKeyDictionary()


async def _client() -> httpx.AsyncClient:
    """Return the running loop's client; connections belong to the loop that opened them.

    An asynchronous generator holds it, because a loop closes its generators when it ends, in
    whatever program it runs: no connection stays open.
    """
    loop = asyncio.get_running_loop()
    found = _clients.get(loop)
    if found is not None:
        return found[0]
    holder = _hold_client(loop)
    client = await anext(holder)
    _clients[loop] = (client, holder)
    return client


async def _hold_client(
    loop: asyncio.AbstractEventLoop,
) -> AsyncGenerator[httpx.AsyncClient, None]:
    try:
        import httpx
    except ImportError as error:
        raise missing_extra("A call to a language model's API", "httpx", "llm") from error
    # The gate limits how many connections there are.
    client = httpx.AsyncClient(limits=httpx.Limits(max_connections=None))
    try:
        yield client
    finally:
        _clients.pop(loop, None)
        await client.aclose()

"""Compiles text rules in a child process with a bound on time and memory, and keeps them.

Compiling cannot be interrupted: 20 kB can be made to take minutes. A process can be ended. Run as
``python -m coco_server.store.rule_compiler <socket>``: it receives ``M`` with a module and answers
``C`` with what it was compiled to, or ``E`` with why it is no rule.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import socket
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from coco_core.errors import WasmRejected
from coco_server.store.child_process import ChildEnded, ChildProcess, Pipe, limit_memory

if TYPE_CHECKING:
    from coco_core.wasm.rules import TextRule

__all__ = ["compile_rule"]

# Of computing; the largest module that is taken needs about two when it is not made for this.
_CPU_SECONDS = 10
# Of waiting, on a machine that others keep busy.
_WALL_SECONDS = 60.0
_MEMORY_BYTES = 1 << 30
# The machine code of 1 MiB of module.
_MESSAGE_BYTES = 64 << 20
# Compiled rules have some megabytes each.
_MOST_KEPT = 16

_kept: OrderedDict[str, TextRule] = OrderedDict()
_lock = threading.Lock()
# At the interpreter's end the library that frees them is gone before they are.
atexit.register(_kept.clear)


def compile_rule(
    module: bytes,
    *,
    name: str = "",
    check: Callable[[], None] | None = None,
    seconds: int = _CPU_SECONDS,
) -> TextRule:
    """Return the rule of a module; one that this process has compiled before comes at once.

    Args:
        module: WebAssembly in binary form.
        name: what messages call it.
        check: called while it is compiled; what it raises ends that.
        seconds: of computing that it may take.

    Raises:
        WasmRejected: it is no rule, or takes too much time or memory to compile.
    """
    from coco_core.wasm.rules import RuleLimits, TextRule

    digest = hashlib.sha256(module).hexdigest()
    with _lock:
        found = _kept.get(digest)
        if found is not None:
            _kept.move_to_end(digest)
            return found
    most = RuleLimits().module_bytes
    if len(module) > most:
        raise WasmRejected(
            f"The rule {name!r} has {len(module)} bytes; at most {most} are taken.",
            hint="Build it for size, without its symbols.",
        )
    rule = TextRule.load(module, _compiled(module, name, check, seconds), name=name)
    with _lock:
        _kept[digest] = rule
        if len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
    return rule


def _compiled(module: bytes, name: str, check: Callable[[], None] | None, seconds: int) -> bytes:
    try:
        with ChildProcess(__name__, seconds=_WALL_SECONDS, check=check) as child:
            child.send(b"N", json.dumps([name, seconds]).encode())
            child.send(b"M", module)
            kind, body = child.receive(_MESSAGE_BYTES)
    except ChildEnded as error:
        raise WasmRejected(
            f"The rule {name!r} takes more than {seconds} s of computing, or more than "
            f"{_MEMORY_BYTES >> 20} MiB, to compile.",
            hint="Build it without very large functions.",
        ) from error
    if kind != b"C":
        said = json.loads(body)
        raise WasmRejected(said["message"], hint=said["hint"])
    return bytes(body)


def _main(number: int) -> None:
    from coco_core.wasm.rules import TextRule

    parent = Pipe(socket.socket(fileno=number))
    name, seconds = json.loads(parent.receive(_MESSAGE_BYTES).body)
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    module = bytes(parent.receive(_MESSAGE_BYTES).body)
    limit_memory(_MEMORY_BYTES)
    try:
        compiled = TextRule(module, name=name).compiled()
    except WasmRejected as error:
        parent.send(b"E", json.dumps({"message": error.message, "hint": error.hint}).encode())
    else:
        parent.send(b"C", compiled)


if __name__ == "__main__":
    _main(int(sys.argv[1]))

"""Wasmtime engines with deadlines: code that runs too long traps.

wasmtime compares a store's deadline with the engine's epoch, which somebody must count up. One
thread does so, only while guest code runs. It counts time in which this process computes: on a
machine that others keep busy, guest code gets as much done before its deadline as on an idle one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata

import wasmtime

from coco_core.errors import WasmFailed, WasmRejected

__all__ = ["Engine", "GuestError", "failure", "reason"]

# A deadline is exact to one tick; a tick of this length costs 0.2 % of a core while code runs.
_TICK_SECONDS = 0.05

# What wasmtime raises when a module is refused, traps, or is told to stop.
GuestError = (wasmtime.WasmtimeError, wasmtime.Trap)

_PLAIN = {
    wasmtime.TrapCode.INTERRUPT: "it exceeded the time limit",
    wasmtime.TrapCode.OUT_OF_FUEL: "it used up its fuel",
    wasmtime.TrapCode.STACK_OVERFLOW: "its calls nest too deeply",
    wasmtime.TrapCode.UNREACHABLE: "it gave up (an unreachable instruction)",
    wasmtime.TrapCode.MEMORY_OUT_OF_BOUNDS: "it reached outside its memory",
    wasmtime.TrapCode.TABLE_OUT_OF_BOUNDS: "it reached outside its table",
    wasmtime.TrapCode.INDIRECT_CALL_TO_NULL: "it called a function that is not there",
    wasmtime.TrapCode.BAD_SIGNATURE: "it called a function of another signature",
}


@dataclass(slots=True)
class _Clock:
    running: int = 0
    condition: threading.Condition = field(default_factory=threading.Condition)
    thread: threading.Thread | None = None


class Engine:
    """Compiles modules and ends what runs too long; shared by threads."""

    def __init__(self, *, fuel: bool = False) -> None:
        """With ``fuel``, code is also limited by a count of instructions, at 5 % of its speed.

        Such an engine takes only modules all of whose memory counts against a store's limits.
        """
        config = wasmtime.Config()
        config.epoch_interruption = True
        config.consume_fuel = fuel
        if fuel:
            # Shared memories and the heap of collected objects are outside of those limits.
            config.wasm_threads = False
            config.wasm_gc = False
            config.wasm_function_references = False
            config.wasm_exceptions = False
            config.wasm_memory64 = False
            config.wasm_multi_memory = False
        self.raw = wasmtime.Engine(config)
        self.key = f"wasmtime{metadata.version('wasmtime')}-fuel{int(fuel)}"
        """Names everything that a compiled module depends on, but for the processor."""
        self._clock = _Clock()

    def compile(self, wasm: bytes) -> wasmtime.Module:
        """Compile a module; nothing bounds the time, so the caller bounds the size.

        Raises:
            WasmRejected: it is not a valid module.
        """
        try:
            return wasmtime.Module(self.raw, wasm)
        except wasmtime.WasmtimeError as error:
            raise WasmRejected(
                f"This is not a valid WebAssembly module: {reason(error)}.",
                hint="Build it again, for wasm32 and without threads.",
            ) from error

    def load(self, compiled: bytes) -> wasmtime.Module:
        """Take what `compile` made, serialized by a process of this program; nothing else.

        Raises:
            WasmRejected: another wasmtime or processor made it.
        """
        try:
            return wasmtime.Module.deserialize(self.raw, compiled)
        except wasmtime.WasmtimeError as error:
            raise WasmRejected(f"This compiled module cannot be used: {reason(error)}.") from error

    def arm(self, store: wasmtime.Store, seconds: float) -> None:
        """Give the store's next calls so much time; it passes inside of `running` only."""
        store.set_epoch_deadline(int(seconds / _TICK_SECONDS) + 2)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let the clock tick while guest code runs inside the block."""
        clock = self._clock
        with clock.condition:
            clock.running += 1
            if clock.thread is None:
                clock.thread = threading.Thread(
                    target=self._tick, name="coco-wasm-clock", daemon=True
                )
                clock.thread.start()
            elif clock.running == 1:
                clock.condition.notify()
        try:
            yield
        finally:
            with clock.condition:
                clock.running -= 1

    def _tick(self) -> None:
        clock = self._clock
        pause = threading.Event()
        while True:
            with clock.condition:
                clock.condition.wait_for(lambda: clock.running > 0)
            owed = 0.0
            wall, computed = time.monotonic(), time.process_time()
            while clock.running > 0:
                pause.wait(_TICK_SECONDS)
                now, used = time.monotonic(), time.process_time()
                owed += min(now - wall, used - computed)
                wall, computed = now, used
                while owed >= _TICK_SECONDS:
                    owed -= _TICK_SECONDS
                    self.raw.increment_epoch()


def reason(error: Exception) -> str:
    """Say in one line why wasmtime refused or stopped something."""
    if isinstance(error, wasmtime.Trap):
        code = error.trap_code
        if code is not None:
            return _PLAIN.get(code, code.name.lower().replace("_", " "))
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    for code, plain in _PLAIN.items():
        # A trap in a start function comes as a text.
        if any(_SAID[code] in line for line in lines):
            return plain
    # The cause stands last.
    return lines[-1].removeprefix("0: ").rstrip(".")[:200] if lines else type(error).__name__


_SAID = {
    wasmtime.TrapCode.INTERRUPT: "wasm trap: interrupt",
    wasmtime.TrapCode.OUT_OF_FUEL: "all fuel consumed",
    wasmtime.TrapCode.STACK_OVERFLOW: "call stack exhausted",
    wasmtime.TrapCode.UNREACHABLE: "`unreachable` instruction executed",
    wasmtime.TrapCode.MEMORY_OUT_OF_BOUNDS: "out of bounds memory access",
    wasmtime.TrapCode.TABLE_OUT_OF_BOUNDS: "undefined element: out of bounds table access",
    wasmtime.TrapCode.INDIRECT_CALL_TO_NULL: "uninitialized element",
    wasmtime.TrapCode.BAD_SIGNATURE: "indirect call type mismatch",
}


def failure(what: str, error: Exception) -> WasmFailed:
    """Return the error that says how guest code ended; ``what`` names the module."""
    return WasmFailed(f"{what} failed: {reason(error)}.")

"""Rules that change a text before it is indexed (redact, clean), as sandboxed WebAssembly.

A rule is a module without imports that exports its ``memory`` and

- ``alloc(length: i32) -> i32``: room for so many bytes, and
- ``apply(text: i32, length: i32) -> i64``: the address of the result in the upper half, its length
  in the lower; both texts are UTF-8.

Every text gets a fresh instance, so a rule cannot carry anything from one document to the next.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass

import wasmtime

from coco_core.errors import WasmFailed, WasmRejected
from coco_core.wasm.engine import Engine, GuestError, failure

__all__ = ["RuleLimits", "TextRule"]

_WANTED: dict[str, tuple[list[str], list[str]]] = {
    "alloc": (["i32"], ["i32"]),
    "apply": (["i32", "i32"], ["i64"]),
}
_WORD = 1 << 32

_engine: Engine | None = None
_engine_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class RuleLimits:
    """What one rule may take for one text."""

    module_bytes: int = 1 << 20
    """Compiling cannot be stopped, so what is compiled is small."""
    memory_bytes: int = 64 << 20
    fuel: int = 10_000_000
    """About one unit an instruction: the same on every machine and under any load."""
    fuel_per_byte: int = 5_000
    seconds: float = 10.0
    """A second guard behind the fuel."""
    growth: int = 4
    """A result may have so many times the bytes of its text, and ``growth_bytes`` more."""
    growth_bytes: int = 65_536


class TextRule:
    """A compiled rule; may be shared by threads."""

    def __init__(self, wasm: bytes, *, name: str = "", limits: RuleLimits | None = None) -> None:
        """Compile and check a module.

        Args:
            wasm: the module, in binary form.
            name: what messages call it; without one, the beginning of its checksum.
            limits: for every text.

        Raises:
            WasmRejected: it is too large, not a module, or not a rule.
        """
        self._prepare(wasm, name, limits)
        self._module = self._engine.compile(wasm)
        self._check()

    @classmethod
    def load(
        cls, wasm: bytes, compiled: bytes, *, name: str = "", limits: RuleLimits | None = None
    ) -> TextRule:
        """Return the rule of a module that another process compiled; see `compiled`.

        Raises:
            WasmRejected: it is no rule, or was compiled for another machine.
        """
        rule = cls.__new__(cls)
        rule._prepare(wasm, name, limits)
        rule._module = rule._engine.load(compiled)
        rule._check()
        return rule

    def compiled(self) -> bytes:
        """Return what `load` takes, in a process of this program on this machine."""
        return bytes(self._module.serialize())

    def _prepare(self, wasm: bytes, name: str, limits: RuleLimits | None) -> None:
        self.sha256 = hashlib.sha256(wasm).hexdigest()
        self.limits = limits or RuleLimits()
        self._what = f"The rule {name or self.sha256[:12]!r}"
        if len(wasm) > self.limits.module_bytes:
            raise WasmRejected(
                f"{self._what} has {len(wasm)} bytes; at most {self.limits.module_bytes} "
                "are taken.",
                hint="Build it for size, without its symbols.",
            )
        self._engine = _shared_engine()

    def apply(self, text: str) -> str:
        """Return what the rule makes of a text.

        Raises:
            WasmFailed: it trapped, overran a limit, or gave back something that is not a text.
        """
        data = text.encode("utf-8", "replace")
        store = wasmtime.Store(self._engine.raw)
        try:
            with self._engine.running():
                return self._run(store, data).decode("utf-8")
        except GuestError as error:
            raise failure(self._what, error) from error
        except UnicodeDecodeError as error:
            raise WasmFailed(f"{self._what} failed: its result is not UTF-8 ({error}).") from error
        finally:
            store.close()

    def _run(self, store: wasmtime.Store, data: bytes) -> bytes:
        limits = self.limits
        store.set_limits(
            memory_size=limits.memory_bytes,
            table_elements=10_000,
            instances=1,
            tables=1,
            memories=1,
        )
        store.set_fuel(limits.fuel + limits.fuel_per_byte * len(data))
        self._engine.arm(store, limits.seconds)
        exports = wasmtime.Instance(store, self._module, []).exports(store)
        memory, alloc, apply = exports["memory"], exports["alloc"], exports["apply"]
        assert isinstance(memory, wasmtime.Memory)
        assert isinstance(alloc, wasmtime.Func)
        assert isinstance(apply, wasmtime.Func)
        address = alloc(store, len(data)) % _WORD
        self._require(store, memory, address, len(data))
        memory.write(store, data, address)
        packed = apply(store, address, len(data))
        start, length = (packed >> 32) % _WORD, packed % _WORD
        self._require(store, memory, start, length)
        most = limits.growth * len(data) + limits.growth_bytes
        if length > most:
            raise WasmFailed(
                f"{self._what} failed: it made {length} bytes of {len(data)}; at most {most}."
            )
        return bytes(memory.read(store, start, start + length))

    def _require(
        self, store: wasmtime.Store, memory: wasmtime.Memory, start: int, length: int
    ) -> None:
        size = memory.data_len(store)
        if start + length > size:
            raise WasmFailed(
                f"{self._what} failed: it names bytes {start} to {start + length} of its memory, "
                f"which has {size}."
            )

    def _check(self) -> None:
        wanted = self._module.imports
        if wanted:
            raise WasmRejected(
                f"{self._what} imports {wanted[0].module}.{wanted[0].name}; rules import nothing.",
                hint="Build it without a standard library that needs WASI.",
            )
        exports = {export.name: export.type for export in self._module.exports}
        if not isinstance(exports.get("memory"), wasmtime.MemoryType):
            raise WasmRejected(
                f"{self._what} does not export its memory.",
                hint="docs/rules.md shows what a rule exports.",
            )
        for name, (params, results) in _WANTED.items():
            found = exports.get(name)
            if (
                not isinstance(found, wasmtime.FuncType)
                or [str(each) for each in found.params] != params
                or [str(each) for each in found.results] != results
            ):
                raise WasmRejected(
                    f"{self._what} does not export {name}({', '.join(params)}) -> {results[0]}.",
                    hint="docs/rules.md shows what a rule exports.",
                )


def _shared_engine() -> Engine:
    global _engine  # noqa: PLW0603 - made on first use, so that importing this costs nothing
    with _engine_lock:
        if _engine is None:
            _engine = Engine(fuel=True)
        return _engine

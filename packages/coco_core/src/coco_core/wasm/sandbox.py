"""Parser sandbox: the tree-sitter core and one grammar in a WebAssembly memory.

It is linked as emscripten lays dynamic modules out: the core's data and stack at the bottom, the
heap above, every module's functions in one table. The core (web-tree-sitter) is used as published;
all that is hostile, the grammar and its scanner, runs inside.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TypeAlias

import wasmtime

from coco_core.errors import WasmFailed, WasmRejected
from coco_core.wasm.dylink import Needs, read_needs
from coco_core.wasm.engine import Engine

__all__ = ["LOAD_SECONDS", "Modules", "Sandbox", "core_checksums"]

Modules = Callable[[bytes], wasmtime.Module]
"""Compiles a module, or takes the compiled form from a cache."""

_Extern: TypeAlias = wasmtime.Func | wasmtime.Global | wasmtime.Memory | wasmtime.Table

_CORE = "web-tree-sitter.wasm"
_HOST = "host.wasm"
_READER = "reader.wasm"

# Where emscripten puts the first data; slot 0 of the table stays empty, so that a null pointer to
# a function traps.
_MEMORY_BASE = 1024
_TABLE_BASE = 1
_STACK_BYTES = 256 * 1024

# A file of 4 MiB, the largest that is parsed, needs 150 MiB.
_MEMORY_BYTES = 512 << 20

# Linking a grammar takes milliseconds.
LOAD_SECONDS = 5.0

_WORD = 1 << 32
_MAX_SYMBOLS = 65_535
_MAX_NAME = 512

_QUERY_ERRORS = {
    1: "its syntax is wrong",
    2: "the grammar has no such kind of node",
    3: "the grammar has no such field",
    4: "there is no such capture",
    5: "nothing in the grammar has this structure",
    6: "the language is not valid",
}

_LANGUAGE = re.compile(r"tree_sitter_\w+")
_SCANNER = "_external_scanner_"

# What older C++ scanners call `new` and `delete`.
_SAME = {"_Znwm": "malloc", "_Znam": "malloc", "_ZdlPv": "free", "_ZdaPv": "free"}


@cache
def _asset(name: str) -> bytes:
    return (resources.files("coco_core.wasm") / "assets" / name).read_bytes()


@cache
def core_checksums() -> frozenset[str]:
    """Return the SHA-256 of the modules that every sandbox has, in hexadecimal."""
    return frozenset(hashlib.sha256(_asset(name)).hexdigest() for name in (_CORE, _HOST, _READER))


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A module's place among the others."""

    instance: wasmtime.Instance
    exports: dict[str, wasmtime.Func]


class Sandbox:
    """A store with the core and one grammar; for one thread at a time.

    After anything has failed in it, it is closed and another one made.
    """

    def __init__(self, engine: Engine, modules: Modules, grammar: bytes) -> None:
        """Link everything; to be called while the engine is running.

        Raises:
            WasmRejected: the file is no grammar, or one for another version of tree-sitter.
            WasmFailed: it asks for something that is not there.
        """
        needs = read_needs(grammar)
        if needs.libraries:
            raise WasmRejected("The grammar needs other libraries, which do not exist here.")
        # Compiling is bounded elsewhere, and is no part of what the grammar may take.
        module = modules(grammar)
        for name in (_CORE, _HOST, _READER):
            modules(_asset(name))
        self.store = store = wasmtime.Store(engine.raw)
        store.set_limits(
            memory_size=_MEMORY_BYTES, table_elements=200_000, instances=8, tables=1, memories=1
        )
        self.stubs: list[str] = []
        """Functions that the grammar imports and that are not there; calling one fails."""
        try:
            engine.arm(store, LOAD_SECONDS)
            self._link_core(modules)
            self.language = self._link_grammar(module, needs)
            self._check_version()
        except BaseException:
            # Waiting for the garbage collector would keep its memory for long.
            store.close()
            raise

    # --- linking -------------------------------------------------------------------------------

    def _link_core(self, modules: Modules) -> None:
        store = self.store
        core = _asset(_CORE)
        needs = read_needs(core)
        module = modules(core)
        low = _aligned(_MEMORY_BASE + needs.memory_bytes, 16)
        high = low + _STACK_BYTES
        memory = next(each.type for each in module.imports if each.name == "memory")
        assert isinstance(memory, wasmtime.MemoryType)
        self.memory = wasmtime.Memory(store, memory)
        slots = wasmtime.Limits(_TABLE_BASE + needs.table_slots, None)
        self.table = wasmtime.Table(
            store, wasmtime.TableType(wasmtime.ValType.funcref(), slots), None
        )
        self._stack = self._global(high, mutable=True)
        self._places: dict[str, wasmtime.Global] = {
            "__stack_low": self._global(low, mutable=True),
            "__stack_high": self._global(high, mutable=True),
            "__heap_base": self._global(high, mutable=True),
        }
        host = self._instance(modules(_asset(_HOST)), [self.memory]).exports
        shared = self._shared(_MEMORY_BASE, _TABLE_BASE)
        self.core = self._instance(
            module,
            [
                self._places[each.name or ""]
                if each.module.startswith("GOT.")
                else shared.get(each.name or "") or host[each.name or ""]
                for each in module.imports
            ],
        ).exports
        self._known = {**host, **self.core, **{old: self.core[new] for old, new in _SAME.items()}}
        self.call("__wasm_apply_data_relocs")
        self.call("__wasm_call_ctors")
        self.transfer = self.call("ts_init")
        self.newest_abi = self.word(self.transfer)
        self.oldest_abi = self.word(self.transfer + 4)
        reader = modules(_asset(_READER))
        self.reader = self._instance(
            reader,
            [
                self.memory if each.name == "memory" else self._known[each.name or ""]
                for each in reader.imports
            ],
        ).exports

    def _link_grammar(self, module: wasmtime.Module, needs: Needs) -> int:
        """Load a grammar and return the address of its language."""
        store = self.store
        align = max(16, 1 << min(needs.memory_align, 16))
        base = 0
        if needs.memory_bytes:
            base = _aligned(self.call("calloc", needs.memory_bytes + align, 1), align)
        first_slot = self.table.size(store)
        if needs.table_slots:
            self.table.grow(store, needs.table_slots, None)
        shared = self._shared(base, first_slot)
        own = {export.name for export in module.exports}
        late: list[tuple[str, wasmtime.Global]] = []
        imports: list[_Extern] = []
        for each in module.imports:
            name = each.name or ""
            if each.module.startswith("GOT."):
                place = self._places.get(name)
                if place is None or name in own:
                    place = self._global(0, mutable=True)
                    late.append((name, place))
                imports.append(place)
            elif name in shared:
                imports.append(shared[name])
            elif isinstance(each.type, wasmtime.FuncType):
                imports.append(self._known.get(name) or self._stub(name, each.type))
            else:
                raise WasmRejected(f"The grammar imports {each.module}.{name}, which there is not.")
        exports = wasmtime.Instance(store, module, imports).exports(store)
        for name, place in late:
            found = exports[name] if name in own else self._known.get(name)
            place.set_value(store, wasmtime.Val.i32(_signed(self._address(name, found, base))))
        for name in ("__wasm_apply_data_relocs", "__wasm_call_ctors"):
            if name in own:
                _function(name, exports[name])(store)
        return self._start(exports, [name for name in own if name])

    def _start(self, exports: Mapping[str, object], names: list[str]) -> int:
        languages = [n for n in names if _LANGUAGE.fullmatch(n) and _SCANNER not in n]
        if not languages:
            raise WasmRejected("The file is no grammar: it exports no function tree_sitter_*.")
        name = min(languages, key=len)
        self.exported_name = name.removeprefix("tree_sitter_")
        address = _function(name, exports[name])(self.store)
        if not isinstance(address, int):
            raise WasmRejected("The file is no grammar: its language is not an address.")
        return address % _WORD

    def _address(self, name: str, found: object, base: int) -> int:
        if isinstance(found, wasmtime.Func):
            return self.table.grow(self.store, 1, found)
        if isinstance(found, wasmtime.Global):
            return int(found.value(self.store)) + base
        raise WasmRejected(f"The grammar imports {name!r}, which there is not.")

    def _shared(self, base: int, first_slot: int) -> dict[str, _Extern]:
        return {
            "memory": self.memory,
            "__indirect_function_table": self.table,
            "__stack_pointer": self._stack,
            "__memory_base": self._global(base, mutable=False),
            "__table_base": self._global(first_slot, mutable=False),
        }

    def _global(self, value: int, *, mutable: bool) -> wasmtime.Global:
        kind = wasmtime.GlobalType(wasmtime.ValType.i32(), mutable)
        return wasmtime.Global(self.store, kind, wasmtime.Val.i32(_signed(value)))

    def _instance(self, module: wasmtime.Module, imports: list[_Extern]) -> _Loaded:
        instance = wasmtime.Instance(self.store, module, imports)
        exports = instance.exports(self.store)
        functions = {
            export.name: found
            for export in module.exports
            if export.name and isinstance(found := exports[export.name], wasmtime.Func)
        }
        return _Loaded(instance, functions)

    def _stub(self, name: str, kind: wasmtime.FuncType) -> wasmtime.Func:
        self.stubs.append(name)

        def fail(*_: object) -> None:
            raise WasmFailed(f"The grammar called {name!r}, which there is not.")

        return wasmtime.Func(self.store, kind, fail)

    def _check_version(self) -> None:
        version = self.call("ts_language_abi_version", self.language)
        if not self.oldest_abi <= version <= self.newest_abi:
            raise WasmRejected(
                f"The grammar has ABI {version}; this version of CoCo reads {self.oldest_abi} to "
                f"{self.newest_abi}.",
                hint="Take a newer build of the grammar.",
            )
        self.abi = version

    # --- using ---------------------------------------------------------------------------------

    def call(self, name: str, *arguments: int) -> int:
        """Call a function of the core; what it returns is taken as unsigned."""
        result = self._known[name](self.store, *map(_signed, arguments))
        return result % _WORD if isinstance(result, int) else 0

    def read(self, address: int, length: int) -> bytes:
        """Copy from the sandbox's memory; an address outside raises `WasmFailed`."""
        if address + length > self.memory.data_len(self.store):
            raise WasmFailed("The grammar names an address outside its memory.")
        return bytes(self.memory.read(self.store, address, address + length))

    def write(self, address: int, data: bytes) -> None:
        """Copy into the sandbox's memory."""
        if not address or address + len(data) > self.memory.data_len(self.store):
            raise WasmFailed("The grammar left no memory for the text.")
        if data:
            self.memory.write(self.store, bytearray(data), address)

    def word(self, address: int) -> int:
        """Read 32 bits."""
        return int.from_bytes(self.read(address, 4), "little")

    def name_at(self, address: int) -> str:
        """Read a text that ends with NUL."""
        if not address:
            return ""
        size = self.memory.data_len(self.store)
        data = self.read(address, max(0, min(_MAX_NAME, size - address)))
        return data.partition(b"\0")[0].decode("utf-8", "replace")

    def node_types(self) -> list[str]:
        """Return the names of all named kinds of nodes that can be seen in a tree."""
        count = self.call("ts_language_symbol_count", self.language)
        if count > _MAX_SYMBOLS:
            raise WasmRejected(f"The grammar claims to have {count} kinds of nodes.")
        names: dict[str, None] = {}
        for symbol in range(count):
            if self.call("ts_language_type_is_named_wasm", self.language, symbol) and self.call(
                "ts_language_type_is_visible_wasm", self.language, symbol
            ):
                names[self.name_at(self.call("ts_language_symbol_name", self.language, symbol))] = (
                    None
                )
        return list(names)

    def compile_query(self, query: str) -> tuple[int, str | None]:
        """Compile a query: its address, or 0 and what is wrong with it."""
        data = query.encode()
        place = self.call("malloc", len(data) + 1)
        self.write(place, data + b"\0")
        found = (self.transfer, self.transfer + 4)
        address = self.call("ts_query_new", self.language, place, len(data), *found)
        self.call("free", place)
        if address:
            return address, None
        at, kind = self.word(found[0]), self.word(found[1])
        excerpt = data[at : at + 40].decode("utf-8", "replace")
        return 0, f"{_QUERY_ERRORS.get(kind, f'error {kind}')} (at {excerpt!r})"

    def close(self) -> None:
        """Give the memory back."""
        self.store.close()


def _function(name: str, found: object) -> wasmtime.Func:
    if not isinstance(found, wasmtime.Func):
        raise WasmRejected(f"The grammar's {name!r} is not a function.")
    return found


def _aligned(value: int, align: int) -> int:
    return (value + align - 1) // align * align


def _signed(value: int) -> int:
    value %= _WORD
    return value - _WORD if value >= _WORD // 2 else value

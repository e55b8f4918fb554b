"""Cache of compiled WebAssembly modules, by content and engine version.

Loading a compiled grammar takes a tenth of a millisecond; compiling one takes up to seconds, and
nothing inside wasmtime bounds that: a child process does it (`coco_local.grammars.examine`).
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import wasmtime

from coco_core.wasm.engine import Engine
from coco_core.wasm.sandbox import core_checksums

__all__ = ["CompiledModules"]


class CompiledModules:
    """Modules of one engine."""

    def __init__(
        self, engine: Engine, folder: Path, compile_apart: Callable[[bytes], None] | None = None
    ) -> None:
        """Keep compiled forms in ``folder``, which nobody else may write.

        ``compile_apart`` puts the compiled form of a module there from another process; without it
        modules are compiled here.
        """
        self._engine = engine
        self._folder = folder
        self._compile_apart = compile_apart
        self._modules: dict[str, wasmtime.Module] = {}

    def __call__(self, wasm: bytes) -> wasmtime.Module:
        """Return a compiled module; what cannot be compiled raises `WasmRejected`."""
        digest = hashlib.sha256(wasm).hexdigest()
        module = self._modules.get(digest)
        if module is None:
            module = self._open(digest) or self._compile(digest, wasm)
            self._modules[digest] = module
        return module

    def _open(self, digest: str) -> wasmtime.Module | None:
        path = self._path(digest)
        if not path.is_file():
            return None
        try:
            return wasmtime.Module.deserialize_file(self._engine.raw, str(path))
        except wasmtime.WasmtimeError:
            # Of another processor, or cut off: it is made anew.
            path.unlink(missing_ok=True)
            return None

    def _compile(self, digest: str, wasm: bytes) -> wasmtime.Module:
        if self._compile_apart is not None and digest not in core_checksums():
            self._compile_apart(wasm)
            module = self._open(digest)
            if module is not None:
                return module
        module = self._engine.compile(wasm)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._folder, suffix=".tmp")
        with os.fdopen(handle, "wb") as file:
            file.write(module.serialize())
        Path(name).replace(self._path(digest))
        return module

    def _path(self, digest: str) -> Path:
        return self._folder / f"{digest}-{self._engine.key}.cwasm"

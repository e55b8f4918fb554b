"""WebAssembly in a sandbox: tree-sitter grammars, and rules that change texts.

Nothing here touches the disk or the network; modules come in as bytes. Importing the package does
not load wasmtime: only its modules do.
"""

from __future__ import annotations

__all__: list[str] = []

"""Parse limits, shared by native and WebAssembly grammars so that their chunks agree."""

from __future__ import annotations

__all__ = [
    "BYTES_PER_TICK",
    "ERRORS_LOOKED_AT",
    "MATCH_LIMIT",
    "PARTED",
    "SMALL_BYTES",
    "TICKS",
    "WIDE",
    "WIDE_NAMED_SHARE",
]

# tree-sitter asks for leave about every 180 bytes of ordinary code; error recovery asks several
# times as often. The count is the same on every machine and under any load.
TICKS = 4_000
BYTES_PER_TICK = 12

# Captures whose parts the chunker asks for.
PARTED = frozenset({"body", "spread"})

# A source of this size cannot keep a query busy for long.
SMALL_BYTES = 16_384

# More matches in flight than this are runaway patterns, not code.
MATCH_LIMIT = 65_536

# The query engine looks along all later siblings for a named one; in an error node of brackets
# there is none. Below this the search takes milliseconds.
WIDE = 5_000

# Of a wide node's parts at least one in so many is named, or it is brackets.
WIDE_NAMED_SHARE = 4

# Nodes with errors that are looked at in search of a wide one.
ERRORS_LOOKED_AT = 2_000

"""Text rules that harm: slow to compile, or that make much of little."""

from __future__ import annotations

from functools import cache

import wasmtime

__all__ = ["echo_rule", "growing_rule", "slow_to_compile"]

_HEAD = """
  (memory (export "memory") {pages})
  (func (export "alloc") (param i32) (result i32) (i32.const 16))
"""


def _module(body: str, pages: int = 2) -> bytes:
    return bytes(wasmtime.wat2wasm(f"(module {_HEAD.format(pages=pages)} {body})"))


def echo_rule() -> bytes:
    """A rule that changes nothing."""
    return _module("""
      (func (export "apply") (param $text i32) (param $length i32) (result i64)
        (i64.or (i64.shl (i64.extend_i32_u (local.get $text)) (i64.const 32))
                (i64.extend_i32_u (local.get $length))))
    """)


def growing_rule(size: int) -> bytes:
    """A rule whose result has ``size`` bytes, whatever the text."""
    return _module(
        f"""
      (func (export "apply") (param i32) (param i32) (result i64)
        (i64.const {size}))
    """,
        pages=size // 65_536 + 1,
    )


@cache
def slow_to_compile(loops: int = 700, variables: int = 1_300) -> bytes:
    """A module of 25 kB that takes half a minute to compile: every loop carries every variable."""
    opened = "".join(f"(loop $l{number} " for number in range(loops))
    work = "".join(
        f"(local.set {place + 2} (i32.add (local.get {place + 2}) "
        f"(local.get {(place + 1) % variables + 2})))"
        for place in range(variables)
    )
    closed = "".join(f"(br_if $l{number} (local.get 0)))" for number in reversed(range(loops)))
    return _module(f"""
      (func (export "apply") (param i32 i32) (result i64) (local {"i32 " * variables})
        {opened} {work} {closed} (i64.const 0))
    """)

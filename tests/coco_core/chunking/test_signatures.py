"""Every definition carries its own head on one line, however many share a chunk."""

from __future__ import annotations

from pathlib import Path

import pytest

from coco_core.chunking import chunk_document
from coco_core.configs import ChunkingConfig

SAMPLES = sorted((Path(__file__).parent / "samples").iterdir())


def signatures(name: str, source: str | bytes, size: int = 128) -> dict[str, str]:
    data = source if isinstance(source, bytes) else source.encode()
    document = chunk_document(name, data, ChunkingConfig(chunk_size=size))
    assert document.parsed
    return {
        definition.path: definition.signature
        for chunk in document.chunks
        for definition in chunk.definitions
    }


SOURCES = {
    "a.py": (
        "class Cart:\n    def add(\n        self,\n        item: str,\n    ) -> None: ...\n\n"
        "    @property\n    def size(self): return 1\n\n\nasync def pay(cart): ...\n",
        {
            "Cart": "class Cart",
            "Cart.add": "def add( self, item: str, ) -> None",
            "Cart.size": "def size(self)",
            "pay": "async def pay(cart)",
        },
    ),
    "a.js": (
        "export class Cart extends Base {\n  add(item) { return 1 }\n}\n"
        "function pay(cart) { return 2 }\nconst half = (n) => n / 2\n",
        {
            "Cart": "export class Cart extends Base",
            "Cart.add": "add(item)",
            "pay": "function pay(cart)",
            "half": "const half = (n) => n / 2",
        },
    ),
    "a.ts": (
        "interface Item {\n  price(): number\n}\nexport function pay(a: Item): number {\n"
        "  return 1\n}\nenum Kind { A, B }\n",
        {
            "Item": "interface Item",
            "Item.price": "price(): number",
            "pay": "export function pay(a: Item): number",
            "Kind": "enum Kind",
        },
    ),
    "a.go": (
        "package a\n\ntype Cart struct {\n\tSize int\n}\n\nfunc (c *Cart) Add(n int) error "
        "{\n\treturn nil\n}\n\nfunc Pay() {}\n",
        {"Cart.Add": "func (c *Cart) Add(n int) error", "Pay": "func Pay()"},
    ),
    "a.rs": (
        "pub struct Cart { size: usize }\n\nimpl Cart {\n    pub fn add(&mut self, n: usize) -> "
        "bool { true }\n}\n\nfn pay() {}\n",
        {
            "Cart": "pub struct Cart",
            "Cart.add": "pub fn add(&mut self, n: usize) -> bool",
            "pay": "fn pay()",
        },
    ),
    "A.java": (
        "public final class Cart {\n  @Override\n  public int size() { return 1; }\n"
        "  void add(String item) {}\n}\n",
        {
            "Cart": "public final class Cart",
            "Cart.size": "public int size()",
            "Cart.add": "void add(String item)",
        },
    ),
    "a.c": (
        "static int\nadd(int a, int b)\n{\n  return a + b;\n}\n\nvoid pay(void) {}\n",
        {"add": "static int add(int a, int b)", "pay": "void pay(void)"},
    ),
    "a.cpp": (
        "class Cart : public Base {\n public:\n  int size() const { return 1; }\n};\n"
        "template <class T>\nT half(T n) { return n / 2; }\n",
        {
            "Cart": "class Cart : public Base",
            "Cart.size": "int size() const",
            "half": "template <class T> T half(T n)",
        },
    ),
    "a.rb": (
        "class Cart < Base\n  def add(item)\n    1\n  end\n\n  def self.build\n  end\nend\n",
        {"Cart": "class Cart < Base", "Cart.add": "def add(item)"},
    ),
    "a.php": (
        "<?php\nfinal class Cart {\n    public function add(int $n): bool { return true; }\n}\n"
        "function pay() {}\n",
        {
            "Cart": "final class Cart",
            "Cart.add": "public function add(int $n): bool",
            "pay": "function pay()",
        },
    ),
    "a.md": (
        "# Shop\n\nText.\n\n## Pay\n\nMore.\n\n### By card\n\nEnd.\n\n```python\n"
        "def pay(card): ...\n```\n",
        {
            "shop": "Shop",
            "pay": "def pay(card)",
            "by-card": "Shop > Pay > By card",
        },
    ),
    "a.rst": (
        "Shop\n====\n\nText.\n\nPay\n---\n\nMore.\n",
        {"shop": "Shop", "pay": "Shop > Pay"},
    ),
}


@pytest.mark.parametrize("name", SOURCES)
def test_definitions_that_share_a_chunk_have_a_signature_each(name: str) -> None:
    source, expected = SOURCES[name]
    found = signatures(name, source, size=512)
    assert {path: found.get(path) for path in expected} == expected
    assert all(found.values())


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
@pytest.mark.parametrize("size", [16, 256, 4096])
def test_no_definition_is_without_one_whatever_the_size(path: Path, size: int) -> None:
    name = path.name.removesuffix(".sample")
    found = signatures(name, path.read_bytes(), size)
    assert found
    assert [symbol for symbol, signature in found.items() if not signature.strip()] == []
    assert all("\n" not in signature for signature in found.values())

"""References in languages that are followed by rules, or by names alone."""

from __future__ import annotations

import pytest

from tests.code_files import Texts, callers, references


def test_go_packages_are_directories() -> None:
    files = {
        "go.mod": "module example.org/shop\n",
        "cart/cart.go": "package cart\nfunc Total() int { return helper() }\n",
        "cart/more.go": "package cart\nfunc helper() int { Total := 1; return Total }\n",
        "main.go": (
            'package main\nimport (\n\t"example.org/shop/cart"\n\tc "example.org/shop/cart"\n'
            '\t"example.org/other"\n)\n'
            "func main() { cart.Total(); c.Total(); other.Total() }\n"
        ),
    }
    assert references(files, "Total") == ["cart/cart.go:2:6", "main.go:7:20", "main.go:7:31"]
    assert references(files, "helper") == ["cart/cart.go:2:27", "cart/more.go:2:6"]
    assert callers(files, "Total") == ["main", "main"]


def test_go_methods_follow_receivers_and_types() -> None:
    files = {
        "a.go": (
            "package a\ntype S struct { n *S }\n"
            "func (s *S) Run() { s.Run(); s.n.Run() }\n"
            "func f(s *S) { s.Run(); y := &S{}; y.Run() }\n"
            "func h(all []*S) { for _, s := range all { s.Run() } }\n"
        ),
        "b.go": "package a\nfunc g(s S) { s.Run() }\n",
    }
    assert references(files, "S.Run") == [
        "a.go:3:13",
        "a.go:3:23",
        "a.go:3:34",
        "a.go:4:18",
        "a.go:4:38",
        "a.go:5:46?",
        "b.go:2:17",
    ]


def test_java_imports_and_packages() -> None:
    files = {
        "src/org/shop/Cart.java": (
            "package org.shop;\npublic class Cart { int total() { return 1; } }\n"
        ),
        "src/org/shop/Use.java": (
            "package org.shop;\nclass Use { Cart c = new Cart(); int f() { return c.total(); } }\n"
        ),
        "src/org/web/Page.java": (
            "package org.web;\nimport org.shop.Cart;\n"
            "class Page { void m(Cart cart, Object o) { cart.total(); o.total(); } }\n"
        ),
        "src/org/web/Other.java": "package org.web;\nclass Other { Cart c; }\n",
    }
    assert references(files, "Cart") == [
        "src/org/shop/Cart.java:2:14",
        "src/org/shop/Use.java:2:13",
        "src/org/shop/Use.java:2:26",
        "src/org/web/Page.java:2:17",
        "src/org/web/Page.java:3:21",
    ]
    assert references(files, "Cart.total")[-1] == "src/org/web/Page.java:3:49"


def test_java_methods_are_called_without_this() -> None:
    files = {
        "a/A.java": "package a;\nclass A { void run() {} void go() { run(); } }\n",
        "a/B.java": "package a;\nclass B extends A { void more() { run(); } }\n",
        "a/C.java": "package a;\nclass C { void run() {} void other() { run(); } }\n",
    }
    assert references(files, "A.run") == ["a/A.java:2:16", "a/A.java:2:37", "a/B.java:2:35"]


def test_rust_modules_and_impls() -> None:
    files = {
        "Cargo.toml": '[package]\nname = "shop"\n',
        "src/lib.rs": ("pub mod cart;\nuse cart::Cart;\nfn f(c: &Cart) -> u32 { c.total() }\n"),
        "src/cart.rs": (
            "pub struct Cart;\nimpl Cart {\n    pub fn new() -> Self { Self::make() }\n"
            "    fn make() -> Self { Cart }\n    pub fn total(&self) -> u32 { 1 }\n}\n"
        ),
        "src/web/mod.rs": (
            "use crate::cart::{Cart as Basket, self};\n"
            "fn g() { Basket::new(); cart::Cart::new(); }\n"
        ),
        "src/other.rs": "fn Cart() {}\n",
    }
    assert references(files, "src/cart.rs:1") == [
        "src/cart.rs:1:12",
        "src/cart.rs:2:6",
        "src/cart.rs:4:25",
        "src/lib.rs:2:11",
        "src/lib.rs:3:10",
        "src/web/mod.rs:1:19",
        "src/web/mod.rs:1:27",
        "src/web/mod.rs:2:10",
        "src/web/mod.rs:2:31",
    ]
    assert references(files, "Cart.make") == ["src/cart.rs:3:34", "src/cart.rs:4:8"]
    assert references(files, "Cart.total") == ["src/cart.rs:5:12", "src/lib.rs:3:27"]


@pytest.mark.parametrize(
    ("path", "code", "name", "expected"),
    [
        (
            "a.c",
            'int run(int run_) { return 1; }\n/* run */ char *s = "run";\n'
            "int f(int run) { return run; }\nint g() { return run(1); }\n",
            "run",
            ["a.c:1:5", "a.c:4:18"],
        ),
        (
            "a.cs",
            "class A { int Run() { return 1; } // Run\n int B() { return this.Run(); } }\n",
            "A.Run",
            ["a.cs:1:15", "a.cs:2:24"],
        ),
        (
            "a.rb",
            "class A\n  def run; 'run'; end\n  def go; self.run; end # run\nend\n",
            "A.run",
            ["a.rb:2:7", "a.rb:3:16"],
        ),
        (
            "a.php",
            "<?php\nfunction run($run) { return $run; } // run\nrun('run');\n",
            "run",
            ["a.php:2:10", "a.php:3:1"],
        ),
        (
            "a.lua",
            "function run() end -- run\nlocal x = 'run'\nrun()\n",
            "run",
            ["a.lua:1:10", "a.lua:3:1"],
        ),
        (
            "a.kt",
            'fun run() {} // run\nfun go() { run(); println("run") }\n',
            "run",
            ["a.kt:1:5", "a.kt:2:12"],
        ),
        (
            "a.swift",
            'func run() {} // run\nfunc go() { run(); print("run") }\n',
            "run",
            ["a.swift:1:6", "a.swift:2:13"],
        ),
        (
            "a.scala",
            'object A { def run() = 1 // run\n def go() = run() + "run" }\n',
            "run",
            ["a.scala:1:16", "a.scala:2:13"],
        ),
        ("a.sh", "run() { :; } # run\nrun\necho 'run'\n", "run", ["a.sh:1:1", "a.sh:2:1"]),
    ],
)
def test_each_family_finds_uses_and_no_texts(
    path: str, code: str, name: str, expected: list[str]
) -> None:
    found = [place.rstrip("?") for place in references({path: code}, name)]
    assert found == expected


def test_a_bare_name_of_c_in_another_file_is_a_guess() -> None:
    files = {"a.c": "int run(void) { return 1; }\n", "b.c": "int f(void) { return run(); }\n"}
    assert references(files, "run") == ["a.c:1:5", "b.c:1:22?"]


def test_documents_have_no_occurrences() -> None:
    files = {"a.py": "def run(): pass\n", "README.md": "# run\n\n```python\nrun()\n```\n"}
    assert references(files, "run") == ["a.py:1:5"]
    assert Texts(files).defined("README.md:1") == []

"""C and C++ as they are written: macros in declarations, and conditionals that split them."""

from __future__ import annotations

import pytest

from coco_core.chunking import chunk_document
from coco_core.configs import ChunkingConfig
from coco_core.languages.grammars import grammar_for


def definitions(path: str, source: str) -> list[str]:
    """Return the definitions with their lines, as ``name first-last``."""
    document = chunk_document(path, source.encode(), ChunkingConfig())
    assert document.parsed
    return [f"{d.path} {d.line}-{d.end_line}" for c in document.chunks for d in c.definitions]


@pytest.mark.parametrize(
    "head",
    [
        "class MYLIB_EXPORT Gadget final : public Widget {",
        "class MYLIB_EXPORT Gadget {",
        "class MYLIB_API(2) Gadget : Widget {",
        "class lower_export Gadget {",
        "class EXPORT DEPRECATED(\"since (2)\") Gadget : public A, private B<int> {",
        "struct __declspec(dllexport) Gadget {",
        "class alignas(16) [[nodiscard]] Gadget {",
        "EXPORT class Gadget {",
        "template <typename T> class EXPORT Gadget final : Base<T> {",
        "union EXPORT Gadget {",
    ],
)  # fmt: skip
def test_a_macro_before_a_class_s_name_is_not_its_name(head: str) -> None:
    source = (
        f"{head}\npublic:\n  int size() const;\n  void grow() {{ n++; }}\n}};\nint after() {{}}\n"
    )
    assert definitions("gadget.cpp", source) == [
        "Gadget 1-5",
        "Gadget.size 3-3",
        "Gadget.grow 4-4",
        "after 6-6",
    ]


def test_what_only_looks_like_it_stays() -> None:
    source = "struct POINT p{1, 2};\nstruct flags f = {1};\nstruct POINT *make(int a) {\n}\n"
    assert definitions("a.cpp", source)[-1] == "make 3-4"
    assert not [name for name in definitions("a.cpp", source) if name.startswith("POINT")]
    tests = "TEST(Suite, one) {\n  int x;\n}\nTEST_F(Suite, two)\n{\n}\n"
    assert definitions("t.cpp", tests) == ["TEST 1-3", "TEST_F 4-6"]


def test_a_macro_behind_a_member_is_not_its_name() -> None:
    source = (
        "class A {\n  void lock() GUARDED_BY(mu_);\n  int n() const REQUIRES(mu_) { return 1; }\n"
        "  int n_ GUARDED_BY(mu_);\n};\n"
    )
    assert definitions("a.cpp", source) == ["A 1-5", "A.lock 2-2", "A.n 3-3"]


def test_macros_on_lines_of_their_own_and_qt_s_sections() -> None:
    source = (
        "NS_BEGIN\nclass Q_DECL_EXPORT Thing : public QObject {\n  Q_OBJECT\n"
        "  Q_PROPERTY(int x READ x)\npublic:\n  int x() const;\nsignals:\n  void changed();\n"
        "public slots:\n  void reload() {}\n};\nNS_END\nint after() {}\n"
    )
    assert definitions("thing.cpp", source) == [
        "Thing 2-11",
        "Thing.x 6-6",
        "Thing.changed 8-8",
        "Thing.reload 10-10",
        "after 13-13",
    ]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (
            "#ifdef W\nint read(long *n)\n#else\nint read(char *n)\n#endif\n{\n  return 1;\n}\n",
            "read 2-8",
        ),
        ("#if A\nint read(int a) {\n#else\nint two(int b) {\n#endif\n  return 1;\n}\n", "read 2-7"),
        (
            "#if 0\nint old(int a) {\n#else\nint read(int b) {\n#endif\n  return 1;\n}\n",
            "read 4-7",
        ),
        (
            "int read(int a) {\n#ifdef A\n  if (a) {\n#elif B\n  if (!a) {\n#else\n  {\n#endif\n"
            "    return 1;\n  }\n  return 0;\n}\n",
            "read 1-12",
        ),
        ("int read(int a\n#if defined(B) && \\\n    C\n  , int b\n#endif\n  )\n{\n}\n", "read 1-8"),
    ],
)
@pytest.mark.parametrize("path", ["a.c", "a.cpp"])
def test_a_conditional_that_splits_a_definition_swallows_nothing(
    path: str, source: str, found: str
) -> None:
    lines = source.count("\n")
    tail = "int after(void) { return 1; }\n"
    assert definitions(path, source + tail) == [found, f"after {lines + 1}-{lines + 1}"]


def test_both_branches_stay_where_each_is_whole() -> None:
    source = "#ifdef A\nint one(void) { return 1; }\n#else\nint two(void) { return 2; }\n#endif\n"
    assert definitions("a.c", source) == ["one 2-2", "two 4-4"]


@pytest.mark.parametrize(
    "source",
    [
        "class " + "a " * 200_000,
        "class EXPORT(" * 30_000,
        "FOO(" * 100_000,
        "#if A\n(\n" * 30_000,
        "{ FOO " * 60_000,
        "void f() " + "A(" * 90_000 + ";",
    ],
)
def test_hostile_sources_end(source: str) -> None:
    """Each pattern is bounded: none of these takes longer than it takes to parse."""
    chunk_document("a.cpp", source.encode(), ChunkingConfig())


def test_offsets_are_those_of_the_source() -> None:
    source = "// é\nclass EXPORT Gädget : public W {\n  void grow();\n};\n".encode()
    grammar = grammar_for("cpp")
    assert grammar is not None
    syntax = grammar.parse(source)
    assert syntax is not None
    names = {source[match.name[0] : match.name[1]].decode() for match in syntax.named}
    assert names == {"Gädget", "grow"}


ASTRO = """---
import Layout from "../Layout.astro";
interface Props { title: string }
export async function getStaticPaths() {
  return [];
}
---
<Layout title={title}>
  <h1>{title}</h1>
  <script>
    function clicked() { return 1; }
  </script>
</Layout>
"""


def test_astro_s_front_is_code() -> None:
    assert definitions("page.astro", ASTRO) == [
        "Props 3-3",
        "Props.title 3-3",
        "getStaticPaths 4-6",
        "clicked 11-11",
    ]
    assert definitions("page.astro", ASTRO.replace("\n", "\r\n"))[2] == "getStaticPaths 4-6"
    assert definitions("plain.astro", ASTRO.partition("---\n<")[2]) == ["clicked 4-4"]
    open_ = definitions("open.astro", ASTRO.replace("---\n<", "<"))
    assert open_ == ["clicked 10-10"]
    small = chunk_document("page.astro", ASTRO.encode(), ChunkingConfig(chunk_size=16))
    assert "getStaticPaths" in [chunk.symbol for chunk in small.chunks]

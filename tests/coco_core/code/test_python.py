"""References in Python: scopes, imports, classes, and what stays a guess."""

from __future__ import annotations

from tests.code_files import Texts, callers, references


def test_parameters_and_locals_hide_what_is_outside() -> None:
    code = (
        "def size(): pass\n"
        "def f(size): return size\n"
        "def g():\n    size = 1\n    return size\n"
        "def h(): return size()\n"
        "k = lambda size: size\n"
        "m = [size for size in ()]\n"
        "n = size\n"
    )
    assert references({"a.py": code}, "a.py:1") == ["a.py:1:5", "a.py:6:17", "a.py:9:5"]
    assert references({"a.py": code}, "a.py:2:7") == ["a.py:2:7", "a.py:2:21"]


def test_defaults_annotations_and_decorators_are_read_outside_of_the_function() -> None:
    code = "def x(): pass\n@x\ndef f(x: x = x) -> x:\n    return x\n"
    assert references({"a.py": code}, "a.py:1") == [
        "a.py:1:5",
        "a.py:2:2",
        "a.py:3:10",
        "a.py:3:14",
        "a.py:3:20",
    ]


def test_global_and_nonlocal_reach_the_outer_name() -> None:
    code = (
        "count = 0\n"
        "def f():\n    global count\n    count = 1\n"
        "def g():\n"
        "    count = 2\n"
        "    def h():\n        nonlocal count\n        count = 3\n"
    )
    assert references({"a.py": code}, "a.py:1") == ["a.py:1:1", "a.py:3:12", "a.py:4:5"]
    assert references({"a.py": code}, "a.py:6:5") == ["a.py:6:5", "a.py:8:18", "a.py:9:9"]


def test_names_of_a_class_are_not_seen_from_its_methods() -> None:
    code = (
        "limit = 1\n"
        "class C:\n    limit = 2\n    other = limit\n"
        "    def m(self):\n        return limit + self.limit\n"
    )
    assert references({"a.py": code}, "a.py:1") == ["a.py:1:1", "a.py:6:16"]
    assert references({"a.py": code}, "C.limit") == ["a.py:3:5", "a.py:4:13", "a.py:6:29"]


def test_strings_comments_and_longer_names_are_no_occurrences() -> None:
    code = 'def run(): pass\n# run it\nx = "run"\nruns = run_all = 1\ny = f"{run()} run"\n'
    assert references({"a.py": code}, "run") == ["a.py:1:5", "a.py:5:8"]


def test_imports_lead_to_the_file() -> None:
    files = {
        "pkg/__init__.py": "",
        "pkg/a.py": "def f(): pass\n",
        "pkg/b.py": "from .a import f as g\nfrom . import a\ng()\na.f()\n",
        "pkg/c.py": "import pkg.a\nimport pkg.a as x\npkg.a.f()\nx.f()\n",
        "other.py": "def f(): pass\nf()\n",
    }
    assert references(files, "pkg.a.f") == [
        "pkg/a.py:1:5",
        "pkg/b.py:1:16",
        "pkg/b.py:1:21",
        "pkg/b.py:3:1",
        "pkg/b.py:4:3",
        "pkg/c.py:3:7",
        "pkg/c.py:4:3",
    ]


def test_a_package_passes_names_on() -> None:
    files = {
        "pkg/__init__.py": "from .deep import *\nfrom ._impl import hidden as shown\n",
        "pkg/deep.py": "def f(): pass\n",
        "pkg/_impl.py": "def hidden(): pass\n",
        "use.py": "from pkg import f, shown\nimport pkg\nf()\nshown()\npkg.f()\npkg.shown()\n",
    }
    assert references(files, "pkg/deep.py:f") == [
        "pkg/deep.py:1:5",
        "use.py:1:17",
        "use.py:3:1",
        "use.py:5:5",
    ]
    assert references(files, "hidden") == [
        "pkg/__init__.py:2:20",
        "pkg/__init__.py:2:30",
        "pkg/_impl.py:1:5",
        "use.py:1:20",
        "use.py:4:1",
        "use.py:6:5",
    ]


def test_a_module_named_like_one_of_the_library_is_not_taken_for_it() -> None:
    files = {
        "src/app/__init__.py": "",
        "src/app/json.py": "def dumps(x): pass\n",
        "src/app/main.py": (
            "import json\nfrom app import json as ours\njson.dumps(1)\nours.dumps(1)\n"
        ),
    }
    assert references(files, "dumps") == ["src/app/json.py:1:5", "src/app/main.py:4:6"]


def test_directories_without_init_are_packages_too() -> None:
    files = {
        "src/cart.py": "def f(): pass\n",
        "src/use.py": "from src.cart import f\nf()\n",
        "tools/run.py": "import src.cart\nsrc.cart.f()\n",
    }
    assert references(files, "f") == [
        "src/cart.py:1:5",
        "src/use.py:1:22",
        "src/use.py:2:1",
        "tools/run.py:2:10",
    ]


def test_an_import_from_outside_is_something_else() -> None:
    files = {"a.py": "def get(): pass\n", "b.py": "from requests import get\nget()\n"}
    assert references(files, "get") == ["a.py:1:5"]


def test_self_cls_and_super_lead_to_members() -> None:
    code = (
        "class Base:\n    def run(self): pass\n    @classmethod\n    def make(cls): cls.run\n"
        "class Sub(Base):\n"
        "    def go(self):\n        self.run()\n        super().run()\n"
        "    def other(self, x):\n        x.run()\n"
    )
    assert references({"a.py": code}, "Base.run") == [
        "a.py:2:9",
        "a.py:4:24",
        "a.py:7:14",
        "a.py:8:17",
        "a.py:10:11?",
    ]


def test_an_overriding_method_takes_its_own_calls() -> None:
    code = (
        "class A:\n    def m(self): pass\n    def f(self): self.m()\n"
        "class B(A):\n    def m(self): pass\n    def g(self): self.m()\n"
    )
    assert references({"a.py": code}, "A.m") == ["a.py:2:9", "a.py:3:23"]
    assert references({"a.py": code}, "B.m") == ["a.py:5:9", "a.py:6:23"]


def test_one_assignment_or_an_annotation_decides_the_type() -> None:
    code = (
        "class C:\n    def m(self): pass\n"
        "def make() -> C: ...\n"
        "a = C()\na.m()\n"
        "def f(b: C, c: 'C', d: C | None, e):\n    b.m(); c.m(); d.m(); e.m()\n"
        "make().m()\n"
        "class D:\n    def __init__(self):\n        self.c = C()\n"
        "    def g(self):\n        self.c.m()\n"
        "g = C()\ng = make\ng.m()\n"
    )
    assert references({"a.py": code}, "C.m") == [
        "a.py:2:9",
        "a.py:5:3",
        "a.py:7:7",
        "a.py:7:14",
        "a.py:7:21",
        "a.py:7:28?",
        "a.py:8:8",
        "a.py:13:16",
        "a.py:16:3?",
    ]


def test_members_of_literals_and_of_the_library_are_left_out() -> None:
    code = (
        "import os\n"
        "class Path:\n    def join(self): pass\n"
        "os.path.join()\n', '.join(())\nx = {}\nx.join()\n"
        "def f(y): y.join()\n"
    )
    assert references({"a.py": code}, "Path.join") == ["a.py:3:9", "a.py:8:13?"]


def test_fields_are_defined_where_self_is_given_them() -> None:
    code = (
        "class C:\n    def __init__(self):\n        self.size = 1\n"
        "    def m(self):\n        return self.size\n"
        "    @staticmethod\n    def s(self):\n        return self.size\n"
    )
    assert [d.symbol for d in Texts({"a.py": code}).defined("size")] == ["C.size"]
    assert references({"a.py": code}, "C.size") == ["a.py:3:14", "a.py:5:21", "a.py:8:21?"]


def test_keyword_arguments_belong_to_the_called_function() -> None:
    code = "name = 1\ndef f(name): pass\nf(name=name)\ng(name=2)\n"
    assert references({"a.py": code}, "a.py:1") == ["a.py:1:1", "a.py:3:8"]
    assert references({"a.py": code}, "a.py:2:7") == ["a.py:2:7", "a.py:3:3"]


def test_keyword_arguments_of_classes_are_arguments_or_declared_fields() -> None:
    code = (
        "class A:\n    size = None\n    def __init__(self, size): self.size = size\n"
        "class B(str):\n    size = None\n    def __new__(cls, size=1): ...\n"
        "class C:\n    size: int\n"
        "A(size=1); B(size=2); C(size=3)\n"
    )
    files = {"a.py": code}
    assert references(files, "A.size") == ["a.py:2:5", "a.py:3:36"]
    assert references(files, "B.size") == ["a.py:5:5"]
    assert references(files, "C.size") == ["a.py:8:5", "a.py:9:25"]
    assert "a.py:9:3" in references(files, "a.py:3:24")


def test_callers_are_named_by_the_definition_around_the_call() -> None:
    code = (
        "def f(): pass\n"
        "class C:\n    def m(self):\n        f()\n    x = f\n"
        "def g():\n    def inner():\n        return f()\n    return inner\n"
        "@f\ndef h(): pass\n"
        "f()\n"
    )
    assert callers({"a.py": code}, "f") == ["C.m", "g.inner", "-", "-"]


def test_a_name_from_outside_is_found_by_name() -> None:
    files = {"a.py": "from lib import Client\nClient()\ndef f(Client): Client\n"}
    assert references(files, "Client") == ["a.py:1:17?", "a.py:2:1?"]


def test_a_line_or_a_qualified_name_picks_one_definition() -> None:
    code = "class A:\n    def m(self):\n        return 1\nclass B:\n    def m(self): pass\n"
    texts = Texts({"pkg/a.py": code})
    assert [d.symbol for d in texts.defined("m")] == ["A.m", "B.m"]
    assert [d.symbol for d in texts.defined("B.m")] == ["B.m"]
    assert [d.symbol for d in texts.defined("pkg.a.A.m")] == ["A.m"]
    assert [d.symbol for d in texts.defined("pkg/a.py:2")] == ["A.m"]
    assert [d.symbol for d in texts.defined("pkg/a.py:3")] == ["A.m"]
    assert texts.defined("C.m") == []


def test_columns_count_characters() -> None:
    code = 'def f(): pass\nx = "äöü€😀"; f()\n'
    assert references({"a.py": code}, "f") == ["a.py:1:5", "a.py:2:14"]


def test_a_broken_file_still_answers() -> None:
    code = "def f(:\n    pass\ndef g(): pass\ng()\nclass (:\n g()\n"
    assert "a.py:4:1" in references({"a.py": code}, "g")


def test_imports_in_a_circle_end() -> None:
    files = {
        "a.py": "from b import x\nx()\n",
        "b.py": "from a import x\n",
        "c.py": "class A(B): pass\nclass B(A):\n    def m(self): self.n()\ndef n(): pass\n",
    }
    assert references(files, "x") == ["a.py:1:15?", "a.py:2:1?", "b.py:1:15?"]
    assert references(files, "n") == ["c.py:4:5"]

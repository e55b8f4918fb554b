"""References in JavaScript and TypeScript: scopes, modules of all kinds, types, JSX."""

from __future__ import annotations

from tests.code_files import Texts, callers, references


def test_blocks_parameters_and_patterns_hide_what_is_outside() -> None:
    code = (
        "function size() {}\n"
        "const f = (size) => size;\n"
        "{ const size = 1; size; }\n"
        "function g({ size, a: [b = size] }) { return size }\n"
        "try {} catch (size) { size }\n"
        "for (const size of []) { size }\n"
        "if (1) { var other = size() }\n"
        "other\n"
    )
    assert references({"a.js": code}, "a.js:1") == ["a.js:1:10", "a.js:7:22"]
    assert references({"a.js": code}, "a.js:7:14") == ["a.js:7:14", "a.js:8:1"]


def test_strings_comments_and_keys_are_no_occurrences_but_templates_are() -> None:
    code = "function run() {}\n// run\n'run'; `run ${run()}`; /run/;\nx = { run: 1, a: run };\n"
    assert references({"a.js": code}, "run") == ["a.js:1:10", "a.js:3:15", "a.js:4:18"]


def test_relative_imports_find_files_and_index_files() -> None:
    files = {
        "src/lib/index.ts": "export function f() {}\n",
        "src/a.ts": "import { f as g } from './lib'\ng()\n",
        "src/b.ts": "import * as lib from './lib/index.js'\nlib.f()\n",
        "src/c.ts": "import { f } from 'elsewhere'\nf()\n",
    }
    assert references(files, "f") == [
        "src/a.ts:1:10",
        "src/a.ts:1:15",
        "src/a.ts:2:1",
        "src/b.ts:2:5",
        "src/lib/index.ts:1:17",
    ]


def test_names_are_passed_on_under_other_names() -> None:
    files = {
        "a.ts": "export const f = () => {}\n",
        "b.ts": "export { f as g } from './a'\nexport * from './a'\nexport * as all from './a'\n",
        "c.ts": "import { g, f, all } from './b'\ng(); f(); all.f()\n",
    }
    assert references(files, "a.ts:f") == [
        "a.ts:1:14",
        "b.ts:1:10",
        "b.ts:1:15",
        "c.ts:1:10",
        "c.ts:1:13",
        "c.ts:2:1",
        "c.ts:2:6",
        "c.ts:2:15",
    ]


def test_a_default_export_has_the_name_that_the_importer_gives_it() -> None:
    files = {
        "a.ts": "export default function make() {}\n",
        "b.ts": "import build from './a'\nbuild()\n",
        "c.ts": "import { default as again } from './a'\nagain()\n",
        "d.ts": "class K { m() {} }\nexport default K\n",
        "e.ts": "import Other from './d'\nnew Other().m()\n",
    }
    assert references(files, "make") == [
        "a.ts:1:25",
        "b.ts:1:8",
        "b.ts:2:1",
        "c.ts:1:21",
        "c.ts:2:1",
    ]
    assert references(files, "K.m") == ["d.ts:1:11", "e.ts:2:13"]


def test_common_js_modules() -> None:
    files = {
        "a.js": "exports.f = function () {}\nfunction g() {}\nmodule.exports.g = g\n",
        "b.js": (
            "const { f, g: h } = require('./a')\nconst a = require('./a')\nf(); h(); a.f(); a.g()\n"
        ),
        "c.js": "function main() {}\nmodule.exports = main\n",
        "d.js": "const run = require('./c')\nrun()\n",
        "e.js": "function one() {}\nmodule.exports = { one, two: one }\n",
        "g.js": "const { two } = require('./e')\ntwo()\n",
    }
    assert references(files, "a.js:f") == ["a.js:1:9", "b.js:1:9", "b.js:3:1", "b.js:3:13"]
    assert references(files, "main") == ["c.js:1:10", "c.js:2:18", "d.js:1:7", "d.js:2:1"]
    assert "b.js:3:20" in references(files, "a.js:2")


def test_tsconfig_paths_and_packages_of_a_workspace() -> None:
    files = {
        "tsconfig.json": '{ // paths\n "compilerOptions": { "paths": { "@/*": ["./src/*"], }, }, }',
        "src/a.ts": "export function f() {}\n",
        "src/b.ts": "import { f } from '@/a'\nf()\n",
        "packages/x/package.json": '{"name": "@shop/x", "main": "dist/index.js"}',
        "packages/x/src/index.ts": "export function x() {}\n",
        "packages/y/src/y.ts": "import { x } from '@shop/x'\nx()\n",
    }
    assert references(files, "f") == ["src/a.ts:1:17", "src/b.ts:1:10", "src/b.ts:2:1"]
    assert references(files, "x") == [
        "packages/x/src/index.ts:1:17",
        "packages/y/src/y.ts:1:10",
        "packages/y/src/y.ts:2:1",
    ]


def test_types_and_values_of_one_name_are_two_things() -> None:
    code = (
        "export interface Box { size: number }\n"
        "export const Box = make();\n"
        "const a: Box = Box.of();\n"
        "type B = Box;\n"
    )
    files = {"a.ts": code, "b.ts": "import { Box } from './a'\nlet x: Box = Box\n"}
    assert references(files, "a.ts:1") == [
        "a.ts:1:18",
        "a.ts:3:10",
        "a.ts:4:10",
        "b.ts:1:10",
        "b.ts:2:8",
    ]
    assert references(files, "a.ts:2") == ["a.ts:2:14", "a.ts:3:16", "b.ts:1:10", "b.ts:2:14"]


def test_members_follow_types() -> None:
    code = (
        "class Cart {\n"
        "  items = [];\n"
        "  constructor(private store: Store) {}\n"
        "  total() { return this.items.length + this.store.tax() }\n"
        "}\n"
        "class Store { tax() { return 1 } }\n"
        "class Big extends Cart { more() { this.total(); super.total() } }\n"
        "function f(c: Cart, d: Cart | undefined, e) { c.total(); d.total(); e.total() }\n"
        "const c = new Cart(); c.total(); [].total();\n"
    )
    assert references({"a.ts": code}, "Cart.total") == [
        "a.ts:4:3",
        "a.ts:7:40",
        "a.ts:7:55",
        "a.ts:8:49",
        "a.ts:8:60",
        "a.ts:8:71?",
        "a.ts:9:25",
    ]
    assert references({"a.ts": code}, "Store.tax") == ["a.ts:4:51", "a.ts:6:15"]


def test_methods_of_prototypes_and_objects() -> None:
    code = (
        "function View() { this.path = this.lookup() }\n"
        "View.prototype.lookup = function () { return this.path };\n"
        "var res = {};\n"
        "res.send = function () { this.end(); return this.send };\n"
        "const api = { get() { return this.post() }, post: () => 1 };\n"
        "api.post();\n"
    )
    assert references({"a.js": code}, "View.lookup") == ["a.js:1:36", "a.js:2:16"]
    assert references({"a.js": code}, "res.send") == ["a.js:4:5", "a.js:4:50"]
    assert references({"a.js": code}, "api.post") == ["a.js:5:35", "a.js:5:45", "a.js:6:5"]


def test_elements_of_jsx() -> None:
    code = (
        "const html = 1\n"
        "function Card(props) { return <html><Card title={html} /></html> }\n"
        "const x = <Card></Card>\n"
    )
    assert references({"a.tsx": code}, "html") == ["a.tsx:1:7", "a.tsx:2:50"]
    assert references({"a.tsx": code}, "Card") == [
        "a.tsx:2:10",
        "a.tsx:2:38",
        "a.tsx:3:12",
        "a.tsx:3:19",
    ]


def test_callers_and_symbols() -> None:
    code = (
        "export class A {\n  m = () => f();\n  n() { return new B() }\n}\n"
        "function f() {}\nclass B {}\nconst g = () => { f() };\nf();\n"
    )
    assert callers({"a.ts": code}, "f") == ["A.m", "g", "-"]
    assert callers({"a.ts": code}, "B") == ["A.n"]
    assert [d.symbol for d in Texts({"a.ts": code}).defined("n")] == ["A.n"]


def test_a_file_with_errors_still_answers() -> None:
    code = "function f() {}\nconst x = = ;\nclass {\nf()\n"
    assert references({"a.ts": code}, "f") == ["a.ts:1:10", "a.ts:4:1"]

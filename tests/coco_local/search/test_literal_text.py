"""What stands literally in a file comes first, asked of a real project in this process."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import pytest

from coco_protocol.docs import QueryRequest
from tests.local_daemon import Answer, Bench, open_bench

pytestmark = [pytest.mark.slow]

ERRORS = '''\
"""Errors of the shop's service."""


class ShopError(Exception):
    """Base of all errors."""


def require_project(projects, name):
    if name not in projects:
        raise LookupError(f"There is no project {name!r}; register it first.")
    return projects[name]


def require_place(doc_id, line):
    if doc_id is None or line is None:
        raise ShopError("Give doc_id and line, or chunk_id.")
'''

SERVER = """\
import http.server
import logging

PORT = 3456
BIND_ADDRESS = "10.20.30.40"


def handle(request, profiles):
    profile = profiles[request.user]
    if not profile.name:
        raise KeyError("profile has no name")
    logging.warning("Connection to %s refused after %d retries", request.host, request.retries)
    return profile
"""

FILES = """\
import os


def open_private(path):
    # qzx7numbat marks the spot
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    return os.fdopen(descriptor, "w")
"""

LOOP = """\
export function count(list, fallback) {
  let total = 0;
  for (let i = 0; i < list.length; i++) {
    total += list[i] ?? fallback;
  }
  return list.map((item) => item.total + total);
}
"""

SETTINGS = '{\n  "name": "shop-front",\n  "retries": 7,\n  "theme": { "accent": "vermilion" }\n}\n'

CHINESE = """\
# 使用说明

配置文件在启动时加载并且默认路径是用户目录。

## 命令行

使用命令行导入项目。

## 数据库

数据库连接失败时会自动重试三次。
"""

JAPANESE = """\
# 設定

設定ファイルは起動時に読み込まれます。

# 認証

トークンの有効期限を確認します。
"""


def _noise(number: int) -> str:
    return f'''\
"""Module {number}: projects, profiles, connections, files, permissions, requests."""


class Project{number}:
    """A project with a name, a place and a line; errors are reported to its profile."""

    def register_project(self, name, port, host):
        """Register the project, open its connection and count its retries."""
        self.file_mode = {600 + number}
        self.port = {3400 + number % 50}
        return self.find_project(name) or self.connect(host, port)

    def find_project(self, name):
        """Find where the project is marked, or say that there is no such spot."""
        for place in self.places:
            if place.marks(name) and place.line is not None:
                return place.chunk_id
        return None
'''


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    root = tmp_path_factory.mktemp("shop") / "project"
    files = {
        "src/errors.py": ERRORS,
        "src/server.py": SERVER,
        "src/files.py": FILES,
        "web/loop.js": LOOP,
        "web/theme.json": SETTINGS,
        "docs/chinese.md": CHINESE,
        "docs/japanese.md": JAPANESE,
        "docs/deploy.md": "# Deploy\n\nShip it with 🚀 on Fridays.\n",
        "docs/" + unicodedata.normalize("NFD", "Übersicht.md"): "# Liste\n\nAlles an einem Ort.\n",
        "docs/zaehlen.md": unicodedata.normalize("NFD", "# Zähler\n\nWo man Schäfchen zählt.\n"),
        "src/query.py": "def run(text):\n    return text.strip()\n",
        "src/queries.py": "QUERY = 'query'\n\n\ndef query(queries):\n    return queries[0]\n",
        **{f"src/noise/part{n}.py": _noise(n) for n in range(40)},
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    with open_bench(tmp_path_factory.mktemp("home"), root) as bench:
        yield bench


def ask(bench: Bench, text: str, mode: str = "hybrid", **retrieval: object) -> Answer:
    request = QueryRequest.model_validate(
        {
            "query": text,
            "project_id": bench.project_id,
            "retrieval_config": {"retrieval_mode": mode, **retrieval},
        }
    )
    answer = bench.daemon.query(request)
    return answer.meta, answer.data


def first(bench: Bench, text: str, mode: str = "hybrid") -> str:
    _, data = ask(bench, text, mode)
    assert data.results, data.empty_reason
    return unicodedata.normalize("NFC", data.results[0].chunk.doc_id)


@pytest.mark.parametrize("mode", ["hybrid", "fts"])
@pytest.mark.parametrize(
    ("text", "doc_id"),
    [
        ("qzx7numbat marks the spot", "src/files.py"),
        ("find project place qzx7numbat", "src/files.py"),
        ("InvalidInput: Give doc_id and line, or chunk_id.", "src/errors.py"),
        ("There is no project 'foo'; register it first.", "src/errors.py"),
        ("LookupError: There is no project 'shop-front'", "src/errors.py"),
        ("0o600", "src/files.py"),
        ("3456", "src/server.py"),
        ("10.20.30.40", "src/server.py"),
        ("i++;", "web/loop.js"),
        ("i++", "web/loop.js"),
        ("??", "web/loop.js"),
        ("=>", "web/loop.js"),
        ("list[i]", "web/loop.js"),
        ("query.py", "src/query.py"),
        ("src/query.py:1", "src/query.py"),
        ("queries.py", "src/queries.py"),
        ("🚀", "docs/deploy.md"),
        ("令", "docs/chinese.md"),
        ("Übersicht.md", "docs/Übersicht.md"),
        (unicodedata.normalize("NFD", "Übersicht"), "docs/Übersicht.md"),
        ("zählt", "docs/zaehlen.md"),
        ("配置文件在哪里加载", "docs/chinese.md"),
        ("数据库连接失败怎么办", "docs/chinese.md"),
        ("設定ファイルはどこで読み込まれますか", "docs/japanese.md"),
        ("トークンの期限はどこで確認する", "docs/japanese.md"),
        (
            "2026-03-01 12:00:03,120 WARNING [w-3] Connection to 10.0.0.5 refused after 3 retries",
            "src/server.py",
        ),
        (
            'Traceback (most recent call last):\n  File "/srv/app/server.py", line 11, in handle\n'
            "    raise KeyError(\"profile has no name\")\nKeyError: 'profile has no name'",
            "src/server.py",
        ),
        ("KeyError: “profile has no name”", "src/server.py"),
        ("the error “profile has no name” appears when saving", "src/server.py"),
        ('why do I get "profile has no name" after the upgrade', "src/server.py"),
        ('"theme": { "accent": "vermilion" }', "web/theme.json"),
        ('{"name": "shop-front", "retries": 7}', "web/theme.json"),
        (
            "@@ -4,4 +4,4 @@\n def open_private(path):\n-    descriptor = os.open(path)\n"
            "+    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)",
            "src/files.py",
        ),
    ],
)
def test_what_stands_literally_comes_first(shop: Bench, text: str, doc_id: str, mode: str) -> None:
    assert first(shop, text, mode) == doc_id


@pytest.mark.parametrize(
    ("text", "doc_id"),
    [
        ("There is no project 'foo'; register it first.", "src/errors.py"),
        ("qzx7numbat marks the spot", "src/files.py"),
        ("0o600", "src/files.py"),
        ("=>", "web/loop.js"),
        ("query.py", "src/query.py"),
    ],
)
def test_also_where_only_vectors_are_asked(shop: Bench, text: str, doc_id: str) -> None:
    assert first(shop, text, "vector") == doc_id


def test_the_mechanism_can_be_switched_off(shop: Bench) -> None:
    text = "There is no project 'foo'; register it first."
    _, off = ask(shop, text, ranking={"literal": False})
    _, on = ask(shop, text)
    assert on.results[0].meta.score > off.results[0].meta.score + 1


def test_the_hit_holds_the_line(shop: Bench) -> None:
    _, data = ask(shop, "There is no project 'foo'")
    assert "There is no project" in data.results[0].chunk.content


def test_a_fresh_edit_is_found_by_a_word_that_stands_once(shop: Bench) -> None:
    path = shop.root / "src" / "noise" / "part7.py"
    before = path.read_text(encoding="utf-8")
    path.write_text(before + "\n# the vlork9 connection counts requests\n", encoding="utf-8")
    assert first(shop, "vlork9 request handling connection") == "src/noise/part7.py"
    path.write_text(before, encoding="utf-8")


def test_quoted_strings_alone_must_occur(shop: Bench) -> None:
    meta, data = ask(shop, '"profile has no name"')
    assert [hit.chunk.doc_id for hit in data.results] == ["src/server.py"]
    assert meta.notice is None or "as written" not in meta.notice


def test_a_quoted_string_that_is_nowhere_falls_back_and_says_so(shop: Bench) -> None:
    meta, data = ask(shop, '"profile has no good name"')
    assert data.results
    assert meta.notice is not None
    assert "“profile has no good name” as written" in meta.notice


def test_an_operator_that_is_nowhere_is_no_match(shop: Bench) -> None:
    _, data = ask(shop, "<=>")
    assert (data.results, data.empty_reason) == ([], "no_match")


@pytest.mark.parametrize(
    "text", ["banana bread recipe with walnuts", "xqzv blorft wumpus", "penguins of antarctica"]
)
def test_nonsense_has_no_hits_and_says_so(shop: Bench, text: str) -> None:
    meta, data = ask(shop, text)
    assert (data.results, data.empty_reason) == ([], "no_match")
    assert meta.notice is not None
    assert "word of the query occurs here, and nothing is close" in meta.notice


def test_nonsense_with_one_common_word_says_which(shop: Bench) -> None:
    meta, data = ask(shop, "elephants dancing in a line on the moon")
    assert len(data.results) < 3
    if not data.results:
        assert "only “line” occur" in (meta.notice or "")


def test_a_question_in_another_script_says_what_the_model_knows(shop: Bench) -> None:
    meta, _ = ask(shop, "数据库连接失败怎么办")
    assert "English only" in (meta.notice or "")
    meta, _ = ask(shop, "where is the database")
    assert "English only" not in (meta.notice or "")


def test_the_least_score_leaves_out_weaker_hits(shop: Bench) -> None:
    _, data = ask(shop, "find the project", top_k=50)
    scores = [hit.meta.score for hit in data.results]
    assert scores == sorted(scores, reverse=True)
    least = (scores[3] + scores[4]) / 2
    _, cut = ask(shop, "find the project", top_k=50, min_score=least)
    assert [hit.meta.score for hit in cut.results] == scores[:4]

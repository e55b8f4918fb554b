"""Programs of v0 over a table and over a site."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.compat.programs.program import Run, program
from tests.compat.programs.services import (
    asked_text,
    language_model,
    site,
)
from tests.llm_server import Received
from tests.waiting import until

_OUTPUT = "postgresproductindexing__output"


@program("v0", "postgres_source")
def postgres_source(run: Run) -> None:
    """A table as the source, by composite key, followed by notifications."""
    run.own_database()
    source = run.own_database("SOURCE_DATABASE_URL")
    script = (run.folder / "prepare_source_data.sql").read_text("utf-8")
    _execute(source, script)
    run.cocoindex("update", "--setup", "-f", "main.py")

    def products() -> dict[tuple[str, str], tuple[float, int, float]]:
        found = run.rows(
            "SELECT product_category, product_name, price, amount, total_value,"
            f" vector_dims(embedding) FROM {_OUTPUT}"
        )
        assert all(row[5] == 384 for row in found)
        return {row[:2]: row[2:5] for row in found}

    built = products()
    assert len(built) == run.rows("SELECT count(*) FROM source_products", source)[0][0] > 3
    assert built["Electronics", "Wireless Headphones"] == (199.99, 50, 199.99 * 50)
    output = run.python("main.py", typed="something to listen to music\n\n")
    scores = [float(each) for each in re.findall(r"^\[(\d\.\d+)\] ", output, re.MULTILINE)]
    assert len(scores) == 5, output
    assert "Wireless Headphones" in output.partition("---")[0], output
    run.cocoindex("update", "main.py")
    assert products() == built
    with run.started("-m", "cocoindex.cli", "update", "-L", "main.py") as log:
        until(lambda: log.read_text("utf-8"), 60)
        _execute(
            source,
            "UPDATE source_products SET amount = 7, modified_time = now()"
            " WHERE product_name = 'Wireless Headphones';"
            "DELETE FROM source_products WHERE product_category = 'Electronics'"
            " AND product_name <> 'Wireless Headphones';"
            "INSERT INTO source_products VALUES ('Toys', 'Kite', 'It flies', 10, 2, now())",
        )
        wanted = {key: value for key, value in built.items() if key[0] != "Electronics"}
        wanted["Electronics", "Wireless Headphones"] = (199.99, 7, 199.99 * 7)
        wanted["Toys", "Kite"] = (10.0, 2, 20.0)
        until(lambda: products() == wanted, 60)
    run.cocoindex("drop", "-f", "main.py")
    [(left,)] = run.rows(f"SELECT to_regclass('{_OUTPUT}')")
    assert left is None


def _execute(url: str, statements: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statements.encode())


class HackerNews:
    """Threads of the public site, as its search service gives them."""

    def __init__(self) -> None:
        self.threads: dict[str, dict[str, Any]] = {}
        self.put("1", "A new vector database", "Written in Rust", [("11", "Nice work")])
        self.put("2", "Ask: which editor?", None, [("21", "Vim"), ("22", "Emacs")])

    def put(self, number: str, title: str, text: str | None, comments: list[Any]) -> None:
        version = int(self.threads.get(number, {}).get("version", 0)) + 1
        children: list[dict[str, Any]] = []
        for name, said in comments:
            # Every comment answers the one before it.
            inner = {
                "id": int(name),
                "author": "reader",
                "text": said,
                "created_at": f"2025-01-02T00:00:{len(children):02}.000Z",
                "children": [],
            }
            (children[-1]["children"] if children else children).append(inner)
        self.threads[number] = {
            "version": version,
            "id": int(number),
            "title": title,
            "text": text,
            "author": "writer",
            "url": f"https://example.com/{number}",
            "created_at": "2025-01-01T12:00:00.000Z",
            "children": children,
        }

    def answer(self, path: str, query: str) -> Any:
        if path == "/api/v1/search_by_date":
            assert "hitsPerPage=" in query and "tags=story" in query, query
            hits = [
                {"objectID": n, "updated_at": f"2025-01-03T00:00:{t['version']:02}Z"}
                for n, t in self.threads.items()
            ]
            return {"hits": hits}
        return self.threads.get(path.rpartition("/")[2])


def _query(handler: str, argument: str) -> tuple[str, str]:
    return "-c", (
        "import cocoindex, json, main; cocoindex.init();"
        f"print('RESULTS', json.dumps(main.{handler}({argument!r}).results))"
    )


def _results(output: str) -> Any:
    return json.loads(output.partition("RESULTS ")[2])


@program("v0", "custom_source_hn", doubled="Hacker News: a site with its own certificate")
def custom_source_hn(run: Run) -> None:
    """A source of the program's own over HTTPS, with comments as a nested table."""
    run.own_database()
    news = HackerNews()
    with site(run, "hn.algolia.com", news.answer) as asked:
        run.cocoindex("update", "--setup", "-f", "main")
        table = "hackernewsindex__hn_messages"

        def messages() -> list[Any]:
            return run.rows(f"SELECT id, thread_id, content_type, text FROM {table} ORDER BY id")

        assert messages() == [
            ("1", "1", "thread", "A new vector database\n\nWritten in Rust"),
            ("11", "1", "comment", "Nice work"),
            ("2", "2", "thread", "Ask: which editor?"),
            ("21", "2", "comment", "Vim"),
            ("22", "2", "comment", "Emacs"),
        ]
        [found] = _results(run.python(*_query("search_text", "emacs")))
        assert (found["id"], found["thread_id"]) == ("22", "2")
        assert found["created_at"].startswith("2025-01-02T00:00:01+00:00")
        asked.clear()
        run.cocoindex("update", "main")
        # The order number says that nothing changed: no thread is fetched.
        assert asked == ["/api/v1/search_by_date"]
        news.put("2", "Ask: which editor?", None, [("22", "Emacs!")])
        del news.threads["1"]
        run.cocoindex("update", "main")
        assert messages() == [
            ("2", "2", "thread", "Ask: which editor?"),
            ("22", "2", "comment", "Emacs!"),
        ]


@program("v0", "hn_trending_topics", doubled="Hacker News, OpenAI")
def hn_trending_topics(run: Run) -> None:
    """The same source, with topics that a model names in threads and comments."""
    run.own_database()
    news = HackerNews()

    def topics(received: Received) -> Any:
        text = asked_text(received)
        known = ("vector database", "Rust", "Vim", "Emacs", "editor")
        found = [{"topic": name} for name in known if name in text]
        return _named(received, found)

    with site(run, "hn.algolia.com", news.answer), language_model(run, topics) as model:
        run.cocoindex("update", "--setup", "-f", "main")
        table = "hackernewstrendingtopics__hn_topics"
        found = run.rows(f"SELECT topic, message_id, thread_id FROM {table} ORDER BY 1, 2")
        assert found == [
            ("Emacs", "22", "2"),
            ("Rust", "1", "1"),
            ("Vim", "21", "2"),
            ("editor", "2", "2"),
            ("vector database", "1", "1"),
        ]
        trending = _results(run.python(*_query("get_trending_topics", "")))
        assert {(each["topic"], each["score"]) for each in trending} >= {("Rust", 5), ("Vim", 1)}
        [hit] = _results(run.python(*_query("search_by_topic", "emacs")))
        assert hit["id"] == "22"
        calls = len(model.received)
        run.cocoindex("update", "main")
        assert len(model.received) == calls
        news.put("1", "A new vector database", "Written in Rust", [("11", "Better than Vim")])
        run.cocoindex("update", "main")
        # The thread's own text is as it was; only the comment is asked about.
        assert len(model.received) == calls + 1


def _named(received: Received, value: list[Any]) -> dict[str, Any]:
    """Return the value under whatever name the schema gives to a list."""
    schema = received.body["response_format"]["json_schema"]["schema"]
    [name] = schema["properties"]
    return {name: value}

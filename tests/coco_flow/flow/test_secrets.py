"""Secrets: registered by name, used by name, and stored or shown nowhere."""

from __future__ import annotations

import json
import logging
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

import coco_flow
from coco_flow import auth, functions
from coco_flow.errors import DefinitionError, StateBroken
from coco_flow.flow.inspection import flow_schema, row_lineage
from coco_flow.llm import LlmApiType
from coco_flow.targets import Postgres
from coco_flow.targets.postgres_pool import close_pools
from tests.coco_flow.flow.doc_flow import doc_flow
from tests.flow_parts import MemorySource, MemoryTarget, flow_state, rows_of
from tests.llm_server import llm_server
from tests.postgres_server import running_postgres

USER, PASSWORD = "flow_secrets", "s3cret/p@ss?word"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(auth, "_entries", {})
    with flow_state(tmp_path):
        rows_of("docs")["a"] = "one"
        yield


@pytest.fixture(scope="module")
def database() -> Iterator[coco_flow.DatabaseConnectionSpec]:
    """A database whose user can only come in with the secret."""
    server = running_postgres()
    url = server.create_database("flow_secrets")
    with psycopg.connect(server.superuser_url(), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN SUPERUSER PASSWORD {}").format(
                sql.Identifier(USER), sql.Literal(PASSWORD)
            )
        )
    bare = f"postgresql://{url.rpartition('@')[2]}"
    yield coco_flow.DatabaseConnectionSpec(bare, USER, PASSWORD, min_connections=1)
    close_pools()


def _state_dump(tmp_path: Path) -> str:
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        parts = list(connection.iterdump())
        # Text inside of bytes would be hidden by their form as hexadecimal digits.
        for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'"):
            for row in connection.execute(f"SELECT * FROM {table}"):
                parts += [each.decode("latin-1") for each in row if isinstance(each, bytes)]
    return "\n".join(parts)


def _postgres_flow(key: str = "shop-db") -> coco_flow.Flow:
    return doc_flow(target=Postgres(coco_flow.ref_auth_entry(key), table_name="t"))


@pytest.mark.row("OV-7 auth entry")
@pytest.mark.row("AUTH-2 add_auth_entry")
@pytest.mark.row("AUTH-7 no secret persisted")
@pytest.mark.row("AUTH-1 secrets outside specs")
def test_a_target_connects_by_the_registered_secret_which_is_written_nowhere(
    tmp_path: Path,
    database: coco_flow.DatabaseConnectionSpec,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    coco_flow.add_auth_entry("shop-db", database)
    flow = _postgres_flow()
    with caplog.at_level(logging.DEBUG):
        flow.setup(report_to_stdout=True)
        assert not flow.update(print_stats=True).has_errors
    with psycopg.connect(database.url, user=USER, password=PASSWORD) as connection:
        assert connection.execute("SELECT key, value FROM t").fetchall() == [("a", "one")]
    shown = json.dumps([flow.describe(), flow_schema(flow), row_lineage(flow, "docs", ("a",))])
    everything = [_state_dump(tmp_path), shown, caplog.text, capsys.readouterr().out]
    assert "shop-db" in everything[0]
    assert "shop-db" in shown
    assert not any("s3cret" in text for text in everything)
    assert "s3cret" not in repr(database)
    flow.drop()


@pytest.mark.row("AUTH-5 key = identity")
def test_the_key_is_the_database_and_the_secret_is_not(
    database: coco_flow.DatabaseConnectionSpec,
) -> None:
    coco_flow.add_auth_entry("shop-db", database)
    flow = _postgres_flow()
    flow.setup()
    flow.close()
    # Another run of the program, after the password was changed.
    auth._entries.clear()
    coco_flow.add_auth_entry(
        "shop-db", coco_flow.DatabaseConnectionSpec(database.url, USER, "changed")
    )
    flow = _postgres_flow()
    assert coco_flow.make_setup_bundle([flow]).describe()[1], "nothing to set up"
    flow.close()
    auth._entries["shop-db"] = database
    coco_flow.add_auth_entry("new-db", database)
    flow = _postgres_flow("new-db")
    plan, up_to_date = coco_flow.make_setup_bundle([flow]).describe()
    assert not up_to_date
    assert "[to delete] Postgres table t (database shop-db)" in plan
    assert "[to create] Postgres table t (database new-db)" in plan
    flow.setup()
    flow.drop()


@pytest.mark.row("AUTH-3 ref_auth_entry")
def test_a_reference_needs_the_entry_only_when_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: coco_flow.DatabaseConnectionSpec
) -> None:
    flow = _postgres_flow("elsewhere")
    with pytest.raises(DefinitionError, match=r"no auth entry 'elsewhere'.*add_auth_entry"):
        flow.setup()
    (tmp_path / "house_secrets.py").write_text(
        "import coco_flow\n\n\ndef register(value):\n"
        "    return coco_flow.add_auth_entry('elsewhere', value)\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import house_secrets  # type: ignore[import-not-found]

    assert house_secrets.register(database) == coco_flow.ref_auth_entry("elsewhere")
    del sys.modules["house_secrets"]
    flow.setup()
    assert not flow.update().has_errors
    flow.drop()
    with pytest.raises(DefinitionError, match="registered already, with another value"):
        coco_flow.add_auth_entry("elsewhere", "another")


@pytest.mark.row("AUTH-4 transient entries")
def test_entries_without_a_name_differ_and_named_ones_do_as_well() -> None:
    first, second = (coco_flow.add_transient_auth_entry("value") for _ in range(2))
    assert first.key != second.key
    assert auth.resolve_auth_entry(first) == auth.resolve_auth_entry(second) == "value"
    stable = coco_flow.add_auth_entry("stable", "value")
    assert isinstance(stable, coco_flow.TransientAuthEntryReference)
    assert not isinstance(first, coco_flow.AuthEntryReference)


def _embedding_flow(address: str, **options: Any) -> coco_flow.Flow:
    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["docs"] = builder.add_source(MemorySource(name="docs"))
        out = scope.add_collector()
        with scope["docs"].row() as doc:
            doc["vector"] = doc["content"].transform(
                functions.EmbedText(
                    api_type=LlmApiType.OPENAI, model="m", address=address,
                    expected_output_dimension=8, **options,
                )
            )  # fmt: skip
            out.collect(key=doc["filename"], vector=doc["vector"])
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["key"])

    return coco_flow.open_flow("F", define)


@pytest.mark.row("OV-7 transient auth entry")
@pytest.mark.row("CFG-6/AUTH-6 division of secrets")
@pytest.mark.parametrize("registered", [True, False])
def test_a_key_of_a_provider_comes_from_the_registry_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registered: bool
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-environment")
    options = (
        {"api_key": coco_flow.add_transient_auth_entry("key-of-the-registry")} if registered else {}
    )
    with llm_server() as server:
        flow = _embedding_flow(server.url, **options)
        flow.setup()
        assert not flow.update().has_errors
        (request,) = server.received
    used = "key-of-the-registry" if registered else "key-of-the-environment"
    assert request.headers["authorization"] == f"Bearer {used}"
    assert "key-of-the" not in _state_dump(tmp_path) + json.dumps(flow.describe())


@pytest.mark.row("CFG-8 connection error text")
@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cret@127.0.0.1:9/shop",
        "postgresql://me@127.0.0.1:9/shop?password=s3cret&application_name=x",
    ],
)
def test_a_database_that_is_down_is_named_without_the_password(url: str) -> None:
    coco_flow.init(coco_flow.Settings(database=coco_flow.DatabaseConnectionSpec(url)))
    named = r"(?s)127\.0\.0\.1:9/shop.*COCO_FLOW_DATABASE_URL"
    with pytest.raises(StateBroken, match=named) as state:
        doc_flow(name="one").setup()
    coco_flow.add_auth_entry("down", coco_flow.DatabaseConnectionSpec(url))
    coco_flow.init(coco_flow.Settings(database=coco_flow.DatabaseConnectionSpec(":memory:")))
    flow = doc_flow(name="two", target=Postgres(coco_flow.ref_auth_entry("down"), table_name="t"))
    with pytest.raises(coco_flow.errors.CocoError, match=r"127\.0\.0\.1:9/shop") as target:
        flow.setup()
    assert "s3cret" not in f"{state.value}{target.value}"

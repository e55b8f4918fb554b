"""Server mode behind a real PgBouncer in transaction mode: migration, import, queries, news."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import trustme

from coco_core.errors import InvalidConfig, Unavailable
from coco_server.jobs.notifier import PostgresNotifier
from coco_server.settings import load_settings
from coco_server.store.blobs import BlobStore
from coco_server.store.migrate import migrate, open_checked
from coco_server.store.pool import behind_pooler
from coco_server.store.session import Database
from tests.api_service import running, settings_for
from tests.embedding_server import embedding_server
from tests.pgbouncer import needs_pgbouncer, pgbouncer
from tests.postgres_server import fresh_database, running_postgres
from tests.tenant import DIMENSION, Tenant
from tests.trust import certificate
from tests.worker_process import WorkerProcess

pytestmark = needs_pgbouncer


def test_every_query_of_many_clients_is_answered(tmp_path: Path) -> None:
    with (
        pgbouncer(fresh_database()) as url,
        running(settings_for(url, tmp_path)) as service,
    ):
        orgs = [service.org(f"Org {number}").with_project() for number in range(2)]
        for org in orgs:
            org.build({f"doc-{number}": f"text {number}" for number in range(20)})

        def ask(number: int) -> tuple[int, str]:
            org = orgs[number % 2]
            with service.client(org.headers) as client:
                filters = {"include": ["doc-*"]} if number % 3 else {}
                body = {"query": f"text {number % 20}", "filters": filters}
                answer = client.post("/v1/docs/query", json=body)
                return answer.status_code, answer.json()["data"]["results"][0]["chunk"]["doc_id"]

        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(ask, range(80)))
        assert found == [(200, f"doc-{number % 20}") for number in range(80)]


def test_a_database_is_migrated_and_an_import_built_through_it(tmp_path: Path) -> None:
    name = "through_a_pooler"
    direct = running_postgres().create_database(name)
    with pgbouncer(direct) as url, embedding_server(dimension=DIMENSION) as embedding:
        migrate(url)
        blobs = BlobStore(f"file://{tmp_path}/blobs")
        environ = {
            "COCO_META_DB": url,
            "COCO_BLOB_URL": blobs.url,
            "COCO_EMBED_URL": embedding.url,
            "COCO_EMBED_DIMENSION": str(DIMENSION),
            "COCO_WORKER_POLL_SECONDS": "1",
        }
        worker = WorkerProcess(tmp_path / "worker.log", environ).wait_started()
        try:
            with Database(url) as database:
                tenant = Tenant.create(database, blobs)
                items = [{"doc_id": f"d{n}", "content": f"topic {n}"} for n in range(50)]
                job = tenant.enqueue(tenant.ndjson(items))
                assert tenant.ended(job).state == "succeeded"
        finally:
            assert worker.stop() == 0
        assert "notifications_unavailable" in worker.said()


def test_it_is_noticed_and_another_address_brings_the_news() -> None:
    direct = fresh_database()
    with pgbouncer(direct) as url:
        with psycopg.connect(url) as through, psycopg.connect(direct) as connection:
            assert behind_pooler(through)
            assert not behind_pooler(connection)
        settings = load_settings(
            {"host": "127.0.0.1"},
            environ={
                "COCO_META_DB": url,
                "COCO_LISTEN_DB": direct,
                "COCO_ADMIN_KEY": "an-admin-key-of-a-test",
                "COCO_BLOB_URL": "file:///tmp",
            },
            insecure_dev=True,
        )
        assert settings.listen_db == direct
        notifier = PostgresNotifier(direct)
        try:
            notifier.wait(0.01)
            with psycopg.connect(url, autocommit=True) as through:
                through.execute("NOTIFY coco_jobs, 'job'")
            assert notifier.wait(30)
        finally:
            notifier.close()


def test_tls_with_certificates_on_both_sides(tmp_path: Path) -> None:
    authority = trustme.CA()
    server = certificate(authority, tmp_path / "pem", "127.0.0.1")
    client = certificate(authority, tmp_path / "pem", "client.example")
    stranger = certificate(trustme.CA(), tmp_path / "pem", "stranger.example")
    assert client.key is not None
    client.key.chmod(0o600)

    def settings(url: str, **environ: str) -> str:
        return settings_for(url, tmp_path, **environ).meta_db

    direct = fresh_database()
    with pgbouncer(direct, tls=server) as url:
        right = {
            "COCO_DB_SSLMODE": "verify-full",
            "COCO_DB_SSLROOTCERT": str(server.ca),
            "COCO_DB_SSLCERT": str(client.cert),
            "COCO_DB_SSLKEY": str(client.key),
        }
        open_checked(settings(url, **right))
        with Database(settings(url, **right)) as database, database.system() as session:
            assert session.connection.pgconn.ssl_in_use
        with pytest.raises(Unavailable, match="COCO_DB_SSLROOTCERT"):
            open_checked(settings(url, **{**right, "COCO_DB_SSLROOTCERT": str(stranger.ca)}))
        with pytest.raises(Unavailable):
            open_checked(settings(url, COCO_DB_SSLMODE="disable"))
    with pytest.raises(Unavailable, match="ssl = on"):
        open_checked(settings(direct, COCO_DB_SSLMODE="require"))
    with pytest.raises(InvalidConfig, match="COCO_DB_SSLMODE"):
        settings(f"{direct}?sslmode=require", COCO_DB_SSLMODE="require")

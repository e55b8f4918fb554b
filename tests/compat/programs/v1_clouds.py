"""Programs of v1 over the storage of clouds."""

from __future__ import annotations

import boto3

from tests.azure_server import ACCOUNT, TOKEN, azure_server
from tests.compat.programs.program import Run, program, stand_in
from tests.compat.programs.services import drive, encrypted
from tests.compat.programs.v0_clouds import HENS, WAVES
from tests.compat.programs.v0_search import answers
from tests.s3_server import s3_server


def _names(run: Run, table: str) -> list[str]:
    found = run.rows(
        f"SELECT DISTINCT filename FROM {table} ORDER BY 1", run.environment["POSTGRES_URL"]
    )
    return [row[0] for row in found]


@program("v1", "amazon_s3_embedding", doubled="S3: moto")
def amazon_s3_embedding(run: Run) -> None:
    """A bucket, with a client of aiobotocore in the context."""
    run.own_database("POSTGRES_URL")
    run.environment["COCOINDEX_DB"] = str(run.folder / "cocoindex.db")
    table = "coco_examples.amazon_s3_doc_embeddings"
    with s3_server() as server:
        run.environment |= {
            "AWS_ENDPOINT_URL": server.endpoint,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "S3_BUCKET": "coco",
            "S3_PREFIX": "docs/",
        }
        bucket = boto3.resource(
            "s3",
            endpoint_url=server.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        ).Bucket("coco")
        bucket.put_object(Key="docs/hens.md", Body=HENS)
        bucket.put_object(Key="docs/deep/waves.md", Body=WAVES)
        bucket.put_object(Key="docs/waves.txt", Body=WAVES)
        bucket.put_object(Key="other/hens.md", Body=HENS)
        run.cocoindex("update", "main")
        assert _names(run, table) == ["deep/waves.md", "hens.md"]
        output = run.python("main.py", "how fast is light?")
        assert answers(output)[0][1] == "deep/waves.md"
        bucket.Object("docs/hens.md").delete()
        run.cocoindex("update", "main")
        assert _names(run, table) == ["deep/waves.md"]


@program("v1", "gdrive_text_embedding", doubled="Google Drive")
def gdrive_text_embedding(run: Run) -> None:
    """A folder of Google Drive."""
    run.own_database("POSTGRES_URL")
    run.environment["COCOINDEX_DB"] = str(run.folder / "cocoindex.db")
    table = "coco_examples_v1.doc_embeddings"
    with drive(run, "docs") as files:
        files.put("h", "docs", HENS, "text/markdown", "hens.md")
        files.put("w", "docs", WAVES, "text/plain", "waves.txt")
        run.cocoindex("update", "main")
        assert _names(run, table) == ["hens.md", "waves.txt"]
        output = run.python("main.py", "how fast is light?")
        assert answers(output)[0][1] == "waves.txt"
        files.trash("w")
        run.cocoindex("update", "main")
        assert _names(run, table) == ["hens.md"]


@program("v1", "azure_blob_embedding", doubled="Azure Blob Storage and its directory")
def azure_blob_embedding(run: Run) -> None:
    """A container, with a client of Azure's own package in the context."""
    run.own_database("POSTGRES_URL")
    run.modules.append(stand_in("azure_directory"))
    table = "coco_examples.azure_blob_doc_embeddings"
    with azure_server() as server:
        host = f"{ACCOUNT}.blob.core.windows.net"
        address = server.endpoint.removeprefix("http://").partition("/")[0]
        run.environment |= {
            "COCOINDEX_DB": str(run.folder / "cocoindex.db"),
            "AZURE_STORAGE_ACCOUNT": ACCOUNT,
            "AZURE_STORAGE_CONTAINER": "coco",
            "AZURE_TEST_TOKEN": TOKEN,
        }
        server.blobs |= {"hens.md": HENS, "deep/waves.md": WAVES, "waves.txt": WAVES}
        with encrypted(run, host, address):
            run.cocoindex("update", "main")
            assert _names(run, table) == ["deep/waves.md", "hens.md"]
            output = run.python("main.py", "how fast is light?")
            assert answers(output)[0][1] == "deep/waves.md"
            del server.blobs["hens.md"]
            run.cocoindex("update", "main")
            assert _names(run, table) == ["deep/waves.md"]

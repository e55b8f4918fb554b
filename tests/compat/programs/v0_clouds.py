"""Programs of v0 over the storage of clouds."""

from __future__ import annotations

from tests.azure_server import ACCOUNT, KEY, azure_server
from tests.compat.programs.program import Run, program
from tests.compat.programs.services import drive
from tests.compat.programs.v0_search import answers
from tests.s3_server import s3_server
from tests.waiting import until

HENS = b"# Hens\n\nHens lay eggs in the morning.\n"
WAVES = b"# Waves\n\nRadio waves travel at the speed of light.\n"


def _names(run: Run, flow: str) -> list[str]:
    found = run.rows(f"SELECT DISTINCT filename FROM {flow}__doc_embeddings ORDER BY 1")
    return [row[0] for row in found]


@program("v0", "amazon_s3_embedding", doubled="S3: moto")
def amazon_s3_embedding(run: Run) -> None:
    """A bucket, followed while the program answers queries."""
    import boto3

    run.own_database()
    with s3_server() as server:
        run.environment |= {
            "AWS_ENDPOINT_URL": server.endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AMAZON_S3_BUCKET_NAME": "coco",
            "AMAZON_S3_PREFIX": "docs/",
        }
        bucket = boto3.resource(
            "s3",
            endpoint_url=server.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        ).Bucket("coco")
        bucket.put_object(Key="docs/hens.md", Body=HENS)
        bucket.put_object(Key="docs/waves.txt", Body=WAVES)
        bucket.put_object(Key="docs/picture.png", Body=b"\x89PNG")
        bucket.put_object(Key="other/hens.md", Body=HENS)
        run.cocoindex("update", "--setup", "-f", "main.py")
        assert [name.rpartition("/")[2] for name in _names(run, "amazons3textembedding")] == [
            "hens.md",
            "waves.txt",
        ]
        output = run.python("main.py", typed="how fast is light?\n\n")
        assert answers(output)[0][1].endswith("waves.txt")
        bucket.Object("docs/waves.txt").delete()
        run.cocoindex("update", "main.py")
        [name] = _names(run, "amazons3textembedding")
        assert name.endswith("hens.md")


@program("v0", "azure_blob_embedding", doubled="Azure Blob Storage")
def azure_blob_embedding(run: Run) -> None:
    """A container, with the set-up and the update in the program itself."""
    run.own_database()
    with azure_server() as server:
        run.environment |= {
            "AZURE_STORAGE_ENDPOINT": server.endpoint,
            "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
            "AZURE_STORAGE_ACCOUNT_KEY": KEY,
            "AZURE_BLOB_CONTAINER_NAME": "coco",
        }
        server.blobs |= {"hens.md": HENS, "waves.txt": WAVES, "picture.png": b"\x89PNG"}
        output = run.python("main.py", typed="how fast is light?\n\n")
        assert answers(output)[0][1] == "waves.txt"
        assert _names(run, "azureblobtextembedding") == ["hens.md", "waves.txt"]
        del server.blobs["waves.txt"]
        run.python("main.py", typed="\n")
        assert _names(run, "azureblobtextembedding") == ["hens.md"]


@program("v0", "gdrive_text_embedding", doubled="Google Drive")
def gdrive_text_embedding(run: Run) -> None:
    """A folder of Google Drive, followed by polling its changes."""
    run.own_database()
    with drive(run, "docs") as files:
        files.put("h", "docs", HENS, "text/markdown", "hens.md")
        files.put("w", "docs", WAVES, "text/plain", "waves.txt")
        run.cocoindex("update", "--setup", "-f", "main")
        assert _names(run, "googledrivetextembedding") == ["hens.md", "waves.txt"]
        output = run.python("main.py", typed="how fast is light?\n\n")
        assert answers(output)[0][1] == "waves.txt"
        with run.started("-m", "cocoindex.cli", "update", "-L", "main") as log:
            until(lambda: log.read_text("utf-8"), 60)
            files.put("s", "docs", b"# Snow\n\nSnow is white.\n", "text/plain", "snow.txt")
            files.trash("w")
            wanted = ["hens.md", "snow.txt"]
            until(lambda: _names(run, "googledrivetextembedding") == wanted, 60)

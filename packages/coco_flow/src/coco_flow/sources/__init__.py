"""Sources that flows read from; each is loaded when it is first named."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coco_flow.sources.amazon_s3 import AmazonS3, RedisNotification
    from coco_flow.sources.azure_blob import AzureBlob
    from coco_flow.sources.coco_index import CocoIndex
    from coco_flow.sources.git_commits import GitCommits
    from coco_flow.sources.git_repository import GitRepository
    from coco_flow.sources.google_cloud_storage import GoogleCloudStorage
    from coco_flow.sources.google_drive import GoogleDrive
    from coco_flow.sources.local_file import LocalFile
    from coco_flow.sources.model_table import ModelTable
    from coco_flow.sources.postgres import Postgres, PostgresNotification
    from coco_flow.sources.sqlite import Sqlite

__all__ = [
    "AmazonS3",
    "AzureBlob",
    "CocoIndex",
    "GitCommits",
    "GitRepository",
    "GoogleCloudStorage",
    "GoogleDrive",
    "LocalFile",
    "ModelTable",
    "Postgres",
    "PostgresNotification",
    "RedisNotification",
    "Sqlite",
]

_MODULES = {
    "AmazonS3": "amazon_s3",
    "AzureBlob": "azure_blob",
    "CocoIndex": "coco_index",
    "GitCommits": "git_commits",
    "GitRepository": "git_repository",
    "GoogleCloudStorage": "google_cloud_storage",
    "GoogleDrive": "google_drive",
    "LocalFile": "local_file",
    "ModelTable": "model_table",
    "Postgres": "postgres",
    "PostgresNotification": "postgres",
    "RedisNotification": "amazon_s3",
    "Sqlite": "sqlite",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""Source of the objects in a bucket of Google Cloud Storage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from coco_flow.errors import DefinitionError
from coco_flow.op.spec import SourceSpec
from coco_flow.sources.object_store import (
    ObjectStoreSource,
    client_options,
    load_obstore,
    retry_config,
)
from coco_flow.sources.registry import register_source

__all__ = ["GoogleCloudStorage", "GoogleCloudStorageSource"]


class GoogleCloudStorage(SourceSpec):
    """Objects of a bucket, as rows of `filename` (the whole name) and `content`.

    Attributes:
        bucket_name: The bucket.
        prefix: Only names that begin so; fastest if it ends in "/".
        binary: Give the content as bytes instead of text.
        included_patterns: Only names that match one of these.
        excluded_patterns: No names that match one of these, or are below one that does.
        max_file_size: Larger objects, in bytes, are ignored.
        service_account_credential_path: The key file of a service account; None takes what the
            environment has, as GOOGLE_APPLICATION_CREDENTIALS or the machine's identity.
    """

    bucket_name: str
    prefix: str | None = None
    binary: bool = False
    included_patterns: list[str] | None = None
    excluded_patterns: list[str] | None = None
    max_file_size: int | None = None
    service_account_credential_path: str | None = None


class GoogleCloudStorageSource(ObjectStoreSource):
    """Lists and reads a bucket."""

    def __init__(self, spec: GoogleCloudStorage) -> None:
        config: dict[str, Any] = {}
        endpoint = None
        if spec.service_account_credential_path is not None:
            key = _read_key(Path(spec.service_account_credential_path))
            endpoint = key.get("gcs_base_url")
            config["service_account_key"] = json.dumps(key)
        stores = load_obstore("GoogleCloudStorage")
        store = stores.GCSStore(
            spec.bucket_name,
            config=config,
            client_options=client_options(endpoint),
            retry_config=retry_config(),
        )
        super().__init__(
            store,
            f"the bucket {spec.bucket_name!r}",
            spec,
        )


def _read_key(path: Path) -> dict[str, Any]:
    try:
        key = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DefinitionError(
            f"{str(path)!r} is not the key file of a service account: {error}.",
            hint="Create a key for the service account in the console, and save its JSON there.",
        ) from error
    if not isinstance(key, dict) or "private_key" not in key:
        raise DefinitionError(
            f"{str(path)!r} has no private key.",
            hint="Save the JSON that the console gives when a key is created.",
        )
    return key


register_source(GoogleCloudStorage, GoogleCloudStorageSource)

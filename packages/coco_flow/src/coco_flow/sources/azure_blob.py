"""Source of the blobs in a container of Azure Blob Storage."""

from __future__ import annotations

import os
from typing import Any

from coco_flow.auth import TransientAuthEntryReference, resolve_auth_entry
from coco_flow.errors import DefinitionError
from coco_flow.op.spec import SourceSpec
from coco_flow.sources.object_store import (
    ObjectStoreSource,
    client_options,
    load_obstore,
    retry_config,
)
from coco_flow.sources.registry import register_source

__all__ = ["AzureBlob", "AzureBlobSource"]

# With one of these in the environment, obstore has credentials.
_CREDENTIALS = (
    "AZURE_CLIENT_ID",
    "AZURE_CREDENTIAL_TYPE",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_SKIP_SIGNATURE",
    "AZURE_STORAGE_ACCESS_KEY",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_CLIENT_ID",
    "AZURE_STORAGE_MASTER_KEY",
    "AZURE_STORAGE_SAS_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_STORAGE_TOKEN",
    "AZURE_USE_AZURE_CLI",
    "IDENTITY_ENDPOINT",
    "MSI_ENDPOINT",
)

# Names of values in a connection string, and in obstore.
_CONNECTION_STRING = {
    "AccountKey": "account_key",
    "AccountName": "account_name",
    "BlobEndpoint": "endpoint",
    "SharedAccessSignature": "sas_key",
}


class AzureBlob(SourceSpec):
    """Blobs of a container, as rows of `filename` (the whole name) and `content`.

    Credentials are the first of these that is given: the connection string, the SAS token, the
    account's key, the environment variables AZURE_….

    Attributes:
        account_name: The storage account.
        container_name: The container.
        prefix: Only names that begin so; fastest if it ends in "/".
        binary: Give the content as bytes instead of text.
        included_patterns: Only names that match one of these.
        excluded_patterns: No names that match one of these, or are below one that does.
        max_file_size: Larger blobs, in bytes, are ignored.
        sas_token: Names a registered shared access signature.
        account_access_key: Names the registered key of the account.
        connection_string: Names a registered connection string.
    """

    account_name: str
    container_name: str
    prefix: str | None = None
    binary: bool = False
    included_patterns: list[str] | None = None
    excluded_patterns: list[str] | None = None
    max_file_size: int | None = None
    sas_token: TransientAuthEntryReference[str] | None = None
    account_access_key: TransientAuthEntryReference[str] | None = None
    connection_string: TransientAuthEntryReference[str] | None = None


class AzureBlobSource(ObjectStoreSource):
    """Lists and reads a container."""

    def __init__(self, spec: AzureBlob) -> None:
        config = {"account_name": spec.account_name, **_credentials(spec)}
        stores = load_obstore("AzureBlob")
        endpoint = config.get("endpoint") or os.environ.get("AZURE_STORAGE_ENDPOINT")
        store = stores.AzureStore(
            spec.container_name,
            config=config,
            client_options=client_options(endpoint),
            retry_config=retry_config(),
        )
        super().__init__(
            store,
            f"the container {spec.container_name!r} of {config['account_name']!r}",
            spec,
        )


def _credentials(spec: AzureBlob) -> dict[str, Any]:
    if spec.connection_string is not None:
        return _read_connection_string(resolve_auth_entry(spec.connection_string))
    if spec.sas_token is not None:
        return {"sas_key": resolve_auth_entry(spec.sas_token).removeprefix("?")}
    if spec.account_access_key is not None:
        return {"account_key": resolve_auth_entry(spec.account_access_key)}
    if not any(os.environ.get(name) for name in _CREDENTIALS):
        raise DefinitionError(
            f"There are no credentials for the storage account {spec.account_name!r}.",
            hint="Pass sas_token=, account_access_key= or connection_string=, each made by "
            "add_transient_auth_entry(…); or set AZURE_STORAGE_ACCOUNT_KEY, or for the identity "
            "of a machine AZURE_CREDENTIAL_TYPE=managed_identity.",
        )
    return {}


def _read_connection_string(text: str) -> dict[str, Any]:
    given = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    config = {ours: given[theirs] for theirs, ours in _CONNECTION_STRING.items() if theirs in given}
    if "account_key" not in config and "sas_key" not in config:
        raise DefinitionError(
            "The connection string has neither an AccountKey nor a SharedAccessSignature.",
            hint="Copy it from the access keys of the storage account.",
        )
    suffix = given.get("EndpointSuffix")
    if "endpoint" not in config and suffix and "account_name" in config:
        protocol = given.get("DefaultEndpointsProtocol", "https")
        config["endpoint"] = f"{protocol}://{config['account_name']}.blob.{suffix}"
    if "endpoint" in config:
        config["endpoint"] = config["endpoint"].rstrip("/")
    return config


register_source(AzureBlob, AzureBlobSource)

"""Certificates for tests, as PEM files."""

from __future__ import annotations

from pathlib import Path

import trustme

from coco_server.rpc.tls import RpcTls


def certificate(authority: trustme.CA, folder: Path, name: str) -> RpcTls:
    """Issue a certificate; returns it with its key and the authority's own."""
    folder.mkdir(exist_ok=True)
    issued = authority.issue_cert(name)
    ca, cert, key = (folder / f"{name}.{suffix}" for suffix in ("ca", "crt", "key"))
    authority.cert_pem.write_to_path(str(ca))
    cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(key))
    return RpcTls(ca, cert, key)

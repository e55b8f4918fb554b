"""Naming a source loads that source and none of the packages that only its work needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from coco_flow import sources
from coco_flow.auth import add_transient_auth_entry
from coco_flow.errors import ExtraMissing
from coco_flow.op import SourceSpec
from coco_flow.setting import DatabaseConnectionSpec
from coco_flow.sources.registry import _factories, open_source

CONNECTION = add_transient_auth_entry("AccountName=a;AccountKey=a2V5")
DATABASE = add_transient_auth_entry(DatabaseConnectionSpec("postgresql://127.0.0.1/d"))

HEAVY = (
    *("botocore", "google", "httpx", "numpy", "obstore", "psycopg", "pydantic", "redis"),
    *("sqlalchemy", "watchfiles"),
)


def test_every_public_name_is_there_and_every_spec_has_a_connector() -> None:
    assert sorted(sources.__all__) == sources.__all__
    assert set(sources.__all__) <= set(dir(sources))
    specs = [
        found
        for name in sources.__all__
        if isinstance(found := getattr(sources, name), type) and issubclass(found, SourceSpec)
    ]
    assert len(specs) == len(sources.__all__) - 2  # the two kinds of notification
    assert all(spec in _factories for spec in specs)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'Nothing'"):
        _ = sources.Nothing  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("spec", "package"),
    [
        (sources.AmazonS3(bucket_name="b"), "obstore"),
        (sources.AzureBlob("a", "c", connection_string=CONNECTION), "obstore"),
        (sources.GoogleCloudStorage(bucket_name="b"), "obstore"),
        (sources.GoogleDrive("key.json", ["root"]), "google-auth"),
        (sources.Postgres(table_name="t", database=DATABASE), "psycopg"),
    ],
    ids=lambda given: type(given).__name__ if isinstance(given, SourceSpec) else given,
)
def test_a_missing_package_is_named_with_the_extra_that_brings_it(
    spec: SourceSpec, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("obstore", "obstore.store", "google.oauth2", "google.auth", "psycopg"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ExtraMissing, match=rf"'{package}'.*pip install 'coco-flow\["):
        open_source(spec)


@pytest.mark.parametrize("name", sources.__all__)
def test_a_spec_needs_nothing_heavy(name: str) -> None:
    program = (
        "import sys\n"
        f"from coco_flow.sources import {name}\n"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert loaded.stdout.split() == []

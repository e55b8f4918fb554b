"""`coco-server usage`: what each org used and held in a month."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from coco_protocol.server.operating import UsageBody, UsageData
from coco_server.cli.connection import opened
from coco_server.cli.output import AsJson, show
from coco_server.domain.serializers import usage_body
from coco_server.store import usage_report

__all__ = ["usage"]


def usage(
    month: Annotated[
        str | None, typer.Option(help="Such as 2026-11 (UTC); otherwise this month.")
    ] = None,
    org: Annotated[str | None, typer.Option("--org", help="Of this org only.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """Report what each org used and held in a month."""
    chosen = month or datetime.now(UTC).strftime("%Y-%m")
    first = usage_report.first_day(chosen)
    with opened() as database, database.system() as session:
        usage_report.sample_held(session)
        found = [usage_body(each) for each in usage_report.monthly(session, first, org)]
    rows = [each.model_dump() for each in found]
    if as_csv:
        writer = csv.DictWriter(sys.stdout, ["month", *UsageBody.model_fields])
        writer.writeheader()
        writer.writerows({"month": chosen, **row} for row in rows)
    else:
        show(UsageData(month=chosen, orgs=found), rows, as_json=as_json)

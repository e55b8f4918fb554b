"""A process of `bench.flow.shared`: rows of one table, computed, into another."""

from __future__ import annotations

import hashlib
import json
import sys

import coco_flow
from coco_flow import op, sources, targets
from coco_flow.setting import DatabaseConnectionSpec, Settings


@op.function(behavior_version=1)
def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def main(source: str, state: str, target: str) -> None:
    coco_flow.init(Settings(database=DatabaseConnectionSpec(url=state)))
    reading = coco_flow.add_auth_entry("source", DatabaseConnectionSpec(url=source))
    writing = coco_flow.add_auth_entry("target", DatabaseConnectionSpec(url=target))

    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["items"] = builder.add_source(sources.Postgres(table_name="item", database=reading))
        out = scope.add_collector()
        with scope["items"].row() as item:
            item["digest"] = item["text"].transform(digest)
            out.collect(id=item["id"], digest=item["digest"])
        out.export(
            "made",
            targets.Postgres(database=writing, table_name="made"),
            primary_key_fields=["id"],
        )

    flow = coco_flow.open_flow("Shared", define)
    flow.setup()
    print(json.dumps(flow.update_shared(lease_seconds=5).to_json()))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""What must hold of a table: tests after each run, which warn or let the model fail.

python examples/models/column_tests.py
"""

# ruff: noqa: T201
from __future__ import annotations

import logging
from typing import Any

from sqlmodel import Field, SQLModel

from coco_flow.models import (
    Event,
    PipelineConfig,
    PipelineModelBase,
    Reference,
    TableWriter,
    accepted_values,
    check,
    configure,
    current_database,
    listening,
    model,
    not_null,
    relationships,
    run_pipeline_sync,
    sql,
    unique,
)
from coco_flow.models.snapshots import snapshots_of


class DocumentRow(SQLModel, table=True):
    """A document of another program."""

    __tablename__ = "documents"
    id: str = Field(primary_key=True)


class OrderRow(PipelineModelBase, table=True):
    """An order that a document is about."""

    __tablename__ = "orders"
    number: int = Field(primary_key=True)
    source_id: str | None
    status: str
    price: float


def no_price_is_negative(frame: Any) -> Any:
    """Return the rows that break the rule."""
    return frame[frame["price"] < 0][["number", "price"]]


@model(
    "shop.orders",
    OrderRow,
    tests=[
        not_null("status"),
        not_null("source_id", severity="warn"),
        unique("number"),
        accepted_values("status", ["open", "paid"], severity="warn"),
        relationships("source_id", to="documents", field="id"),
        sql("no_two_open", "SELECT source_id FROM orders WHERE status = 'open' GROUP BY 1 "
            "HAVING count(*) > 1"),
        check(no_price_is_negative),
    ],
)  # fmt: skip
def orders(documents: Any = Reference("documents")) -> list[OrderRow]:
    """Write orders, some of which break rules."""
    known = documents["id"].iloc[0]
    return [
        OrderRow(number=1, source_id=known, status="open", price=5),
        OrderRow(number=2, source_id="z", status="paid", price=-1),
        OrderRow(number=3, source_id=None, status="lost", price=2),
    ]


def main() -> None:
    """Run the model, and print what its tests found."""
    logging.getLogger("coco_flow").addHandler(logging.NullHandler())
    configure(database="sqlite:///column_tests.db")
    TableWriter(write_strategy="replace").write([DocumentRow(id="a")])

    def show(_: str, event: Event) -> None:
        if event.kind == "log":
            print(f"{event.level}: {event.message}")

    with listening(show):
        done = run_pipeline_sync(PipelineConfig("shop", [orders]))
    print(f"{done['status']}: {done['results']['shop.orders']['tests']}")
    snapshot = snapshots_of(current_database(), "shop.orders")[0]
    print(f"{snapshot['rows']} rows; without a source: {snapshot['nulls']['source_id']:.0%}")


if __name__ == "__main__":
    main()

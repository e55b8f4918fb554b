"""Structs that the tests of this folder share."""

from __future__ import annotations

import datetime
import uuid
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel

from coco_flow.types import Float32, Json, LocalDateTime, Range, Vector


@dataclass
class Address:
    """Where a person lives."""

    street: str
    number: int = 1


@dataclass
class Person:
    """A person."""

    name: str
    address: Address


@dataclass(frozen=True)
class ShopKey:
    """Names a shop."""

    shop: str
    version: int


class PointTuple(NamedTuple):
    """A point."""

    x: float
    y: float


@dataclass
class PointClass:
    """A point."""

    x: float
    y: float


class PointModel(BaseModel):
    """A point."""

    x: float
    y: float


@dataclass
class Everything:
    """A field of every kind."""

    text: str
    data: bytes
    flag: bool
    count: int
    ratio: float
    single: Float32
    span: Range
    id: uuid.UUID
    day: datetime.date
    hour: datetime.time
    when: datetime.datetime
    local: LocalDateTime
    lasts: datetime.timedelta
    extra: Json
    embedding: Vector[np.float32]
    counts: Vector[np.int64]
    tags: list[str]
    home: Address
    people: list[Person]
    shops: dict[ShopKey, Address]
    maybe: str | None = None
    others: list[str] = field(default_factory=list)

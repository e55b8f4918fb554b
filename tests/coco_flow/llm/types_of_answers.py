"""Output types that tests ask models for."""

from __future__ import annotations

import datetime
import enum
import uuid
from dataclasses import dataclass, field
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, Field, field_validator

from coco_flow.types.annotations import Json, LocalDateTime, OffsetDateTime, Range, Vector


class Color(enum.Enum):
    """A color of the rainbow."""

    RED = "red"
    BLUE = "blue"


@dataclass
class Address:
    """Where a person lives."""

    street: str
    city: str
    zip_code: str | None = None


@dataclass
class Person:
    """A person that the text names.

    Only people, no companies.
    """

    name: str
    age: int | None
    addresses: list[Address]
    color: Color
    mood: Literal["good", "bad"] = "good"
    tags: list[str] = field(default_factory=list)


class Point(NamedTuple):
    """A point of a plane."""

    x: float
    y: float = 0.0


@dataclass
class Everything:
    """One field of each kind."""

    text: str
    data: bytes
    yes: bool
    whole: int
    real: float
    span: Range
    key: uuid.UUID
    day: datetime.date
    hour: datetime.time
    local: LocalDateTime
    moment: OffsetDateTime
    length: datetime.timedelta
    anything: Json
    vector: Vector[np.float32, Literal[3]]
    either: int | str
    point: Point
    points: dict[str, Point]


@dataclass
class Plain:
    text: str


class Model(BaseModel):
    """A thing with a rule of its own."""

    name: str = Field(description="What it is called.")
    size: Annotated[int, Field(ge=1, description="How large it is.")] = 1
    day: datetime.date | None = None
    inner: Point | None = Field(default=None, description="Where it is.")

    @field_validator("name")
    @classmethod
    def name_is_lower(cls, value: str) -> str:
        if value != value.lower():
            raise ValueError("write it in lower case")
        return value


@dataclass
class Tree:
    """It contains itself."""

    children: list[Tree]


@dataclass
class Odd:
    numbers: complex

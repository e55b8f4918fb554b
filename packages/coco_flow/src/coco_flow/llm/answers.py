"""Parser of a model's answers: finds the JSON and decodes it to the declared type."""

from __future__ import annotations

import base64
import binascii
import datetime
import json
import math
import re
import uuid
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from coco_flow.llm.json_schema import WRAPPER
from coco_flow.types.analysis import (
    MISSING,
    AnyType,
    BasicType,
    DataTypeInfo,
    MappingType,
    SequenceType,
    StructType,
    UnionType,
    analyze_type_info,
)
from coco_flow.types.choices import choices_of, is_enum

__all__ = ["InvalidAnswer", "read_answer"]

_FENCE = re.compile(r"```[\w-]*[ \t]*\n(.*?)```", re.DOTALL)
_THOUGHTS = re.compile(r"\s*<think>.*?</think>", re.DOTALL)
# Places in a text where an object or a list might begin; an answer with explanations has a few.
_MOST_STARTS = 50
_MOST_PROBLEMS = 8
_SHOWN = 80
_FAILED = object()


class InvalidAnswer(ValueError):
    """The answer has no value of the declared type; `problems` says why, for the model to read."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def read_answer(text: str, annotation: Any, *, json_as_text: bool = False) -> Any:
    """Return the value in an answer.

    Args:
        text: The answer.
        annotation: The declared type.
        json_as_text: Whether values that may be any JSON were asked for as text.

    Raises:
        InvalidAnswer: There is no JSON, or it does not fit the annotation.
    """
    info = analyze_type_info(annotation)
    found = _find_json(text)
    if found is _FAILED:
        if isinstance(info.variant, BasicType) and info.variant.kind == "Str" and text.strip():
            return text.strip()
        raise InvalidAnswer(["There is no complete JSON value in the answer."])
    decoder = _Decoder(json_as_text)
    value = decoder.value(info, _unwrapped(info, found), "")
    if decoder.problems:
        raise InvalidAnswer(decoder.problems[:_MOST_PROBLEMS])
    return value


def _unwrapped(info: DataTypeInfo, found: Any) -> Any:
    """Return the value without an object around it that the type does not have."""
    if not isinstance(info.variant, StructType):
        # Models put a list or a scalar into an object even where none was asked for.
        return found.get(WRAPPER, found) if isinstance(found, dict) else found
    while isinstance(found, dict | list) and len(found) == 1:
        (inner,) = found.values() if isinstance(found, dict) else found
        names = {field.name for field in info.variant.fields}
        if not isinstance(inner, dict | list):
            break
        if isinstance(found, dict) and names & found.keys():
            break
        found = inner
    return found


def _find_json(text: str) -> Any:
    """Return the JSON value in a text, or `_FAILED`."""
    text = _THOUGHTS.sub("", text, count=1).strip()
    for candidate in (text, *(block.strip() for block in _FENCE.findall(text))):
        try:
            return json.loads(candidate, strict=False)
        except ValueError:
            continue
    decoder = json.JSONDecoder(strict=False)
    best, longest, position = _FAILED, 0, 0
    for _ in range(_MOST_STARTS):
        start = min((at for at in (text.find(c, position) for c in "{[") if at >= 0), default=-1)
        if start < 0:
            break
        try:
            value, end = decoder.raw_decode(text, start)
        except ValueError:
            position = start + 1
            continue
        if end - start > longest:
            best, longest = value, end - start
        position = end
    return best


class _Decoder:
    """Decodes one answer and collects everything that is wrong with it."""

    def __init__(self, json_as_text: bool = False) -> None:
        self.problems: list[str] = []
        self._json_as_text = json_as_text

    def value(self, info: DataTypeInfo, value: Any, path: str) -> Any:
        variant = info.variant
        if value is None:
            return self._null(info, path)
        choices = choices_of(info.core_type)
        if choices is not None:
            return self._choice(choices, info.core_type, value, path)
        if isinstance(variant, StructType):
            return self._struct(variant, value, path)
        if isinstance(variant, BasicType):
            return self._basic(variant.kind, value, path)
        if isinstance(variant, SequenceType):
            return self._sequence(variant, value, path)
        if isinstance(variant, UnionType):
            return self._union(variant, value, path)
        if isinstance(variant, MappingType):
            return self._mapping(variant, value, path)
        if isinstance(variant, AnyType):
            return self._basic("Json", value, path)
        # No schema was made of anything else.
        raise TypeError(info.core_type)

    def _null(self, info: DataTypeInfo, path: str) -> Any:
        if info.nullable or isinstance(info.variant, AnyType):
            return None
        if isinstance(info.variant, BasicType) and info.variant.kind == "Json":
            return None
        if isinstance(info.variant, SequenceType):
            return []
        if isinstance(info.variant, MappingType):
            return {}
        return self._problem(path, "a value is required, not null")

    def _struct(self, struct: StructType, value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            return self._problem(path, "expected an object", value)
        before = len(self.problems)
        arguments: dict[str, Any] = {}
        for field in struct.fields:
            place = f"{path}.{field.name}" if path else field.name
            info = analyze_type_info(field.type_hint)
            given = value.get(field.name, value.get(field.keyword, MISSING))
            has_default = field.default_value is not MISSING
            if given is MISSING and has_default:
                continue
            if given is None and has_default and not info.nullable:
                # Where every field is required, null is how a model leaves one out.
                continue
            arguments[field.keyword] = self.value(info, None if given is MISSING else given, place)
        if len(self.problems) > before:
            return _FAILED
        try:
            return struct.struct_type(**arguments)
        except (ValueError, TypeError) as error:
            # A validator of the class itself; Pydantic's errors list what they found.
            for place, message in _found_by_class(error):
                self._problem(".".join(part for part in (path, place) if part), message)
            return _FAILED

    def _sequence(self, sequence: SequenceType, value: Any, path: str) -> Any:
        if not isinstance(value, list):
            return self._problem(path, "expected an array", value)
        element = analyze_type_info(sequence.elem_type)
        dimension = sequence.vector_info.dim if sequence.vector_info is not None else None
        if dimension is not None and len(value) != dimension:
            return self._problem(path, f"expected {dimension} elements, got {len(value)}")
        return [self.value(element, each, f"{path}[{n}]") for n, each in enumerate(value)]

    def _mapping(self, mapping: MappingType, value: Any, path: str) -> Any:
        key = analyze_type_info(mapping.key_type)
        item = analyze_type_info(mapping.value_type)
        pairs: list[tuple[Any, Any]]
        if not isinstance(item.variant, StructType):
            value = self._basic("Json", value, path)
        if isinstance(value, dict):
            pairs = list(value.items())
        elif isinstance(value, list) and all(
            isinstance(each, dict) and {"key", "value"} <= each.keys() for each in value
        ):
            pairs = [(each["key"], each["value"]) for each in value]
        else:
            return self._problem(path, 'expected an array of {"key", "value"} objects', value)
        before = len(self.problems)
        decoded = [
            (self.value(key, k, f"{path}[{n}].key"), self.value(item, v, f"{path}[{n}].value"))
            for n, (k, v) in enumerate(pairs)
        ]
        return dict(decoded) if len(self.problems) == before else _FAILED

    def _union(self, union: UnionType, value: Any, path: str) -> Any:
        infos = [analyze_type_info(each) for each in union.variant_types]
        # Text that looks like a number is text where the union has both.
        infos.sort(key=lambda info: not _is_natural(info, value))
        for info in infos:
            attempt = _Decoder(self._json_as_text)
            decoded = attempt.value(info, value, path)
            if not attempt.problems:
                return decoded
        return self._problem(path, "expected a value of one of the allowed types", value)

    def _basic(self, kind: str, value: Any, path: str) -> Any:
        what, read = _READERS[kind]
        if kind == "Json" and self._json_as_text and isinstance(value, str):
            read = json.loads
        try:
            return read(value)
        except (ValueError, TypeError, OverflowError, binascii.Error):
            return self._problem(path, f"expected {what}", value)

    def _choice(self, choices: list[Any], annotation: Any, value: Any, path: str) -> Any:
        wanted = _folded(value)
        for choice in choices:
            if _folded(choice) == wanted:
                return annotation(choice) if is_enum(annotation) else choice
        return self._problem(path, f"expected one of {json.dumps(choices)}", value)

    def _problem(self, path: str, what: str, value: Any = MISSING) -> Any:
        got = "" if value is MISSING else f", got {_shown(value)}"
        self.problems.append(f"{path or 'The answer'}: {what}{got}")
        return _FAILED


def _found_by_class(error: Exception) -> list[tuple[str, str]]:
    errors = getattr(error, "errors", None)
    if not callable(errors):
        return [("", str(error))]
    return [(".".join(map(str, each["loc"])), str(each["msg"])) for each in errors()]


def _shown(value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


def _folded(value: Any) -> str:
    return str(value).strip().casefold()


def _is_natural(info: DataTypeInfo, value: Any) -> bool:
    """Say whether JSON has the type itself, so that nothing is converted."""
    natural: dict[str, Any] = {"Str": str, "Bool": bool, "Int64": int, "Float64": float}
    if not isinstance(info.variant, BasicType):
        return isinstance(info.variant, SequenceType) and isinstance(value, list)
    return type(value) is natural.get(info.variant.kind)


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError
    return value if isinstance(value, str) else json.dumps(value)


def _bytes(value: Any) -> bytes:
    return base64.b64decode(_only_text(value), validate=True)


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = _only_text(value).strip().lower()
    if text not in {"true", "false"}:
        raise ValueError
    return text == "true"


def _int(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    if isinstance(value, float) and not value.is_integer():
        raise ValueError
    number = int(value)
    if not -(2**63) <= number < 2**63:
        raise ValueError
    return number


def _float(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _range(value: Any) -> tuple[int, int]:
    start, end = value
    return _int(start), _int(end)


def _date(value: Any) -> datetime.date:
    text = _only_text(value)
    # Models like to add a midnight.
    return datetime.datetime.fromisoformat(text).date()


def _local(value: Any) -> datetime.datetime:
    return datetime.datetime.fromisoformat(_only_text(value)).replace(tzinfo=None)


def _offset(value: Any) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(_only_text(value))
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=datetime.UTC)


_DURATION = re.compile(
    r"(?P<sign>[+-]?)P(?:(?P<weeks>[\d.]+)W)?(?:(?P<days>[\d.]+)D)?"
    r"(?:T(?:(?P<hours>[\d.]+)H)?(?:(?P<minutes>[\d.]+)M)?(?:(?P<seconds>[\d.]+)S)?)?",
    re.IGNORECASE,
)


def _duration(value: Any) -> datetime.timedelta:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.timedelta(seconds=value)
    match = _DURATION.fullmatch(_only_text(value).strip())
    parts = {k: v for k, v in match.groupdict().items() if k != "sign" and v} if match else {}
    if match is None or not parts:
        raise ValueError
    length = datetime.timedelta(**{unit: float(number) for unit, number in parts.items()})
    return -length if match["sign"] == "-" else length


def _only_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


_READERS: Mapping[str, tuple[str, Callable[[Any], Any]]] = MappingProxyType(
    {
        "Str": ("a string", _text),
        "Bytes": ("bytes in base64", _bytes),
        "Bool": ("true or false", _bool),
        "Int64": ("an integer", _int),
        "Float32": ("a number", _float),
        "Float64": ("a number", _float),
        "Range": ("an array of two integers", _range),
        "Uuid": ("a UUID", lambda value: uuid.UUID(_only_text(value))),
        "Date": ("a date such as 2031-05-17", _date),
        "Time": (
            "a time such as 14:30:00",
            lambda value: datetime.time.fromisoformat(_only_text(value)),
        ),
        "LocalDateTime": ("a date and time such as 2031-05-17T14:30:00", _local),
        "OffsetDateTime": ("a date and time such as 2031-05-17T14:30:00Z", _offset),
        "TimeDelta": ("a duration such as PT1H30M", _duration),
        "Json": ("JSON", lambda value: value),
    }
)

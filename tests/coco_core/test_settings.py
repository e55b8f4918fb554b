"""Tables of settings: which source decides, what is accepted, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from coco_core.errors import InvalidConfig
from coco_core.settings import (
    Setting,
    SettingReader,
    SettingValue,
    WrongValue,
    decide,
    hide_secrets,
    integer,
    log_level,
    one_of,
    refuse_unknown_flags,
    size,
    text,
    unknown_variables,
)

PORT = Setting("port", integer(0, 65_535), "a port", 3456, aliases=("OTHER_PORT",))
KEY = Setting("api_key", text, "a text", secret=True)


def test_a_flag_goes_before_the_environment_and_the_own_variable_before_an_alias() -> None:
    environ = {"COCO_PORT": " 2 ", "OTHER_PORT": "3"}
    assert decide(PORT, {"port": 1}, environ) == SettingValue("port", 1, "flag --port")
    assert decide(PORT, {"port": None}, environ) == SettingValue("port", 2, "env COCO_PORT")
    assert decide(PORT, {}, environ | {"COCO_PORT": ""}) == SettingValue(
        "port", 3, "env OTHER_PORT"
    )
    assert decide(PORT, {}, {}) is None


def test_a_secret_is_neither_shown_nor_repeated() -> None:
    values = [SettingValue("api_key", "abc", "default"), SettingValue("port", 1, "default")]
    assert [entry.value for entry in hide_secrets(values, [PORT, KEY])] == ["(set)", 1]
    with pytest.raises(InvalidConfig, match=r"api_key is \(hidden\) \(env COCO_API_KEY\)"):
        decide(KEY, {}, {"COCO_API_KEY": "two\nlines"})


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(InvalidConfig) as refusal:
        refuse_unknown_flags(["prot"], {"port", "host"})
    assert refusal.value.hint == "Did you mean port?"
    environ = {"COCO_PROT": "1", "COCO_MODE": "local", "COCO_WORKER_SLOTS": "1", "PATH": "/"}
    (warning,) = unknown_variables(environ, [PORT], "CoCo", "COCO_WORKER_SLOTS")
    assert "COCO_PROT is no setting of CoCo. Did you mean COCO_PORT?" in warning


@pytest.mark.parametrize(
    ("read", "given", "value"),
    [
        (integer(1, 9), " 7 ", 7),
        (size(0, 1 << 50), "2 MiB", 2 << 20),
        (size(0, 1 << 50), 1_000, 1_000),
        (size(0, 1 << 50), "1_000k", 1_000_000),
        (one_of("tls", "proxy"), "TLS", "tls"),
        (log_level, "WARN", "warning"),
    ],
)
def test_what_is_accepted(read: SettingReader, given: object, value: object) -> None:
    assert read(given, Path()) == value


@pytest.mark.parametrize(
    ("read", "given", "why"),
    [
        (integer(1, 9), True, "whole number"),
        (integer(1, 9), "10", "outside 1 to 9"),
        (size(1, 100), "1k", "outside 1 to 100 bytes"),
        (size(1, 100), "1 mile", "not a size"),
        (text, " ", "one line"),
        (one_of("tls"), "none", "no such choice"),
        (log_level, "loud", "no such level"),
    ],
)
def test_what_is_refused(read: SettingReader, given: object, why: str) -> None:
    with pytest.raises(WrongValue, match=why):
        read(given, Path())

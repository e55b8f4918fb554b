"""Settings of models: bounds, where a value comes from, and what messages say."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

from coco_flow.errors import InvalidSetting
from coco_flow.models import ConfigParam, ModelConfig, Overrides, read_config_file

VARIABLE = "COCO_FLOW_MODEL__INDEXING_SECTIONS__MAX_CHARS"


class SectionsConfig(ModelConfig):
    max_chars: int = ConfigParam(
        default=5000, ge=500, le=20000, fallback="MAX_CHARS", description="Longest section."
    )
    overlap: float = ConfigParam(default=0.1, gt=0, lt=1)
    mode: Literal["plain", "markdown"] = ConfigParam(default="plain")
    headings: list[str] = ConfigParam(default=["#"])


class KeyConfig(ModelConfig):
    key: str = ConfigParam()


def load(overrides: Overrides | None = None) -> SectionsConfig:
    return SectionsConfig.load("indexing.sections", overrides)


def refused(overrides: Overrides | None = None, schema: type[ModelConfig] = SectionsConfig) -> str:
    with pytest.raises(InvalidSetting) as caught:
        schema.load("indexing.sections", overrides)
    assert caught.value.hint
    return caught.value.message


def test_values_come_from_the_nearest_place(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().max_chars == 5000
    monkeypatch.setenv("MAX_CHARS", "600")
    assert load().max_chars == 600
    file: dict[str, Any] = {"shared": {"MAX_CHARS": 700}}
    assert load(Overrides(file=file)).max_chars == 700
    file["indexing.sections"] = {"max_chars": 800}
    assert load(Overrides(file=file)).max_chars == 800
    monkeypatch.setenv(VARIABLE, "900")
    assert load(Overrides(file=file)).max_chars == 900
    given = {"indexing.sections.max_chars": "1000"}
    assert load(Overrides(given, file)).max_chars == 1000


def test_a_hyphen_in_a_models_name_is_an_underscore_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COCO_FLOW_MODEL__INDEXING_LONG_SECTIONS__MAX_CHARS", "900")
    assert SectionsConfig.load("indexing.long-sections").max_chars == 900


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("max_chars", 499, "greater than or equal to 500"),
        ("max_chars", 20001, "less than or equal to 20000"),
        ("max_chars", "many", "valid integer"),
        ("overlap", 0, "greater than 0"),
        ("overlap", 1, "less than 1"),
        ("overlap", "nan", "less than 1"),
        ("mode", "html", "'plain' or 'markdown'"),
        ("headings", "#", "valid list"),
    ],
)
def test_a_value_out_of_bounds_is_refused(name: str, value: Any, reason: str) -> None:
    message = refused(Overrides({f"indexing.sections.{name}": value}))
    assert f"indexing.sections.{name} = {value!r} (given by --set): " in message
    assert reason in message


def test_the_message_names_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    file = Overrides(file={"indexing.sections": {"max_chars": 1}}, file_name="models.toml")
    assert "max_chars = 1 (from models.toml): " in refused(file)
    shared = Overrides(file={"shared": {"MAX_CHARS": 2}}, file_name="models.toml")
    assert "max_chars = 2 (MAX_CHARS from models.toml): " in refused(shared)
    monkeypatch.setenv("MAX_CHARS", "3")
    assert "max_chars = '3' (from the environment variable MAX_CHARS): " in refused()
    monkeypatch.setenv(VARIABLE, "4")
    assert f"max_chars = '4' (from the environment variable {VARIABLE}): " in refused()


def test_a_default_out_of_bounds_is_refused() -> None:
    class Wrong(ModelConfig):
        size: int = ConfigParam(default=0, ge=1)

    assert "indexing.sections.size = 0 (its default): " in refused(schema=Wrong)


def test_a_setting_without_a_default_must_be_given() -> None:
    assert refused(schema=KeyConfig) == "indexing.sections.key has no value and no default."
    given = Overrides({"indexing.sections.key": "k"})
    assert KeyConfig.load("indexing.sections", given).key == "k"


def test_unknown_names_are_refused() -> None:
    message = refused(Overrides({"indexing.sections.max_char": 600}))
    assert "--set sets indexing.sections.max_char" in message
    assert "Did you mean 'max_chars'?" in message
    file = Overrides(file={"indexing.sections": {"zzz": 1}}, file_name="models.toml")
    assert "models.toml sets indexing.sections.zzz" in refused(file)
    with pytest.raises(InvalidSetting, match="no model of this pipeline is meant"):
        Overrides({"indexing.other.size": 1}).check_models(["indexing.sections"])
    # The settings of one model may have a name that begins like another model's.
    Overrides({"a.b.c": 1}).check_models(["a.b"])


def test_a_list_is_given_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    given = Overrides({"indexing.sections.headings": '["#", "##"]'})
    assert load(given).headings == ["#", "##"]
    monkeypatch.setenv("COCO_FLOW_MODEL__INDEXING_SECTIONS__HEADINGS", "[]")
    assert load().headings == []


def test_settings_cannot_be_changed_by_a_model() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().max_chars = 600


def test_a_file_may_write_a_models_table_with_or_without_quotes(tmp_path: Path) -> None:
    for number, header in enumerate(('["indexing.sections"]', "[indexing.sections]")):
        path = tmp_path / f"{number}.toml"
        path.write_text(f"{header}\nmax_chars = 600\n[shared]\nMAX_CHARS = 700\n", "utf-8")
        overrides = read_config_file(path)
        assert load(overrides).max_chars == 600
        assert "0 (from" in refused(
            Overrides(file={"indexing": {"sections": {"max_chars": 0}}}, file_name=path.name)
        )


def test_the_file_of_the_current_folder_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(read_config_file()).max_chars == 5000
    Path("coco_models.toml").write_text('["indexing.sections"]\nmax_chars = 600\n', "utf-8")
    assert load(read_config_file()).max_chars == 600


@pytest.mark.parametrize(
    "content",
    ["max_chars = ", '"indexing.sections" = 3', "shared = 1"],
    ids=["toml", "model", "shared"],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "models.toml"
    path.write_text(content, "utf-8")
    with pytest.raises(InvalidSetting, match=r"models\.toml"):
        read_config_file(path)
    with pytest.raises(InvalidSetting, match=r"none\.toml' cannot be read"):
        read_config_file(tmp_path / "none.toml")

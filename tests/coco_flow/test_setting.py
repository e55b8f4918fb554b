import threading
from collections.abc import Iterator

import pytest

from coco_flow import setting
from coco_flow.setting import (
    DatabaseConnectionSpec,
    GlobalExecutionOptions,
    ServerSettings,
    Settings,
    current_settings,
    get_app_namespace,
    own_database,
    set_environment_prefix,
    set_settings,
    settings,
    split_app_namespace,
)


@pytest.fixture(autouse=True)
def fresh_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(setting, "_chosen", setting._Chosen())
    for name in list(setting.os.environ):
        if name.startswith(("COCO_FLOW_", "COCOINDEX_")):
            monkeypatch.delenv(name)
    yield


@pytest.mark.row("CFG-1 precedence")
def test_init_wins_over_the_function_and_that_over_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COCO_FLOW_APP_NAMESPACE", "a")
    assert get_app_namespace() == "a"
    calls = []

    @settings
    def made() -> Settings:
        calls.append(1)
        return Settings(app_namespace="b")

    assert calls == []
    assert get_app_namespace() == "b"
    set_settings(Settings(app_namespace="c"))
    assert get_app_namespace() == "c"
    setting.reset_settings()
    assert get_app_namespace() == "b"


@pytest.mark.row("CFG-1b second settings function")
def test_a_second_settings_function_takes_over_with_a_warning() -> None:
    @settings()
    def first() -> Settings:
        return Settings(app_namespace="first")

    with pytest.warns(UserWarning, match="replaces"):

        @settings
        def second() -> Settings:
            return Settings(app_namespace="second")

    assert get_app_namespace() == "second"


@pytest.mark.row("CFG-2 defaults")
def test_defaults() -> None:
    spec = DatabaseConnectionSpec("url")
    assert (spec.max_connections, spec.min_connections) == (25, 5)
    options = GlobalExecutionOptions()
    assert (options.source_max_inflight_rows, options.source_max_inflight_bytes) == (1024, None)
    assert Settings().app_namespace == ""
    assert ServerSettings() == ServerSettings("127.0.0.1:49344", None)
    assert Settings.from_env() == Settings(global_execution_options=options)
    assert ServerSettings.from_env() == ServerSettings()
    assert own_database() is None


def test_every_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DATABASE_URL": "postgresql://host/db",
        "DATABASE_USER": "u",
        "DATABASE_PASSWORD": "p",
        "DATABASE_MAX_CONNECTIONS": "7",
        "DATABASE_MIN_CONNECTIONS": "2",
        "DATABASE_SCHEMA_NAME": "flows",
        "APP_NAMESPACE": "staging",
        "SOURCE_MAX_INFLIGHT_ROWS": "3",
        "SOURCE_MAX_INFLIGHT_BYTES": "4",
        "IGNORE_TARGET_DROP_FAILURES": "True",
        "SERVER_ADDRESS": "127.0.0.1:0",
        "SERVER_CORS_ORIGINS": "http://a, http://b,",
    }.items():
        monkeypatch.setenv(f"COCO_FLOW_{name}", value)
    assert Settings.from_env() == Settings(
        ignore_target_drop_failures=True,
        database=DatabaseConnectionSpec("postgresql://host/db", "u", "p", 7, 2),
        db_schema_name="flows",
        app_namespace="staging",
        global_execution_options=GlobalExecutionOptions(3, 4),
    )
    assert ServerSettings.from_env() == ServerSettings("127.0.0.1:0", ["http://a", "http://b"])
    assert own_database() == Settings.from_env().database


@pytest.mark.row("CFG-3 env parsing")
@pytest.mark.parametrize("value", ["abc", "0", "-1", ""])
def test_a_value_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("COCO_FLOW_DATABASE_URL", "x")
    monkeypatch.setenv("COCO_FLOW_DATABASE_MAX_CONNECTIONS", value)
    with pytest.raises(ValueError, match="COCO_FLOW_DATABASE_MAX_CONNECTIONS") as failure:
        Settings.from_env()
    assert repr(value) in str(failure.value)
    assert isinstance(failure.value.__cause__, ValueError)


def test_truth_is_read_in_several_words(monkeypatch: pytest.MonkeyPatch) -> None:
    for word, truth in {"true": True, "1": True, "No": False, "off": False, "": False}.items():
        monkeypatch.setenv("COCO_FLOW_IGNORE_TARGET_DROP_FAILURES", word)
        assert Settings.from_env().ignore_target_drop_failures is truth
    monkeypatch.setenv("COCO_FLOW_IGNORE_TARGET_DROP_FAILURES", "perhaps")
    with pytest.raises(ValueError, match="'perhaps' is neither true nor false"):
        Settings.from_env()


@pytest.mark.row("CFG-3b CORS list")
def test_origins_are_separated_by_commas() -> None:
    assert ServerSettings.parse_cors_origins("a,b") == ["a", "b"]
    assert ServerSettings.parse_cors_origins(None) is None


def test_variables_may_have_another_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COCOINDEX_APP_NAMESPACE", "other")
    assert Settings.from_env().app_namespace == ""
    assert Settings.from_env("COCOINDEX").app_namespace == "other"
    set_environment_prefix("COCOINDEX")
    assert current_settings().app_namespace == "other"


@pytest.mark.row("CFG-7 lazy init")
def test_threads_that_race_for_the_settings_read_them_once() -> None:
    calls: list[int] = []
    started = threading.Barrier(4)

    @settings
    def made() -> Settings:
        calls.append(1)
        return Settings()

    found: list[Settings] = []

    def use() -> None:
        started.wait()
        found.append(current_settings())

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert all(each is found[0] for each in found)


@pytest.mark.row("NS-2 helpers")
def test_namespaces_are_joined_and_split() -> None:
    set_settings(Settings(app_namespace="dev"))
    assert get_app_namespace(trailing_delimiter=".") == "dev."
    set_settings(Settings())
    assert get_app_namespace(trailing_delimiter=".") == ""
    assert split_app_namespace("dev.my.flow", ".") == ("dev", "my.flow")
    assert split_app_namespace("flow", ".") == ("", "flow")


def test_a_bad_namespace_is_refused() -> None:
    with pytest.raises(ValueError, match="app namespace"):
        set_settings(Settings(app_namespace="my.app"))


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(Settings(database=DatabaseConnectionSpec("x", "u", "secret")))

"""``[models.NAME]`` in a TOML file, and where in it a mistake stands."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from coco_core.errors import InvalidConfig
from coco_embed.custom_models import MODELS, CustomModel
from coco_embed.resolver import EmbeddingSettings


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "models.toml"
    path.write_text(text, encoding="utf-8")
    return path


def read_models_file(path: Path) -> Mapping[str, CustomModel]:
    return EmbeddingSettings.from_environment({"COCO_MODELS_FILE": str(path)}).custom_models


def test_a_file_registers_directories_and_servers(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
[models."bge-small-en-v1.5"]
path = "bge"                # beside this file
pooling = "CLS"
query_prefix = "Represent this sentence: "

[models.remote]
url = "http://127.0.0.1:8000/v1/"
model = "text-embedding-3-small"
dimension = 1536
max_tokens = 8191
api_key_env = "OPENAI_API_KEY"
""",
    )
    assert read_models_file(path) == {
        "bge-small-en-v1.5": CustomModel(
            "bge-small-en-v1.5",
            f"{path}:2",
            path=(tmp_path / "bge").resolve(),
            pooling="cls",
            query_prefix="Represent this sentence: ",
        ),
        "remote": CustomModel(
            "remote",
            f"{path}:7",
            url="http://127.0.0.1:8000/v1",
            model="text-embedding-3-small",
            dimension=1536,
            max_tokens=8191,
            api_key_env="OPENAI_API_KEY",
        ),
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[models.a]\npath = "x"\npoling = "cls"', r"models.a.poling .*:3\) is un.*mean pooling"),
        ('[models.a]\npath = "x"\npooling = "sum"', r"a.pooling .*:3\) is 'sum'.*mean, cls, last"),
        ("[models.a]\n\nmax_tokens = 4", r"models.a.max_tokens .*:3\) is 4: it is outside 8 to"),
        ('[models.a]\nurl = "x"\nmax_tokens = true', r"models.a.url .*:2\).*begin with http"),
        ('[models.a]\nurl = "http://x"\ndimension = "9"', r"dimension .*:3\).*not a whole number"),
        ('[models.a]\nurl = "http://x"\npath = "x"', r"models.a .*:1\) has both path and url"),
        ('\n[models.a]\nmodel = "x"', r"models.a .*:2\) has neither path nor url"),
        (
            '[models.a]\nurl = "http://x"\npooling = "cls"',
            r"pooling .*:3\) has no meaning with url",
        ),
        ('[models.a]\nurl="http://x"\napi_key_env = "sk-1"', r"api_key_env .*:3\).*not the key"),
        ("[models]\na = 3", r"models.a .*:2\) is 3.*\[models.a\]"),
        ("models = 3", r"models .*:1\) is 3"),
        ("models.a.path = 3", r"models.a.path .*:1\) is 3: it is not a text"),
        ('[models.coco-static]\npath = "x"', r"models.coco-static .*:1\) is built in"),
        ('[models."a b"]\npath = "x"', r"models.a b .*:1\) is no name"),
        ('[models.bge-v1.5]\npath = "x"', r'v1.5 .*:1\) is unknown.*\[models."bge-v1.5"\]'),
        ('[model.a]\npath = "x"', r"There is 'model' in a file of models .*:1"),
        ("[models.a", r"not valid TOML"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InvalidConfig) as raised:
        read_models_file(write(tmp_path, text))
    assert raised.match(problem)


def test_lines_are_those_of_the_right_table(tmp_path: Path) -> None:
    text = 'port = 1\n[other]\npath = 3\n[models.a]\npath = "x"\n[models.b]\nurl = 5\n'
    path = tmp_path / "config.toml"
    with pytest.raises(InvalidConfig, match=r"models.b.url \(.*config.toml:7\)"):
        MODELS.read(tomllib.loads(text)["models"], path, text)


def test_the_environment_names_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, '[models.a]\npath = "x"\n')
    settings = EmbeddingSettings.from_environment({"COCO_MODELS_FILE": str(path)})
    assert list(settings.custom_models) == ["a"]
    with pytest.raises(InvalidConfig, match="cannot be read"):
        EmbeddingSettings.from_environment({"COCO_MODELS_FILE": str(tmp_path / "none.toml")})

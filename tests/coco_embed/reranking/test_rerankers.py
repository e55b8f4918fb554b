"""Registered rerankers: their table, their names, and whether each can score."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from coco_core.errors import InvalidConfig, InvalidIntent, Unavailable
from coco_embed.reranking.registered import RegisteredReranker
from coco_embed.reranking.rerankers import Rerankers
from coco_embed.settings import EmbeddingSettings
from tests.cross_encoder import cross_encoder
from tests.rerank_server import rerank_server
from tests.waiting import until


def read(path: Path, text: str) -> dict[str, RegisteredReranker]:
    path.write_text(text, encoding="utf-8")
    settings = EmbeddingSettings.from_environment({"COCO_MODELS_FILE": str(path)})
    return dict(settings.rerankers)


@pytest.fixture
def rerankers(tmp_path: Path) -> Iterator[Rerankers]:
    cross_encoder(tmp_path / "tiny", max_tokens=128)
    with rerank_server() as server:
        found = read(
            tmp_path / "models.toml",
            f"""
[rerankers.tiny]
path = "tiny"
[rerankers.far]
url = "{server.url}/rerank"
[rerankers.gone]
path = "gone"
[rerankers.down]
url = "http://127.0.0.1:9/v1"
""",
        )
        made = Rerankers(found, hint="Register one in models.toml.")
        yield made
        made.close()


def test_the_table_says_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    found = read(
        path,
        '[models.a]\npath = "x"\n[rerankers."ms-marco-v2.0"]\npath = "ms"\nfile = "q.onnx"\n'
        'max_tokens = 256\n[rerankers.jina]\nurl = "https://api.jina.ai/v1/rerank"\n'
        'model = "jina-reranker-v2"\napi_key_env = "JINA_API_KEY"\ntimeout_seconds = 20\n',
    )
    assert found == {
        "ms-marco-v2.0": RegisteredReranker(
            "ms-marco-v2.0",
            f"{path}:3",
            path=(tmp_path / "ms").resolve(),
            file="q.onnx",
            max_tokens=256,
        ),
        "jina": RegisteredReranker(
            "jina",
            f"{path}:7",
            url="https://api.jina.ai/v1",
            model="jina-reranker-v2",
            api_key_env="JINA_API_KEY",
            timeout_seconds=20,
        ),
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[rerankers.a]\npath = "x"\nurl = "http://x"', r"rerankers.a .*:1\) has both"),
        ("[rerankers.a]\nmax_tokens = 4", r"max_tokens .*:2\) is 4: it is outside 16 to"),
        ('[rerankers.a]\npath = "x"\ntimeout_seconds = 0', r"it is outside 1 to 120"),
        ('[rerankers.a]\npath = "x"\npooling = "cls"', r"a.pooling .*:3\) is unknown"),
        ('[rerankers.a]\npath = "x"\nmodel = "m"', r"model .*:3\) has no meaning with path"),
        ('[rerankers.a]\nurl = "http://x"\napi_key_env = "sk-1"', r"not the key"),
        ("rerankers = 3", r"rerankers .*:1\) is 3.*\[rerankers.NAME\]"),
        ('[reranker.a]\npath = "x"', r"There is 'reranker' .*\[rerankers.NAME\]"),
    ],
)
def test_a_mistake_is_shown_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InvalidConfig) as raised:
        read(tmp_path / "models.toml", text)
    assert raised.match(problem)


def test_a_name_that_is_not_registered_is_refused_with_those_that_are(
    rerankers: Rerankers,
) -> None:
    with pytest.raises(InvalidIntent) as raised:
        rerankers.score("tiney", "q", ["t"])
    assert raised.value.message == (
        "There is no reranker 'tiney' here; there are down, far, gone, tiny."
    )
    assert raised.value.hint == ("Did you mean tiny? Register one in models.toml.")
    nothing = Rerankers({}, hint="Register one.")
    with pytest.raises(InvalidIntent, match="none is registered"):
        nothing.seconds("tiny")


def test_both_kinds_score(rerankers: Rerankers) -> None:
    for name in ("tiny", "far"):
        scores = rerankers.score(name, "push request", ["rainbow", "push the request"])
        assert scores[1] > scores[0]


def test_a_failure_leaves_a_sentence_that_says_what_to_do(rerankers: Rerankers) -> None:
    good = rerankers.attempt("tiny", "q", ["t", "q"])
    assert good.scores is not None
    assert (good.scores.argmax(), good.notice) == (1, None)
    for name, words in {
        "gone": "Correct its path",
        "down": "ConnectError",
        "x": "Register",
    }.items():
        bad = rerankers.attempt(name, "q", ["t"])
        assert bad.scores is None
        assert str(bad.notice).startswith("These hits are not reranked: ")
        assert words in str(bad.notice)
    nothing = rerankers.attempt("gone", "q", [])
    assert (nothing.notice, len(nothing.scores if nothing.scores is not None else "?")) == (None, 0)


def test_no_more_queries_than_allowed_wait_at_a_time() -> None:
    with rerank_server() as server, ThreadPoolExecutor(2) as pool:
        model = RegisteredReranker("far", "models.toml:1", url=server.url, timeout_seconds=60)
        few = Rerankers({"far": model}, hint="", at_once=1)
        server.gate.clear()
        first = pool.submit(few.attempt, "far", "push", ["push"])
        until(lambda: server.requests)
        assert "busy" in str(few.attempt("far", "push", ["push"]).notice)
        server.gate.set()
        assert first.result().notice is None
        assert few.attempt("far", "push", ["push"]).notice is None
        few.close()


def test_without_time_left_nothing_is_opened(rerankers: Rerankers) -> None:
    with pytest.raises(Unavailable, match="busy with other queries"):
        rerankers.score("tiny", "q", ["t"], waited=5)


@pytest.mark.slow
def test_the_list_says_which_can_score(rerankers: Rerankers) -> None:
    found = {each.name: each for each in rerankers.list()}
    states = {name: (each.kind, each.state) for name, each in found.items()}
    assert states == {
        "down": ("http", "unreachable"),
        "far": ("http", "ready"),
        "gone": ("onnx", "missing"),
        "tiny": ("onnx", "ready"),
    }
    assert (found["tiny"].max_tokens, found["far"].max_tokens) == (128, 512)
    assert "ConnectError" in found["down"].detail
    assert found["gone"].hint


def test_closed_ones_say_so(rerankers: Rerankers) -> None:
    rerankers.score("tiny", "q", ["t"])
    rerankers.close()
    with pytest.raises(Unavailable, match="closed"):
        rerankers.score("tiny", "q", ["t"])

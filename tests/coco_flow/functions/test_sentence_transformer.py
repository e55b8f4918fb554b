"""Embedding on this machine: which model a name means, and what its vectors are."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coco_core.errors import ModelMissing
from coco_embed.onnx import OnnxEmbedder
from coco_embed.static import StaticEmbedder
from coco_flow.errors import DefinitionError, ExtraMissing
from coco_flow.flow.slices import DataSlice
from coco_flow.flow.transform_flow import transform_flow
from coco_flow.functions import local_model
from coco_flow.functions.sentence_transformer import (
    Embed,
    EmbedExecutor,
    SentenceTransformerEmbed,
    SentenceTransformerEmbedExecutor,
)
from coco_flow.op.definition import Argument, definition_of
from coco_flow.types.schema import BasicValueType, EnrichedValueType
from tests.embedding_server import embedding_server, hashing
from tests.model_fixture import installed_model, models_root, official_files
from tests.onnx_directory import export_minilm

pytestmark = pytest.mark.slow

TEXTS = [
    "def add(a, b): return a + b",
    "The quick brown fox jumps over the lazy dog. " * 30,
    "",
    "read the configuration file",
    "def add(a, b): return a + b",
]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of CoCo without models or settings, and no variables that say otherwise."""
    from coco_embed.settings import EMBEDDING_VARIABLES

    for name in EMBEDDING_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COCO_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    yield tmp_path / "home"
    for embedders in local_model._embedders.values():
        embedders.close()
    local_model._embedders.clear()


@pytest.fixture
def with_model(monkeypatch: pytest.MonkeyPatch) -> None:
    installed_model()
    monkeypatch.setenv("COCO_EMBED_MODEL_DIR", str(models_root() / "models"))


def made(spec: SentenceTransformerEmbed | Embed) -> Any:
    executor: Any = (
        EmbedExecutor() if isinstance(spec, Embed) else SentenceTransformerEmbedExecutor()
    )
    executor.spec = spec
    executor.analyze()
    return executor


def dimension(spec: Any) -> int | None:
    definition, found = definition_of(spec)
    text = Argument(EnrichedValueType(BasicValueType("Str")), origin="the text")
    result = definition.bind(found, [text], {}).result_type
    assert result.attrs == {"cocoindex.io/embedding_origin_text": "the text"}
    vector = result.type.vector  # type: ignore[union-attr]
    assert vector is not None
    assert vector.element_type.kind == "Float32"
    found_dimension: int | None = vector.dimension
    return found_dimension


@pytest.mark.row("EM-1 local embedding")
@pytest.mark.parametrize(
    "spec",
    [
        SentenceTransformerEmbed(model="sentence-transformers/all-MiniLM-L6-v2"),
        SentenceTransformerEmbed(model="all-MiniLM-L6-v2", args={"trust_remote_code": True}),
        Embed(),
        Embed(model="coco-static"),
    ],
    ids=["with owner", "without owner", "own", "static"],
)
def test_the_dimension_is_known_without_the_model(
    spec: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COCO_OFFLINE", "1")
    assert dimension(spec) == 384


@pytest.mark.row("EM-1 local embedding")
def test_the_vectors_are_those_of_the_model(with_model: None) -> None:
    expected = OnnxEmbedder(installed_model(), max_tokens=256)
    try:
        name = "sentence-transformers/all-MiniLM-L6-v2"
        vectors = made(SentenceTransformerEmbed(model=name))(TEXTS)
        assert np.array_equal(np.array(vectors), expected.embed_documents(TEXTS))
        assert all(vector.shape == (384,) for vector in vectors)
        # What CoCo's indexes read of a text is less.
        own = made(Embed())(TEXTS)
        assert np.array_equal(np.array(own), expected.at(128).embed_documents(TEXTS))
        assert not np.array_equal(own[1], vectors[1])
    finally:
        expected.close()


@pytest.mark.row("EM-1 local embedding")
def test_a_flow_embeds_a_text(with_model: None) -> None:
    @transform_flow()
    def embedded(text: DataSlice[str]) -> DataSlice[list[np.float32]]:
        return text.transform(
            SentenceTransformerEmbed(model="sentence-transformers/all-MiniLM-L6-v2")
        )

    vector = np.array(embedded.eval("read the configuration file"))
    near = np.array(embedded.eval("load settings from a file"))
    far = np.array(embedded.eval("the cat sat on the mat"))
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-3)
    assert vector @ near > vector @ far + 0.2


def test_the_static_table_needs_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COCO_OFFLINE", "1")
    vectors = made(Embed(model="coco-static"))(TEXTS)
    assert np.array_equal(np.array(vectors), StaticEmbedder().embed_documents(TEXTS))


def test_models_are_opened_once_for_all_who_name_them(with_model: None) -> None:
    first, second = made(Embed()), made(Embed(max_tokens=64))
    first.prepare()
    second.prepare()
    embedders = [executor._model._embedder for executor in (first, second)]
    assert embedders[0]._loaded is embedders[1]._loaded


def test_what_decides_the_vectors_identifies_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COCO_OFFLINE", "1")

    def identity(spec: Any) -> bytes:
        definition, found = definition_of(spec)
        text = Argument(EnrichedValueType(BasicValueType("Str")))
        return definition.bind(found, [text], {}).identity

    # Neither an owner's name nor where a model runs makes other vectors.
    name = "sentence-transformers/all-MiniLM-L6-v2"
    same = identity(SentenceTransformerEmbed(model=name))
    plain = SentenceTransformerEmbed(model="all-MiniLM-L6-v2", args={"device": "cpu"})
    assert identity(plain) == same
    directory = export_minilm(official_files(), tmp_path / "exported")
    exported = identity(Embed(model=str(directory)))
    local_model._embedders.clear()
    (directory / "tokenizer.json").write_bytes((directory / "tokenizer.json").read_bytes() + b" ")
    changed = identity(Embed(model=str(directory)))
    others = [
        identity(Embed()),
        identity(Embed(max_tokens=64)),
        identity(Embed(task_type="query")),
        identity(Embed(model="coco-static")),
    ]
    assert len({same, exported, changed, *others}) == 7


def test_a_missing_model_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COCO_OFFLINE", "1")
    executor = made(Embed())
    with pytest.raises(ModelMissing, match=r"COCO_OFFLINE forbids.*COCO_MODEL_MIRROR.*coco-static"):
        executor.prepare()


def test_a_missing_model_is_fetched_and_that_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("COCO_MODEL_MIRROR", str(official_files()))
    executor = made(Embed())
    with caplog.at_level("WARNING"):
        executor.prepare()
    assert f"all-MiniLM-L6-v2 is not in {home / 'models'} yet: fetching it" in caplog.text
    assert (home / "models" / "all-MiniLM-L6-v2").is_dir()
    assert len(executor(["a"])) == 1


def test_a_registered_model_is_found_in_coco_s_settings(home: Path) -> None:
    with embedding_server(dimension=16) as server:
        (home / "config.toml").write_text(
            f'port = 1\n[models.remote]\nurl = "{server.url}"\ndimension = 16\n', "utf-8"
        )
        executor = made(SentenceTransformerEmbed(model="remote"))
        expected = hashing(16)(["a b", "c"])
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
        assert np.allclose(executor(["a b", "c"]), expected)
    assert dimension(Embed(model="remote")) == 16


def test_settings_that_cannot_be_used_are_told_when_the_flow_is_built(home: Path) -> None:
    (home / "config.toml").write_text("[models.remote]\n", "utf-8")
    with pytest.raises(DefinitionError, match="has neither path nor url"):
        made(Embed())


def test_any_name_goes_to_a_server_where_one_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    with embedding_server(dimension=12) as server:
        monkeypatch.setenv("COCO_EMBED_URL", server.url)
        executor = made(SentenceTransformerEmbed(model="BAAI/bge-m3"))
        assert len(executor(["a"])[0]) == 12


def test_an_onnx_directory_is_named_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = export_minilm(official_files(), tmp_path / "exported")
    executor = made(SentenceTransformerEmbed(model=str(directory)))
    vectors = executor(TEXTS[:2])
    builtin = OnnxEmbedder(installed_model(), max_tokens=256)
    try:
        # float32 against int8: what `accuracy_check` asks of every text, on a processor without
        # instructions for int8, too.
        similar = (np.array(vectors) * builtin.embed_documents(TEXTS[:2])).sum(axis=1)
        assert similar.min() > 0.97
    finally:
        builtin.close()


def test_a_directory_without_a_model_is_told_when_the_flow_is_built(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="cannot be used"):
        made(SentenceTransformerEmbed(model=str(tmp_path)))


@pytest.mark.row("FN-11 missing extra")
def test_an_unknown_name_is_told_when_the_flow_is_built(
    without_module: Callable[[str], None],
) -> None:
    without_module("sentence_transformers")
    with pytest.raises(
        DefinitionError,
        match=r"no embedding model 'all-mpnet-base-v2' here; there are all-MiniLM-L6-v2, "
        r"coco-static\..*pip install sentence-transformers",
    ):
        dimension(SentenceTransformerEmbed(model="all-mpnet-base-v2"))


@pytest.mark.row("FN-11 missing extra")
def test_arguments_that_change_vectors_need_sentence_transformers(
    without_module: Callable[[str], None],
) -> None:
    without_module("sentence_transformers")
    spec = SentenceTransformerEmbed(model="all-MiniLM-L6-v2", args={"truncate_dim": 64})
    with pytest.raises(ExtraMissing, match=r"'truncate_dim'.*'sentence-transformers'"):
        dimension(spec)


@pytest.mark.row("FN-11 missing extra")
def test_embedding_needs_coco_embed(without_module: Callable[[str], None]) -> None:
    without_module("coco_embed")
    with pytest.raises(ExtraMissing, match=r"'coco-embed'.*coco-flow\[embed\]"):
        dimension(Embed())


SENTENCE_TRANSFORMERS = """
import numpy

class SentenceTransformer:
    prompts = {"query": "query: "}

    def __init__(self, name, **args):
        if name == "none/such":
            raise OSError("no such model")
        self.name, self.args = name, args

    def get_embedding_dimension(self):
        return self.args.get("truncate_dim", 4)

    def encode(self, texts, prompt_name, convert_to_numpy, show_progress_bar):
        assert convert_to_numpy and not show_progress_bar
        rows = [[len(text), prompt_name == "query", 0, 0] for text in texts]
        return numpy.array(rows, numpy.float32)[:, : self.get_embedding_dimension()]
"""


@pytest.fixture
def sentence_transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package with the class that is used of sentence-transformers, which needs torch."""
    folder = tmp_path / "packages"
    folder.mkdir()
    (folder / "sentence_transformers.py").write_text(SENTENCE_TRANSFORMERS, "utf-8")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "sentence_transformers", raising=False)
    yield
    sys.modules.pop("sentence_transformers", None)
    shutil.rmtree(folder)


def test_other_names_are_those_of_sentence_transformers(sentence_transformers: None) -> None:
    spec = SentenceTransformerEmbed(model="all-mpnet-base-v2", args={"device": "cpu"})
    assert dimension(spec) == 4
    executor = made(spec)
    assert [row.tolist() for row in executor(["a", "bbb"])] == [[1, 0, 0, 0], [3, 0, 0, 0]]
    assert executor._model._model.args == {"device": "cpu"}
    queries = made(Embed(model="all-mpnet-base-v2", task_type="query"))
    assert queries(["a"])[0].tolist() == [1, 1, 0, 0]


def test_arguments_that_change_vectors_reach_sentence_transformers(
    sentence_transformers: None,
) -> None:
    args = {"truncate_dim": 2}
    assert dimension(SentenceTransformerEmbed(model="all-MiniLM-L6-v2", args=args)) == 2


def test_a_name_that_nobody_knows(sentence_transformers: None) -> None:
    with pytest.raises(DefinitionError, match="cannot open the model 'none/such': no such model"):
        dimension(SentenceTransformerEmbed(model="none/such"))

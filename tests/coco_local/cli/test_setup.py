import os
from pathlib import Path

import pytest

from tests.model_fixture import installed_model


@pytest.fixture(scope="session")
def model_folder() -> Path:
    """A model as CoCo keeps it, as another machine would bring it along."""
    return installed_model().directory


def test_a_model_is_installed_from_a_folder_and_found_again(coco, model_folder) -> None:
    first = coco("setup", "--model-path", model_folder, "--json").data
    assert first["installed"] is True
    assert Path(first["directory"]).is_relative_to(os.environ["COCO_HOME"])
    coco("setup").prints("is installed and its checksums are right")
    assert "ok   model: all-MiniLM-L6-v2" in coco("doctor").out


def test_a_damaged_model_is_found_by_setup_and_doctor(coco, model_folder) -> None:
    data = coco("setup", "--model-path", model_folder, "--json").data
    weights = Path(data["directory"]) / "model.onnx"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    coco("doctor").prints("fail model: ", "coco setup --force", code=1)
    coco("setup").fails("hint: Run: coco setup --force")


@pytest.mark.parametrize(
    ("name", "said"), [("nothing.whl", "does not exist"), ("notes.txt", "cannot be installed")]
)
def test_what_is_no_model_is_told(coco, tmp_path, name, said) -> None:
    (tmp_path / "notes.txt").write_text("no model", encoding="utf-8")
    coco("setup", "--model-path", tmp_path / name).fails(said)


def test_two_sources_are_one_too_many(coco, tmp_path) -> None:
    coco("setup", "--model-path", tmp_path, "--model-url", "https://example.org/").fails(
        "two sources"
    )


def test_progress_is_drawn_on_a_terminal(on_terminal, model_folder) -> None:
    result = on_terminal("setup", "--model-path", str(model_folder))
    assert result.code == 0
    assert "is installed" in result.out

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

# Names that are not there: there is no target of Pinecone.
ABSENT = {
    "targets": "Pinecone PineconeConnection",
}


@pytest.fixture(scope="module")
def problems() -> dict[str, str]:
    """What does not hold of the list, found by a process in which `cocoindex` is our package."""
    environment = {**os.environ, "PYTHONPATH": str(HERE / "v0")}
    command = [sys.executable, str(HERE / "check_surface.py"), str(HERE / "v0_surface.txt")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_every_public_name_of_the_field_s_v0_api_is_there(problems: dict[str, str]) -> None:
    unexpected = {
        line: problem
        for line, problem in problems.items()
        if line.split(" ")[1] not in ABSENT.get(line.split(" ")[0], "").split(" ")
    }
    assert unexpected == {}

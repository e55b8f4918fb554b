import socket
import threading
from contextlib import contextmanager

import pytest

SENTENCE = "start the CoCo service first: coco start --detach"

ASKING = [
    ["query", "x"],
    ["grep", "x"],
    ["related", "a.py:1"],
    ["outline", "a.py"],
    ["read", "a.py"],
    ["import", "."],
    ["projects"],
    ["forget", "x", "-y"],
    ["index"],
    ["prune"],
    ["jobs"],
    ["status"],
    ["config", "list"],
    ["config", "show-index", "default"],
]


@pytest.mark.parametrize("arguments", ASKING, ids=lambda arguments: " ".join(arguments))
def test_without_a_daemon_every_verb_says_the_sentence_and_exits_3(coco, arguments) -> None:
    result = coco(*arguments)
    assert (result.code, result.out) == (3, "")
    assert result.err == f"error: {SENTENCE}\n"


def test_with_json_the_error_is_the_envelope_on_standard_output(coco) -> None:
    result = coco("query", "x", "--json")
    assert (result.code, result.err) == (3, "")
    assert result.error["code"] == "daemon_not_running"
    assert result.error["message"] == SENTENCE
    assert result.document["meta"]["status"] == "error"


def test_stop_without_a_daemon_exits_3(coco) -> None:
    assert coco("stop").code == 3


def test_a_process_says_the_same(process) -> None:
    done = process("status")
    assert done.code == 3
    assert done.out == ""
    assert done.err == f"error: {SENTENCE}\n"


@contextmanager
def stranger(answer: bytes):
    """A program that is not CoCo, on a port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(30)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}",
        b'HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{"data":{}}',
        b"220 mail.example ESMTP\r\n",
    ],
)
def test_another_program_on_the_port_is_named_as_that(coco, monkeypatch, answer) -> None:
    with stranger(answer) as port:
        monkeypatch.setenv("COCO_PORT", str(port))
        result = coco("status")
    assert result.code == 1
    assert "is not the CoCo service" in result.err
    assert "COCO_PORT" in result.err


def test_the_daemon_of_another_home_is_not_ones_own(coco, running, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("COCO_HOME", str(tmp_path / "another"))
    monkeypatch.setenv("COCO_PORT", str(running.port))
    result = coco("projects")
    assert result.code == 3
    assert result.err.startswith(f"error: {SENTENCE}\n")
    assert "serves another home" in result.err


def test_wrong_settings_name_the_variable(coco, monkeypatch) -> None:
    monkeypatch.setenv("COCO_PORT", "many")
    coco("status").fails("env COCO_PORT")


def test_a_working_directory_that_is_gone(coco, running, tmp_path, monkeypatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    coco("query", "x").fails("does not exist any more")

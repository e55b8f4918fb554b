import re
import signal

from tests.programs import begun


def test_status_tells_service_model_projects_and_stores(coco, shop, running) -> None:
    result = coco("status").prints(f"listens on http://127.0.0.1:{running.port}")
    assert re.search(r"^model +all-MiniLM-L6-v2: missing", result.out, re.MULTILINE)
    assert re.search(r"^stores +lance", result.out, re.MULTILINE)
    assert str(shop) in result.out


def test_status_as_json(coco, shop, running) -> None:
    data = coco("status", "--json").data
    assert data["url"] == f"http://127.0.0.1:{running.port}"
    assert data["stats"]["health"]["signature"] == "coco"
    assert [project["root"] for project in data["projects"]].count(str(shop)) == 1


def test_explain_names_the_rule(coco, shop) -> None:
    assert "is indexed" in coco("status", "--explain", "shop/cart.py").out
    ignored = coco("status", "--explain", "build/output.py")
    assert "is not indexed: ignored by a rule" in ignored.out
    assert ".gitignore:1" in ignored.out
    assert "may hold a secret" in coco("status", "--explain", ".env").out
    outside = coco("status", "--explain", "/etc/passwd", "--json").data
    assert (outside["indexed"], outside["project_id"]) == (False, None)


def test_watching_ends_with_ctrl_c_and_130(running) -> None:
    # A suite that runs in the background of a shell inherits an ignored SIGINT.
    heard = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    with begun("status", "--watch", "--json", **heard) as child:
        assert child.stdout is not None
        assert child.stdout.readline().startswith('{"meta"')
        child.send_signal(signal.SIGINT)
        _, complaint = child.communicate(timeout=30)
    assert child.returncode == 130
    assert complaint == ""


def test_a_closed_pipe_is_no_error(running, shop) -> None:
    with begun("query", "cart", "-k", "50", "--per-file", "9") as child:
        assert child.stdout is not None
        child.stdout.close()
        assert child.stderr is not None
        complaint = child.stderr.read()
        child.wait(30)
    assert child.returncode == 0
    assert "Traceback" not in complaint
    assert "Broken" not in complaint

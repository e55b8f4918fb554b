"""Dashboard and alert rules name metrics and labels that running processes have."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from coco_server.dev.children import free_port
from tests.api_service import ADMIN_KEY
from tests.embedding_server import embedding_server
from tests.operated_service import DIMENSION, operated
from tests.postgres_server import fresh_database

DEPLOY = Path(__file__).parents[3] / "deploy"
RULES = DEPLOY / "prometheus" / "coco-alerts.yml"
DASHBOARD = DEPLOY / "grafana" / "coco-server.json"

# What the rules may use of PromQL; a name that is misspelled is none of these.
WORDS = {
    "sum", "min", "max", "by", "rate", "absent", "histogram_quantile", "le", "and", "or", "unless",
}  # fmt: skip


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return found


def expressions() -> list[str]:
    panels = [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    return [*panels, *(rule["expr"] for rule in rules())]


def metrics_of(expression: str) -> dict[str, set[str]]:
    """Return the metrics of an expression, each with the labels that are chosen from it."""
    found: dict[str, set[str]] = {}
    for name, labels in re.findall(r"(coco_\w+)(?:\{([^}]*)\})?", expression):
        found.setdefault(name, set()).update(re.findall(r"(\w+)\s*[=!]", labels))
    return found


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, set[str]]]:
    """The metrics of a service and a worker that have done something, with their labels."""
    folder, port = tmp_path_factory.mktemp("metrics"), free_port()
    with (
        embedding_server(dimension=DIMENSION) as embedding,
        operated(
            fresh_database(),
            folder / "blobs",
            folder / "log",
            embedding,
            COCO_WORKER_METRICS_PORT=str(port),
        ) as service,
    ):
        acme = service.with_org("acme", "Acme").with_project("kb:a", "A")
        acme.import_all([{"doc_id": "a", "content": "one"}, {"doc_id": "b"}])
        acme.found("one")
        bad = acme.start_import([{"doc_id": "b"}], on_error="fail")
        assert acme.ended(bad["job_id"])["state"] == "failed"
        full = service.with_org("tiny", "Tiny").with_project("kb:t", "T")
        service.admin(
            "POST",
            "/v1/sys/orgs",
            json={"name": "Tiny", "org_id": "tiny", "limits": {"org_max_documents": 0}},
        )
        items = {"items": [{"doc_id": "x", "content": "y"}]}
        assert full.response("POST", "/v1/ingest/batch", json=items).status_code == 403
        admin = {"authorization": f"Bearer {ADMIN_KEY}"}
        texts = [
            httpx.get(f"{service.url}/metrics", headers=admin, timeout=30).text,
            httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text,
        ]
        found: dict[str, set[str]] = {}
        for text in texts:
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    found.setdefault(sample.name, set()).update(sample.labels)
        yield found


@pytest.mark.parametrize("expression", expressions())
def test_every_metric_and_label_exists(scraped: dict[str, set[str]], expression: str) -> None:
    named = metrics_of(expression)
    assert named, "an expression about nothing"
    for name, labels in named.items():
        assert name in scraped
        assert labels <= scraped[name]
    for grouped in re.findall(r"\bby \(([^)]*)\)", expression):
        wanted = {label.strip() for label in grouped.split(",")}
        assert any(wanted <= scraped[name] for name in named), wanted


@pytest.mark.parametrize("expression", expressions())
def test_expressions_are_well_formed(expression: str) -> None:
    depth = 0
    for sign in expression:
        depth += (sign in "([{") - (sign in ")]}")
        assert depth >= 0
    assert depth == 0
    bare = re.sub(r'"[^"]*"|\[[^\]]*\]|\{[^}]*\}|by \([^)]*\)', "", expression)
    assert {
        word for word in re.findall(r"[a-z_]\w*", bare) if not word.startswith("coco_")
    } <= WORDS
    for duration in re.findall(r"\[([^\]]*)\]", re.sub(r'"[^"]*"', "", expression)):
        assert re.fullmatch(r"\d+[smhd]|\$__rate_interval", duration)
    for rated in re.findall(r"rate\((coco_\w+)", expression):
        assert rated.endswith(("_total", "_bucket", "_sum", "_count")), "only counters have a rate"


def test_every_alert_says_what_to_do() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names) > 8
    for rule in rules():
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}
        assert set(rule["annotations"]) == {"summary", "description"}
        assert re.fullmatch(r"\d+[mh]", rule["for"])


def test_the_dashboard_can_be_imported() -> None:
    found = dashboard()
    assert {"title", "uid", "schemaVersion", "panels", "templating", "time"} <= set(found)
    panels = found["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 10
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, f"{panel['title']} covers another panel"
        taken |= cells
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs) > 0
        for source in [panel["datasource"], *(each["datasource"] for each in panel["targets"])]:
            assert source == {"type": "prometheus", "uid": "${datasource}"}


def test_promtool_accepts_the_rules() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not on the PATH; apt-get install prometheus brings it")
    done = subprocess.run(
        [promtool, "check", "rules", str(RULES)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

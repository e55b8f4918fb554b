"""What belongs to another org answers as what does not exist: every route, every id it takes.

The routes come from the application itself: a new one fails here until its ids are listed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pytest
from fastapi.routing import APIRoute, APIWebSocketRoute
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from coco_protocol.server.tenants import KeyScope
from coco_server.store import keys, memos, orgs, rules
from coco_server.store.session import Scope
from tests.api_service import SCOPES, Org, Running
from tests.coco_server.api.route_requests import ADMIN, CHOSEN, OPEN, TENANT, Request
from tests.hostile_rules import growing_rule

SECRET = "the zebra's recipe is secret"


@dataclass(frozen=True)
class World:
    """Two orgs with the same kinds of things, and ids of things that nobody has."""

    service: Running
    mine: dict[str, str]
    theirs: dict[str, str]
    missing: dict[str, str]
    me: Org


@pytest.fixture(scope="module")
def world(service: Running) -> World:
    me = service.org("Mine", (*SCOPES, "impersonate")).with_project()
    them = service.org("Theirs", (*SCOPES, "impersonate")).with_project()
    mine, theirs = _ids(me), _ids(them)
    missing = {
        name: f"{value.rpartition('.')[0][:-4]}zzzz.json"
        if name == "blob_ref"
        else value[:-4] + "zzzz"
        for name, value in theirs.items()
    }
    for ids in (theirs, missing):
        ids["own_org_id"] = mine["org_id"]
    missing["doc_id:path"] = "d1"
    missing["blob_ref"] = f"{theirs['org_id']}/{'0' * 32}.json"
    return World(service, mine, theirs, missing, me)


def _ids(org: Org) -> dict[str, str]:
    version, job_id = org.build({"d1": SECRET, "d2": "nothing"})
    services = org.services
    scope = Scope(org.org_id, "user_1", org.project_id)
    user = f"user_of_{org.org_id}"
    with services.database.tenant(org.org_id) as session:
        orgs.remember_user(session, user)
        owner, token = memos.open_session(session, scope, ttl_seconds=3600)
        memo = memos.create(session, owner, SECRET)
        module = services.blobs.put_bytes(org.org_id, rules.MODULE_SUFFIX, growing_rule(1))
        rule = rules.register(session, "rule", module)
    with services.database.system() as session:
        second = keys.create(session, org.org_id, "second", ["query"])
        config = f"own_{org.org_id}"
        session.connection.execute(
            "INSERT INTO indexing_configs SELECT org_id, %s, body, dimension, fingerprint "
            "FROM indexing_configs WHERE org_id = %s AND config_id = 'small'",
            (config, org.org_id),
        )
    return {
        "org_id": org.org_id,
        "project_id": org.project_id,
        "doc_id:path": "d1",
        "version_id": version.version_id,
        "job_id": job_id,
        "config_id": config,
        "blob_ref": services.blobs.put_bytes(org.org_id, "json", b"[]").ref,
        "session_token": token,
        "memo_id": memo.memo_id,
        "rule_id": rule.rule_id,
        "key_id": second.key.key_id,
        "own_org_id": org.org_id,
        "user_id": user,
    }


def _routes(service: Running) -> Iterator[tuple[str, str]]:
    """Yield every route of the application, whichever way it was added."""
    from coco_server.api.app import create_app

    for route in create_app(service.services).router.routes:
        if isinstance(route, APIRoute):
            yield from ((method, route.path) for method in route.methods or ())
        elif isinstance(route, APIWebSocketRoute):
            yield "WEBSOCKET", route.path
        else:
            yield "GET", str(getattr(route, "path", route))


def test_every_route_is_covered(service: Running) -> None:
    listed = {*TENANT, *ADMIN, *OPEN}
    assert set(_routes(service)) == listed
    for (_, path), requests in TENANT.items():
        named = {part[1:-1] for part in path.split("/") if part.startswith("{")}
        covered = {slot for request in requests for slot in request.slots}
        assert named - CHOSEN <= covered, path


@dataclass(frozen=True)
class Seen:
    """What a client can see of an answer."""

    status: int
    body: str


def _send(
    world: World,
    route: tuple[str, str],
    request: Request,
    ids: Mapping[str, str],
    key: Mapping[str, str] | None = None,
) -> Seen:
    """Send a request with these ids, by another key than the org's where one is given."""
    method, template = route
    headers = {
        **(key or world.me.headers),
        "x-coco-org-id": ids["org_id"],
        "x-coco-project-id": ids["project_id"],
        **{name: _filled(value, ids) for name, value in request.headers.items()},
    }
    path = _filled(template, ids)
    if method == "WEBSOCKET":
        seen = _open_socket(world.service.url.replace("http", "ws") + path, headers)
    else:
        content: str | bytes | None = None
        if isinstance(request.body, bytes):
            content = request.body
            headers["content-type"] = "application/wasm"
        elif request.body is not None:
            content = _filled(json.dumps(request.body), ids)
            headers["content-type"] = "application/json"
        with world.service.client(headers) as client:
            answer = client.request(method, path, content=content)
        seen = Seen(answer.status_code, answer.text)
    return seen


def _open_socket(url: str, headers: Mapping[str, str]) -> Seen:
    try:
        with connect(url, additional_headers=headers, proxy=None) as socket:
            return Seen(101, str(socket.recv()))
    except InvalidStatus as error:
        return Seen(error.response.status_code, (error.response.body or b"").decode())


def _filled(text: str, ids: Mapping[str, str]) -> str:
    for name, value in ids.items():
        text = text.replace("{" + name + "}", value)
    return text


def _without(seen: Seen, ids: Mapping[str, str]) -> Seen:
    """Replace what the caller sent and what differs in every answer."""
    body = seen.body
    # The longest first: a short id may stand in a random one.
    for name, value in sorted(ids.items(), key=lambda each: -len(each[1])):
        body = body.replace(value, f"<{name}>")
    parsed = json.loads(body)
    parsed.get("meta", {}).pop("request_id", None)
    parsed.get("error", {}).pop("request_id", None)
    return Seen(seen.status, json.dumps(parsed, sort_keys=True))


CASES = [
    pytest.param(route, request, slot, id=f"{route[0]} {route[1]} {number} {slot}")
    for route, requests in TENANT.items()
    for number, request in enumerate(requests)
    for slot in request.slots
]


@pytest.mark.parametrize(("route", "request_", "slot"), CASES)
def test_what_another_org_has_does_not_exist(
    world: World, route: tuple[str, str], request_: Request, slot: str
) -> None:
    foreign = {**world.mine, slot: world.theirs[slot]}
    missing = {**world.mine, slot: world.missing[slot]}
    theirs = _send(world, route, request_, foreign)
    nobodys = _send(world, route, request_, missing)
    assert 400 <= theirs.status < 500
    assert _without(theirs, foreign) == _without(nobodys, missing)
    assert "zebra" not in theirs.body


@pytest.mark.parametrize("route", list(TENANT), ids=" ".join)
def test_all_of_another_orgs_ids_open_nothing(world: World, route: tuple[str, str]) -> None:
    for request in TENANT[route]:
        seen = _send(world, route, request, world.theirs)
        assert seen.status == 403
        assert "zebra" not in seen.body


ACTIVE_REMOVED = ("DELETE", "/v1/projects/{project_id}/versions/{version_id}")

# A request that fails for its own ids would prove nothing above; and the project is needed below.
CHANGING = {
    ("DELETE", "/v1/projects/{project_id}"),
    ("POST", "/v1/docs/import"),
    ("POST", "/v1/ingest/batch"),
    ("POST", "/v1/docs/index"),
}


@pytest.mark.parametrize(
    "route", [route for route in TENANT if route not in CHANGING], ids=" ".join
)
def test_ones_own_ids_open_the_route(world: World, route: tuple[str, str]) -> None:
    seen = _send(world, route, TENANT[route][0], world.mine)
    # There is no earlier version to go back to, and the active one is not removed.
    refused = route[1].endswith("rollback") or route == ACTIVE_REMOVED
    assert seen.status in {200, 101, 202} or (refused and seen.status == 409)


@pytest.mark.parametrize("route", list(ADMIN), ids=" ".join)
def test_no_key_of_an_org_opens_the_administration(world: World, route: tuple[str, str]) -> None:
    request = ADMIN[route]
    seen = {
        _without(_send(world, route, request, ids), ids)
        for ids in (world.mine, world.theirs, world.missing)
    }
    assert [each.status for each in seen] == [403]


@pytest.mark.parametrize("route", [*TENANT, *ADMIN], ids=" ".join)
@pytest.mark.parametrize("authorization", [None, "Bearer nobody", "Basic YTpi", "Bearer"])
def test_without_a_key_every_route_is_closed(
    world: World, route: tuple[str, str], authorization: str | None
) -> None:
    method, path = route[0], _filled(route[1], world.mine)
    headers = {} if authorization is None else {"authorization": authorization}
    if method == "WEBSOCKET":
        seen = _open_socket(world.service.url.replace("http", "ws") + path, headers)
        assert seen.status == 401
        return
    with world.service.client(headers) as client:
        answer = client.request(method, path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["error"]["code"] == "unauthorized"


@pytest.mark.parametrize("route", list(TENANT), ids=" ".join)
def test_the_admin_key_opens_no_tenants_data(world: World, route: tuple[str, str]) -> None:
    if route[1].startswith("/v1/sys/"):
        pytest.skip("configs are the administrator's, too")
    key = {"x-coco-user-id": "u", **world.service.admin}
    assert _send(world, route, TENANT[route][0], world.mine, key).status == 403


def test_another_user_of_the_org_does_not_see_a_users_notes(world: World) -> None:
    headers = {**world.me.headers, "x-coco-user-id": "user_2"}
    headers["x-coco-session-token"] = world.mine["session_token"]
    with world.service.client(headers) as client:
        assert client.get("/v1/memo").status_code == 401
        token = client.post("/v1/memo/session").json()["data"]["session_token"]
        found = client.get("/v1/memo", headers={"x-coco-session-token": token})
        assert found.json()["data"]["memos"] == []
        gone = client.delete(
            f"/v1/memo/{world.mine['memo_id']}", headers={"x-coco-session-token": token}
        )
        assert gone.status_code == 404


@pytest.mark.parametrize(
    ("scope", "route"),
    [
        ("query", ("POST", "/v1/docs/import")),
        ("query", ("DELETE", "/v1/jobs/{job_id}")),
        ("ingest", ("POST", "/v1/docs/query")),
        ("ingest", ("POST", "/v1/projects/{project_id}/rollback")),
        ("query", ("PUT", "/v1/projects/{project_id}/defaults")),
        ("query", ("DELETE", "/v1/projects/{project_id}/versions/{version_id}")),
        ("query", ("GET", "/v1/memo")),
        ("query", ("POST", "/v1/sys/configs")),
    ],
)
def test_keys_open_what_scopes_name(service: Running, scope: str, route: tuple[str, str]) -> None:
    org = service.org("Narrow", (scope,)).with_project()
    ids = {"job_id": "job_1", "version_id": "ver_1"}
    ids |= {"org_id": org.org_id, "project_id": org.project_id}
    request = TENANT[route][0]
    with service.client({**org.headers, "x-coco-session-token": "t"}) as client:
        answer = client.request(route[0], _filled(route[1], ids), json=request.body)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "forbidden"


def test_a_foreign_id_takes_as_long_as_a_missing_one(world: World) -> None:
    path = f"/v1/projects/{world.mine['project_id']}/versions/"
    fastest = {"theirs": 1e9, "missing": 1e9}
    ids = {"theirs": world.theirs["version_id"], "missing": world.missing["version_id"]}
    # What the machine does beside it only ever adds, so the fastest of enough are compared: equal
    # ones come together, different ones never do.
    with world.service.client(world.me.headers) as client:
        for _ in range(20):
            for _ in range(20):
                for name, version_id in ids.items():
                    took = client.get(path + version_id).elapsed.total_seconds()
                    fastest[name] = min(fastest[name], took)
            if abs(fastest["theirs"] - fastest["missing"]) < 0.2 * fastest["theirs"]:
                return
    pytest.fail(f"the times differ: {fastest}")


@pytest.fixture(scope="module")
def bound(world: World) -> World:
    """The same org by a key that opens another one of its projects alone."""
    other = world.me.with_project("kb:other")
    scopes: tuple[KeyScope, ...] = ("query", "ingest", "manage", "memo")
    return replace(world, me=other.with_key(*scopes, projects=[other.project_id]))


IN_A_PROJECT = [route for route in TENANT if not route[1].startswith("/v1/sys/")]


@pytest.mark.parametrize("route", IN_A_PROJECT, ids=" ".join)
def test_a_project_that_a_key_does_not_open_does_not_exist(
    bound: World, route: tuple[str, str]
) -> None:
    for request in TENANT[route]:
        missing = {**bound.mine, "project_id": bound.missing["project_id"]}
        closed = _send(bound, route, request, bound.mine)
        nobodys = _send(bound, route, request, missing)
        assert closed.status == 404
        assert _without(closed, bound.mine) == _without(nobodys, missing)


def test_a_bound_key_does_not_build_from_another_projects_import(bound: World) -> None:
    """Blobs belong to the org: a reference must have come from a project that the key opens."""
    route, request = ("POST", "/v1/docs/import"), Request({"blob_ref": "{blob_ref}"})
    ids = {**bound.mine, "project_id": bound.me.project_id}
    missing = {**ids, "blob_ref": f"{ids['org_id']}/{'0' * 32}.json"}
    seen, nobodys = _send(bound, route, request, ids), _send(bound, route, request, missing)
    assert seen.status == 404
    # The reference begins with the org's id, which is replaced first.
    named = [
        Seen(each.status, each.body.replace(of["blob_ref"], "blob"))
        for each, of in ((seen, ids), (nobodys, missing))
    ]
    assert _without(named[0], ids) == _without(named[1], missing)

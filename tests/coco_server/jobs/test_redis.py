"""Wake-ups through Redis: they carry no truth, so nothing is lost without them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from coco_core.errors import Unavailable
from coco_server.dev import redis as dev_redis
from coco_server.dev.redis import DevRedis, redis_program
from coco_server.jobs.notifier import RedisDoorbell

pytestmark = pytest.mark.skipif(redis_program() is None, reason="there is no redis-server")


@pytest.fixture
def server() -> Iterator[DevRedis]:
    with DevRedis() as running:
        yield running


def test_a_ring_wakes_those_who_listen(server: DevRedis) -> None:
    listener, ringer = RedisDoorbell(server.url, "coco"), RedisDoorbell(server.url, "coco")
    other = RedisDoorbell(server.url, "other")
    assert not listener.wait(0.05)
    assert not other.wait(0.05)
    rung = threading.Event()

    def listen() -> None:
        if listener.wait(20):
            rung.set()

    thread = threading.Thread(target=listen)
    thread.start()
    ringer.ring("job_1")
    assert rung.wait(20)
    assert not other.wait(0.05)
    thread.join()
    for each in (listener, ringer, other):
        each.close()


def test_without_redis_a_ring_is_silent_and_a_wait_just_waits(server: DevRedis) -> None:
    bell = RedisDoorbell(server.url, "coco")
    assert not bell.wait(0.05)
    server.stop()
    bell.ring("job_1")
    assert not bell.wait(0.2)
    bell.close()


def test_a_machine_without_redis_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev_redis, "redis_program", lambda: None)
    with pytest.raises(Unavailable, match="no redis-server"):
        DevRedis().start()

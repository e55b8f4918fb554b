"""Wake-ups through Redis: they carry no truth, so nothing is lost without them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from coco_core.errors import Unavailable
from coco_server.dev import redis as dev_redis
from coco_server.dev.redis import DevRedis, redis_program
from coco_server.jobs.notifier import RedisNotifier

pytestmark = pytest.mark.skipif(redis_program() is None, reason="there is no redis-server")


@pytest.fixture
def server() -> Iterator[DevRedis]:
    with DevRedis() as running:
        yield running


def test_a_ring_wakes_those_who_listen(server: DevRedis) -> None:
    listener, sender = RedisNotifier(server.url, "coco"), RedisNotifier(server.url, "coco")
    other = RedisNotifier(server.url, "other")
    assert not listener.wait(0.05)
    assert not other.wait(0.05)
    rung = threading.Event()

    def listen() -> None:
        if listener.wait(20):
            rung.set()

    thread = threading.Thread(target=listen)
    thread.start()
    sender.notify("job_1")
    assert rung.wait(20)
    assert not other.wait(0.05)
    thread.join()
    for each in (listener, sender, other):
        each.close()


def test_without_redis_a_ring_is_silent_and_a_wait_just_waits(server: DevRedis) -> None:
    notifier = RedisNotifier(server.url, "coco")
    assert not notifier.wait(0.05)
    server.stop()
    notifier.notify("job_1")
    assert not notifier.wait(0.2)
    notifier.close()


def test_a_machine_without_redis_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev_redis, "redis_program", lambda: None)
    with pytest.raises(Unavailable, match="no redis-server"):
        DevRedis().start()

from __future__ import annotations

import threading

from coco_local.indexing.pending_files import PendingFiles


def test_a_file_that_changes_while_it_is_indexed_stays_pending() -> None:
    pending = PendingFiles()
    pending.add(["a", "b"])
    claimed = pending.claim(["a"])
    pending.add(["a"])
    pending.release(claimed, done=["a"])
    assert pending.all() == ["a", "b"]


def test_a_file_is_claimed_by_one_thread_only() -> None:
    pending = PendingFiles()
    pending.add(["a"])
    assert pending.claim(["a"]) != {}
    assert pending.claim(["a"]) == {}
    assert pending.first(10) == []


def test_work_that_failed_is_not_lost() -> None:
    pending = PendingFiles()
    pending.add(["a"])
    pending.release(pending.claim(["a"]), done=[])
    assert pending.first(10) == ["a"]


def test_waiting_ends_when_the_other_thread_is_done() -> None:
    pending = PendingFiles()
    pending.add(["a"])
    claimed = pending.claim(["a"])
    assert not pending.wait_idle(["a"], 0)
    other = threading.Thread(target=pending.release, args=(claimed,), kwargs={"done": ["a"]})
    other.start()
    assert pending.wait_idle(["a"], 10)
    other.join()
    assert len(pending) == 0

"""The threads of calls: each job finds a thread as good as new, and none is left behind."""

import _thread
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from fuzzharness.runtime.workers import Aborted, Worker, release


class Counted(threading.local):
    def __init__(self) -> None:
        self.items: list[int] = []


LOCAL, COUNTED = threading.local(), Counted()


@pytest.fixture
def worker() -> Any:
    worker = Worker()
    yield worker
    worker.stop()


def done(worker: Worker, job: Callable[[], Any]) -> Any:
    """What ``job`` returns on the thread of ``worker``."""
    found: list[Any] = []
    ready = _thread.allocate_lock()
    ready.acquire()

    def reporting() -> None:
        found.append(job())
        ready.release()

    worker.start(reporting)
    assert ready.acquire(timeout=10)
    return found[0]


def idents(worker: Worker) -> list[int]:
    return [done(worker, _thread.get_ident) for _ in range(3)]


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="each job has a thread of its own there")
def test_every_job_runs_on_the_one_thread(worker: Worker) -> None:
    (ident,) = set(idents(worker))
    assert ident == worker.ident != _thread.get_ident()


def test_two_workers_have_two_threads(worker: Worker) -> None:
    other, seen = Worker(), []
    done(worker, lambda: seen.append((_thread.get_ident(), *idents(other))))
    ((mine, *theirs),) = seen
    assert mine not in theirs
    other.stop()


def test_thread_locals_are_fresh_for_every_job(worker: Worker) -> None:
    def look() -> tuple[object, int]:
        seen = getattr(LOCAL, "value", "fresh"), len(COUNTED.items)
        LOCAL.value = "used"
        COUNTED.items.append(1)
        return seen

    assert [done(worker, look) for _ in range(3)] == [("fresh", 0)] * 3


def test_thread_locals_of_other_threads_are_left_alone(worker: Worker) -> None:
    LOCAL.value = "mine"
    assert done(worker, lambda: getattr(LOCAL, "value", "fresh")) == "fresh"
    assert LOCAL.value == "mine"
    del LOCAL.value


def test_what_a_job_kept_in_thread_locals_is_let_go(worker: Worker) -> None:
    class Kept:
        def __del__(self) -> None:
            gone.release()

    gone = _thread.allocate_lock()
    gone.acquire()
    done(worker, lambda: setattr(LOCAL, "value", Kept()))
    assert gone.acquire(timeout=10)


def test_an_idle_worker_has_ended_when_stop_returns() -> None:
    worker = Worker()
    done(worker, threading.current_thread)
    done(worker, lambda: None)
    worker.stop()
    assert worker.ident not in {thread.ident for thread in threading.enumerate()}


def test_a_worker_that_never_ran_can_be_stopped() -> None:
    before = _thread._count()
    Worker().stop()
    assert _thread._count() == before


def test_a_worker_can_be_stopped_twice(worker: Worker) -> None:
    done(worker, lambda: None)
    worker.stop()
    worker.stop()


def test_a_busy_worker_ends_when_its_job_does() -> None:
    worker, go, gone = Worker(), _thread.allocate_lock(), _thread.allocate_lock()
    go.acquire()
    gone.acquire()

    class Last:
        def __del__(self) -> None:
            gone.release()

    def job() -> None:
        LOCAL.last = Last()
        go.acquire()

    worker.start(job)
    worker.stop()
    assert gone.locked()
    go.release()
    assert gone.acquire(timeout=10)


def test_tools_do_not_catch_an_abort_by_habit() -> None:
    assert not issubclass(Aborted, Exception)


def test_releasing_a_free_lock_does_nothing() -> None:
    lock = _thread.allocate_lock()
    release(lock)
    assert not lock.locked()

"""Ctrl-C while the world is put back is kept until that is done; a second one is not."""

from __future__ import annotations

import signal
import threading

import pytest

from fuzzharness.runtime.interrupts import uninterrupted


def interrupted(times: int, done: list[str]) -> None:
    with uninterrupted():
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)
        done.append("put back")


def test_the_first_comes_when_it_is_done() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(1, done)
    assert done == ["put back"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_second_comes_at_once() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(2, done)
    assert done == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_somebody_elses_is_left_alone() -> None:
    heard: list[int] = []
    found = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        interrupted(2, [])
    finally:
        signal.signal(signal.SIGINT, found)
    assert heard == [signal.SIGINT, signal.SIGINT]


def test_other_threads_have_nothing_to_keep() -> None:
    done: list[str] = []
    thread = threading.Thread(target=interrupted, args=(0, done))
    thread.start()
    thread.join()
    assert done == ["put back"]

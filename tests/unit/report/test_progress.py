"""Signs of life: not too many, and none left behind on a terminal."""

import io

import pytest
from rich.console import Console

from fuzzharness.events import Progressed, SerialProgressed
from fuzzharness.report.progress import Progress


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def out():
    return io.StringIO()


def test_elsewhere_than_on_a_terminal_there_is_a_line_per_half_minute(clock, out):
    progress = Progress(Console(file=out), clock)
    with progress.over("x::turn-1"):
        for second in range(95):
            clock.now = float(second)
            progress(Progressed(second * 100, 10_000, 3))
    assert out.getvalue().splitlines() == [
        "x::turn-1: 3,000 of at most 10,000 runs, 3 endings",
        "x::turn-1: 6,000 of at most 10,000 runs, 3 endings",
        "x::turn-1: 9,000 of at most 10,000 runs, 3 endings",
    ]


def test_a_short_search_says_nothing(clock, out):
    progress = Progress(Console(file=out), clock)
    with progress.over("x::turn-1"):
        progress(Progressed(100, 5000, 1))
    assert out.getvalue() == ""


def test_on_a_terminal_one_line_is_kept_up_to_date_and_then_erased(clock, out):
    progress = Progress(Console(file=out, force_terminal=True, width=80), clock)
    with progress.over("x::turn-1"):
        clock.now = 1.0
        progress(Progressed(100, 5000, 1))
    assert "100 of at most 5,000 runs" in out.getvalue()
    assert out.getvalue().endswith("\x1b[2K")


def test_the_serial_orders_give_signs_of_life_too(clock, out):
    progress = Progress(Console(file=out), clock)
    with progress.over("x::turn-1"):
        clock.now = 31.0
        progress(SerialProgressed(6, 310, 720))
    assert out.getvalue() == "x::turn-1: 310 of at most 720 serial orders of 6 calls\n"

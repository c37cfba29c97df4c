"""The end of the process: what a call does to bring it about ends the call alone.

Decides which functions would end the process, or replace it, and what a call that asks for one raises
instead. Children of a tool's own end as they like.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

from fuzzharness.runtime.places import place_of_tool
from fuzzharness.runtime.strand import RUNNING
from fuzzharness.world.resource import Gate

Function = Callable[..., Any]

_PLACE: list[tuple[Gate, int]] = []
"""The gate that is told, and the process that is not to end."""


class EndOfProcess(BaseException):
    """Unwinds the call. A BaseException, so that tools do not catch it by habit."""


def functions(gate: Gate) -> list[tuple[Any, Any]]:
    """Each function that is stood in for, with what stands in for it; not what a test has replaced."""
    _PLACE[:] = [(gate, os.getpid())]
    return [
        (real, _ending(f"{module.__name__}.{name}", real, words))
        for module, names in _WORDS.items()
        for name, words in names.items()
        if getattr(real := getattr(module, name, None), "__module__", None) in _HOMES
    ]


@cache
def _ending(name: str, real: Function, words: Callable[..., str | None]) -> Function:
    kind = type(name, (EndOfProcess,), {"__module__": __name__})

    def stand_in(*args: Any, **kwargs: Any) -> Any:
        gate, process = _PLACE[-1]
        inside = RUNNING.get(_thread.get_ident()) is not None and os.getpid() == process
        what = words(*args, **kwargs) if inside else None
        if what is None:
            return real(*args, **kwargs)
        gate.escape(f"{name} would have {what}")
        place = place_of_tool(sys._getframe(1))
        raise kind(f"the tool would have {what}" + (f", at {place}" if place else ""))

    stand_in.__name__ = name.rpartition(".")[2]
    return stand_in


def _status(status: int) -> str:
    return f"ended the process with status {status}"


def _abort() -> str:
    return "ended the process by SIGABRT"


def _interrupt(signalnum: int = signal.SIGINT) -> str | None:
    return _raise(signalnum)


def _kill(pid: int, sig: int) -> str | None:
    mine = pid in (os.getpid(), 0, -1, -os.getpgrp())
    return _raise(sig) if mine else None


def _killpg(pgid: int, sig: int) -> str | None:
    return _raise(sig) if pgid in (0, os.getpgrp()) else None


def _to_thread(_thread_id: int, signalnum: int) -> str | None:
    return _raise(signalnum)


def _raise(signalnum: int) -> str | None:
    """What a signal would do; None for the one that only asks, and for those that nobody hears."""
    if not signalnum or signal.getsignal(signalnum) is signal.SIG_IGN:
        return None
    known = signalnum in set(signal.Signals)
    return f"sent {signal.Signals(signalnum).name if known else signalnum} to the process"


def _replace(path: Any, *_args: Any, **_kwargs: Any) -> str:
    return f"replaced the process by {os.fsdecode(path)}"


_WORDS: dict[Any, dict[str, Callable[..., str | None]]] = {
    os: {
        "_exit": _status,
        "abort": _abort,
        "kill": _kill,
        "killpg": _killpg,
        "execv": _replace,
        "execve": _replace,
    },
    signal: {"raise_signal": _raise, "pthread_kill": _to_thread},
    _thread: {"interrupt_main": _interrupt},
}
"""The functions that end the process, and what tells what one would do (None: nothing of the kind)."""

_HOMES = frozenset({"posix", "nt", "_signal", "signal", "_thread"})

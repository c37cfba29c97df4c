"""Recording: what a user's runner holds while its calls are recorded.

Decides what a runner has to say, which is one line for its tools and one for its batches. Leaves the order
of lines to :mod:`fuzzharness.recorder.turns`.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast, overload

from fuzzharness.errors import RecordingError
from fuzzharness.model import Call
from fuzzharness.recorder.journal import Journal
from fuzzharness.recorder.turns import Turn, Turns, Within
from fuzzharness.recorder.watched import watched
from fuzzharness.tools.toolbox import Tool, Toolbox, is_async

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class Opened:
    """A batch that is being recorded, as ``with recording.batch() as batch:`` gives it."""

    def __init__(self, turns: Turns, turn: Turn) -> None:
        self._turns = turns
        self._turn = turn

    def carry(self, function: Callable[P, T]) -> Callable[P, T]:
        """``function``, so that calls it makes on any thread belong to this batch.

        Needed only where several batches are open at once and a runner's threads do not have their context.
        """

        @wraps(function)
        def carried(*args: P.args, **kwargs: P.kwargs) -> T:
            with Within(self._turns.enter(self._turn)):
                return function(*args, **kwargs)

        return carried


class Recording:
    """A recording that is being written, from :func:`record` on until its ``with`` block or ``close()``."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._turns = Turns(journal)

    @overload
    def tools(self, tools: Toolbox, /, *, resources: Collection[str] = ()) -> Toolbox: ...
    @overload
    def tools(self, tools: Mapping[str, F], /, *, resources: Collection[str] = ()) -> dict[str, F]: ...
    def tools(self, tools: Any, /, *, resources: Collection[str] = ()) -> Any:
        """The same tools under the same names, sync and async as they were; their calls are recorded.

        resources: names of parameters that the runner fills in (a connection, a path), which are not
            recorded: in a replay they come from the World.

        Raises :class:`fuzzharness.RecordingError` for one of these that no tool has. A call with another
        argument that is not JSON gives a :class:`fuzzharness.FuzzWarning`, once for tool and parameter.
        """
        _check_resources([tools[name] for name in tools], resources)
        found = {name: watched(tools[name], name, self._turns, resources) for name in tools}
        return Toolbox(found) if isinstance(tools, Toolbox) else found

    def tool(self, tool: F, /, *, name: str | None = None, resources: Collection[str] = ()) -> F:
        """One tool whose calls are recorded, under its own name unless ``name`` says another.

        resources: as for :meth:`tools`.
        """
        _check_resources([tool], resources)
        return cast(F, watched(tool, name or _own_name(tool), self._turns, resources))

    @overload
    def __call__(self, tools: Toolbox, /) -> Toolbox: ...
    @overload
    def __call__(self, tools: Mapping[str, F], /) -> dict[str, F]: ...
    @overload
    def __call__(self, tools: F, /) -> F: ...
    def __call__(self, tools: Any, /) -> Any:
        """As a decorator: :meth:`tools` of a toolbox or a mapping, :meth:`tool` of a function."""
        return self.tools(tools) if isinstance(tools, (Toolbox, Mapping)) else self.tool(tools)

    @contextmanager
    def batch(self, calls: Iterable[Call] = ()) -> Iterator[Opened]:
        """The calls made in the ``with`` block are those of one message.

        calls: the calls of the message, in its order. Without them the order in which they begin is
            recorded, which is the message's under asyncio but not under threads. A call that is made with
            other arguments than these say is recorded as they say, with a :class:`fuzzharness.FuzzWarning`.

        A call belongs to the batch in whose context it is made (tasks have the context they were made in).
        A thread without any belongs to the batch that is open, if that is one; else see
        :meth:`Opened.carry`.
        """
        turn = self._turns.open(calls)
        try:
            with Within(self._turns.enter(turn)):
                yield Opened(self._turns, turn)
        finally:
            self._turns.leave(turn)

    def runner(self, run: F) -> F:
        """``run``, the function that makes the calls of one message, sync or async: a batch each time."""

        @wraps(run)
        def sync(*args: Any, **kwargs: Any) -> Any:
            with self.batch():
                return run(*args, **kwargs)

        @wraps(run)
        async def asynchronous(*args: Any, **kwargs: Any) -> Any:
            with self.batch():
                return await run(*args, **kwargs)

        return cast(F, asynchronous if is_async(run) else sync)

    def close(self) -> None:
        """Let go of the file. A call made later raises :class:`fuzzharness.RecordingError`."""
        self._journal.close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _check_resources(tools: Sequence[Tool], resources: Collection[str]) -> None:
    """Raise :class:`RecordingError` for a resource that none of ``tools`` can be given."""
    known: dict[str, None] = {}
    for tool in tools:
        try:
            parameters = inspect.signature(tool).parameters
        except (TypeError, ValueError):
            return
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
            return
        known |= dict.fromkeys(parameters)
    wrong = [resources] if isinstance(resources, str) else [name for name in resources if name not in known]
    if wrong:
        right = [*get_close_matches(wrong[0], list(known), 1), wrong[0]][0]
        raise RecordingError(
            f"resources is {resources!r}, of which {wrong[0]!r} is no name of a parameter. Expected a tuple "
            f"of parameters of the tools, out of: {', '.join(known) or '(there is none)'}. Write it as "
            f'resources=("{right}",).'
        )


def _own_name(tool: Tool) -> str:
    found = Toolbox()
    found.tool(tool)
    return next(iter(found))


def record(path: str | os.PathLike[str], *, fsync: bool = False) -> Recording:
    """Record the calls of live tools to ``path``, in fuzzharness' own format.

    ``with fh.record("session.jsonl") as recording: tools = recording.tools(tools)``, and where the calls of
    one message are made ``with recording.batch():``. A function or a toolbox may be decorated:
    ``@recording``.

    Every line leaves the process before its call goes on: a process that is killed loses at most what was
    in flight. A result that is not JSON, or None, is kept as its text and marked ``opaque``. Without
    :meth:`Recording.batch` the calls that are in flight together count as a batch, marked ``inferred``.
    Calls that a tool makes itself are not recorded, unless it opens a batch for them. An existing recording
    is gone on with.

    fsync: also wait for the disk after every line; without it the last seconds may be lost if the machine
    stops.

    Raises :class:`fuzzharness.RecordingError` where another process writes to the file, or it is none of
    ours.
    """
    return Recording(Journal(path, fsync))

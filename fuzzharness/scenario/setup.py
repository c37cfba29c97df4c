"""Setup: the tools, the world and the batches of a scenario while its folder is open.

Decides what a scenario's names stand for: which functions are tools, what makes the world, which
batches are run and what runs before each. Never runs a tool.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from fuzzharness.errors import FuzzHarnessError, ScenarioError
from fuzzharness.model import Trace
from fuzzharness.scenario.modules import Source
from fuzzharness.scenario.trial import Trial
from fuzzharness.tools.toolbox import Toolbox
from fuzzharness.world import World


@dataclass(frozen=True, slots=True)
class Setup:
    """What a scenario's exploration needs. ``world()`` makes a world anew where the file has a function.

    ``alone`` counts the batches of one call that are left out beside the ``trials``.
    """

    tools: Toolbox
    world: Callable[[], World]
    trials: tuple[Trial, ...]
    alone: int = 0

    def trial(self, name: str) -> Trial:
        """The trial called ``name``; :class:`ScenarioError` if the scenario does not run it."""
        found = [trial for trial in self.trials if trial.name == name]
        if not found:
            raise no_batch(name, [trial.name for trial in self.trials], "the scenario")
        return found[0]

    def check(self) -> None:
        """Raise unless every call of every trial fits its tool; runs none of them."""
        resources = tuple(self.world().names) if self.trials else ()
        for trial in self.trials:
            for batch in (*trial.before, trial.batch):
                batch.check()
                for call in batch.calls:
                    self.tools.bind(call, resources)


def trials(trace: Trace, wanted: Sequence[str], before: bool, origin: str) -> tuple[Trial, ...]:
    """The batches of ``trace`` to explore: those ``wanted``, else all with two or more calls, else all.

    One that the recording has only to be run before others is never explored. With ``before`` each comes
    with the batches that its session has before it.
    """
    names = [batch.id or f"turn-{n}" for n, batch in enumerate(trace.batches, 1)]
    own = {name: b for name, b in zip(names, trace.batches, strict=True) if not b.before}
    for name in wanted:
        if name not in own:
            raise no_batch(name, list(own), origin)
    several = {name for name, batch in own.items() if len(batch.calls) > 1}
    chosen = set(wanted) or several or set(own)
    return tuple(
        Trial(name, trace.batches[n], trace.leading_to(n) if before else ())
        for n, name in enumerate(names)
        if name in chosen
    )


def toolbox(source: Source, folders: Sequence[Path]) -> Toolbox:
    """The tools that ``source`` names: a Toolbox, a mapping, or the public functions of a module."""
    module = source.load(folders)
    found = _named(source, module) if source.name else dict(_functions(module))
    if isinstance(found, Toolbox):
        return found
    if not isinstance(found, Mapping) or not found:
        seen = "has no public function of its own" if found == {} else f"is a {type(found).__name__}"
        raise ScenarioError(
            f"{source.origin} is {source.text!r}, which {seen}. Expected a file whose public functions are "
            "the tools, or FILE.py:NAME where NAME is a Toolbox or a dict of name to function."
        )
    return Toolbox({str(name): tool for name, tool in found.items()})


def world_maker(source: Source, folders: Sequence[Path]) -> Callable[[], World]:
    """What makes the world that ``source`` names: calls its function, or hands out its World."""
    if source.name is None:
        raise ScenarioError(
            f"{source.origin} is {source.text!r}, which does not say where in it the world is. Expected "
            "FILE.py:NAME, NAME being a World or a function without parameters that returns one."
        )
    found = _named(source, source.load(folders))

    def make() -> World:
        try:
            made = found() if callable(found) and not isinstance(found, World) else found
        except FuzzHarnessError:
            raise
        except Exception as error:
            raise source.failed("could not be made", error, folders) from error
        if not isinstance(made, World):
            raise ScenarioError(
                f"{source.origin} is {source.text!r}, which gives a {type(made).__name__}. Expected a "
                "fuzzharness.World, or a function without parameters that returns one."
            )
        return made

    return make


def _named(source: Source, module: ModuleType) -> Any:
    name = source.name or ""
    if hasattr(module, name):
        return getattr(module, name)
    public = [n for n in vars(module) if not n.startswith("_")]
    near = get_close_matches(name, public, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ScenarioError(
        f"{source.origin} is {source.text!r}, but {source.file or source.module} has no {name!r}.{hint} "
        f"Expected one of its names: {', '.join(sorted(public)) or 'it has none'}. Correct the name."
    )


def _functions(module: ModuleType) -> Iterator[tuple[str, Any]]:
    for name, value in vars(module).items():
        if inspect.isfunction(value) and not name.startswith("_") and value.__module__ == module.__name__:
            yield name, value


def no_batch(name: str, names: Sequence[str], origin: str) -> ScenarioError:
    """The error that says which batches there are instead of ``name``."""
    near = get_close_matches(name, names, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return ScenarioError(
        f"{origin} has no batch {name!r}.{hint} Expected one of: {', '.join(names) or '(it has none)'}. "
        "Correct the name."
    )

"""World: everything the calls of a batch share, by name.

Decides which value becomes which kind of resource, and opens, resets and closes them together. What
a resource does is decided in its own file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Never

from fuzzharness.access import Key
from fuzzharness.errors import WorldError
from fuzzharness.world.layout import Layout
from fuzzharness.world.resource import Gate, Resource
from fuzzharness.world.values import Value


class World:
    """The resources of a batch by name; anything that is not a resource is taken as a plain value.

    A tool parameter of a resource's name receives the live resource.
    """

    def __init__(self, *unnamed: Never, **resources: Any) -> None:
        if unnamed:
            kinds = ", ".join(type(value).__name__ for value in tuple[Any, ...](unnamed))
            raise WorldError(
                f"World was given {kinds} without a name. Expected every resource by the name that a tool "
                "parameter receives it under. Write fh.World(db=fh.Database(…))."
            )
        self._resources: dict[str, Resource] = {
            name: value if isinstance(value, Resource) else Value(value) for name, value in resources.items()
        }
        self._opened: list[Resource] = []

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the resources, in the order they were given."""
        return tuple(self._resources)

    @property
    def learned(self) -> int:
        """Grows whenever a resource finds earlier runs not to be comparable with what comes."""
        return sum(getattr(resource, "learned", 0) for resource in self._opened)

    def open(self, gate: Gate) -> None:
        """Take hold of every resource; on failure those already taken are let go again."""
        if self._opened:
            raise WorldError(
                "this World is being explored already. Expected one exploration of a World at a time, since "
                "all of them share its resources. Make a World for each, with a function that returns one."
            )
        try:
            for name, resource in self._resources.items():
                self._opened.append(resource)
                resource.open(name, gate)
        except BaseException:
            self.close()
            raise

    def mark(self) -> None:
        """Make the state as it stands the one every run starts from."""
        for resource in self._opened:
            resource.mark()

    def reset(self) -> Mapping[str, Any]:
        """Bring every resource back to its initial state; returns what tools receive, by name."""
        return {name: resource.reset() for name, resource in self._resources.items()}

    def capture(self) -> dict[str, Any]:
        """The state of every resource as plain nested mappings."""
        return {name: resource.capture() for name, resource in self._resources.items()}

    def check(self) -> None:
        """Let resources that were restored by what was announced report what was not."""
        for resource in self._opened:
            check = getattr(resource, "check", None)
            if check is not None:
                check()

    def layout(self) -> Layout:
        """Which parts of the captured state are tables and which are files."""
        parts: list[Layout] = [r.layout() for r in self._resources.values() if hasattr(r, "layout")]
        tables = {path: table for part in parts for path, table in part.tables.items()}
        return Layout(tables, frozenset().union(*(part.files for part in parts)))

    def perturb(self, resource: str, key: Key) -> bool:
        """Change the value at ``key`` to another of its type; False where that cannot be done."""
        return resource in self._resources and self._resources[resource].perturb(key)

    def covers(self, path: str) -> bool:
        """Whether an absolute path lies in a resource that watches files."""
        roots = [root for r in self._resources.values() for root in getattr(r, "roots", ())]
        return any(path == root or path.startswith(root + os.sep) for root in roots)

    def close(self) -> None:
        """Leave every resource as :meth:`open` found it; one that fails does not keep the others."""
        with ExitStack() as stack:
            for resource in self._opened:
                stack.callback(resource.close)
            self._opened = []

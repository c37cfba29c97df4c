"""The pools that ``urllib3`` keeps connections in, which calls that share a session or a manager share.

Decides that they are no coupling: which connection a call takes makes no difference, since its requests go
over those of ``http_wire``. A pool that lets calls wait for a connection is left as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final

from fuzzharness.world.references import Replaced

_METHODS: Final = ("__init__", "_get_conn", "_put_conn")
_OF_ALL: Final = "_close_pool_connections"

Unseen = Callable[[], AbstractContextManager[None]]


def stand_in(replaced: Replaced, unseen: Unseen) -> None:
    """Let pools be used ``unseen``, if there are any."""
    pools: Any = sys.modules.get("urllib3.connectionpool")
    if pools is None:
        return
    for name in _METHODS:
        replaced.put(pools.HTTPConnectionPool, name, _of_pool(pools.HTTPConnectionPool, name, unseen))
    if hasattr(pools, _OF_ALL):  # of urllib3 2
        replaced.put(pools, _OF_ALL, _closing(getattr(pools, _OF_ALL), unseen))


def _of_pool(owner: Any, name: str, unseen: Unseen) -> Callable[..., Any]:
    original = vars(owner)[name]

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if getattr(self, "block", False):
            return original(self, *args, **kwargs)
        with unseen():
            return original(self, *args, **kwargs)

    method.__name__ = name
    return method


def _closing(original: Callable[..., None], unseen: Unseen) -> Callable[..., None]:
    def close(pool: Any) -> None:
        with unseen():
            original(pool)

    return close

"""Skeleton: a scenario file for a recording, with the lines that only its user can write left to fill in.

Decides what it says. Writes no file.
"""

from __future__ import annotations

import json
from collections.abc import Collection


def skeleton(recording: str, title: str, tools: Collection[str], whole: bool) -> str:
    """The text of a scenario file beside the file ``recording``, whose calls are to ``tools``.

    whole: whether it is all of one session, so that the batches before one lead to where it began.
    """
    names = ", ".join(json.dumps(name) for name in sorted(tools))
    lines = [
        "# Say where your tools and their world are, then: fuzzharness run this file.",
        f"title = {json.dumps(title)}",
        f"recording = {json.dumps(recording)}",
        f'tools = "tools.py"  # its public functions are the tools; called are {names}',
        'world = "world.py:world"  # a fuzzharness.World, or a function that returns one',
    ]
    if not whole:
        lines.append(
            'before = "nothing"  # batches are missing: each has to begin with the world as it is made'
        )
    return "\n".join(lines) + "\n"

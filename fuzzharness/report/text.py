"""Values and names as one line of text that no terminal, page or log can misread.

Decides how much of a value is shown and that nothing in it acts: control characters, direction
marks and lone surrogates become escapes. Never interprets what it is given; recordings are data.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable

from fuzzharness.literal import literal
from fuzzharness.model import Call

_ACTING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def printable(text: str) -> str:
    """``text`` with every character that would act rather than show written as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(c) if unicodedata.category(c) in _ACTING else c for c in text)


def paragraph(text: str) -> str:
    """``text`` made :func:`printable` line by line: its line breaks stay."""
    return "\n".join(map(printable, text.splitlines()))


def cut(text: str, limit: int) -> str:
    """At most ``limit`` characters of ``text``; the end gives way to an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def shown(value: object, limit: int = 60) -> str:
    """A value as its repr, without addresses, on one line, at most ``limit`` characters long.

    Never raises: a value whose repr fails is named by its class.
    """
    if isinstance(value, (str, bytes)) and len(value) > limit:
        return cut(printable(repr(value[:limit])), limit)
    try:
        text = literal(value)
    except Exception:
        text = f"<{type(value).__name__} that cannot be shown>"
    return cut(printable(text), limit)


def dotted(path: Iterable[object]) -> str:
    """A path into an ending as patterns in ``ignore`` write it: ``db.accounts.7.balance``."""
    return printable(".".join(part if isinstance(part, str) else shown(part) for part in path))


def portable(file: str) -> str:
    """A file's path as it is the same on every machine: relative ones stay, others lose their folders."""
    return os.path.basename(file) if os.path.isabs(file) else file.replace(os.sep, "/")


def call_text(call: Call, limit: int = 72) -> str:
    """``add_credit(account=7, amount=10)``, each argument cut so that all of them can be told apart."""
    if call.args is None:
        return cut(f"{printable(call.tool)}({shown(call.invalid_args, 40)})", limit)
    args = ", ".join(f"{printable(str(name))}={shown(value, 32)}" for name, value in call.args.items())
    return cut(f"{printable(call.tool)}({args})", limit)


def quoted(word: str) -> str:
    """``word`` as one word of a shell, always in quotation marks, on one line."""
    return "'" + printable(word).replace("'", "'\"'\"'") + "'"


def count(number: int, noun: str) -> str:
    """``1 run``, ``2 switches``, ``1,000 runs``."""
    if number != 1:
        noun = (
            f"{noun[:-1]}ies"
            if noun.endswith("ty")
            else f"{noun}{'es' if noun.endswith(('ch', 'ss')) else 's'}"
        )
    return f"{number:,} {noun}"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")

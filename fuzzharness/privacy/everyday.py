"""Everyday: words under which accounts go, and which are nobody's name.

Decides that by a list. To replace one of them would change what it says elsewhere: a role, a column, a
directory.
"""

from __future__ import annotations

from typing import Final

_WORDS: Final = """
admin administrator root user users guest test tester testuser demo example system sys service api
bot agent assistant default support help info contact sales billing public private shared anonymous
anon nobody someone somebody everyone owner member customer client staff operator moderator
superuser noreply no-reply postgres mysql mariadb redis mongodb sqlite docker github gitlab jenkins
nginx ubuntu debian vscode codespace
"""
_MORE: Final = """
username sample manager editor viewer author sa dba oracle daemon backup deploy deployer build
builder runner ci git node www www-data apache http https mail postmaster webmaster dev developer
prod production staging local localhost worker cron scheduler monitor centos fedora ec2-user vagrant
codespaces jovyan sandbox coder appuser gitpod bitnami workspace project projects app application
server database db me self you other all any string get set list add new old name id email password
value key data file path text open close start stop read write create update delete login logout
home page status account order balance amount total price count query select result error message
content token session task job tool
"""

_NOBODY: Final = frozenset(_WORDS.split())
"""What is nobody, as a name, too."""

_EVERYDAY: Final = frozenset(_MORE.split())
"""What may be somebody's family name, but as that of an account is none."""


def is_nobody(name: str) -> bool:
    """Whether ``name`` is nobody's, wherever it stands."""
    return name.lower() in _NOBODY


def is_everyday(name: str) -> bool:
    """Whether ``name`` is nobody's where it stands for an account."""
    return name.lower() in _EVERYDAY

"""Formats: texts that are a date, an address, a UUID, as JSON schemas name them.

Decides what is drawn for a ``format``; one that is not here says nothing about the text.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

_FIRST = datetime.datetime(2000, 1, 1)
_LAST = datetime.datetime(2039, 12, 31)
_TIMES = st.datetimes(_FIRST, _LAST)
_WORD = st.from_regex(r"[a-z][a-z0-9]{0,7}", fullmatch=True)
_HOST = st.builds("{}.example.com".format, _WORD)

FORMATS: Final[Mapping[str, SearchStrategy[str]]] = {
    "date-time": _TIMES.map(lambda time: f"{time.isoformat(timespec='seconds')}Z"),
    "date": st.dates(_FIRST.date(), _LAST.date()).map(datetime.date.isoformat),
    "time": _TIMES.map(lambda time: f"{time.time().isoformat(timespec='seconds')}Z"),
    "duration": st.integers(0, 1_000).map("PT{}S".format),
    "email": st.builds("{}@example.com".format, _WORD),
    "hostname": _HOST,
    "ipv4": st.ip_addresses(v=4).map(str),
    "ipv6": st.ip_addresses(v=6).map(str),
    "uri": st.builds("https://{}/{}".format, _HOST, _WORD),
    "url": st.builds("https://{}/{}".format, _HOST, _WORD),
    "uri-reference": st.builds("/{}".format, _WORD),
    "uuid": st.uuids(version=4).map(str),
}

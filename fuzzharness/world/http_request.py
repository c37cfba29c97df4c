"""What a request asks of a service, by whatever client it was made.

Decides how the words that an HTTP/1.1 client has sent are read. Sends nothing.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from email.message import Message
from http.client import parse_headers
from typing import Final
from urllib.parse import unquote, urlsplit

PATIENCE: Final = 60.0
"""The seconds of real time after which a service that says nothing is taken not to answer any more."""

_LENGTH: Final = re.compile(rb"^content-length:[ \t]*(\d+)", re.IGNORECASE | re.MULTILINE)
_CHUNKED: Final = re.compile(rb"^transfer-encoding:[^\r\n]*\bchunked\b", re.IGNORECASE | re.MULTILINE)
_CLOSING: Final = re.compile(rb"^connection:[^\r\n]*\bclose\b", re.IGNORECASE | re.MULTILINE)
_LAST: Final = b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Url:
    """Where a request goes; ``path`` without its escapes, ``query`` as it was sent."""

    scheme: str
    host: str
    port: int | None
    path: str = "/"
    query: bytes = b""


@dataclass(frozen=True, slots=True)
class Request:
    """A request, with the attributes of an ``httpx.Request`` that tell what it is about.

    ``headers`` are found by any spelling of their names; ``content`` is the body, without any framing.
    """

    method: str
    url: Url
    headers: Message
    content: bytes


def url_of(scheme: str, host: str, port: int | None, target: str) -> Url:
    """The URL of a request for ``target``, which begins with a path."""
    parts = urlsplit(target if target.startswith("/") else "/" + target)
    return Url(scheme, host, port, unquote(parts.path), parts.query.encode())


def sent(method: str, url: Url, words: bytes) -> Request:
    """The request that consists of ``words``, from its first line to the end of its body."""
    head, _, body = words.partition(b"\r\n\r\n")
    headers = parse_headers(io.BytesIO(head.partition(b"\r\n")[2] + b"\r\n\r\n"))
    return Request(method, url, headers, _joined(body) if _CHUNKED.search(head) else body)


def is_whole(words: bytes) -> bool:
    """Whether nothing is missing of the request that ``words`` begin."""
    head, ended, body = words.partition(b"\r\n\r\n")
    if not ended:
        return False
    if _CHUNKED.search(head):
        return body.endswith(_LAST)
    length = _LENGTH.search(head)
    return length is None or len(body) >= int(length[1])


def keeps_open(words: bytes) -> bool:
    """Whether a request leaves the connection open: a service that is to close it need not say so."""
    head, _, _ = words.partition(b"\r\n\r\n")
    return head.partition(b"\r\n")[0].endswith(b"HTTP/1.1") and not _CLOSING.search(head)


def _joined(body: bytes) -> bytes:
    """What the chunks of a body hold."""
    whole = bytearray()
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size.partition(b";")[0] or b"0", 16)
        whole += body[:length]
        body = body[length + 2 :]
    return bytes(whole)

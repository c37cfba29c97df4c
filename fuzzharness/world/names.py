"""Names of columns, and what a column of such a name holds.

Decides it by the words of the name, the last first: ``billing_city`` is a city. Knows no types.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from faker import Faker

Text = Callable[[Faker], str]

_PARTS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def _call(method: str, **given: Any) -> Text:
    return lambda faker: str(getattr(faker, method)(**given)).replace("\n", ", ")


_CODE: Final = _call("bothify", text="??-####", letters="ABCDEFGHJKLMNPQRSTUVWXYZ")

_TEXTS: Final[Mapping[str, Text]] = {
    **dict.fromkeys(("email", "mail"), _call("email", safe=True)),
    **dict.fromkeys(("phone", "telephone", "mobile", "fax"), _call("phone_number")),
    **dict.fromkeys(("first name", "firstname", "forename", "given name"), _call("first_name")),
    **dict.fromkeys(("last name", "lastname", "surname", "family name"), _call("last_name")),
    **dict.fromkeys(("user name", "username", "login", "nickname", "handle"), _call("user_name")),
    **dict.fromkeys(("company", "company name", "employer", "vendor", "supplier"), _call("company")),
    **dict.fromkeys(("product", "product name", "item", "item name"), _call("word")),
    **dict.fromkeys(("name", "owner", "customer", "person", "author", "contact"), _call("name")),
    **dict.fromkeys(("address",), _call("address")),
    **dict.fromkeys(("street", "line"), _call("street_address")),
    **dict.fromkeys(("city", "town"), _call("city")),
    **dict.fromkeys(("zip", "zipcode", "postcode", "postal code", "zip code"), _call("postcode")),
    **dict.fromkeys(("state", "region", "province"), _call("state")),
    **dict.fromkeys(("country code",), _call("country_code")),
    **dict.fromkeys(("country",), _call("country")),
    **dict.fromkeys(("job", "profession", "occupation"), _call("job")),
    **dict.fromkeys(("url", "website", "link", "homepage"), _call("url")),
    **dict.fromkeys(("ip", "ip address"), _call("ipv4")),
    **dict.fromkeys(("uuid", "guid"), _call("uuid4")),
    **dict.fromkeys(("iban",), _call("iban")),
    **dict.fromkeys(("currency", "currency code"), _call("currency_code")),
    **dict.fromkeys(("language", "locale"), _call("language_code")),
    **dict.fromkeys(("colour", "color"), _call("color_name")),
    **dict.fromkeys(("sku", "code", "number", "reference", "ref", "id", "key"), _CODE),
    **dict.fromkeys(("title", "subject", "headline"), _call("sentence", nb_words=4)),
    **dict.fromkeys(("description", "summary", "text", "body", "content"), _call("sentence")),
    **dict.fromkeys(("note", "notes", "comment", "message"), _call("sentence")),
    **dict.fromkeys(("file", "filename", "file name"), _call("file_name")),
}  # fmt: skip

_BOUNDS: Final[Mapping[str, tuple[int, int]]] = {
    "age": (18, 90),
    "year": (1990, 2023),
    "month": (1, 12),
    "day": (1, 28),
    "hour": (0, 23),
    "minute": (0, 59),
    "rating": (1, 5),
    "stars": (1, 5),
    "percent": (0, 100),
    "discount": (0, 50),
    "priority": (1, 5),
    **dict.fromkeys(("balance", "amount", "total", "price", "cost", "salary", "credit"), (10, 1_000)),
    **dict.fromkeys(("quantity", "stock", "count", "copies", "points", "seats", "capacity"), (1, 100)),
}
_OTHERWISE: Final = (0, 1_000)


def text_of(name: str) -> Text:
    """What makes the text of a column called ``name``; the whole is looked up, then less from the front."""
    return next((_TEXTS[tail] for tail in _tails(name) if tail in _TEXTS), _call("word"))


def bounds_of(name: str) -> tuple[int, int]:
    """The least and the largest number of a column called ``name``."""
    return next((_BOUNDS[tail] for tail in _tails(name) if tail in _BOUNDS), _OTHERWISE)


def _tails(name: str) -> list[str]:
    words = [word.lower() for word in _PARTS.findall(name)]
    return [" ".join(words[n:]) for n in range(len(words))]

"""Keys: what the name of a field says about what it holds.

Decides which names stand for which kind, whatever the spelling (``firstName``, ``first-name``). Looks at no
values but where a name is ambiguous: ``owner`` and ``name`` may be anybody's or anything's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from fuzzharness.privacy.kind import Kind

_PERSON: Final = (
    "customer|client|patient|guest|passenger|recipient|sender|card_?holder|account_?holder|holder|owner|employee"
    "|author|member|student|tenant|driver|beneficiary|payee|payer|contact|person|attendee|participant|assignee"
    "|traveller|traveler|user|reporter|requester|subscriber|applicant|borrower|manager|agent|doctor|buyer|seller"
)
SECRET_NAMES: Final = (
    r"passwords?|passwd|pwd|pass|pw|password_hash|password_digest|password_db|password_database|password_prod"
    r"|password_dev|password_root|password_admin|password_user|password_app|password_confirm"
    r"|password_confirmation|pass_?phrase|pass_?code|secrets?|api_?keys?|access_key|secret_key"
    r"|private_key|signing_key|encryption_key|master_key|ssh_key|client_key|license_key|token|jwt|bearer"
    r"|auth|authorization|credentials?|cookies?|pin|pin_code|cvv2?|cvc2?|otp|one_time_code|mfa_code"
    r"|security_code|verification_code"
)
"""In small letters and with words apart, how names of fields end that hold a secret."""

_NAMES: Final[dict[Kind, str]] = {
    Kind.SECRET: SECRET_NAMES,
    Kind.CARD: r"(?<!name_on_)card|card_?number|credit_?card|debit_?card|pan|cc_?number|cc",
    Kind.IBAN: r"iban",
    Kind.EMAIL: r"e_?mails?|mail|e_?mail_?address",
    Kind.IP: r"ip|ip_?address|ip_?addr|ipv[46]|remote_addr",
    Kind.BIRTHDATE: r"dob|date_of_birth|birth_?date|birth_?day|born",
    Kind.PHONE: r"phones?|phone_?numbers?|mobile|mobile_?number|telephone|tel|fax|cell|cell_?phone|whatsapp",
    Kind.TEXT: r"ssn|social_security(?:_?number)?|tax_?id|vat_?id|passport(?:_?number)?|national_?id"
    r"|drivers?_?licen[cs]e|account_?number|bank_?account|routing_?number|sort_?code|mac_?address"
    r"|license_?plate|mrn|bic|mac",
    Kind.POSTCODE: r"zip|zip_?code|postal_?code|post_?code",
    Kind.USERNAME: r"user_?names?|login|handle|screen_name|twitter|instagram|linkedin",
    Kind.ADDRESS: r"address|addresses|addr|street|street_?address|address_?(?:line_?)?\d|street_?\d",
    Kind.NAME: r"(?:first|last|middle|full|given|family|sur|maiden|nick|display|legal|fore)_?names?"
    r"|(?:billing|shipping)_?names?"
    rf"|name_on_card|(?:{_PERSON})_?names?",
}
_MORE: Final = {Kind.SECRET: "(?:_?[0-9]+)?"}
_PATTERNS: Final = {
    kind: re.compile(rf"(?:\w+_)?(?:{names}){_MORE.get(kind, '')}") for kind, names in _NAMES.items()
}
_NO_SECRET: Final = re.compile(
    r".*(?:page|next|continuation|pagination|sync|max|prompt|completion|total)_tokens?|cookies?_\w+"
    r"|.*(?:first|second|next|boarding|season|day|ski|travel|bus|train|tests?|render|forward|backward|num|max)_pass"
)
_DIGITS: Final = re.compile(r".*(?:pin|pin_code|cvv2?|cvc2?|otp|code|password|pass_?code)")
_MANY: Final = re.compile(r"(?:\w+_)?(?:secrets|credentials|passwords|api_keys|cookies)")
_SOMEBODY: Final = re.compile(rf"(?:\w+_)?(?:{_PERSON})s?")
_NAME: Final = re.compile(r"name")
_LIST: Final = re.compile(r"(?:\w+_)?names")
_PART: Final = re.compile(r"first|last")
_CAPITAL: Final = re.compile(r"(?![a-z])[^\W\d_]+(?:[ '\u2019.-]+[^\W\d_]+)*\.?")
_CONTACT: Final = (Kind.EMAIL, Kind.PHONE, Kind.BIRTHDATE, Kind.ADDRESS, Kind.NAME)
_PLACE: Final = (Kind.ADDRESS, Kind.POSTCODE)
_CITY: Final = re.compile(r"(?:\w+_)?(?:city|town)")
_LINE: Final = re.compile(r"line_?\d")
_KINDS: Final[dict[re.Pattern[str], Kind]] = {
    _NAME: Kind.NAME,
    _LIST: Kind.NAME,
    _PART: Kind.NAME,
    _SOMEBODY: Kind.NAME,
    _CITY: Kind.CITY,
    _LINE: Kind.ADDRESS,
}
"""What a field may be whose name alone does not tell."""

_FULL_NAME: Final = re.compile(r"[^\W\d_][\w'\u2019.-]*(?:,? [^\W\d_][\w'\u2019.-]*){1,3}")

_UNSPACED_NAME: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2,8}")


@lru_cache(maxsize=10_000)
def spelled(key: str) -> str:
    """``key`` in lower case, its words apart by one underscore."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|\W+", "_", key)
    return re.sub(r"_+", "_", words).strip("_").lower()


@lru_cache(maxsize=10_000)
def named(key: str) -> Kind | None:
    """The kind that ``key`` alone names, or None."""
    name = spelled(key)
    for kind, pattern in _PATTERNS.items():
        if pattern.fullmatch(name) and not (kind is Kind.SECRET and _NO_SECRET.fullmatch(name)):
            return kind
    return None


@lru_cache(maxsize=10_000)
def _said(key: str) -> tuple[Kind | None, re.Pattern[str] | None]:
    """The kind that ``key`` alone names, and if it names none, the one of ``_KINDS`` that it is."""
    kind, name = named(key), spelled(key)
    if kind is not None:
        return kind, None
    return None, next((form for form in _KINDS if form.fullmatch(name)), None)


def kind_of(
    key: str, fields: Mapping[str, Any], parent: str | None, is_first_name: Callable[[str], bool]
) -> Kind | None:
    """The kind of the field ``key`` among ``fields``, of an object that is itself in the field ``parent``.

    is_first_name: whether a word is one; asked only where nothing else tells a name.
    """
    kind, ambiguous = _said(key)
    if kind is not Kind.SECRET and ambiguous is None:
        return kind
    value = fields.get(key)
    values = value if isinstance(value, list) else [value]
    if kind is Kind.SECRET:
        number = isinstance(next(iter(values), None), int)
        return None if number and not _DIGITS.fullmatch(spelled(key)) else kind
    if not values or not isinstance(values[0], str):
        return None
    return (
        _KINDS[ambiguous] if ambiguous and _beside(ambiguous, values, fields, parent, is_first_name) else None
    )


def _beside(
    ambiguous: re.Pattern[str],
    values: list[Any],
    fields: Mapping[str, Any],
    parent: str | None,
    is_first_name: Callable[[str], bool],
) -> bool:
    """Whether what a field holds, or is beside it, tells that it is what it may be."""
    if ambiguous is _NAME or ambiguous is _LIST:
        known = ambiguous is _NAME and (_is_somebody(parent) or _any_of(_CONTACT, fields))
        return known or _are_names(values, is_first_name)
    if ambiguous is _PART:
        in_name = _is_somebody(parent) or spelled(parent or "").endswith("name")
        return in_name and _CAPITAL.fullmatch(values[0]) is not None
    if ambiguous is _SOMEBODY:
        return _looks_like_a_name(values[0])
    return _in_address(parent) or (ambiguous is _CITY and _any_of(_PLACE, fields))


def holds_many(key: str | None) -> bool:
    """Whether all there is in the object under ``key`` is secret, whatever the fields are called."""
    return key is not None and _MANY.fullmatch(spelled(key)) is not None


@lru_cache(maxsize=10_000)
def _is_somebody(parent: str | None) -> bool:
    return parent is not None and _SOMEBODY.fullmatch(spelled(parent)) is not None


def _in_address(parent: str | None) -> bool:
    return parent is not None and named(parent) is Kind.ADDRESS


def _any_of(kinds: tuple[Kind, ...], fields: Mapping[str, Any]) -> bool:
    return not _all_named(tuple(fields)).isdisjoint(kinds)


@lru_cache(maxsize=10_000)
def _all_named(keys: tuple[str, ...]) -> frozenset[Kind | None]:
    return frozenset(map(named, keys))


def _are_names(values: list[Any], is_first_name: Callable[[str], bool]) -> bool:
    """Whether all of ``values`` look like full names, and one of them begins with a known one."""
    if not all(isinstance(value, str) and " " in value and _looks_like_a_name(value) for value in values):
        return False
    return any(is_first_name(re.split(r"[ ,]", value)[0]) for value in values)


def _looks_like_a_name(text: str) -> bool:
    words = text.split()
    if _UNSPACED_NAME.fullmatch(text):
        return True
    return _FULL_NAME.fullmatch(text) is not None and all(w[0].isupper() for w in (words[0], words[-1]))

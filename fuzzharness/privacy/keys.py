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
_NAME: Final = re.compile(r"(?:\w+_)?names|name")
_PART: Final = re.compile(r"first|last")
_CAPITAL: Final = re.compile(r"(?![a-z])[^\W\d_]+(?:[ '\u2019.-]+[^\W\d_]+)*\.?")
_CONTACT: Final = (Kind.EMAIL, Kind.PHONE, Kind.BIRTHDATE, Kind.ADDRESS, Kind.NAME)
_PLACE: Final = (Kind.ADDRESS, Kind.POSTCODE)
_CITY: Final = re.compile(r"(?:\w+_)?(?:city|town)")
_LINE: Final = re.compile(r"line_?\d")
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
def _said(key: str) -> tuple[Kind | None, bool]:
    """The kind that ``key`` alone names, and whether what is beside it decides all the same."""
    kind, name = named(key), spelled(key)
    if kind is not None:
        return kind, kind is Kind.SECRET
    return None, any(form.fullmatch(name) for form in (_NAME, _PART, _SOMEBODY, _CITY, _LINE))


def kind_of(
    key: str, fields: Mapping[str, Any], parent: str | None, is_first_name: Callable[[str], bool]
) -> Kind | None:
    """The kind of the field ``key`` among ``fields``, of an object that is itself in the field ``parent``.

    is_first_name: whether a word is one; asked only where nothing else tells a name.
    """
    kind, ambiguous = _said(key)
    if not ambiguous:
        return kind
    name, value = spelled(key), fields.get(key)
    if _NAME.fullmatch(name) and _are_names(value if isinstance(value, list) else [value], is_first_name):
        return Kind.NAME
    if isinstance(value, list):
        value = next(iter(value), None)
    if kind is Kind.SECRET:
        return None if isinstance(value, int) and not _DIGITS.fullmatch(name) else kind
    if not isinstance(value, str):
        return None
    if name == "name" and (_is_somebody(parent) or _any_of(_CONTACT, fields)):
        return Kind.NAME
    if _PART.fullmatch(name) and (_is_somebody(parent) or spelled(parent or "").endswith("name")):
        return Kind.NAME if _CAPITAL.fullmatch(value) else None
    if _SOMEBODY.fullmatch(name) and _looks_like_a_name(value):
        return Kind.NAME
    if _CITY.fullmatch(name) and (_in_address(parent) or _any_of(_PLACE, fields)):
        return Kind.CITY
    return Kind.ADDRESS if _LINE.fullmatch(name) and _in_address(parent) else None


def holds_many(key: str | None) -> bool:
    """Whether all there is in the object under ``key`` is secret, whatever the fields are called."""
    return key is not None and _MANY.fullmatch(spelled(key)) is not None


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

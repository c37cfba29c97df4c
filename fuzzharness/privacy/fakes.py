"""Fakes: a value of Faker's in the place of a real one, of the same kind and shape.

Decides what a made-up value of each kind looks like; ranges that belong to nobody where there are such.
What it makes follows from the seed of the Faker it is given. The only module that knows Faker.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any, Final

from faker import Faker

from fuzzharness.errors import SettingsError
from fuzzharness.privacy.dates import is_ambiguous, laid_out_as
from fuzzharness.privacy.kind import Kind
from fuzzharness.privacy.personal import iban_remainder, passes_luhn

TEST_CARDS: Final = {"2": "222300", "3": "378282", "4": "400000", "5": "555555", "6": "601111"}
"""First digits of cards that are for testing, by the first digit of the original."""

_EUROPEAN: Final = ("en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "sv_SE", "pt_BR")
_LISTS: Final = ("first_names", "first_names_male", "first_names_female")
_MAC: Final = re.compile(r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}")
_YEARS: Final = (1930, 2006)

_HOSTS: Final = ("example.com", "example.org", "example.net")


class Fakes:
    """Faker in one locale, seeded anew for every value. Cards, IBANs and phones are given compact.

    Raises :class:`SettingsError` where Faker has no such locale.
    """

    def __init__(self, locale: str) -> None:
        try:
            self._faker = Faker(locale, use_weighting=False)
        except AttributeError:
            raise SettingsError(
                f"the locale is {locale!r}. Expected a locale that Faker has, as en_US or ja_JP. Give one."
            ) from None

    def like(self, kind: Kind, text: str, seed: int) -> str:
        """A value of ``kind`` in the shape of ``text``, a function of all three."""
        self._faker.seed_instance(seed)
        return str(_MAKERS[kind](self._faker, text))

    def name(self, family: bool, seed: int) -> str:
        """A double first name or family name: single ones would be too few to keep all names apart."""
        self._faker.seed_instance(seed)
        make = self._faker.last_name if family else self._faker.first_name
        return "-".join(re.sub(r"\W+", "", make()) for _ in range(2))

    def syllables(self, seed: int) -> str:
        """A word that is no name, for where Faker's names are all taken."""
        self._faker.seed_instance(seed)
        return str(self._faker.bothify("?" * 10, letters="abdefgiklmnoprstuvz")).capitalize()


def first_names(locale: str) -> frozenset[str]:
    """The first names that Faker has in ``locale`` and in English and its neighbours, in small letters."""
    providers = [provider for each in {locale, *_EUROPEAN} for provider in Faker(each).get_providers()]
    listed = (getattr(each, name, ()) for each in providers for name in _LISTS)
    return frozenset(name.lower() for names in listed for name in names)


def shape(fake: Any, text: str) -> str:
    """``text`` with other letters and digits at the same places; what begins with 1-9 does so again."""
    return "".join(_character(fake, c, first=n == 0) for n, c in enumerate(text))


def _character(fake: Any, character: str, *, first: bool) -> str:
    if character.isdecimal():
        return str(fake.random_int(1 if first and character != "0" else 0, 9))
    if not character.isalpha():
        return character
    letter: str = fake.random_lowercase_letter()
    return letter.upper() if character.isupper() else letter


def _phone(fake: Any, text: str) -> str:
    kept = text[:2] if len(text) > 10 else ""  # of an international number the country
    return kept + shape(fake, text[len(kept) :])


def _card(fake: Any, text: str) -> str:
    start = TEST_CARDS.get(text[0], TEST_CARDS["4"])
    drawn = start + "".join(str(fake.random_digit()) for _ in range(len(text) - len(start) - 1))
    return drawn + next(digit for digit in "0123456789" if passes_luhn(drawn + digit))


def _iban(fake: Any, text: str) -> str:
    country, account = text[:2], shape(fake, text[4:])
    return f"{country}{98 - iban_remainder(f'{country}00{account}'):02}{account}"


def _email(fake: Any, _: str) -> str:
    return f"{fake.user_name()}.{fake.hexify('^^^^^^^^')}@{fake.random_element(_HOSTS)}"


def _ip(fake: Any, text: str) -> str:
    if ":" in text:
        return f"2001:db8:{fake.hexify('^^^^:^^^^:^^^^:^^^^:^^^^:^^^^')}"  # RFC 3849: for documentation
    return f"10.{fake.random_int(0, 255)}.{fake.random_int(0, 255)}.{fake.random_int(1, 254)}"


def _username(fake: Any, text: str) -> str:
    kept = re.match(r"https?://.*/(?=.)|@|", text)  # of a page about somebody, all but the name
    return f"{kept[0] if kept else ''}{fake.user_name()}{fake.hexify('^^^^^^')}"


def _text(fake: Any, text: str) -> str:
    if not _MAC.fullmatch(text):
        return shape(fake, text)
    drawn = str(fake.hexify(re.sub(r"[0-9A-Fa-f]", "^", text), upper=not text.islower()))
    return f"02{drawn[2:]}"  # for local use


def _birthdate(fake: Any, text: str) -> str:
    year, month = fake.random_int(*_YEARS), fake.random_int(1, 12)
    day = date(year, month, fake.random_int(1, 12 if is_ambiguous(text) else 28))
    return laid_out_as(text, day)


_MAKERS: Final = {
    Kind.CARD: _card,
    Kind.IBAN: _iban,
    Kind.EMAIL: _email,
    Kind.IP: _ip,
    Kind.BIRTHDATE: _birthdate,
    Kind.PHONE: _phone,
    Kind.POSTCODE: shape,
    Kind.USERNAME: _username,
    Kind.ADDRESS: lambda fake, _: fake.street_address().replace("\n", ", "),
    Kind.CITY: lambda fake, _: fake.city(),
    Kind.TEXT: _text,
}

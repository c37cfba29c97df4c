"""Schedule: who takes each step, held as the few points where a run leaves its default.

Decides the notation, the token and the order in which schedules count as smaller. Never runs one.

The default is blind: go on with the call that runs; when it has taken its last step, go to the
first call that has steps left; begin with the first. A :class:`Switch` is a departure from that.
Sparse switch points and the dense order of steps determine each other exactly, once it is known how
many steps each call takes. An open schedule does not know that yet: its points are wishes.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from string import ascii_uppercase

from fuzzharness.errors import TokenError
from fuzzharness.model import Batch

VERSION = "fz1"
MOST_STEPS = 10_000_000


@dataclass(frozen=True, slots=True)
class Switch:
    """Before ``call`` takes its own step ``step`` (counted from 0), ``to`` goes on instead.

    ``forced`` marks a call that could not have gone on: it waited for a lock.
    """

    call: int
    step: int
    to: int
    forced: bool = False


@dataclass(frozen=True, slots=True)
class Schedule:
    """One interleaving of the calls at positions ``calls`` of a batch.

    ``lengths`` holds the number of steps of each call, ``switches`` where the run leaves the
    default, ``batch`` the fingerprint of the whole batch. ``stood`` holds the calls that did not come
    to their end after these steps: they hung, or waited for each other. Calls in ``points``, ``stood``
    and :attr:`order` are counted within ``calls``.

    Without ``lengths`` it is :attr:`open`: a run takes the points that come up and passes over the
    others. :func:`fuzzharness.replay` runs it and gives the exact one that was taken. Until then it
    has no order, notation, digits or token and no number of preemptions or switches: asking for one
    raises :class:`TokenError`.
    """

    batch: str
    calls: tuple[int, ...]
    lengths: tuple[int, ...] = ()
    points: tuple[Switch, ...] = ()
    stood: tuple[int, ...] = ()

    @classmethod
    def from_order(
        cls,
        batch: str,
        calls: Sequence[int],
        order: Sequence[int],
        waits: frozenset[int] = frozenset(),
        stood: Sequence[int] = (),
    ) -> Schedule:
        """The schedule whose steps are taken by the calls in ``order``.

        ``waits`` holds the positions in ``order`` before which the running call could not go on,
        ``stood`` the calls that had not ended after all steps.
        """
        lengths = tuple(order.count(c) for c in range(len(calls)))
        points = []
        for position, (current, step, default) in enumerate(_blind(lengths, order, stood)):
            if order[position] != default:
                points.append(Switch(current, step, order[position], position in waits))
        return cls(batch, tuple(calls), lengths, tuple(points), tuple(stood))

    @property
    def open(self) -> bool:
        """Whether it does not know how many steps the calls take."""
        return not self.lengths and bool(self.calls)

    @property
    def order(self) -> tuple[int, ...]:
        """The call that takes each step, densely."""
        self._expect_lengths()
        order: list[int] = []
        left = list(self.points)
        for current, step, default in _blind(self.lengths, order, self.stood):
            if left and (left[0].call, left[0].step) == (current, step):
                order.append(left.pop(0).to)
            elif default is None:
                raise IndexError(f"call {current} stands, and nobody is named to go on")
            else:
                order.append(default)
        return tuple(order)

    @property
    def preemptions(self) -> int:
        """How often a call that could have gone on had to stand back."""
        self._expect_lengths()
        return sum(p.step > 0 and self._could_go_on(p) for p in self.points)

    def _could_go_on(self, point: Switch) -> bool:
        ended = point.step >= self.lengths[point.call] and point.call not in self.stood
        return not (ended or point.forced)

    @property
    def switches(self) -> int:
        """How often one call follows another."""
        order = self.order
        return sum(a != b for a, b in pairwise(order))

    @property
    def digits(self) -> str:
        """One digit a step, the call that takes it: ``0110``. Above ten calls: separated by blanks."""
        return ("" if len(self.calls) <= 10 else " ").join(map(str, self.order))

    @property
    def notation(self) -> str:
        """One sign a step: the letter of the call that is switched to, then a dash while it goes on."""
        order = self.order
        return "".join(
            "-" if position and order[position - 1] == call else letter(call)
            for position, call in enumerate(order)
        )

    @property
    def token(self) -> str:
        """A short text from which :meth:`from_token` makes this schedule again."""
        self._expect_lengths()
        numbers = [len(self.calls), *self.calls, *self.lengths, len(self.points)]
        for point in self.points:
            numbers += (point.call, point.step, point.to, int(point.forced))
        numbers += self.stood
        body = bytes.fromhex(self.batch) + b"".join(map(_varint, numbers))
        body += binascii.crc32(body).to_bytes(4, "big")[:2]
        return f"{VERSION}.{base64.urlsafe_b64encode(body).decode().rstrip('=')}"

    @classmethod
    def from_token(cls, token: str, batch: Batch | None = None) -> Schedule:
        """Read a token; with ``batch`` given, make sure that it belongs to that batch.

        Raises :class:`TokenError`.
        """
        version, _, text = str(token).strip().partition(".")
        if version != VERSION or not text:
            raise TokenError(
                f"{_shown(str(token))} is not a schedule token of this version: it begins with "
                f"{_shown(version)}, expected {VERSION!r} and a dot. Copy the token whole from the "
                "report, or run the search again with this version of fuzzharness."
            )
        schedule = cls._decode(token, text)
        if batch is not None:
            schedule._belongs(batch, _shown(token))
            if max(schedule.calls) >= len(batch.calls):
                raise _damaged(token, "it names a call that the batch does not have")
        return schedule

    def checked(self, batch: Batch) -> Schedule:
        """This schedule, made sure that it belongs to ``batch`` and that its points fit its steps.

        Raises :class:`TokenError`.
        """
        if not self.open:
            return self.from_token(self.token, batch)
        self._belongs(batch, "the open schedule")
        if len(set(self.calls) & set(range(len(batch.calls)))) < len(self.calls):
            raise TokenError(
                f"the open schedule has the calls {self.calls}. Expected positions of the batch's "
                f"{len(batch.calls)} calls, each once. Draw it from strategies.schedules(batch)."
            )
        return self

    def _belongs(self, batch: Batch, name: str) -> None:
        if self.batch != batch.fingerprint:
            raise TokenError(
                f"{name} was made for the batch {self.batch}, this batch is "
                f"{batch.fingerprint}: its tools or arguments are others. Replay it on the "
                "recording it came from, or run the search again on this one."
            )

    def _expect_lengths(self) -> None:
        if self.open:
            raise TokenError(
                "the schedule is open: it does not know how many steps its calls take, so it has no order "
                "and no token. Expected one that was run. Give it to fuzzharness.replay: the schedule of "
                "the Execution it returns is the one that was taken."
            )

    @classmethod
    def _decode(cls, token: str, text: str) -> Schedule:
        try:
            body = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (binascii.Error, ValueError):
            raise _damaged(token, "its text is not base64") from None
        if len(body) < 7 or binascii.crc32(body[:-2]).to_bytes(4, "big")[:2] != body[-2:]:
            raise _damaged(token, "its checksum is wrong")
        numbers = _numbers(body[4:-2])
        try:
            count = next(numbers)
            calls = tuple(next(numbers) for _ in range(count))
            lengths = tuple(next(numbers) for _ in range(count))
            points = tuple(
                Switch(next(numbers), next(numbers), next(numbers), bool(next(numbers)))
                for _ in range(next(numbers))
            )
            schedule = cls(body[:4].hex(), calls, lengths, points, tuple(numbers))
            if not _plausible(schedule) or len(schedule.order) != sum(lengths):
                raise _damaged(token, "its switch points do not fit its steps")
            if schedule.token != str(token).strip():
                raise _damaged(token, "its last sign is another")
        except (StopIteration, IndexError, RuntimeError):
            raise _damaged(token, "it breaks off, or its switch points do not fit its steps") from None
        return schedule


def _plausible(schedule: Schedule) -> bool:
    """Whether calls are named once each, and the steps are no more than a run can have."""
    calls, count = schedule.calls, len(schedule.calls)
    once = 0 < count == len(set(calls)) and all(call < count for call in schedule.stood)
    return once and sum(schedule.lengths) <= MOST_STEPS


def letter(call: int) -> str:
    """The sign of a call in tables and notations: A, B, … Z, then A1, B1, …"""
    turn, place = divmod(call, 26)
    return ascii_uppercase[place] + (str(turn) if turn else "")


def _blind(
    lengths: Sequence[int], order: Sequence[int], stood: Sequence[int] = ()
) -> Iterator[tuple[int, int, int | None]]:
    """For each position: the running call, its own next step, and whom the default takes.

    Behind the last step of a call that stood there is no default. ``order`` is read as it grows, so
    that a caller may append to it between two positions.
    """
    done = [0] * len(lengths)
    current = 0
    for position in range(sum(lengths)):
        default: int | None = current
        if done[current] >= lengths[current]:
            stands = current in stood and done[current] > 0
            default = None if stands else next(c for c, length in enumerate(lengths) if done[c] < length)
        yield current, done[current], default
        current = order[position]
        if done[current] >= lengths[current]:
            raise IndexError(f"call {current} has only {lengths[current]} steps")
        done[current] += 1


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _numbers(body: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in body:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield number
            number = shift = 0


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _damaged(token: str, why: str) -> TokenError:
    return TokenError(
        f"{_shown(token)} is not a whole schedule token: {why}. Expected {VERSION}. and the rest "
        "exactly as the report printed it. Copy it again, without line breaks."
    )

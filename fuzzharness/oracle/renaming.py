"""A renaming that makes one ending the other: one bijection of names for all that an ending says.

Decides whether two lists of facts are the same up to the names in them. That is isomorphism of two
relational structures. Colour refinement comes first: a name's colour is its kind and where it stands, beside
which colours, until that tells no more names apart. Colours that do not come out alike on both sides settle
it. Names that share a colour are then paired in order, each with itself where it can be; if the facts do not
follow, one of them is given to each of the others in turn (individualisation). After so many tries the
answer is no. What is found is always checked fact by fact, so a wrong renaming is never given.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from functools import cached_property

from fuzzharness.oracle.facts import Fact, Name

MOST_TRIES = 200

Colours = Mapping[Name, int]
Names = dict[Name, Name]


class Structure:
    """The facts of one ending, with the names coloured by where they stand."""

    def __init__(self, facts: Sequence[Fact]) -> None:
        self.facts = Counter(facts)
        self._told = [(hash(fact.shape), count, fact.names) for fact, count in self.facts.items()]
        names = dict.fromkeys(name for fact in facts for name in fact.names)
        self.colours = self.refined({name: hash(name.kind) for name in names})

    @cached_property
    def sign(self) -> Hashable:
        """Equal for two structures that some renaming makes equal; seldom for others."""
        facts = Counter[int]()
        for shape, count, names in self._told:
            facts[hash((shape, tuple(self.colours[n] for n in names)))] += count
        return frozenset(facts.items()), frozenset(Counter(self.colours.values()).items())

    def refined(self, colours: Colours) -> Colours:
        """The colours once names of one colour that stand beside other colours are told apart."""
        while True:
            seen: dict[Name, list[int]] = {name: [] for name in colours}
            for shape, count, names in self._told:
                if names:
                    sight = hash((shape, count, tuple([colours[n] for n in names])))
                    for place, name in enumerate(names):
                        seen[name].append(hash((sight, place)))
            finer = {name: hash((colours[name], tuple(sorted(seen[name])))) for name in colours}
            if len(set(finer.values())) == len(set(colours.values())):
                return finer
            colours = finer


def renaming(here: Structure, there: Structure) -> Names | None:
    """What to call each name of ``here`` so that its facts are those of ``there``; None if not found."""
    if here.sign != there.sign:
        return None
    return _Search(here, there).match(here.colours, there.colours)


class _Search:
    def __init__(self, here: Structure, there: Structure) -> None:
        self._here, self._there = here, there
        self._left = MOST_TRIES

    def match(self, mine: Colours, theirs: Colours) -> Names | None:
        """A renaming among those that keep the colours."""
        groups, others = _by_colour(mine), _by_colour(theirs)
        if {c: len(names) for c, names in groups.items()} != {c: len(names) for c, names in others.items()}:
            return None
        straight = {a: b for c, names in groups.items() for a, b in _in_order(names, others[c]).items()}
        if self._holds(straight):
            return straight
        several = [colour for colour, names in groups.items() if len(names) > 1]
        if not several:
            return None
        colour = min(several, key=lambda c: len(groups[c]))
        first = groups[colour][0]
        for other in sorted(others[colour], key=lambda name: name != first):
            if not self._left:
                return None
            self._left -= 1
            apart = hash(("apart", colour))
            found = self.match(
                self._here.refined({**mine, first: apart}), self._there.refined({**theirs, other: apart})
            )
            if found is not None:
                return found
        return None

    def _holds(self, names: Names) -> bool:
        renamed = Counter[Fact]()
        for fact, count in self._here.facts.items():
            renamed[Fact(fact.shape, tuple([names[n] for n in fact.names]))] += count
        return renamed == self._there.facts


def _by_colour(colours: Colours) -> dict[int, list[Name]]:
    found: dict[int, list[Name]] = defaultdict(list)
    for name, colour in colours.items():
        found[colour].append(name)
    return found


def _in_order(mine: Sequence[Name], theirs: Sequence[Name]) -> Names:
    """Pairs of names: each with itself where both sides have it, the others as they stand."""
    same = set(mine) & set(theirs)
    rest = zip([n for n in mine if n not in same], [n for n in theirs if n not in same], strict=True)
    return {**{name: name for name in same}, **dict(rest)}

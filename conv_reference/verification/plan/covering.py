"""A covering array with its cases: what a run covers, and what stands in for what it leaves out."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations, islice, product
from operator import itemgetter
from random import Random
from typing import Any

import torch
from covertable import criteria, make

from conv_reference.operands import largest_exact_integer
from conv_reference.verification.checks import certifying
from conv_reference.verification.model.case import Case, Values
from conv_reference.verification.model.result import Coverage
from conv_reference.verification.plan.factors import (
    Levels,
    can_occur,
    case_of,
    factors_of,
)
from conv_reference.verification.plan.held import SIZES, held, is_narrowed
from conv_reference.verification.target.target import Target


@dataclass(frozen=True)
class Covering:
    """Rows of levels, each with the case that it describes."""

    target: Target
    factors: Mapping[str, tuple[Any, ...]]
    rows: tuple[Row, ...]
    impossible: frozenset[Choice] = frozenset()  # levels and pairs of them that no case can hold

    @classmethod
    def of(
        cls, target: Target, dtypes: Sequence[torch.dtype], *, strength: int, seed: int
    ) -> Covering:
        """See ``covering_array``; what a case cannot hold of its row, a further one does."""
        drawn = cls._drawn(target, factors_of(target, dtypes), strength, seed)
        if is_narrowed(target):  # no row is spent on a level that no case holds
            impossible = drawn.regained(1).ruled_out(1).impossible
            factors = {
                name: tuple(x for x in levels if ((name, x),) not in impossible) or levels[:1]
                for name, levels in drawn.factors.items()
            }
            drawn = cls._drawn(target, factors, strength, seed)
        return drawn.completed(strength)

    @classmethod
    def _drawn(
        cls, target: Target, factors: Mapping[str, tuple[Any, ...]], strength: int, seed: int
    ) -> Covering:
        levels = covering_array(factors, strength=strength, seed=seed)
        rows = tuple((row, case_of(row, target, certifying().name)) for row in levels)
        return cls(target, factors, rows)

    @property
    def cases(self) -> tuple[Case, ...]:
        """One of each row."""
        return tuple(case for _, case in self.rows)

    def coverage(self, met: Container[Case], judged: Sequence[Levels] = ()) -> Coverage:
        """What the rows hold whose cases were met, and those of earlier runs."""
        ever = {some for row in judged for n in (1, 2) for some in _choices(row, n)}
        return coverage(self.factors, [*self.rows_of(met), *judged], self.impossible - ever)

    def toward(self, judged: Sequence[Levels], count: int, seed: int) -> Covering:
        """Further rows, each with a triple of levels that neither these nor others hold.

        Args:
            judged: rows of earlier runs.
            count: of the rows, at most.
            seed: by which the triples, and the rows that they are put into, are drawn.
        """
        random, rows = Random(f"toward {seed}"), [*self.rows]
        before = (*judged, *self.rows_of(self.cases))
        met = {triple for levels in before for triple in _choices(levels, 3)}
        lacking = [triple for triple in self._possible(3) if triple not in met]
        random.shuffle(lacking)
        for triple in lacking:
            if len(rows) >= len(self.rows) + count:
                break
            levels = {**random.choice(self.rows)[0], **dict(triple)}
            if triple not in met and can_occur(levels):
                case = case_of(levels, self.target, certifying().name)
                put = self._held((levels, case))
                if put.items() >= {*triple}:
                    rows.append((levels, case))
                    met.update(_choices(put, 3))
        return replace(self, rows=tuple(rows))

    def rows_of(self, cases: Container[Case]) -> list[Levels]:
        """The rows whose cases were met, as these are laid out in the end."""
        return [self._held(row) for row in self.rows if row[1] in cases]

    def without(self, left_out: Callable[[Case], bool]) -> Covering:
        """No row that is left out; others in their place, for each pair that can still occur."""
        kept = [(levels, case) for levels, case in self.rows if not left_out(case)]
        if len(kept) == len(self.rows):
            return self
        before = {pair for levels in self.rows_of(self.cases) for pair in _choices(levels, 2)}
        lost = before - {pair for row in kept for pair in _choices(self._held(row), 2)}
        return self._with_each([pair for pair in self._possible(2) if pair in lost], kept, left_out)

    def completed(self, strength: int) -> Covering:
        """With a row for each choice of levels that a case lost: it has sparse values, or moved.

        A dtype of few exact integers has room for dense values on the smallest sizes alone; what
        no case holds of a target whose sizes depend on each other is impossible.

        Args:
            strength: how many factors' levels are one choice.
        """
        if is_narrowed(self.target):
            return self.ruled_out(1).regained(2).ruled_out(2).regained(strength)
        if all(case.values != Values.SPARSE for case in self.cases):
            return self
        return self.regained(strength)

    def regained(self, strength: int) -> Covering:
        """With a row for each choice that is lost, where some case holds it."""
        rows = sorted(self.rows, key=lambda row: self._longest(row[1]))
        holding = [(row, self._held(row).items()) for row in rows]

        def like(choice: Choice) -> Sequence[Row]:
            if len(choice) == 1 or not is_narrowed(self.target):
                return rows[:_ROOMIEST]
            # What the others of its levels need beside them these rows have.
            near = (row for row, held_there in holding if any(x in held_there for x in choice))
            return [*islice(near, _NEAR)]

        return self._with_each(self._lost(strength), self.rows, lambda _: False, like)

    def ruled_out(self, strength: int) -> Covering:
        """Without what is lost of sizes: a layout may be lost for room in a dtype, and counts."""
        lost = [some for some in self._lost(strength) if any(name in SIZES for name, _ in some)]
        return replace(self, impossible=self.impossible.union(lost))

    def _lost(self, strength: int) -> list[Choice]:
        """The choices that may occur, and that no row's case holds."""
        met = {some for levels in self.rows_of(self.cases) for some in _choices(levels, strength)}
        return [some for some in self._possible(strength) if some not in met]

    def _held(self, row: Row) -> Levels:
        return held(*row, self.target)

    def _longest(self, case: Case) -> float:
        """Its longest sum, of the integers that are exact in its dtype."""
        longest = self.target.operator.longest_sum(case.geometry)
        return longest / largest_exact_integer(case.dtype)

    def _with_each(
        self,
        wanted: Iterable[Choice],
        rows: Sequence[Row],
        left_out: Callable[[Case], bool],
        like: Callable[[Choice], Sequence[Row]] | None = None,
    ) -> Covering:
        """These rows, and further ones that hold the choices of levels that are wanted.

        Args:
            wanted: of each choice, its levels by factor.
            rows: that there are.
            left_out: whether a case may not be among the further ones.
            like: the rows that a choice is put into; these and the further ones if None.
        """
        rows, met = [*rows], set[Choice]()
        for choice in wanted:
            if choice not in met:
                near = rows if like is None else like(choice)
                found = self._holding(dict(choice), near, left_out)
                if found is not None:
                    rows.append(found)
                    met.update(_choices(self._held(found), len(choice)))
        return replace(self, rows=tuple(rows))

    def _possible(self, strength: int) -> Iterator[Choice]:
        for names in combinations(sorted(self.factors), strength):
            for levels in product(*(self.factors[name] for name in names)):
                choice = tuple(zip(names, levels, strict=True))
                if can_occur(dict(choice)) and not _holds_any(choice, self.impossible):
                    yield choice

    def _holding(
        self,
        choice: Levels,
        like: Sequence[Row],
        left_out: Callable[[Case], bool],
    ) -> Row | None:
        """A row whose case holds these levels, else like one of those; None where none does."""
        for other, _ in like:
            levels = {**other, **choice}
            if can_occur(levels):
                case = case_of(levels, self.target, certifying().name)
                found = self._held((levels, case)).items() >= choice.items()
                if found and not left_out(case):
                    return levels, case
        return None


Row = tuple[Levels, Case]
Choice = tuple[tuple[str, Any], ...]  # of some factors' levels, by the factors' names
_ROOMIEST = 8  # rows, of which one holds what can be held at all
_NEAR = 48  # rows with one of two levels, of which one holds both if any case does


def _choices(levels: Levels, strength: int) -> Iterator[Choice]:
    return combinations(sorted(levels.items()), strength)


def _holds_any(choice: Choice, impossible: Container[Choice]) -> bool:
    """Whether one of its levels, or a pair of them, is impossible."""
    return any(some in impossible for n in (1, 2) for some in combinations(choice, n))


def covering_array(
    factors: Mapping[str, tuple[Any, ...]], *, strength: int, seed: int
) -> list[dict[str, Any]]:
    """Rows of levels in which every pair (or triple) that can occur together does occur.

    Args:
        factors: levels by name.
        strength: 2 or 3.
        seed: of the order, from which the array follows.
    """
    fixed = {name: levels[0] for name, levels in factors.items() if len(levels) == 1}
    varied = tuple((name, levels) for name, levels in factors.items() if len(levels) > 1)
    return [{**fixed, **row} for row in _covering_rows(varied, strength, seed)]


# Factors of which not all levels can occur together. Where an array is made, each of these is one
# factor, whose levels are the combinations that can: constraints would cost it a second.
_TOGETHER = (
    ("stride_h", "remainder_h"),
    ("stride_w", "remainder_w"),
    ("padding_h", "sides_h"),
    ("padding_w", "sides_w"),
    ("bias", "requires_grad"),
)
_CONSTRAINED = frozenset(name for names in _TOGETHER for name in names)


@lru_cache(maxsize=16)  # asked for again by the gate and by every pytest item
def _covering_rows(
    varied: tuple[tuple[str, tuple[Any, ...]], ...], strength: int, seed: int
) -> list[dict[str, Any]]:
    levels = dict(varied)
    joined = [names for names in _TOGETHER if levels.keys() >= set(names)]
    alone = [(name,) for name in levels if not any(name in names for names in joined)]
    combined = [
        [
            level
            for chosen in product(*(levels[name] for name in names))
            if can_occur(level := dict(zip(names, chosen, strict=True)))
        ]
        for names in (*alone, *joined)
    ]
    rows = make(
        [range(len(choices)) for choices in combined],
        strength=min(strength, len(combined)),
        criterion=criteria.simple,
        salt=str(seed),
    )
    return [
        {
            name: level
            for choices, place in zip(combined, row, strict=True)
            for name, level in choices[place].items()
        }
        for row in rows
    ]


def coverage(
    factors: Mapping[str, tuple[Any, ...]],
    rows: Sequence[Levels],
    impossible: Collection[Choice] = (),
) -> Coverage:
    """How many pairs and triples of levels the rows hold, of those that can occur together.

    Args:
        factors: levels by name.
        rows: a level of each factor, or of some.
        impossible: levels and pairs of them that count for nothing.
    """
    possible_levels = {
        name: tuple(level for level in levels if ((name, level),) not in impossible)
        for name, levels in sorted(factors.items())
    }
    pairs = [choice for choice in impossible if len(choice) == 2]
    bound = {tuple(name for name, _ in choice) for choice in pairs}
    read = [
        {n: row[n] if row.get(n) in levels else None for n, levels in possible_levels.items()}
        for row in rows
    ]
    counts: list[int] = []
    for strength in (2, 3):
        possible = covered = 0
        for names in combinations(possible_levels, strength):
            met = set(map(itemgetter(*names), read))
            covered += sum(None not in levels for levels in met)
            joined = {name for both in combinations(names, 2) if both in bound for name in both}
            possible += _possible(possible_levels, names, _CONSTRAINED | joined, impossible)
        counts += [covered, possible]
    return Coverage(*counts)


def _possible(
    factors: Mapping[str, tuple[Any, ...]],
    names: tuple[str, ...],
    constrained: Container[str],
    impossible: Container[Choice],
) -> int:
    """How many choices of levels can occur together: any, but for those of a few factors."""
    bound = [name for name in names if name in constrained]
    free = math.prod(len(factors[name]) for name in names if name not in constrained)
    chosen = (
        tuple(zip(bound, levels, strict=True))
        for levels in product(*(factors[name] for name in bound))
    )
    return free * sum(can_occur(dict(c)) and not _holds_any(c, impossible) for c in chosen)

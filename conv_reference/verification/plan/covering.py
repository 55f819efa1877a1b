"""A covering array with its cases: what a run covers, and what stands in for what it leaves out."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations, product
from operator import itemgetter
from random import Random
from typing import Any

import torch
from covertable import criteria, make

from conv_reference.operands import largest_exact_integer
from conv_reference.verification.checks import certifying
from conv_reference.verification.model.case import LAYOUT_FIELDS, Case, Values
from conv_reference.verification.model.result import Coverage
from conv_reference.verification.plan.factors import (
    Levels,
    can_occur,
    case_of,
    factors_of,
    family_of,
)
from conv_reference.verification.target.target import Target


@dataclass(frozen=True)
class Covering:
    """Rows of levels, each with the case that it describes."""

    target: Target
    factors: Mapping[str, tuple[Any, ...]]
    rows: tuple[Row, ...]

    @classmethod
    def of(
        cls, target: Target, dtypes: Sequence[torch.dtype], *, strength: int, seed: int
    ) -> Covering:
        """See ``covering_array``; what a case cannot hold of its row, a further one does."""
        factors = factors_of(target, dtypes)
        levels = covering_array(factors, strength=strength, seed=seed)
        rows = tuple((row, case_of(row, target, certifying().name)) for row in levels)
        return cls(target, factors, rows).completed(strength)

    @property
    def cases(self) -> tuple[Case, ...]:
        """One of each row."""
        return tuple(case for _, case in self.rows)

    def coverage(self, met: Container[Case], judged: Sequence[Levels] = ()) -> Coverage:
        """What the rows hold whose cases were met, and those of earlier runs."""
        return coverage(self.factors, [*self.rows_of(met), *judged])

    def toward(self, judged: Sequence[Levels], count: int, seed: int) -> Covering:
        """Further rows, each with a triple of levels that neither these nor others hold.

        Args:
            judged: rows of earlier runs.
            count: of the rows, at most.
            seed: by which the triples, and the rows that they are put into, are drawn.
        """
        random, rows = Random(f"toward {seed}"), [*self.rows]
        met = {t for levels in (*judged, *(row for row, _ in rows)) for t in _choices(levels, 3)}
        lacking = [triple for triple in self._possible(3) if triple not in met]
        random.shuffle(lacking)
        for triple in lacking:
            if len(rows) >= len(self.rows) + count:
                break
            levels = {**random.choice(self.rows)[0], **dict(triple)}
            if triple not in met and can_occur(levels):
                rows.append((levels, case_of(levels, self.target, certifying().name)))
                met.update(_choices(levels, 3))
        return replace(self, rows=tuple(rows))

    def rows_of(self, cases: Container[Case]) -> list[Levels]:
        """The rows whose cases were met, as these are laid out in the end."""
        return [_as_put(levels, case) for levels, case in self.rows if case in cases]

    def without(self, left_out: Callable[[Case], bool]) -> Covering:
        """No row that is left out; others in their place, for each pair that can still occur."""
        kept = [(levels, case) for levels, case in self.rows if not left_out(case)]
        if len(kept) == len(self.rows):
            return self
        held = {pair for levels in self.rows_of(self.cases) for pair in _choices(levels, 2)}
        lost = held - {pair for row in kept for pair in _choices(_as_put(*row), 2)}
        return self._with_each([pair for pair in self._possible(2) if pair in lost], kept, left_out)

    def completed(self, strength: int) -> Covering:
        """With a row for each choice of levels that a case lost where its values are sparse.

        A dtype of few exact integers has room for dense values on the smallest sizes alone.

        Args:
            strength: how many factors' levels are one choice.
        """
        if all(case.values != Values.SPARSE for case in self.cases):
            return self
        met = {some for levels in self.rows_of(self.cases) for some in _choices(levels, strength)}
        lost = [some for some in self._possible(strength) if some not in met]
        roomiest = sorted(self.rows, key=lambda row: self._longest(row[1]))[:_ROOMIEST]
        return self._with_each(lost, self.rows, lambda _: False, roomiest)

    def _longest(self, case: Case) -> float:
        """Its longest sum, of the integers that are exact in its dtype."""
        longest = self.target.operator.longest_sum(case.geometry)
        return longest / largest_exact_integer(case.dtype)

    def _with_each(
        self,
        wanted: Iterable[Choice],
        rows: Sequence[Row],
        left_out: Callable[[Case], bool],
        like: Sequence[Row] | None = None,
    ) -> Covering:
        """These rows, and further ones that hold the choices of levels that are wanted.

        Args:
            wanted: of each choice, its levels by factor.
            rows: that there are.
            left_out: whether a case may not be among the further ones.
            like: the rows that a choice is put into, these and the further ones if None.
        """
        rows, met = [*rows], set[Choice]()
        for choice in wanted:
            if choice not in met:
                found = self._holding(dict(choice), rows if like is None else like, left_out)
                if found is not None:
                    rows.append(found)
                    met.update(_choices(_as_put(*found), len(choice)))
        return replace(self, rows=tuple(rows))

    def _possible(self, strength: int) -> Iterator[Choice]:
        for names in combinations(sorted(self.factors), strength):
            for levels in product(*(self.factors[name] for name in names)):
                choice = tuple(zip(names, levels, strict=True))
                if can_occur(dict(choice)):
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
                if _as_put(levels, case).items() >= choice.items() and not left_out(case):
                    return levels, case
        return None


Row = tuple[Levels, Case]
Choice = tuple[tuple[str, Any], ...]  # of some factors' levels, by the factors' names
_ROOMIEST = 8  # rows, of which one holds what can be held at all


def _as_put(levels: Levels, case: Case) -> Levels:
    """The levels that the case has in the end: where values are sparse nothing is expanded."""
    layouts = {LAYOUT_FIELDS[role]: family_of(layout) for role, layout in case.layouts.items()}
    return {**levels, **layouts}


def _choices(levels: Levels, strength: int) -> Iterator[Choice]:
    return combinations(sorted(levels.items()), strength)


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


def coverage(factors: Mapping[str, tuple[Any, ...]], rows: Sequence[Levels]) -> Coverage:
    """How many pairs and triples of levels the rows hold, of those that can occur together."""
    counts: list[int] = []
    for strength in (2, 3):
        possible = covered = 0
        for names in combinations(factors, strength):
            met = set(map(itemgetter(*names), rows))
            covered += len(met)
            possible += _possible(factors, names)
        counts += [covered, possible]
    return Coverage(*counts)


def _possible(factors: Mapping[str, tuple[Any, ...]], names: tuple[str, ...]) -> int:
    """How many choices of levels can occur together: any, but for those of a few factors."""
    bound = [name for name in names if name in _CONSTRAINED]
    free = math.prod(len(factors[name]) for name in names if name not in _CONSTRAINED)
    chosen = product(*(factors[name] for name in bound))
    return free * sum(can_occur(dict(zip(bound, levels, strict=True))) for levels in chosen)

"""A covering array with its cases: what a run covers, and what stands in for what it leaves out."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations, product
from operator import itemgetter
from random import Random
from typing import Any

import torch
from covertable import criteria, make

from conv_reference.verification.checks import certifying
from conv_reference.verification.model.case import (
    LAYOUT_FIELDS,
    Case,
)
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
    rows: tuple[tuple[Levels, Case], ...]

    @classmethod
    def of(
        cls, target: Target, dtypes: Sequence[torch.dtype], *, strength: int, seed: int
    ) -> Covering:
        """See ``covering_array``."""
        factors = factors_of(target, dtypes)
        levels = covering_array(factors, strength=strength, seed=seed)
        rows = tuple((row, case_of(row, target, certifying().name)) for row in levels)
        return cls(target, factors, rows)

    @property
    def cases(self) -> tuple[Case, ...]:
        """One of each row."""
        return tuple(case for _, case in self.rows)

    def coverage(self, met: Container[Case], judged: Sequence[Levels] = ()) -> Coverage:
        """What the rows hold whose cases were met, and those of earlier runs."""
        return coverage(self.factors, [*self.met(met), *judged])

    def toward(self, judged: Sequence[Levels], count: int, seed: int) -> Covering:
        """Further rows, each with a triple of levels that neither these nor others hold.

        Args:
            judged: rows of earlier runs.
            count: of the rows, at most.
            seed: by which the triples, and the rows that they are put into, are drawn.
        """
        random, rows = Random(f"toward {seed}"), [*self.rows]
        met = {t for levels in (*judged, *(row for row, _ in rows)) for t in _triples(levels)}
        lacking = [triple for triple in self._possible(3) if triple not in met]
        random.shuffle(lacking)
        for triple in lacking:
            if len(rows) >= len(self.rows) + count:
                break
            levels = {**random.choice(self.rows)[0], **dict(triple)}
            if triple not in met and can_occur(levels):
                rows.append((levels, case_of(levels, self.target, certifying().name)))
                met.update(_triples(levels))
        return replace(self, rows=tuple(rows))

    def met(self, cases: Container[Case]) -> list[Levels]:
        """The rows whose cases were met, as these are laid out in the end."""
        return [{**levels, **_laid_out(case)} for levels, case in self.rows if case in cases]

    def without(self, left_out: Callable[[Case], bool]) -> Covering:
        """No row that is left out; others in their place, for each pair that can still occur."""
        kept = [(levels, case) for levels, case in self.rows if not left_out(case)]
        if len(kept) == len(self.rows):
            return self
        met = {pair for levels, _ in kept for pair in _pairs(levels)}
        for pair in self._possible(2):
            if pair in met:
                continue
            found = self._with_pair(dict(pair), kept, left_out)
            if found is not None:
                kept.append(found)
                met.update(_pairs(found[0]))
        return Covering(self.target, self.factors, tuple(kept))

    def _possible(self, strength: int) -> Iterator[Pair]:
        for names in combinations(sorted(self.factors), strength):
            for levels in product(*(self.factors[name] for name in names)):
                pair = tuple(zip(names, levels, strict=True))
                if can_occur(dict(pair)):
                    yield pair

    def _with_pair(
        self,
        pair: Mapping[str, Any],
        rows: Sequence[tuple[Levels, Case]],
        left_out: Callable[[Case], bool],
    ) -> tuple[Levels, Case] | None:
        """A row with the pair, otherwise like one of these; None where each is left out."""
        for row, _ in rows:
            levels = {**row, **pair}
            if can_occur(levels):
                case = case_of(levels, self.target, certifying().name)
                if not left_out(case):
                    return levels, case
        return None


Pair = tuple[tuple[str, Any], ...]


def _laid_out(case: Case) -> Levels:
    """The layouts that the case has in the end: where values are sparse nothing is expanded."""
    return {LAYOUT_FIELDS[role]: family_of(layout) for role, layout in case.layouts.items()}


def _triples(levels: Levels) -> Iterator[Pair]:
    return combinations(sorted(levels.items()), 3)


def _pairs(levels: Levels) -> Iterator[Pair]:
    return combinations(sorted(levels.items()), 2)


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

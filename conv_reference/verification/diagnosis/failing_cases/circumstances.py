"""What the failing cases of a run have in common, and the passing ones have not.

Faults sit behind predicates on geometry, layout and dtype. A run judges thousands of cases, so
the conditions that every failing one meets, and few others, point at the predicate.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import comb

from conv_reference.geometry import Geometry
from conv_reference.quantities import QUANTITIES
from conv_reference.verification.checks import Reported, all_rows, certifying
from conv_reference.verification.diagnosis.kinds import Kind, row_of
from conv_reference.verification.model.case import Case, Layout, dtype_name
from conv_reference.verification.model.judgement import Failure
from conv_reference.verification.model.sizes import sizes_of

FEWEST = 5  # failing cases: with fewer, much is common to them by chance
MANY = 12  # with fewer, so is a parity or an upper limit
_MOST = 4  # conditions
_MOST_PASSING = 1.25  # for each that fails
_CHANCE = 0.01  # with which one of all conditions may be common to the failing cases by chance
_CONTIGUOUS = {Layout.CONTIGUOUS, Layout.OFFSET}
_Met = frozenset[str]  # the conditions that a case meets
_IN_WORDS = {"n = 0": "n = 0 (an empty batch)"}  # what a letter alone hardly says


@dataclass(frozen=True)
class Contrast:
    """The cases that failed in one way, and those that could have and passed."""

    failing: Sequence[Case]
    passing: Collection[Case]
    among: str = ""  # which they are, in words
    passed: str = "passed"  # what the others did, in words: two findings may speak of one size


def contrast(
    kind: Kind,
    failures: Mapping[Kind, Sequence[Failure]],
    every: Sequence[Failure],
    judged_in: Mapping[str, Collection[Case]],
) -> Contrast:
    """The cases of a kind of failure, in any dtype, and those to compare them with.

    Args:
        kind: of the failures.
        failures: by their kinds, but for those that follow from others.
        every: all failures of the run, those that follow from others among them.
        judged_in: the cases of the run, by the rows that they were judged in.
    """
    alike = [f for k, those in failures.items() if _is_alike(k, kind) for f in those]
    first = row_of(alike[0].judgement).is_first
    failing = [f.case for f in alike if not first or f.case.check == certifying().name]
    every_one = len({*failing}) == len({f.case for f in alike})
    fails, passed = _that_fail(alike)
    plain = f" of the check {certifying().name} (a call, forward and backward)"
    among = f" cases{'' if every_one else plain} {fails}"
    rows = {f.judgement.check for f in alike if row_of(f.judgement).is_first == first}
    if _has_no_answer(alike[0]):  # a wrong answer is one: of numbers, or of another shape
        every = [failure for failure in every if _has_no_answer(failure)]
        rows |= {row.name for row in all_rows().values() if first and row.is_first}
    elsewhere = {f.case for f in every if f.judgement.check in rows}
    leaf = _leaf(alike)  # who is not asked for a gradient cannot get it wrong
    able = (case for row in rows for case in judged_in.get(row, ()) if leaf in case.requires_grad)
    others = {*able} - elsewhere
    return Contrast(failing, others, among, passed)


def _has_no_answer(failure: Failure) -> bool:
    """Whether it raised or crashed, where a sentence compares it with what returned an answer."""
    return failure.judgement.thrown is not None or failure.judgement.crash is not None


def _leaf(failures: Sequence[Failure]) -> str:
    """The operand of the one gradient that fails, as a case names it; empty for others."""
    names = {failure.judgement.quantity for failure in failures}
    found = [QUANTITIES[name].leaf for name in names if name in QUANTITIES]
    return found[0] if len(names) == len(found) == 1 else ""


def _that_fail(failures: Sequence[Failure]) -> tuple[str, str]:
    """In which way they do, and what others did: a finding counts the cases of each quantity."""
    shown = failures[0].judgement
    names = dict.fromkeys(failure.judgement.quantity for failure in failures)
    if shown.thrown is not None:
        return "that raise this", "returned an answer"
    if shown.crash is not None:
        return "that end so", "returned an answer"
    if shown.lacks_gradient and len(names) == 1 and shown.quantity:
        return f"that give no {shown.quantity}", "gave one"
    if row_of(shown).is_first and shown.of_numbers and len(names) == 1 and shown.quantity:
        return f"in which {shown.quantity} is wrong", f"gave the right {shown.quantity}"
    if row_of(shown).reported == Reported.SHAPE and len(names) == 1 and shown.quantity:
        return f"in which {shown.quantity} is of another shape or dtype", "gave the right ones"
    return f"that fail in {shown.check}", "passed there"


def _is_alike(other: Kind, kind: Kind) -> bool:
    """In another dtype; of a mode, in another quantity, too: few are asked of each case."""
    if kind.thrown is None and not all_rows()[kind.row].is_first:
        return other.row == kind.row and not other.known
    return other.in_any_dtype == kind.in_any_dtype


def circumstances(
    failing: Sequence[Case],
    others: Sequence[Case],
    *,
    smallest: Case | None = None,
    among: str = "",
    passed: str = "passed",
) -> str:
    """One sentence: the conditions that all failing cases meet, and how many others do.

    Of the conditions that hold in each failing case, that which the fewest of the others meet
    comes first, then that which the fewest of those left meet, until none distinguishes them.

    Args:
        failing: cases that failed in one way.
        others: cases that could have, and passed.
        smallest: one more that fails in this way, made small: what it lacks is not needed.
        among: which they are, in words, see ``Contrast``.
        passed: what the others did, likewise.

    Returns:
        Empty where fewer than five failed, or all did, or nothing is common to them alone but
        what may be so by chance, or clearly more others passed with all of it.
    """
    wrong = dict.fromkeys(failing)
    if len(wrong) < FEWEST:
        return ""
    conditions = _conditions if len(wrong) < MANY else _more_conditions
    meant = wrong if smallest is None else {**wrong, smallest: None}
    met = [frozenset(conditions(case)) for case in meant]
    common = frozenset.intersection(*met)
    tested = len(frozenset.union(*met))
    right = [common.intersection(conditions(case)) for case in others if case not in wrong]
    chosen = _chosen(common, right, len(wrong), tested)
    passing = sum(those.issuperset(chosen) for those in right)
    if not chosen or passing > _MOST_PASSING * len(wrong):
        return ""  # what more of the right ones have, too, explains nothing
    left = f"{passing:,} other{'s' * (passing > 1)}" if passing else "no other"
    said = ", ".join(_IN_WORDS.get(text, text) for text in chosen)
    return f"All {len(wrong):,}{among} have {said}; {left} with that {passed}."


def _chosen(common: _Met, right: Sequence[_Met], failing: int, tested: int) -> list[str]:
    """The fewest conditions that separate the failing cases from as many others as they can."""
    chosen: list[str] = []
    passing = right
    while passing and len(chosen) < _MOST:
        counts = {text: sum(text in met for met in passing) for text in sorted(common)}
        best = min(counts, key=lambda text: (counts[text], *_plainness(text)), default=None)
        if best is None or _may_be_chance(counts[best], len(passing), failing, tested):
            break
        chosen.append(best)
        passing = [met for met in passing if best in met]
    for text in tuple(chosen):  # what the later ones imply
        rest = [other for other in chosen if other != text]
        if rest and sum(met.issuperset(rest) for met in right) == len(passing):
            chosen = rest
    return chosen


def _plainness(text: str) -> tuple[bool, bool]:
    """What comes first of conditions that as many meet: a value, and a remainder last."""
    return "%" in text, " = " not in text


def _may_be_chance(meeting: int, passing: int, failing: int, tested: int) -> bool:
    """Whether cases drawn without regard to it could all meet one of the conditions tested.

    Of all cases ``meeting + failing`` meet it; all that fail are among them with the probability
    of the hypergeometric distribution, and so many conditions had a chance to.
    """
    ways = comb(meeting + failing, failing) / comb(passing + failing, failing)
    return meeting > 0.9 * passing or tested * ways > _CHANCE


def _conditions(case: Case) -> Iterator[str]:
    """Everything that is true of a case, in the words of its text form."""
    yield f"dtype {dtype_name(case.dtype)}"
    yield f"grad={case.requires_grad or 'none'}"
    for letter in case.arguments:
        asked = "asked" if letter in case.requires_grad else "not asked"
        yield f"d{letter} {asked} for"
    yield "a bias" if case.bias else "no bias"
    yield f"values={case.values}"
    for name, layout in case.layouts_by_letter.items():
        yield f"{name}={layout}"
        if layout not in _CONTIGUOUS:
            yield f"{name} not contiguous"
    yield from _of_sizes(case.geometry)


# Thousands of cases have few sizes, and several findings are about the same cases: each size, and
# each geometry, is put into words once.
@lru_cache(maxsize=2**13)
def _of_sizes(geometry: Geometry) -> tuple[str, ...]:
    size = sizes_of(geometry)
    named = ("n", "c", "o", "g", "kh", "kw", "sh", "sw", "dh", "dw", "oh", "ow", "ph", "pw")
    of_each = (text for name in named for text in _at_least(name, size[name]))
    return (*of_each, *(text for text, holds in _relations(size) if holds))


@lru_cache(maxsize=2**12)
def _at_least(name: str, value: int) -> tuple[str, ...]:
    least = 0 if name in {"ph", "pw"} else 1
    return (f"{name} = {value}", *(f"{name} > {b}" for b in range(least, min(value, 40))))


# Where kernels choose another path, or leave a tail: below blocks and vectors, and off their grid.
_BELOW = (2, 3, 4, 5, 8, 9, 16, 17, 32, 33)
_MODULI = (2, 4, 8)


def _more_conditions(case: Case) -> Iterator[str]:
    """With those that hold of a few cases by chance: remainders, and upper limits."""
    yield from _conditions(case)
    yield from _more_of_sizes(case.geometry)


@lru_cache(maxsize=2**13)
def _more_of_sizes(geometry: Geometry) -> tuple[str, ...]:
    z = sizes_of(geometry)
    named = {name: z[name] for name in ("n", "c", "o", "h", "w", "kh", "kw", "oh", "ow")}
    named |= {"c/g": z["c"] // z["g"], "o/g": z["o"] // z["g"]}
    named |= {"kh·kw": z["kh"] * z["kw"], "oh·ow": z["oh"] * z["ow"]}
    return tuple(text for name, value in named.items() for text in _below(name, value))


@lru_cache(maxsize=2**12)
def _below(name: str, value: int) -> tuple[str, ...]:
    remainders = (f"{name} % {modulus} = {value % modulus}" for modulus in _MODULI)
    return (*(f"{name} < {bound}" for bound in _BELOW if value < bound), *remainders)


def _relations(z: Mapping[str, int]) -> Iterator[tuple[str, bool]]:
    for axis, across in (("h", "w"), ("w", "h")):
        yield from _relations_along(axis, across, z)
    yield "a remainder in h or w", z["rh"] + z["rw"] > 0
    yield "no remainder in h and w", z["rh"] + z["rw"] == 0
    yield "sh > kh or sw > kw", z["sh"] > z["kh"] or z["sw"] > z["kw"]
    yield "ph ≥ kh or pw ≥ kw", z["ph"] >= z["kh"] or z["pw"] >= z["kw"]
    yield "outputs that see padding alone", z["blind_rows"] + z["blind_columns"] > 0
    yield "h ≠ w", z["h"] != z["w"]
    yield "sh ≠ sw", z["sh"] != z["sw"]
    yield "kh ≠ kw", z["kh"] != z["kw"]
    yield "dh ≠ dw", z["dh"] != z["dw"]
    yield "ph ≠ pw", z["ph"] != z["pw"]
    yield "depthwise", z["g"] == z["c"] > 1
    yield "c/g > 1", z["c"] > z["g"]
    yield "c/g = 1", z["c"] == z["g"]
    yield "o/g > 1", z["o"] > z["g"]
    yield "o/g = 1", z["o"] == z["g"]
    yield "sh·sw > 1", z["sh"] * z["sw"] > 1
    yield "ph + pw > 0", z["ph"] + z["pw"] > 0
    yield "dh·dw > 1", z["dh"] * z["dw"] > 1
    yield "kh·kw > 1", z["kh"] * z["kw"] > 1


def _relations_along(axis: str, across: str, z: Mapping[str, int]) -> Iterator[tuple[str, bool]]:
    k, s, p, d = (z[f"{name}{axis}"] for name in "kspd")
    names = "rows" if axis == "h" else "columns"
    yield f"s{axis} > k{axis}", s > k
    yield f"s{axis} < k{axis}", s < k
    yield f"p{axis} ≥ k{axis}", p >= k
    yield f"d{axis} > s{axis}", d > s
    yield f"a remainder in {axis}", z[f"r{axis}"] > 0
    yield f"no remainder in {axis}", z[f"r{axis}"] == 0
    yield f"outputs in {names} of padding", z[f"blind_{names}"] > 0
    yield f"taps in {names} of padding", z[f"blind_kernel_{names}"] > 0
    yield f"s{axis} > s{across}", s > z[f"s{across}"]
    yield f"k{axis} > k{across}", k > z[f"k{across}"]

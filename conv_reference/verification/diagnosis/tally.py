"""Results gathered: what each row of the report has seen in each dtype."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property

import torch

from conv_reference.geometry import Geometry
from conv_reference.operands import can_be_exact
from conv_reference.quantities import CONV2D, GRADIENTS, Operator
from conv_reference.verification.checks import Check, Reported, Row, Sample
from conv_reference.verification.diagnosis.crashes import crashed
from conv_reference.verification.diagnosis.mapped import refused_over
from conv_reference.verification.model.case import Case, Layout, Values, dtype_name
from conv_reference.verification.model.families import count_families
from conv_reference.verification.model.judgement import (
    Crash,
    Failure,
    Judgement,
    Quantity,
    Thrown,
    without_what_differs,
)
from conv_reference.verification.model.notes import Note, NoteKind
from conv_reference.verification.model.result import (
    AS_FOUND,
    FOUND,
    CheckResult,
    Verdict,
    worst,
)
from conv_reference.verification.trial.judge import COMPONENTWISE, NORMWISE, full_bits
from conv_reference.verification.trial.slow_targets import SPARED
from conv_reference.verification.trial.values import miss_bound

_MISFIT = "returned an invalid gradient"  # as torch says it


@dataclass
class _Seen:
    verdicts: set[Verdict] = field(default_factory=set)
    geometries: dict[Geometry, None] = field(default_factory=dict)
    balanced: dict[Geometry, None] = field(default_factory=dict)
    judged: dict[Case, None] = field(default_factory=dict)
    cases: int = 0  # as many as were fed, one that is met again included
    unsupported: int = 0
    raising: int = 0  # of these: by what is no refusal
    bits: list[float] = field(default_factory=list)
    bounds: set[str] = field(default_factory=set)
    failures: list[Failure] = field(default_factory=list)
    # Why cases are unsupported, and what was thrown where that is the reason.
    reasons: dict[str, Thrown | None] = field(default_factory=dict)
    # What was thrown under a transform where that is unsupported, and what is reported of it.
    thrown: dict[Thrown, str] = field(default_factory=dict)
    # What was mapped over where it was answered, and where it was not: by what is reported.
    answered: dict[Quantity, None] = field(default_factory=dict)
    over: dict[str, dict[Quantity, None]] = field(default_factory=dict)


@dataclass
class Tally:
    """What was seen, by row and dtype; fed in the order of the plan."""

    checks: Sequence[Check]
    dtypes: Sequence[torch.dtype]
    operator: Operator = CONV2D  # that the target should compute
    # Of which every row was, in whole or in part, and nothing is wrong.
    refused: dict[Case, None] = field(default_factory=dict)
    raising: dict[Case, None] = field(default_factory=dict)  # of those: by what is no refusal
    spared: dict[Case, None] = field(default_factory=dict)  # of those: for the target is too slow
    # In which dtypes what was observed, by its subject; what has none stands by itself.
    _notes: dict[tuple[str, ...], dict[str, set[torch.dtype]]] = field(default_factory=dict)
    _of_one_dtype: set[tuple[str, ...]] = field(default_factory=set)  # of these
    _warned: set[tuple[str, ...]] = field(default_factory=set)  # of them, too: to be known first
    _answered: set[torch.dtype] = field(default_factory=set)  # in which anything was
    _seen: dict[tuple[str, torch.dtype], _Seen] = field(default_factory=dict)

    def add(self, case: Case, result: Sequence[Judgement] | Crash) -> None:
        """Take the judgements of one case, or that it took its process along."""
        if isinstance(result, Crash):
            result = [crashed(self._check(case), case, result)]
        judged = {j.check: None for j in result if j.verdict != Verdict.UNSUPPORTED}
        refused = {j.check: None for j in result if j.verdict == Verdict.UNSUPPORTED}
        if judged:
            self._answered.add(case.dtype)
        # What refuses one of its questions was not judged, whatever it answered to the others; but
        # what fails in one has a verdict.
        for row in {j.check for j in result if j.verdict in FOUND}:
            refused.pop(row, None)
        for row in judged:
            if row not in refused:
                _count(self._row(row, case), case)
        for row in refused:
            self._row(row, case).unsupported += 1
            self._row(row, case).raising += any(_raises(j) for j in result if j.check == row)
        failed = any(j.verdict in FOUND for j in result)
        if refused and not failed and judged.keys() <= refused.keys():
            self._refuse(case, result)
        for judgement in result:
            self._take(self._row(judgement.check, case), case, judgement)

    def _refuse(self, case: Case, result: Sequence[Judgement]) -> None:
        """Count a case that has no verdict, by why."""
        self.refused[case] = None
        if {j.explanation for j in result if j.verdict == Verdict.UNSUPPORTED} <= SPARED:
            self.spared[case] = None
        if case.check not in self._optional and any(map(_raises, result)):
            self.raising[case] = None

    def _row(self, name: str, case: Case) -> _Seen:
        key = name, case.dtype
        if key not in self._seen:
            self._seen[key] = _Seen()
        return self._seen[key]

    def _take(self, seen: _Seen, case: Case, judgement: Judgement) -> None:
        seen.verdicts.add(judgement.verdict)
        if judgement.effective_bits is not None:
            seen.bits.append(judgement.effective_bits)
        if judgement.bound is not None:
            seen.bounds.add(judgement.bound)
        if judgement.verdict in FOUND:
            seen.failures.append(Failure(case, judgement))
        if judgement.mapped is not None and judgement.verdict != Verdict.UNSUPPORTED:
            seen.answered[judgement.mapped.alike] = None
        if judgement.verdict == Verdict.UNSUPPORTED:
            said, thrown = judgement.actual or judgement.explanation, judgement.thrown
            alike = without_what_differs(said)
            seen.over.setdefault(alike, {}).update(dict.fromkeys(judgement.over))
            if thrown is None or thrown.refusal:
                seen.reasons.setdefault(said, None)
            elif not judgement.actual:  # a row that claims nothing where it is thrown
                seen.reasons.setdefault(said, thrown.alike_in_words)
            else:
                seen.thrown.setdefault(thrown.alike_in_words, said)
        elif judgement.observed:
            self._note(case, judgement)

    def _note(self, case: Case, judgement: Judgement) -> None:
        """Take what was observed, by its subject."""
        what = judgement.observation
        about = (judgement.subject,) if judgement.subject else ("", what)
        self._notes.setdefault(about, {}).setdefault(what, set()).add(case.dtype)
        if judgement.warns:
            self._warned.add(about)
        if len(self._check(case).dtypes or ()) == 1:  # in which dtype is no news
            self._of_one_dtype.add(about)

    def _check(self, case: Case) -> Check:
        return next(check for check in self.checks if check.name == case.check)

    @property
    def notes(self) -> list[Note]:
        """What was observed and not judged; where not in every dtype with answers, in which."""
        return [
            Note(
                NoteKind.WARNED if about in self._warned else NoteKind.OBSERVED,
                self._noted(about, answers),
            )
            for about, answers in self._notes.items()
        ]

    def _noted(self, about: tuple[str, ...], answers: Mapping[str, set[torch.dtype]]) -> str:
        """One answer, or several to one question: "zeros are kept in float32, and lost in ..."."""
        subject = about[0]
        if about in self._of_one_dtype:
            first, *more = answers
            others = "".join(f", and {what} in others" for what in more)
            return f"{subject} {first}{' in some cases' * bool(more)}{others}".lstrip()
        if len(answers) == 1:
            [(what, seen)] = answers.items()
            where = "" if seen >= self._answered else f" (met in {self._named(seen)})"
            return f"{subject} {what}{where}".lstrip()
        times = Counter(dtype for seen in answers.values() for dtype in seen)
        partly = {dtype for dtype, number in times.items() if number > 1}
        each = [f"{what} in {self._named(seen, partly)}" for what, seen in answers.items()]
        between = "; " if any(", " in what for what in answers) else ", and "
        return f"{subject} {between.join(each)}"

    def _named(self, dtypes: Set[torch.dtype], partly: Set[torch.dtype] = frozenset()) -> str:
        """Their names in the order asked for, and of which only some cases are meant."""
        return ", ".join(
            dtype_name(dtype) + " (some cases)" * (dtype in partly)
            for dtype in self.dtypes
            if dtype in dtypes
        )

    @property
    def partly(self) -> int:
        """How often a row was refused beside others of its case that were judged."""
        return sum(seen.unsupported for seen in self._seen.values()) - len(self.refused)

    @property
    def unpromised(self) -> int:
        """How many of the refused cases are in a spelling or mode that nobody promised."""
        return sum(case.check in self._optional for case in self.refused)

    @cached_property
    def _optional(self) -> set[str]:
        """The checks of spellings and modes that nobody promised."""
        return {check.name for check in self.checks if all(row.optional for row in check.rows)}

    @property
    def rows(self) -> set[str]:
        """The rows of which anything was seen."""
        return {row for row, _ in self._seen}

    @property
    def ended(self) -> set[str]:
        """The rows that failed, or were refused, in some case: others of it may not be reached."""
        return {row for (row, _), seen in self._seen.items() if seen.failures or seen.unsupported}

    @property
    def judged_in(self) -> dict[str, list[Case]]:
        """The cases by the rows that they were judged in; not those that a row refused."""
        found: dict[str, list[Case]] = {}
        for (row, _), seen in self._seen.items():
            found.setdefault(row, []).extend(seen.judged)
        return found

    def failures(self) -> list[Failure]:
        """Every fault, in the order of the rows."""
        return [f for seen in self._seen.values() for f in seen.failures]

    def results(self, known: Iterable[Failure]) -> list[CheckResult]:
        """One result for each row and dtype that anything was seen of.

        Args:
            known: the failures that are known defects.
        """
        excused = {id(failure) for failure in known}
        thrown = (failure.judgement.thrown for failure in self.failures())
        words = {each.alike_in_words for each in thrown if each is not None}
        found = words | self._of_a_shape()
        order = {row.name: (i, c) for i, (c, row) in enumerate(_rows(self.checks))}
        place = {dtype: i for i, dtype in enumerate(self.dtypes)}
        keys = sorted(self._seen, key=lambda key: (order[key[0]][0], place.get(key[1], 99)))
        return [self._result(*key, order[key[0]][1], excused, found) for key in keys]

    def _of_a_shape(self) -> set[Thrown]:
        """What torch throws for a gradient of another shape, where such a shape is a finding."""
        rows = {row.name for _, row in _rows(self.checks) if row.reported == Reported.SHAPE}
        shapes = (f for f in self.failures() if f.judgement.check in rows)
        if all(f.judgement.quantity not in GRADIENTS for f in shapes):
            return set()
        every = (thrown for seen in self._seen.values() for thrown in seen.thrown)
        return {thrown for thrown in every if _MISFIT in thrown.message and not thrown.place}

    def _result(
        self,
        row: str,
        dtype: torch.dtype,
        check: Check,
        excused: Set[int],
        found: Set[Thrown],
    ) -> CheckResult:
        seen = self._seen[row, dtype]
        new = {f.judgement.verdict for f in seen.failures if id(f) not in excused}
        crashes = [
            f.judgement.crash
            for f in seen.failures
            if f.judgement.crash is not None and not (new and id(f) in excused)
        ]
        # Beside a new failure a known one says nothing of how bad it is.
        verdicts = (seen.verdicts - FOUND) | new if new else seen.verdicts
        # A mode that some cases have and others do not is judged by those that do.
        answered = verdicts - {Verdict.UNSUPPORTED}
        verdict = worst(answered if seen.cases or seen.failures else ())
        of_transforms = [said for thrown, said in seen.thrown.items() if thrown not in found]
        of_others = [said for said, thrown in seen.reasons.items() if thrown not in found]
        as_found = AS_FOUND if seen.thrown or seen.reasons else ""
        return CheckResult(
            name=row,
            dtype=dtype_name(dtype),
            verdict=verdict,
            geometries=len(seen.geometries),
            effective_bits=min(seen.bits, default=None),
            miss_bound=_weakest(check, row, dtype, seen, self.operator)
            if verdict == Verdict.EXACT
            else None,
            cases=seen.cases,
            unsupported=seen.unsupported,
            raising=seen.raising,
            bound=_bound(seen.bounds) if verdict == Verdict.ROUNDED else None,
            expected_bits=float(full_bits(dtype)) if seen.bits else None,
            reason=self._with_operands(
                row, next(filter(None, (*of_others, *of_transforms, as_found)), "")
            ),
            raises=bool(of_transforms),
            known=bool(seen.failures) and all(id(f) in excused for f in seen.failures),
            real=check.real,
            optional=any(each.optional for each in check.rows if each.name == row),
            families=count_families(seen.geometries),
            bits=_whole(seen.bits),
            timed_out=verdict == Verdict.CRASHED and all(crash.hung for crash in crashes),
        )

    def _with_operands(self, row: str, reason: str) -> str:
        """The reason; where over other operands it is answered, with those for which it holds."""
        every = [seen for (name, _), seen in self._seen.items() if name == row]
        alike = without_what_differs(reason)
        refused = {quantity: None for seen in every for quantity in seen.over.get(alike, ())}
        answered = {quantity: None for seen in every for quantity in seen.answered}
        where = refused_over(refused, answered)
        return f"{where}: {reason}" if where else reason


def _raises(judgement: Judgement) -> bool:
    """Whether it is unsupported by what was thrown, which was no refusal."""
    thrown = judgement.thrown
    return judgement.verdict == Verdict.UNSUPPORTED and thrown is not None and not thrown.refusal


def _count(seen: _Seen, case: Case) -> None:
    seen.judged[case] = None
    seen.cases += 1
    seen.geometries[case.geometry] = None
    if case.values == Values.BALANCED and not _has_repeats(case):
        seen.balanced[case.geometry] = None


def _whole(bits: Iterable[float]) -> tuple[tuple[int, int], ...]:
    """How often there were so many whole bits."""
    return tuple(sorted(Counter(math.floor(each) for each in bits if math.isfinite(each)).items()))


def _has_repeats(case: Case) -> bool:
    """Whether elements repeat: the bound is that of independent ones."""
    return Layout.EXPANDED in case.layouts.values()


def _rows(checks: Sequence[Check]) -> list[tuple[Check, Row]]:
    first = sorted(checks, key=lambda check: check.sample != Sample.ALL)
    return [(check, row) for check in first for row in check.rows]


def _bound(bounds: set[str]) -> str | None:
    if NORMWISE in bounds:
        return NORMWISE
    return COMPONENTWISE if bounds else None


def _weakest(
    check: Check, name: str, dtype: torch.dtype, seen: _Seen, operator: Operator
) -> float | None:
    rows = (row for row in check.rows if row.name == name and row.reported == Reported.NUMBER)
    quantity = next((row.quantity for row in rows), "")
    exact = [g for g in seen.balanced if g.batch and can_be_exact(g, dtype, operator)]
    if not quantity or not exact:
        return None
    return max(miss_bound(geometry, dtype, quantity, operator) for geometry in exact)

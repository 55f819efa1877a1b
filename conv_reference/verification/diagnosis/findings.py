"""From failures to findings: the smallest case of each, explained, with a way to see it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property

from conv_reference.verification.checks import Reported, certifying
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.explaining.difference import differences
from conv_reference.verification.diagnosis.explaining.explain import Explanation, explain_case
from conv_reference.verification.diagnosis.explaining.mode_snippet import as_plain_torch
from conv_reference.verification.diagnosis.explaining.refusal_snippet import as_plain_refusal
from conv_reference.verification.diagnosis.explaining.switches import switched
from conv_reference.verification.diagnosis.explaining.wording import finding_of
from conv_reference.verification.diagnosis.failing_cases.around_smallest import (
    around,
    with_all_gradients,
)
from conv_reference.verification.diagnosis.failing_cases.circumstances import (
    circumstances,
    contrast,
)
from conv_reference.verification.diagnosis.failing_cases.minimal import minimal
from conv_reference.verification.diagnosis.grouping.alone import asked_alone
from conv_reference.verification.diagnosis.grouping.by_layout import filed_by_layouts
from conv_reference.verification.diagnosis.grouping.faults import (
    Fault,
    condition_of,
    faults_of,
    first_own,
)
from conv_reference.verification.diagnosis.grouping.group import Group, Groups
from conv_reference.verification.diagnosis.grouping.kept_state import (
    KEPT,
    filed_under_what_is_kept,
    smallest_alone,
)
from conv_reference.verification.diagnosis.grouping.larger_images import (
    filed_under_what_larger_images_show,
)
from conv_reference.verification.diagnosis.grouping.one_step_smaller import (
    filed_under_what_smaller_sizes_show,
)
from conv_reference.verification.diagnosis.grouping.origins import sorted_out
from conv_reference.verification.diagnosis.grouping.right_when_contiguous import filed_by_what_mends
from conv_reference.verification.diagnosis.grouping.same_cause import filed_by_cause
from conv_reference.verification.diagnosis.grouping.wider_dtypes import with_wider
from conv_reference.verification.diagnosis.grouping.written_arguments import (
    filed_under_what_is_overwritten,
)
from conv_reference.verification.diagnosis.kinds import (
    Condition,
    Kind,
    products,
    row_of,
    size,
)
from conv_reference.verification.diagnosis.ran import only_failing
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Failure
from conv_reference.verification.model.result import Finding, Verdict
from conv_reference.verification.options.clock import MOST_APART

MOST_REDUCED = 12  # faults; further ones are shown as they were met
_SORTING = 0.6  # of the time: the rest is for the smallest cases, without which nobody sees why
_MENDING = 0.5  # of what is left
_SHOWING = 0.7  # of what is left: the rest is for which of the findings are one
_MOST_NAMED = 4  # rows
_MOST_MESSAGES = 3  # of one line, beside the first
_LEFT = "It was not made smaller, for want of time; the command below does that."
_MOST_PRODUCTS = 100_000  # of a case that a guess is tried on


@dataclass(frozen=True)
class Gathered:
    """What failures come to."""

    findings: tuple[Finding, ...]
    known: tuple[Failure, ...]  # the failures that are known defects
    more: tuple[Failure, ...] = ()  # in wider dtypes, on cases that the run had in narrow ones


@dataclass(frozen=True)
class Diagnosis:
    """The failures of a run, to be taken apart."""

    failures: Sequence[Failure]
    judged_in: Mapping[str, Collection[Case]]  # the cases of the run, by row
    bench: Bench  # with no time left, findings are shown as they were met
    in_process: bool  # whether the target was called where ``verify`` was
    more: Sequence[Failure] = ()  # that wider dtypes have on the run's cases
    told: Callable[[str], None] = lambda _: None  # what is done now, in words

    def gathered(self) -> Gathered:
        """One finding for each fault and dtype, and for each gradient that a wrong Y makes wrong.

        What fails in another row because of it is no finding of its own: see ``Finding.also``.
        """
        if not self.failures:
            return Gathered((), (), ())
        self.told("finding which failures follow from which")
        groups, known = sorted_out(self.failures, self.bench.within(_SORTING))
        dtypes = {case.dtype for cases in self.judged_in.values() for case in cases}
        groups, more = with_wider(groups, dtypes, self.bench)
        shown = replace(self, bench=self.bench.within(_SHOWING), more=more)
        faults = faults_of(groups, shown.bench)
        mending = self.bench.within(_MENDING)
        by_row: dict[str, list[Failure]] = {row: [] for row in self.judged_in}
        for failure in self.failures:
            by_row.setdefault(failure.judgement.check, []).append(failure)
        faults = filed_under_what_is_kept(faults, groups, mending, by_row)
        faults = filed_by_what_mends(faults, groups, self.bench.within(_MENDING))
        found = _numbered_by_place(shown.of_faults(faults, groups))
        self.told("finding which findings are one")
        found = filed_under_what_is_overwritten(found)
        found = filed_under_what_larger_images_show(found, self.bench)
        found = filed_under_what_smaller_sizes_show(found, self.bench)
        found = filed_by_cause(found)
        found = filed_by_layouts(found, self.bench)
        if len({case for cases in self.judged_in.values() for case in cases}) < 2:
            return Gathered(tuple(finding for _, finding in found), tuple(known), more)
        return Gathered(tuple(asked_alone(found, self.bench)), tuple(known), more)

    @cached_property
    def _met(self) -> Set[tuple[str, Case]]:
        """The rows that failed, and on which cases; the rest of a group was asked afterwards."""
        return {(f.judgement.check, f.case) for f in (*self.failures, *self.more)}

    def of_faults(
        self, faults: Sequence[Fault], groups: Groups
    ) -> Iterator[tuple[Failure, Finding]]:
        """What is shown of all faults, one after another."""
        for number, fault in enumerate(faults, start=1):
            self.told(f"making failing cases small, fault {number} of {len(faults)}")
            yield from (self.of_kept if fault.cause == KEPT else self.of_fault)(
                number, fault, groups
            )

    def of_fault(
        self, number: int, fault: Fault, groups: Groups
    ) -> Iterator[tuple[Failure, Finding]]:
        """What is shown of one fault: the failure, and the finding that it makes."""
        smallest: dict[Kind, Case] = {}
        for kind in (*fault.kinds, *fault.following):
            elsewhere = smallest.get(kind.in_any_dtype)
            is_own = not (kind.known or kind.perhaps)
            apart = is_own and number <= MOST_REDUCED and not self.bench.is_over
            follows = kind in fault.following
            shown = (
                self._shown(kind, groups, elsewhere, follows=follows)
                if apart and not fault.as_met
                else first_own(groups[kind].failures, lambda _: True)
            )
            finding = self._finding(kind, shown, groups, explained=apart)
            if elsewhere is None and not kind.known:  # reported once, for all dtypes together
                common = self._common(kind, groups, shown, follows=follows)
                said = " ".join(filter(None, (common, finding.circumstances)))
                finding = replace(finding, circumstances=said)
            smallest.setdefault(kind.in_any_dtype, shown.case)
            finding = replace(finding, cause=fault.cause or finding.cause)
            yield shown, replace(finding, fault=number, follows=follows)

    def of_kept(
        self, number: int, fault: Fault, groups: Groups
    ) -> Iterator[tuple[Failure, Finding]]:
        """The same of what is kept between calls: neither formulas nor sizes have a part in it."""
        smallest: dict[Kind, Case] = {}
        first, *_ = fault.kinds
        counted: frozenset[int] = frozenset()
        # Each case shows what is kept. Dtypes in which it shows otherwise alone go with the first.
        cases: dict[Kind, dict[Case, None]] = {}
        for kind in (*fault.kinds, *fault.following):
            alike = (k for k in fault.kinds if (k.dtype, k.verdict) == (kind.dtype, first.verdict))
            operands = (replace(f.case, check=certifying().name) for f in groups[kind].failures)
            cases.setdefault(next(alike, first), {}).update(dict.fromkeys(operands))
        for kind in (*fault.kinds, *fault.following):
            follows, failures = kind in fault.following, groups[kind].failures
            shown = failures[0] if kind == first else min(failures, key=size)
            if not follows:
                shown = smallest_alone(shown, self.bench, smallest.get(kind.in_any_dtype))
                smallest.setdefault(kind.in_any_dtype, shown.case)
            finding = self._finding(kind, shown, groups, explained=False, cause=fault.cause)
            if kind in cases:
                finding = self._counted_of_kept(finding, cases[kind])
                counted |= finding.cases
            else:  # it adds none
                finding = replace(finding, cases=counted)
            yield shown, replace(finding, fault=number, follows=follows)

    def _counted_of_kept(self, finding: Finding, cases: Collection[Case]) -> Finding:
        """With all cases that what is kept breaks, and those of them that the row met as such."""
        dtypes = {case.dtype for case in cases}
        met = {
            failure.case
            for failure in self.failures
            if failure.judgement.check == finding.check
            and failure.judgement.verdict == finding.verdict
            and failure.case.dtype in dtypes
        }
        # A row that makes calls of its own may stand there by their sizes, and by its own.
        every = min({*cases}, {failure.case for failure in self.failures}, key=len)
        return _counted(finding, every, met)

    def _common(self, kind: Kind, groups: Groups, shown: Failure, *, follows: bool) -> str:
        """What the failing cases have in common, where it begins, and which line they alone run.

        Nothing of calls at once: on which cases they meet is chance, and so is what those share.
        """
        if row_of(shown.judgement).at_once:
            return ""
        by_kind = {other: group.failures for other, group in groups.items()}
        those = contrast(kind, by_kind, self.failures, self.judged_in)
        smallest, right = shown.case, those.passing
        met = circumstances(
            those.failing, [*right], smallest=smallest, among=those.among, passed=those.passed
        )
        is_own = self._condition(kind, groups, follows=follows)
        has_time = self.bench.left > MOST_APART / 2  # the smallest cases of the others come first
        edges = around(shown, self.bench, is_own) if has_time else ""
        ran = only_failing([*those.failing, smallest], right, self.bench)
        return " ".join(filter(None, (met, with_all_gradients(shown, self.bench), edges, ran)))

    def _condition(self, kind: Kind, groups: Groups, *, follows: bool) -> Condition:
        return (lambda _: True) if follows else condition_of(kind, groups, self.bench)

    def _shown(
        self, kind: Kind, groups: Groups, elsewhere: Case | None, *, follows: bool
    ) -> Failure:
        """The failure on the smallest case."""
        is_own = self._condition(kind, groups, follows=follows)
        first = first_own(groups[kind].failures, is_own)
        return minimal(first, self.bench, elsewhere=elsewhere, is_own=is_own)

    def _finding(
        self, kind: Kind, shown: Failure, groups: Groups, *, explained: bool, cause: str = ""
    ) -> Finding:
        failures, places = groups[kind].failures, groups[kind].places
        cases = {failure.case: None for failure in failures}
        explanation = self._explained(shown, _spread(cases)) if explained else Explanation()
        finding = finding_of(
            shown, explanation, self.bench, known=kind.known, in_process=self.in_process
        )
        setting = switched(shown, self.bench) if explained else ""
        script = ""
        if explained:
            script = as_plain_torch(shown, self.bench) or as_plain_refusal(shown, self.bench)
        is_whole = explained or cause or kind.known or kind.verdict == Verdict.PERMISSIVE
        hint = "" if is_whole or not self.bench.target.importable else _LEFT
        met = [case for case in cases if (finding.check, case) in self._met]
        return replace(
            _counted(finding, cases, met),
            explanation="\n".join(
                filter(
                    None,
                    (
                        setting,
                        finding.explanation,
                        _also_raised(shown, failures),
                    ),
                )
            ),
            circumstances=" ".join(
                filter(
                    None,
                    (
                        _hidden(groups[kind]),
                        _unasked(groups[kind]),
                        _perhaps_torchs(kind.perhaps),
                        hint,
                    ),
                )
            ),
            seen=setting or finding.seen,
            cause=cause or finding.cause or _usual_cause([*failures, shown]),
            snippet=script or finding.snippet,
            also=tuple(
                row for row, dtype in places if dtype == kind.dtype and row != finding.check
            ),
            elsewhere=tuple(place for place in places if place[1] != kind.dtype),
            differences=differences(shown, failures, self.bench) if explained else (),
        )

    def _explained(self, failure: Failure, others: tuple[Case, ...]) -> Explanation:
        judgement = failure.judgement
        if judgement.verdict != Verdict.WRONG or not row_of(judgement).is_first:
            return Explanation()
        argument = (self.bench.settings, judgement, others)
        answer = self.bench.ask(explain_case, [failure.case], argument).get(failure.case)
        if not isinstance(answer, Explanation):
            return Explanation()
        # Of a gradient of another shape torch has made what is guessed about.
        resized = row_of(judgement).reported == Reported.SHAPE and judgement.quantity != "Y"
        return replace(answer, cause="") if resized else answer


def _counted(finding: Finding, cases: Collection[Case], met: Collection[Case]) -> Finding:
    """With the cases in which it was seen, and those of them that its own check met as such."""
    return replace(
        finding,
        occurrences=len(cases),
        in_check=min(len(met), len(cases)),
        cases=frozenset(map(hash, cases)),
        cases_in_check=frozenset(map(hash, met)),
    )


def _also_raised(shown: Failure, failures: Sequence[Failure]) -> str:
    """What else the line has raised, on other cases; empty where that is the same throughout."""
    thrown = (failure.judgement.thrown for failure in (shown, *failures))
    messages: dict[str, str] = {}
    for each in filter(None, thrown):
        messages.setdefault(each.pattern, each.message)
    others = [*messages.values()][1:]
    if not others:
        return ""
    more = len(others) - _MOST_MESSAGES
    named = [*others[:_MOST_MESSAGES], *([f"{more} more"] if more > 0 else [])]
    return f"On other cases the same line raises: {'; '.join(named).removesuffix('.')}."


def _hidden(group: Group) -> str:
    """That other faults cannot be seen beside one that comes and goes; empty where it does not."""
    if not group.hidden:
        return ""
    return (
        "It comes and goes; until it is mended, no other fault of "
        f"{_listed(group.hidden, 'or')} can be distinguished from it."
    )


def _unasked(group: Group) -> str:
    """What there was no time to ask; empty where nothing is laid to it unasked."""
    if not group.unasked:
        return ""
    return (
        f"Whether failures of {_listed(group.unasked, 'and')} follow from it was not asked, for "
        "want of time: they may show another fault."
    )


def _perhaps_torchs(defect: str) -> str:
    """That it looks like a known defect; empty where it does not, or that was asked."""
    if not defect:
        return ""
    return (
        f"It looks like torch's known defect {defect}; whether it is that was not asked, for want "
        "of time."
    )


def _listed(names: Iterable[str], joined: str) -> str:
    """The first few of them, in words."""
    rows = [*names]
    named = rows if len(rows) <= _MOST_NAMED else [*rows[:_MOST_NAMED], "others"]
    return f" {joined} ".join(filter(None, (", ".join(named[:-1]), named[-1])))


def _numbered_by_place(
    found: Iterable[tuple[Failure, Finding]],
) -> list[tuple[Failure, Finding]]:
    """In other rows than the certificate's, what fails in several quantities on one case is one.

    There one case requests many quantities, and one fault breaks more than one of them.
    """
    numbers: dict[tuple[object, ...], int] = {}
    numbered = []
    for failure, finding in found:
        judgement = failure.judgement
        if not (finding.known or judgement.thrown or row_of(judgement).is_first):
            place = (finding.check, finding.verdict, finding.geometry, finding.layout)
            number = numbers.setdefault(place, finding.fault)
            numbered.append((failure, replace(finding, fault=number)))
        else:
            numbered.append((failure, finding))
    return numbered


def _spread(cases: Iterable[Case]) -> tuple[Case, ...]:
    """A few of the cases, of several sizes, none so large that it takes long."""
    few = (c for c in cases if c.check == certifying().name and products(c) <= _MOST_PRODUCTS)
    by_size = sorted(few, key=products)
    places = {round(share * (len(by_size) - 1)) for share in (0.25, 0.5, 0.75)} if by_size else ()
    return tuple(by_size[place] for place in sorted(places))


def _usual_cause(failures: Sequence[Failure]) -> str:
    """The guess that most of them make: on small numbers one may fit by chance."""
    guesses = Counter(f.judgement.cause for f in failures if f.judgement.cause)
    return guesses.most_common(1)[0][0] if guesses else ""

"""From failures to findings: the smallest case of each, explained, with a way to see it again."""

from __future__ import annotations

import shlex
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from conv_reference.verification.checks import Sample, Told, all_checks, all_rows
from conv_reference.verification.checks._execution import Settings, judge_case
from conv_reference.verification.diagnosis import alike
from conv_reference.verification.diagnosis.alike import Key
from conv_reference.verification.diagnosis.explain import Explanation, explain_case
from conv_reference.verification.diagnosis.reduce import smallest_failing
from conv_reference.verification.diagnosis.snippet import PLACEHOLDER, snippet
from conv_reference.verification.diagnosis.tally import crashed
from conv_reference.verification.known.known import Defect, first_match
from conv_reference.verification.model.case import Case, Values, dtype_name
from conv_reference.verification.model.judgement import Crash, Failure, Judgement
from conv_reference.verification.model.result import FAILURES, Finding, Verdict
from conv_reference.verification.plan.bulk import CERTIFICATE
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.values import case_operands, is_exact
from conv_reference.verification.work.backend import Backend
from conv_reference.verification.work.messages import Broken

_MOST_PRODUCTS = 100_000  # of a case that a guess is tried on
MOST_REDUCED = 12  # findings; further ones are shown as they were met
ALONE = (
    "Alone, in a new process, this case comes out right: what fails depends on earlier calls, "
    "on what the memory held, or on chance."
)
PATIENCE = 60.0  # seconds for all reductions together: only a hanging target comes near it


@dataclass(frozen=True)
class Gathered:
    """What failures come to."""

    findings: tuple[Finding, ...]
    known: tuple[Failure, ...]  # the failures that are known defects


@dataclass(frozen=True)
class Lab:
    """Where failures are taken apart."""

    target: Target
    backend: Backend
    settings: Settings
    defects: Sequence[Defect]  # those that apply here
    in_process: bool  # whether the target was called where verify was
    tried: Sequence[Case] = ()  # the cases of the run that were judged
    patience: float = PATIENCE  # seconds; with 0, findings are shown as they were met

    def findings(self, failures: Iterable[Failure]) -> Gathered:
        """One finding for each row, quantity, verdict and known defect; in every dtype.

        What fails in another check on a case that fails its certificate, too, is no finding of
        its own: it is told with that of the certificate, and known where that is.
        """
        failures = list(failures)
        deadline = time.monotonic() + self.patience
        groups, also, known = self._grouped(failures, deadline)
        found: list[tuple[Failure, Finding]] = []
        smallest: dict[tuple[str, str, str], Case] = {}
        told: set[Key] = set()  # once, for all dtypes together
        for number, (key, group) in enumerate(groups.items()):
            first = min(group, key=alike.size)
            same = (key.row, key.quantity, key.verdict)
            explained = not key.known and number < MOST_REDUCED and time.monotonic() < deadline
            shown = self._reduced(first, smallest.get(same), deadline) if explained else first
            smallest.setdefault(same, shown.case)
            others = _spread([f.case for f in group if f.case != first.case])
            seen = len({f.case for f in group})
            finding = self._finding(
                shown,
                key.known or None,
                seen,
                others,
                cause=_usual_cause([*group, shown]),
                explained=explained,
            )
            silent = key.known or alike.in_any_dtype(key) in told
            told.add(alike.in_any_dtype(key))
            common = (
                "" if silent else alike.common_to(key, groups, shown.case, failures, self.tried)
            )
            rows = tuple(also.get(key, ()))
            found.append((shown, replace(finding, also=rows, circumstances=common)))
        return Gathered(tuple(self._replayed(found)), tuple(known))

    def _grouped(
        self, failures: Sequence[Failure], deadline: float
    ) -> tuple[dict[Key, list[Failure]], dict[Key, dict[str, None]], list[Failure]]:
        """The failures that are told as one; the rows that are told with others; what is known."""
        groups: dict[Key, list[Failure]] = {}
        also: dict[Key, dict[str, None]] = {}
        for failure in sorted(failures, key=alike.rank):
            groups.setdefault(self._key(failure), []).append(failure)
        known = [f for key, group in groups.items() if key.known for f in group]
        for key in [key for key in groups if not alike.is_first(key.row) and not key.known]:
            rest = groups[key]
            while rest:
                first = min(rest, key=alike.size)
                primary = self._certificate_failure(first, deadline)
                if primary is None or alike.hides(primary, key):
                    break
                own = self._key(primary)
                groups.setdefault(own, []).append(primary)
                also.setdefault(own, {})[key.row] = None
                rest = [f for f in rest if f is not first] if own.known else []
                if own.known:  # of the others each is, by its own certificate, or is not
                    known.append(first)
            groups[key] = rest
        return {key: group for key, group in groups.items() if group}, also, known

    def _replayed(self, found: Sequence[tuple[Failure, Finding]]) -> list[Finding]:
        """Those that do not show alone, in a new process, say so: the target keeps a state."""
        new = [
            finding
            for failure, finding in found
            if not finding.known
            and not _hung(failure)  # which would take its limit once more
            and all_rows()[finding.check].repeatable
        ]
        wanted = new[:MOST_REDUCED]
        alone = len(self.tried) < 2 or self.patience == 0
        other = None if alone or not wanted else self.backend.another()
        if other is None:
            return [finding for _, finding in found]
        right = set()
        with closing(other) as fresh:
            cases = [Case.parse(finding.case) for finding in wanted]
            for number, result in fresh.run(judge_case, cases, self.settings):
                judged = () if isinstance(result, Crash | Broken) else result
                if judged and not any(j.verdict in FAILURES for j in judged):
                    right.add(wanted[number].case)
        return [
            _alone(failure, finding) if finding.case in right else finding
            for failure, finding in found
        ]

    def _key(self, failure: Failure) -> Key:
        judgement = failure.judgement
        defect = self._known(failure)
        return Key(
            judgement.check,
            judgement.quantity_alike,
            judgement.verdict.value,
            dtype_name(failure.case.dtype),
            "" if defect is None else defect.name,
        )

    def _known(self, failure: Failure) -> Defect | None:
        """The known defect that it is: on the case itself, or on what the check made of it."""
        own = failure.judgement.case
        cases = (failure.case,) if own is None else (failure.case, own)
        found = (first_match(self.defects, case, failure.judgement) for case in cases)
        return next(filter(None, found), None)

    def _certificate_failure(self, failure: Failure, deadline: float) -> Failure | None:
        """How the certificate of the case, or of what the check made of it, fails, if it does."""
        cases = dict.fromkeys(filter(None, (failure.judgement.case, failure.case)))
        found = (self._certificate_on(case, failure, deadline) for case in cases)
        return next(filter(None, found), None)

    def _certificate_on(self, given: Case, failure: Failure, deadline: float) -> Failure | None:
        values = Values.BALANCED if given.values == Values.REAL else given.values
        case = self.target.restrict(replace(given, check=CERTIFICATE, values=values))
        if time.monotonic() > deadline or not self._possible(case):
            return None
        result = self._judged(case)
        if isinstance(result, Crash):
            return Failure(case, crashed(all_checks()[CERTIFICATE], case, result))
        failed = [judgement for judgement in result if judgement.verdict in FAILURES]
        row = failure.judgement.check
        first = next((j for j in failed if alike.is_told_with(row, j.check)), None)
        return None if first is None else Failure(case, first)

    def _judged(self, case: Case) -> Sequence[Judgement] | Crash:
        """What becomes of one more case; nothing, where the engine itself fails on it."""
        for _, result in self.backend.run(judge_case, [case], self.settings):
            if not isinstance(result, Broken):
                judged: Sequence[Judgement] | Crash = result
                return judged
        return ()

    def _reduced(self, failure: Failure, elsewhere: Case | None, deadline: float) -> Failure:
        """The failure on the smallest case: perhaps on that of another dtype."""
        wanted = failure.judgement
        if _brings_sizes(failure):
            return failure  # its own geometry has no part in it
        shown = [failure]

        def fails(candidate: Case) -> bool:
            again = self._again(candidate, wanted, deadline)
            if again is not None:
                shown[0] = again
            return again is not None

        if elsewhere is not None and fails(replace(elsewhere, dtype=failure.case.dtype)):
            return shown[0]
        if not fails(failure.case):
            # Not repeatable: then the first sight of it is all there is to show.
            return failure
        smallest_failing(failure.case, wanted.quantity_name, fails)
        return shown[0]

    def _again(self, case: Case, wanted: Judgement, deadline: float) -> Failure | None:
        """The same failure on another case, if it fails there too."""
        if time.monotonic() > deadline or not self._possible(case):
            return None
        result = self._judged(case)
        if isinstance(result, Crash):
            result = [crashed(all_checks()[case.check], case, result)]
        for judgement in result:
            if alike.what_failed(judgement) == alike.what_failed(wanted):
                found = Failure(case, judgement)
                return None if self._known(found) else found
        return None

    def _possible(self, case: Case) -> bool:
        """Whether the target can be asked for it, with values that prove something."""
        if self.target.restrict(case) != case:
            return False
        uneven = any(before != after for before, after in case.geometry.padding)
        if uneven and "padding" not in self.target.fixed:
            return False  # a word asks for it, which a case does not hold
        check = all_checks()[case.check]
        if check.has_own and check.row_of(self.target, case.geometry) is None:
            return False
        if case.values in {Values.ONES, Values.COUNTING}:
            return is_exact(
                case,
                case_operands(case, self.settings.seed, self.target.operator),
                self.target.operator,
            )
        dense = case.values not in {Values.REAL, Values.SPARSE}
        return not dense or self.target.can_be_exact(case.geometry, case.dtype)

    def _explained(self, failure: Failure, others: tuple[Case, ...]) -> Explanation:
        if not alike.is_first(failure.judgement.check):
            return Explanation()
        if failure.judgement.verdict != Verdict.WRONG:
            return Explanation()
        argument = (self.settings, failure.judgement, others)
        for _, result in self.backend.run(explain_case, [failure.case], argument):
            if isinstance(result, Explanation):
                return result
        return Explanation()

    def _finding(
        self,
        failure: Failure,
        known: str | None,
        occurrences: int,
        others: tuple[Case, ...],
        *,
        cause: str,
        explained: bool,
    ) -> Finding:
        case, judgement = failure.case, failure.judgement
        explanation = self._explained(failure, others) if explained else Explanation()
        defect = next((d for d in self.defects if d.name == known), None)
        record = "" if defect is None else f"{defect.summary} (see {defect.link})"
        own = _where(failure)
        assumed = self.target.assumed if alike.told(judgement.check) == Told.SHAPE else ()
        guessed = (
            f"The layer does not tell its own; assumed: {', '.join(assumed)}." if assumed else ""
        )
        lines = (record, judgement.explanation, own, guessed, explanation.text)
        text = "\n".join(filter(None, lines))
        return Finding(
            check=judgement.check,
            dtype=dtype_name(case.dtype),
            verdict=judgement.verdict,
            quantity=judgement.quantity,
            geometry=str(case.geometry),
            layout=case.layout,
            seed=self.settings.seed,
            index=judgement.index,
            expected=judgement.expected,
            actual=judgement.actual,
            explanation=text,
            reproduce=self._reproduce(case, judgement.check),
            known=known,
            case=str(case),
            snippet=snippet(self.target, failure.case, judgement, self.settings),
            cause=explanation.cause or cause,
            occurrences=occurrences,
            grids=explanation.grids,
        )

    def _reproduce(self, case: Case, row: str) -> str:
        """A command, or for what cannot be imported a call, that shows the same."""
        if not self.target.importable:
            return f'verify({PLACEHOLDER}, case="{case}", seed={self.settings.seed})'
        words = ["conv-reference", "verify", self.target.name, "--case", str(case)]
        if not all_rows()[row].repeatable:
            words += ["--check", row]
        if self.settings.device != "cpu":
            words += ["--device", self.settings.device]
        if self.in_process:
            words += ["--in-process"]
        if self.settings.allowed_bits is not None:
            words += ["--allow-bits", str(self.settings.allowed_bits)]
        return shlex.join([*words, "--seed", str(self.settings.seed)])


def _brings_sizes(failure: Failure) -> bool:
    """Whether the process died in a check that brings its own geometries."""
    check = all_checks()[failure.case.check]
    made_up = check.sample == Sample.OWN and not check.has_own
    return failure.judgement.verdict == Verdict.CRASHED and made_up


def _where(failure: Failure) -> str:
    """At what the process died, where the case does not tell."""
    if failure.judgement.verdict != Verdict.CRASHED:
        return ""
    if failure.judgement.case is not None:
        asked = failure.judgement.case.question
        return f"The last that it was asked for: {asked}. Damage by an earlier call may show late."
    if _brings_sizes(failure):
        return "While the check tried sizes of its own, not that one."
    return ""


def _spread(cases: Sequence[Case]) -> tuple[Case, ...]:
    """A few of the cases, of several sizes, none so large that it takes long."""
    certificates = [
        c for c in cases if c.check == CERTIFICATE and alike.products(c) <= _MOST_PRODUCTS
    ]
    by_size = sorted(dict.fromkeys(certificates), key=alike.products)
    places = {round(share * (len(by_size) - 1)) for share in (0.25, 0.5, 0.75)} if by_size else ()
    return tuple(by_size[place] for place in sorted(places))


def _usual_cause(failures: Sequence[Failure]) -> str:
    """The guess that most of them make: on small numbers one may fit by chance."""
    guesses = Counter(f.judgement.cause for f in failures if f.judgement.cause)
    return guesses.most_common(1)[0][0] if guesses else ""


def _hung(failure: Failure) -> bool:
    crash = failure.judgement.crash
    return crash is not None and crash.hung


def _alone(failure: Failure, finding: Finding) -> Finding:
    seen = failure.judgement.explanation
    return replace(finding, explanation=seen, cause=ALONE, circumstances="", grids="")

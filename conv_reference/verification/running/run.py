"""One run: the plan carried out, failures taken apart, and all of it gathered into a report."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Container, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import torch

from conv_reference.verification.audit import audit
from conv_reference.verification.audit.audit import Audit
from conv_reference.verification.checks import Check, all_checks
from conv_reference.verification.diagnosis import notes
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.findings import Diagnosis, Gathered
from conv_reference.verification.diagnosis.misfit import misfit
from conv_reference.verification.diagnosis.ran import never_run
from conv_reference.verification.diagnosis.tally import Tally
from conv_reference.verification.execution import Settings
from conv_reference.verification.known.known import Defect
from conv_reference.verification.known.provoke import provoke, stale
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.model.judgement import Crash, Failure, Judgement
from conv_reference.verification.model.notes import Note, NoteKind, Unjudged
from conv_reference.verification.model.result import (
    FAILURES,
    Coverage,
    Report,
    Verdict,
)
from conv_reference.verification.plan.plan import Plan
from conv_reference.verification.plan.request import Request
from conv_reference.verification.plan.selection import asked_checks, selected_rows
from conv_reference.verification.reading.limited import Limits
from conv_reference.verification.report.printed import PrintedReport
from conv_reference.verification.running.cannot_be_asked import cannot_be_asked
from conv_reference.verification.running.elsewhere import (
    Elsewhere,
    Spared,
    put_elsewhere,
    put_there,
)
from conv_reference.verification.running.first import First
from conv_reference.verification.running.judging_cases import MOST_ALIKE, Judged, judged
from conv_reference.verification.running.progress import Progress
from conv_reference.verification.running.sweeping import Swept, swept
from conv_reference.verification.store.store import Kept
from conv_reference.verification.target.answers import message_of, type_name
from conv_reference.verification.target.target import Target
from conv_reference.verification.work.backend import Backend
from conv_reference.verification.work.stop import Stop

T = TypeVar("T")
# What is done once the cases are judged, as is reported meanwhile.
AUDITING = "asking for some answers again, in another process"
ELSEWHERE = "trying cases with other instructions"


@dataclass(frozen=True)
class Run:
    """What stays the same over one run."""

    target: Target
    backend: Backend
    settings: Settings
    environment: Mapping[str, str]
    own: tuple[Defect, ...]  # that the target has here
    passed_on: tuple[Defect, ...]  # that it may meet, for it calls torch
    torchs: tuple[Defect, ...]  # all of torch's, for which failures are held
    wanted: Request
    refused: tuple[torch.dtype, ...] = ()  # dtypes whatever the sizes, or not offered
    kept: Kept | None = None  # this run in a store

    @property
    def defects(self) -> tuple[Defect, ...]:
        """Those that cases of this run may meet."""
        return (*self.own, *self.passed_on)

    @property
    def _crashing(self) -> tuple[Defect, ...]:
        return tuple(defect for defect in self.defects if defect.crashes)

    def report(self, chosen: Plan, require: Verdict, progress: Progress) -> Report:
        """The plan carried out, and what failed taken apart."""
        with ExitStack() as held:
            auditor = self._auditor()
            if auditor is not None:
                held.callback(auditor.close)
            done = self._carried_out(chosen, progress, auditor)
        with done.after.stop.heard():
            return self._report(done, require, progress)

    def _carried_out(
        self, chosen: Plan, progress: Progress, auditor: Backend | None
    ) -> _CarriedOut:
        chosen, spared = self._provoked(chosen)
        outcome = judged(
            chosen,
            self.wanted,
            self.backend,
            self.settings,
            spared=self._crashing,
            progress=progress,
            on_result=First(progress, self._rows(chosen), (*self.defects, *self.torchs)),
            kept=self.kept,
            elsewhere=len(put_there(spared)),
        )
        sweep = self._swept(progress)
        outcome.results += [] if sweep is None else sweep.results
        if outcome.misfit is not None:
            raise TargetError(misfit(self.target, *outcome.misfit, MOST_ALIKE))
        after = _After(Stop(wanted=outcome.interrupted))
        audited = after.done(
            "the audit", lambda: self._audited(auditor, outcome, progress), Audit()
        )
        left = (*spared, *outcome.spared)
        if left:
            progress.at(ELSEWHERE)
        elsewhere = after.done(
            "the cases with other instructions",
            lambda: self._elsewhere(left, outcome, interrupted=after.interrupted),
            Elsewhere(),
        )
        return _CarriedOut(chosen, outcome, sweep, audited, elsewhere, after)

    def _report(self, done: _CarriedOut, require: Verdict, progress: Progress) -> Report:
        chosen, outcome, sweep = done.chosen, done.outcome, done.sweep
        checks = self._checks(chosen)
        not_asked = cannot_be_asked(self.target, checks)
        rows = self._rows(chosen) - {result.name for result in not_asked}
        tally = done.add_to(Tally(checks, self.wanted.dtypes, self.target.operator), rows)
        is_cut = outcome.is_cut or bool(chosen.left)
        gathered = self._findings(tally, done.after, progress, cut=is_cut)
        interrupted = done.after.interrupted
        for failure in gathered.more:  # some are of the certificate, which may not be requested
            tally.add(failure.case, _of_rows([failure.judgement], rows))
        crashed = sum(isinstance(result, Crash) for _, result in outcome.results)
        said = (
            *self._stored(chosen, outcome, interrupted=interrupted),
            *(() if sweep is None else sweep.notes),
            *done.elsewhere.notes,
            *tally.notes,
            *never_run(self.target.written, self.backend.ran, len(done.tried) - crashed, crashed),
            *notes.unseen(checks, rows, tally.rows, done.tried, self.target, tally.ended),
        )
        report = PrintedReport(
            target=self.target.name,
            environment=dict(self.environment),
            seed=self.settings.seed,
            require=require,
            planned=outcome.planned + len(done.elsewhere.results),
            judged=len(done.tried),
            checks=(*tally.results(gathered.known), *not_asked),
            findings=gathered.findings,
            coverage=None if outcome.is_cut else _coverage(chosen, done.tried, tally.refused),
            notes=self._notes(said, checks, outcome, done.audited),
            interrupted=interrupted or (sweep is not None and sweep.interrupted),
            stale=self._stale(outcome, gathered, tally, rows),
            unjudged=done.unjudged,
            refused=len(tally.refused),
            partly=tally.partly,
            unpromised=tally.unpromised,
            raising=len(tally.raising),
            spared=len(tally.spared),
            silent=done.silent(rows),
            called_as=self.target.called_as,
            convention=self.target.convention,
            never_varied=self.target.never_varied,
            own_defaults=self.target.own_defaults,
            computes=self.target.computes,
            where=self.target.tried_where,
        )
        return report if sweep is None else sweep.counted(report)

    def _swept(self, progress: Progress) -> Swept | None:
        """Every geometry up to the limits that are requested; None where none are."""
        wanted = self.wanted
        if wanted.limit is None:
            return None
        limit = wanted.time_limit
        return swept(
            Limits.parse(wanted.limit),
            wanted.dtypes,
            self.backend,
            self.target,
            self.settings,
            deadline=None if limit is None else time.monotonic() + limit,
            progress=progress,
            kept=self.kept,
        )

    def _notes(
        self, said: Sequence[Note], checks: Sequence[Check], outcome: Judged, audited: Audit
    ) -> tuple[Note, ...]:
        """What a reader must know beside the verdicts, in the order in which it is shown."""
        return (
            *notes.assumed(self.target),
            *notes.unoffered(self.target),
            *said,
            *notes.unswept(self.wanted, checks),
            *notes.inapplicable(checks, self.wanted.dtypes),
            *notes.unreached(
                outcome.unreached, outcome.drawn, outcome.planned, outcome.why, outcome.too_slow
            ),
            *((Note(NoteKind.NOT_ASKED, outcome.decided),) if outcome.decided else ()),
            *audited.notes,
            *self.backend.notes,
            *notes.unrequested(self.wanted, self.settings.device, self.refused),
        )

    def _auditor(self) -> Backend | None:
        """A process that answers some certificates again: begun beforehand, as it imports torch."""
        named = self.wanted.checks
        wanted = audit.ROW in named or not (named or self.wanted.is_single or self.wanted.quick)
        return self.backend.unmarked() if wanted else None

    def _audited(self, auditor: Backend | None, outcome: Judged, progress: Progress) -> Audit:
        if auditor is None and not self.backend.is_here:
            return Audit()  # it was not requested
        limit = self.wanted.audit_limit if outcome.is_cut else None
        deadline = None if limit is None else time.monotonic() + limit
        progress.at(AUDITING)
        progress.until(deadline)
        return audit.audit(outcome.results, self.target, auditor, self.settings, deadline)

    def _elsewhere(self, spared: Spared, outcome: Judged, *, interrupted: bool) -> Elsewhere:
        """What came of the cases that a known crash would take; of a run that is cut, nothing."""
        place = None if outcome.is_cut or interrupted else self.backend
        return put_elsewhere(spared, place, self.settings)

    def _provoked(self, chosen: Plan) -> tuple[Plan, Spared]:
        """The plan with known defects in mind; and what is left out of it."""
        if self.wanted.is_single:
            return chosen, ()
        chosen = chosen.completed(lambda case: any(d.concerns(case) for d in self._crashing))
        isolated = self.backend.isolates
        provoked = provoke(chosen.cases, self.defects, self.target, self.wanted, isolated=isolated)
        return replace(chosen, cases=provoked.cases), provoked.spared

    def _stored(self, chosen: Plan, outcome: Judged, *, interrupted: bool) -> tuple[Note, ...]:
        """Keep what a run that came to its end has judged; and what was ever judged."""
        if self.kept is None:
            return ()
        judged_ever = notes.ever(self.kept.ever, chosen.covering, outcome.results)
        if not interrupted:
            tried = set(outcome.tried)
            rows = [] if chosen.covering is None else chosen.covering.rows_of(tried)
            self.kept.end(outcome.results, rows)
        return tuple(judged_ever)

    def _checks(self, chosen: Plan) -> list[Check]:
        """Those that the report speaks of, those included that the target cannot be put to."""
        named = {case.check for case in chosen.cases}
        if self.wanted.case is None:
            named |= {check.name for check in asked_checks(self.wanted.checks)}
        return [check for check in all_checks().values() if check.name in named]

    def _rows(self, chosen: Plan) -> Set[str]:
        """Those that are requested."""
        return selected_rows(self._checks(chosen), self.wanted.checks)

    def _findings(self, tally: Tally, after: _After, progress: Progress, *, cut: bool) -> Gathered:
        """What failed, taken apart; where that is interrupted, or fails, as it was met."""
        patience = 0.0 if after.interrupted else self.wanted.apart_limit(cut=cut)
        failures, judged_in, here = tally.failures(), tally.judged_in, self.backend.is_here

        def taken_apart(seconds: float) -> Gathered:
            deadline = time.monotonic() + seconds
            progress.until(deadline if failures else None)
            bench = Bench(
                self.target,
                self.backend,
                self.settings,
                self.own,
                self.torchs,
                deadline,
                () if self.wanted.is_single else self._crashing,
                after.stop,
                self.wanted.given,
                self.wanted.checks,
            )
            return Diagnosis(failures, judged_in, bench, here, told=progress.at).gathered()

        name = "taking failures apart"
        found = after.done(name, lambda: taken_apart(patience), None)
        if found is None:
            found = after.done(name, lambda: taken_apart(0.0), None)
        return Gathered((), ()) if found is None else found

    def _stale(
        self, outcome: Judged, gathered: Gathered, tally: Tally, rows: Set[str]
    ) -> tuple[str, ...]:
        """The known defects that should have shown, and did not.

        Whose a failure is may not be known, for want of time: where a defect should show, one that
        looks like it is enough.
        """
        showing = {Case.parse(text) for defect in self.defects for text in defect.shows}
        alike = (failure for failure in tally.failures() if failure.case in showing)
        shown = (*gathered.known, *alike, *_unasked(rows, outcome))
        return stale(outcome.tried, shown, self.defects)


@dataclass
class _After:
    """What is done when the cases are judged: whatever becomes of it, their results are there."""

    stop: Stop  # whether the user has wanted one, then or before
    failed: list[Unjudged] = field(default_factory=list)  # the engine itself failed on it

    @property
    def interrupted(self) -> bool:
        """Whether the user wanted an end."""
        return self.stop.wanted

    def done(self, name: str, work: Callable[[], T], otherwise: T) -> T:
        """What comes of it; something else where it is interrupted, or fails.

        Raises:
            KeyboardInterrupt: when the user wants an end for the second time.
        """
        try:
            return work()
        except KeyboardInterrupt:
            if self.stop.wanted:
                raise
            self.stop.wanted = True
        except Exception as error:  # none may cost what was judged
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"(at {Path(last.filename).name}:{last.lineno})"
            said = f"{type_name(error)}: {message_of(error)} {place}"
            self.failed.append(Unjudged(name, "", said))
        return otherwise


@dataclass(frozen=True)
class _CarriedOut:
    """What came of a plan, before anything is made of it."""

    chosen: Plan
    outcome: Judged
    sweep: Swept | None
    audited: Audit
    elsewhere: Elsewhere
    after: _After

    @cached_property
    def tried(self) -> list[Case]:
        """The cases that have a result."""
        return [*self.outcome.tried, *(case for case, _ in self.elsewhere.results)]

    @property
    def unjudged(self) -> tuple[Unjudged, ...]:
        """On what the engine itself failed."""
        swept_over = () if self.sweep is None else self.sweep.unjudged
        cases = (*self.outcome.unjudged, *swept_over)
        found = (Unjudged(case.check, str(case), broken.error) for case, broken in cases)
        return (*found, *self.after.failed)

    def add_to(self, tally: Tally, rows: Set[str]) -> Tally:
        """The tally with all results, of these rows alone."""
        for case, result in self.outcome.results:
            tally.add(case, result if isinstance(result, Crash) else _of_rows(result, rows))
        for case, judgements in self.audited.results:
            tally.add(case, judgements)
        for case, judgements in self.elsewhere.results:
            tally.add(case, _of_rows(judgements, rows))
        return tally

    def silent(self, rows: Set[str]) -> int:
        """Cases on which none of these rows had anything to check, being of such sizes."""
        results = (result for _, result in self.outcome.results if not isinstance(result, Crash))
        other = (judgements for _, judgements in self.elsewhere.results)
        return sum(not _of_rows(result, rows) for result in (*results, *other))


def _of_rows(judgements: Sequence[Judgement], rows: Set[str]) -> list[Judgement]:
    return [judgement for judgement in judgements if judgement.check in rows]


def _unasked(rows: Set[str], outcome: Judged) -> Iterator[Failure]:
    """What failed in rows that nobody requested: a known defect may show there alone."""
    for case, result in outcome.results:
        for judgement in () if isinstance(result, Crash) else result:
            if judgement.check not in rows and judgement.verdict in FAILURES:
                yield Failure(case, judgement)


def _coverage(chosen: Plan, tried: Sequence[Case], refused: Container[Case]) -> Coverage | None:
    """What was met, of a run that came to its end."""
    if chosen.covering is None:
        return None
    return chosen.covering.coverage({case for case in tried if case not in refused})

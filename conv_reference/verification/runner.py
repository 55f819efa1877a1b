"""Target and request to a report: the plan carried out, failures taken apart and gathered."""

from __future__ import annotations

import secrets
import time
from collections.abc import Container, Iterator, Mapping, Sequence, Set
from concurrent.futures import Executor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from conv_reference.geometry import Geometry
from conv_reference.operands import exact_magnitudes
from conv_reference.verification import catalogue, given, options
from conv_reference.verification.audit import audit
from conv_reference.verification.audit.audit import Audit
from conv_reference.verification.checks import Check, all_checks
from conv_reference.verification.checks._execution import Settings
from conv_reference.verification.diagnosis import notes
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.findings import PATIENCE, Diagnosis, Gathered
from conv_reference.verification.diagnosis.tally import Tally
from conv_reference.verification.judging import Judged, Progress, judged
from conv_reference.verification.known.known import SHIPPED, Defect, load
from conv_reference.verification.known.provoke import provoke, stale
from conv_reference.verification.known.relayed import relayed, torchs
from conv_reference.verification.model.case import DTYPES, EXACT_VALUES, Case, dtype_named
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.model.judgement import Crash, Failure
from conv_reference.verification.model.notes import Note, Unjudged
from conv_reference.verification.model.result import (
    FAILURES,
    CheckResult,
    Coverage,
    Report,
    Verdict,
)
from conv_reference.verification.plan.memory import Memory
from conv_reference.verification.plan.plan import Plan, plan
from conv_reference.verification.plan.request import Request, Sweep
from conv_reference.verification.plan.selection import (
    asked_checks,
    selected_checks,
    selected_rows,
)
from conv_reference.verification.report.printed import PrintedReport
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.target.loading import load_target
from conv_reference.verification.target.names import read_as
from conv_reference.verification.target.operators import reading
from conv_reference.verification.target.target import Target
from conv_reference.verification.texts import require_size
from conv_reference.verification.trial.environment import environment, usable_device
from conv_reference.verification.work.backend import Backend
from conv_reference.verification.work.children import Children, usual_count
from conv_reference.verification.work.executor import OnExecutor
from conv_reference.verification.work.here import Here


def verify(
    implementation: Any,
    *,
    operator: str | None = None,
    dtypes: Sequence[torch.dtype | str] | torch.dtype | str = options.DTYPE.default,
    device: str | torch.device = options.DEVICE.default,
    seed: int | None = None,
    budget: float | None = options.BUDGET.default,
    cases: int | None = options.CASES.default,
    checks: Sequence[str] | str = (),
    skip: Sequence[str] | str = (),
    sweep: Sweep | str = options.SWEEP.default,
    geometry: Geometry | str | None = None,
    case: Case | str | None = None,
    require: Verdict | str = options.REQUIRE.default,
    allowed_bits: int | None = None,
    isolate: bool | Children = False,
    workers: int | Executor | None = None,
    known: Path | str | None = SHIPPED,
    memory: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Is this implementation right, in every mode, and if not, where and how is it wrong?

    Args:
        implementation: a callable with a leading part of the signature of
            ``torch.nn.functional.conv2d``, an ``nn.Module`` class or instance, an adapter
            with ``forward`` and ``vjp``; or a name, ``package.module:attribute``.
        operator: what it should compute, where neither torch's own names, a layer's class nor a
            parameter ``output_padding`` say it: conv2d, conv_transpose2d,
            conv1d, conv_transpose1d, conv2d_weight or conv2d_input.
        dtypes: floating, or their names; one, or several.
        device: where the implementation runs.
        seed: at least 0; None draws one, which the report tells.
        budget: seconds, above 0; 20 where neither it nor ``cases`` is given. Alone, the number
            of cases follows from it, 500 a second, and the clock cuts a run that takes three
            times as long, and more than 10 s. Beside ``cases`` it is the time limit itself.
        cases: about how many are planned, 1..100,000,000; without a budget there is no time
            limit.
        checks: names of checks or of their rows; all but those on request where empty.
        skip: names of checks or of their rows that are left out.
        sweep: which geometries the certificate is put to; see ``Sweep``.
        geometry: only this one, in every variation.
        case: only this one, or its text form.
        require: the worst verdict that still passes: rounded or exact.
        allowed_bits: the precision that is allowed in place of the dtype's, 1..53.
        isolate: call it in child processes, which may crash or hang; it must be importable.
            Or children that were started on it before; they are the caller's to close.
        workers: how many child processes; by default one for each core, up to four. Or an
            executor that carries the work out, wherever that is; it is the caller's to shut down.
        known: the registry of known defects, a file; None takes none for known.
        memory: a folder for what failed, which the next run tries first; None remembers
            nothing, so that the same seed gives the same report.
        progress: told now and then how many cases are judged, of how many.

    Raises:
        TargetError: when the implementation is none of the above, or cannot be imported.
        ValueError: when an argument is outside its range, or the implementation cannot be
            asked for the geometry or the case.
    """
    begun = time.monotonic()
    dtypes = (dtypes,) if isinstance(dtypes, str | torch.dtype) else dtypes
    checks = (checks,) if isinstance(checks, str) else tuple(checks)
    skip = (skip,) if isinstance(skip, str) else tuple(skip)
    given.require_keywords(
        seed=seed,
        budget=budget,
        cases=cases,
        checks=checks,
        skip=skip,
        sweep=sweep,
        require=require,
        allowed_bits=allowed_bits,
        workers=None if isinstance(workers, Executor) else workers,
    )
    wanted = Request(
        dtypes=tuple(dtype_named(d) if isinstance(d, str) else d for d in dtypes),
        seed=secrets.randbits(32) if seed is None else seed,
        budget=budget,
        cases=cases,
        sweep=Sweep(sweep),
        checks=catalogue.without(checks, skip),
        geometry=Geometry.parse(geometry) if isinstance(geometry, str) else geometry,
        case=Case.parse(case) if isinstance(case, str) else case,
    )
    required = Verdict(require)
    _require_arguments(wanted)
    settings = Settings(wanted.seed, usable_device(device), allowed_bits)
    defects = _defects(known)
    full_run = not (wanted.is_single or wanted.checks)
    if operator is not None:
        implementation = _read_as(implementation, operator)
    with _backend(implementation, isolate=isolate, workers=workers, full_run=full_run) as backend:
        remembered = Memory(memory)
        target = backend.describe()
        _require_exact(wanted)
        chosen = plan(target, wanted)
        recalled = [] if wanted.is_single else _wanted(remembered.recall(target), target, wanted)
        chosen = chosen.preceded_by(recalled)
        here = environment(settings.device)
        own = [defect for defect in defects if defect.applies(target.name, here)]
        others = [defect for defect in torchs(defects, here) if defect not in own]
        passed_on = relayed(target, others, chosen.cases, backend, settings)
        run = _Run(
            target, backend, settings, here, tuple(own), passed_on, tuple(others), wanted, begun
        )
        report = run.report(chosen, required, progress)
        failing = (f.case for f in report.findings if not f.known)
        lost = remembered.update(target, failing, recalled)
        return report if lost is None else replace(report, notes=(*report.notes, lost))


def _read_as(implementation: Any, operator: str) -> Any:
    """The implementation, or its name, as one of the operator."""
    reading(operator)  # refuses what is none, before children are started
    if isinstance(implementation, str):
        return read_as(implementation, operator)
    return as_target(implementation, operator=operator)


def assert_correct(implementation: Any, **options: Any) -> None:
    """Raise an ``AssertionError`` with the findings unless ``verify`` finds nothing wrong.

    Args:
        implementation: see ``verify``.
        **options: those of ``verify``.

    Raises:
        AssertionError: when something is wrong.
        TargetError, ValueError: as ``verify`` does.
    """
    report = verify(implementation, **options)
    if not report.passed:
        raise AssertionError(f"{report}\n")


@dataclass(frozen=True)
class _Run:
    """What stays the same over one run."""

    target: Target
    backend: Backend
    settings: Settings
    environment: Mapping[str, str]
    own: tuple[Defect, ...]  # that the target has here
    passed_on: tuple[Defect, ...]  # that it may meet, for it calls torch
    torchs: tuple[Defect, ...]  # all of torch's, for which failures are held
    wanted: Request
    begun: float  # of ``time.monotonic``

    @property
    def defects(self) -> tuple[Defect, ...]:
        """Those that cases of this run may meet."""
        return (*self.own, *self.passed_on)

    def report(self, chosen: Plan, require: Verdict, progress: Progress | None) -> Report:
        """The plan carried out, and what failed taken apart."""
        with ExitStack() as held:
            auditor = self._auditor()
            if auditor is not None:
                held.callback(auditor.close)
            return self._report(chosen, require, progress, auditor)

    def _report(
        self,
        chosen: Plan,
        require: Verdict,
        progress: Progress | None,
        auditor: Backend | None,
    ) -> Report:
        chosen, provoked_notes = self._provoked(chosen)
        crashing = [defect for defect in self.defects if defect.crashes]
        outcome = judged(
            chosen,
            self.wanted,
            self.backend,
            self.settings,
            spared=crashing,
            progress=progress,
        )
        checks = self._checks(chosen)
        rows = selected_rows(checks, self.wanted.checks)
        tally = _tallied(Tally(checks, self.wanted.dtypes, self.target.operator), rows, outcome)
        audited = self._audited(auditor, outcome)
        for case, judgements in audited.results:
            tally.add(case, judgements)
        gathered, interrupted = self._findings(tally, outcome)
        tried = outcome.tried
        return PrintedReport(
            target=self.target.name,
            environment=dict(self.environment),
            seed=self.settings.seed,
            require=require,
            planned=outcome.planned,
            judged=len(tried),
            checks=(*tally.results(gathered.known), *_not_asked(self.target, checks)),
            findings=gathered.findings,
            coverage=_coverage(chosen, outcome, tally.refused),
            notes=(
                *notes.assumed(self.target),
                *provoked_notes,
                *tally.notes,
                *notes.silent(checks, rows, tally.rows, tried),
                *notes.unswept(self.wanted, checks),
                *notes.inapplicable(checks, self.wanted.dtypes),
                *notes.unreached(outcome.unreached, outcome.drawn, outcome.planned),
                *audited.notes,
                *self.backend.notes,
                *notes.unrequested(self.wanted, self.settings.device),
            ),
            interrupted=interrupted,
            stale=stale(tried, (*gathered.known, *_unasked(rows, outcome)), self.defects),
            unjudged=tuple(
                Unjudged(case.check, str(case), broken.error) for case, broken in outcome.unjudged
            ),
            refused=len(tally.refused),
            seconds=time.monotonic() - self.begun,
        )

    def _auditor(self) -> Backend | None:
        """Who answers some certificates again: begun beforehand, for it imports torch."""
        named = self.wanted.checks
        wanted = audit.ROW in named or not (named or self.wanted.is_single)
        return self.backend.unmarked() if wanted else None

    def _audited(self, auditor: Backend | None, outcome: Judged) -> Audit:
        if auditor is None and not self.backend.is_here:
            return Audit()  # it was not asked for
        return audit.audit(outcome.results, self.target, auditor, self.settings)

    def _provoked(self, chosen: Plan) -> tuple[Plan, tuple[Note, ...]]:
        """The plan with known defects in mind; and what is left out of it."""
        if self.wanted.is_single:
            return chosen, ()
        crashing = [defect for defect in self.defects if defect.crashes]
        chosen = chosen.completed(lambda case: any(d.concerns(case) for d in crashing))
        isolated = self.backend.isolates
        provoked = provoke(chosen.cases, self.defects, self.target, self.wanted, isolated=isolated)
        return replace(chosen, cases=provoked.cases), provoked.notes

    def _checks(self, chosen: Plan) -> list[Check]:
        """Those that the report speaks of, those included that the target cannot be put to."""
        named = {case.check for case in chosen.cases}
        if self.wanted.case is None:
            named |= {check.name for check in asked_checks(self.wanted.checks)}
        return [check for check in all_checks().values() if check.name in named]

    def _findings(self, tally: Tally, outcome: Judged) -> tuple[Gathered, bool]:
        """What failed, taken apart; and whether the run was interrupted in the meantime."""
        patience = 0.0 if outcome.interrupted else _patience(self.wanted)
        failures, judged_in = tally.failures(), tally.judged_in

        def taken_apart(seconds: float) -> Gathered:
            deadline = time.monotonic() + seconds
            bench = Bench(self.target, self.backend, self.settings, self.own, self.torchs, deadline)
            in_process = self.backend.is_here
            return Diagnosis(failures, judged_in, bench, in_process).gathered()

        try:
            return taken_apart(patience), outcome.interrupted
        except KeyboardInterrupt:  # what is known so far, as it was met
            return taken_apart(0.0), True


def _tallied(tally: Tally, rows: Set[str], outcome: Judged) -> Tally:
    for case, result in outcome.results:
        crashed = isinstance(result, Crash)
        tally.add(case, result if crashed else [j for j in result if j.check in rows])
    return tally


def _unasked(rows: Set[str], outcome: Judged) -> Iterator[Failure]:
    """What failed in rows that nobody asked for: a known defect may show there alone."""
    for case, result in outcome.results:
        for judgement in () if isinstance(result, Crash) else result:
            if judgement.check not in rows and judgement.verdict in FAILURES:
                yield Failure(case, judgement)


def _coverage(chosen: Plan, outcome: Judged, refused: Container[Case]) -> Coverage | None:
    """What was met, of a run that came to its end."""
    if chosen.covering is None or outcome.is_cut:
        return None
    return chosen.covering.coverage({case for case in outcome.tried if case not in refused})


def _patience(wanted: Request) -> float:
    """Seconds for taking failures apart: a short run is not to end in a long wait."""
    limit = wanted.time_limit
    return PATIENCE if limit is None else min(PATIENCE, max(PATIENCE / 3, limit))


def _wanted(cases: Sequence[Case], target: Target, wanted: Request) -> list[Case]:
    """Those in a dtype and of a check that are asked for."""
    names = {check.name for check in selected_checks(target, wanted.checks)}
    return [case for case in cases if case.dtype in wanted.dtypes and case.check in names]


def _not_asked(target: Target, checks: Sequence[Check]) -> list[CheckResult]:
    """The rows that the target cannot be put to, with the reason."""
    return [
        CheckResult(row.name, "-", Verdict.UNSUPPORTED, 0, None, None, reason=reason)
        for check in checks
        if (reason := check.unsupported(target)) is not None and not check.layers_only
        for row in check.rows
    ]


@contextmanager
def _backend(
    implementation: Any,
    *,
    isolate: bool | Children,
    workers: int | Executor | None,
    full_run: bool,
) -> Iterator[Backend]:
    """Where the target runs; what is started here is closed here."""
    if isinstance(isolate, Children):
        yield isolate
        return
    started = _started(implementation, isolate=isolate, workers=workers, full_run=full_run)
    with closing(started) as backend:
        yield backend


def _started(
    implementation: Any, *, isolate: bool, workers: int | Executor | None, full_run: bool
) -> Backend:
    if isinstance(workers, Executor):
        return OnExecutor(_importable(implementation, "workers"), workers)
    count = usual_count() if workers is None else workers
    is_name = isinstance(implementation, str)
    if is_name and isolate:
        return Children(implementation, count, full_run=full_run)
    target = load_target(implementation) if is_name else as_target(implementation)
    if not isolate:
        return Here(target)
    return Children(_importable(target, "isolate"), count, full_run=full_run)


def _importable(implementation: Any, option: str) -> str:
    """The name by which another process finds it."""
    if isinstance(implementation, str):
        return implementation
    target = as_target(implementation)
    if not target.importable:
        raise TargetError(
            f"{option} needs a target that a child process can import; {target.name!r} cannot be"
        )
    return target.name


def _defects(known: Path | str | None) -> tuple[Defect, ...]:
    return () if known is None else load(Path(known))


def _require_arguments(wanted: Request) -> None:
    """What the options cannot tell one by one."""
    if not wanted.dtypes or not set(wanted.dtypes) <= set(DTYPES.values()):
        raise ValueError(
            f"dtypes must be one or more of {', '.join(DTYPES)}, got {list(wanted.dtypes)}"
        )
    if wanted.geometry is not None and wanted.case is not None:
        raise ValueError(
            f"a geometry or a case is accepted, not both; got {wanted.geometry} and {wanted.case}"
        )
    geometry = wanted.geometry if wanted.case is None else wanted.case.geometry
    if geometry is not None:
        require_size(geometry)


def _require_exact(wanted: Request) -> None:
    """A single case must leave room for integers that are exact."""
    if wanted.case is not None and wanted.case.values in EXACT_VALUES:
        exact_magnitudes(wanted.case.geometry, wanted.case.dtype)
